"""Matching losses: the distribution of similarities against the distribution of same persons."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from passerby.errors import BadRecipe

_NEVER = 1e4  # a logit that no softmax sees; infinity times a target of 0 would be none


def same_person(rows: Tensor, columns: Tensor) -> Tensor:
    """bool (R, C): which of (R,) and (C,) person numbers are equal."""
    return rows[:, None] == columns[None, :]


def raised(tensor: Tensor) -> Tensor:
    """Half precision as fp32; what is finer stays as it is."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def divergence(logits: Tensor, target: Tensor, floor: float = 1e-8) -> Tensor:
    """KL(p || q), p = softmax of each row of `logits`, q = `target`; the mean over rows.

    logits, target: (R, C), target >= 0. `floor` is added to q, so that the logarithm of an absent
    pair is finite; in fp32 inside autocast, where half precision would round it to zero.
    """
    log_p = torch.log_softmax(raised(logits), dim=1)
    log_q = torch.log(raised(target) + floor)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


def contrastive(
    texts: Tensor, photos: Tensor, persons: Tensor, temperature: float = 0.05
) -> Tensor:
    """Cross entropy of the same-person matrix and the similarities: KL(q || p) up to a constant.

    texts, photos: (B, D), pair by pair. persons: (B,). InfoNCE (van den Oord et al. 2018) with all
    pairs of a person as positives, mean of both directions. It pulls from the first step on, where
    KL(p || q) of `sdm` hardly moves a p that is still uniform.
    """
    with torch.autocast(texts.device.type, enabled=False):
        return itc(agreement(texts, photos, temperature), persons)


def itc(logits: Tensor, persons: Tensor) -> Tensor:
    """Contrast of images and texts: cross entropy with 1 / n for each of a person's n pairs.

    logits: (B, B), pair by pair. persons: (B,). Mean of both directions.
    """
    target = _target(persons, persons, "l1").to(logits)
    return 0.5 * (cross_entropy(logits, target) + cross_entropy(logits.T, target))


def against_twins(
    texts: Tensor,
    twins: Tensor,
    photos: Tensor,
    persons: Tensor,
    told: Tensor,
    temperature: float = 0.05,
) -> Tensor:
    """Cross entropy of each photo's own captions among all captions and all false twins.

    texts, twins, photos: (B, D), pair by pair; twins[b] is texts[b] with one word made false.
    persons: (B,). told: bool (B,), which twins there are; the others count for nothing. From photo
    to text alone: a false sentence has no photo that it should find.
    """
    with torch.autocast(texts.device.type, enabled=False):
        right = agreement(photos, texts, temperature)
        wrong = agreement(photos, twins, temperature).masked_fill(~told, -_NEVER)
        target = _target(persons, persons, "l1").to(right)
        return cross_entropy(
            torch.cat([right, wrong], 1), torch.cat([target, torch.zeros_like(wrong)], 1)
        )


def agreement(
    texts: Tensor, photos: Tensor, temperature: float | Tensor, unit: bool = True
) -> Tensor:
    """(T, P): products of texts (T, D) and photos (P, D) over the temperature, in fp32 at least.

    unit: of unit vectors; else of raw ones.
    """
    with torch.autocast(texts.device.type, enabled=False):
        texts, photos = raised(texts), raised(photos)
        if unit:
            texts, photos = normalize(texts, dim=1), normalize(photos, dim=1)
        return texts @ photos.T / temperature


def sdm(texts: Tensor, photos: Tensor, persons: Tensor, temperature: float = 0.02) -> Tensor:
    """Similarity distribution matching (Jiang & Ye 2023, IRRA, eq. 5-7).

    texts, photos: (B, D), pair by pair. persons: (B,). q is the same-person matrix with rows
    summing to 1; photo to text plus text to photo.
    """
    with torch.autocast(texts.device.type, enabled=False):
        logits = agreement(texts, photos, temperature)
        target = _target(persons, persons, "l1")
        return divergence(logits, target) + divergence(logits.T, target)


def cmpm(
    texts: Tensor,
    photos: Tensor,
    persons: Tensor,
    target_norm: str = "l2",
    floor: float = 1e-8,
    photo_persons: Tensor | None = None,
) -> Tensor:
    """Cross-modal projection matching (Zhang & Lu 2018, as NAFS, Gao et al. 2021, trains it).

    texts: raw (T, D). photos: raw (P, D). persons: (T,). photo_persons: (P,); the photos are the
    texts' pairs, row by row, where it is None. The logits are projections on the other side's unit
    vectors, so a vector's own length sharpens its softmax; photo to text plus text to photo, each
    the mean over its own rows. target_norm: what makes rows of the same-person matrix a target.
    "l1" is a distribution; "l2", 1 / sqrt(m) for each of m positives on the other side, is what was
    released, with -ln(m) / 2 a direction as its minimum. A row without positives is compared with
    the floor alone. floor: see `divergence`. Raises BadRecipe for another target_norm.
    """
    with torch.autocast(texts.device.type, enabled=False):
        texts, photos = raised(texts), raised(photos)
        owners = persons if photo_persons is None else photo_persons
        to_texts, to_photos = photos @ normalize(texts, dim=1).T, texts @ normalize(photos, dim=1).T
        of_photos = _target(owners, persons, target_norm)
        of_texts = _target(persons, owners, target_norm)
        return divergence(to_texts, of_photos, floor) + divergence(to_photos, of_texts, floor)


def local_kl(
    scores: Tensor,
    persons: Tensor,
    sharpness: float = 20.0,
    target_norm: str = "l2",
    direction: str = "i2t",
) -> Tensor:
    """KL(p || q) of local similarities (NAFS, Gao et al. 2021).

    scores: (B, B), texts are rows; pair by pair. persons: (B,). sharpness: multiplies the scores.
    direction: "i2t", each photo has a distribution over texts; "t2i", each text over photos;
    "both", their sum. target_norm: as in `cmpm`. Raises BadRecipe for other names.
    """
    logits = {"i2t": (scores.T,), "t2i": (scores,), "both": (scores.T, scores)}.get(direction)
    if logits is None:
        raise BadRecipe(f'loss direction {direction!r} is unknown; it is "i2t", "t2i" or "both"')
    with torch.autocast(scores.device.type, enabled=False):
        target = _target(persons, persons, target_norm)
        found = [divergence(sharpness * raised(some), target) for some in logits]
        return torch.stack(found).sum()


def _target(rows: Tensor, columns: Tensor, norm: str) -> Tensor:
    """(R, C): the same-person matrix, its rows of unit length in the norm "l1" or "l2"."""
    if norm not in ("l1", "l2"):
        raise BadRecipe(f'target_norm {norm!r} is unknown; it is "l1" or "l2"')
    return normalize(same_person(rows, columns).float(), p=int(norm[1]), dim=1)
