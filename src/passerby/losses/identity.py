"""Identity losses: a classifier over the persons of the training split, or one for each part."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import cross_entropy, normalize

from passerby.errors import BadRecipe
from passerby.losses.matching import raised


def identity(
    vectors: Tensor, weight: Tensor, persons: Tensor, smoothing: float = 0.0, scale: float = 0.0
) -> Tensor:
    """Cross entropy of person classes (Zheng et al. 2020, Dual-Path, eq. 3).

    vectors: (..., B, D). weight: (C, D) or (..., C, D), one row a person. persons: int64 (B,) below
    C. scale: as in `person_logits`.
    """
    return classified(person_logits(vectors, weight, scale), persons, smoothing)


def person_logits(vectors: Tensor, weight: Tensor, scale: float = 0.0) -> Tensor:
    """(..., B, C): products of vectors (..., B, D) and persons (..., C, D), in fp32 at least.

    weight: (K, C, D) is a classifier for each of K parts of vectors (K, B, D); (C, D) is one that
    all share. scale: above 0, scale * cosine (a cosine classifier) instead of products of raw rows.

    Memory: separate classifiers hold K * C * D * 4 bytes, 135 MB for 6 parts of 512 and the 11,003
    persons of CUHK-PEDES, with Adam's two moments 406 MB, and their gradient 135 MB more; a shared
    one a K-th of it. Logits of B texts and B photos hold K * 2B * C * 4 bytes, 34 MB for B = 64,
    and their gradient as much. Raises BadRecipe for a scale below 0.
    """
    if not scale >= 0:
        raise BadRecipe(f"cosine scale {scale} is below 0; it is 0 for products, else about 16")
    with torch.autocast(vectors.device.type, enabled=False):
        vectors, weight = raised(vectors), raised(weight)
        if not scale:
            return vectors @ weight.mT
        # Logits over the rows' lengths, where a normalised copy of all persons would be made.
        lengths = vector_norm(weight, dim=-1).clamp(min=1e-12)
        return scale * normalize(vectors, dim=-1) @ weight.mT / lengths[..., None, :]


def classified(logits: Tensor, persons: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy of person_logits (..., B, C) and persons (B,): the mean over rows and parts."""
    with torch.autocast(logits.device.type, enabled=False):
        rows = raised(logits).flatten(0, -2)
        owners = persons.expand(logits.shape[:-1]).flatten()
        return cross_entropy(rows, owners, label_smoothing=smoothing)


@torch.no_grad()
def posteriors(logits: Tensor, persons: Tensor) -> Tensor:
    """(..., B): the softmax of person_logits (..., B, C) at the own person of (B,), detached."""
    with torch.autocast(logits.device.type, enabled=False):
        logits = raised(logits)
        own = logits.gather(-1, persons.expand(logits.shape[:-1])[..., None])[..., 0]
        return (own - logits.logsumexp(-1)).exp()


def cmpc(texts: Tensor, photos: Tensor, weight: Tensor, persons: Tensor) -> Tensor:
    """Cross-modal projection classification (Zhang & Lu 2018, as NAFS, Gao et al. 2021, trains it).

    texts, photos: raw (B, D), pair by pair. weight: (C, D), one row a person, normalised here.
    persons: int64 (B,) below C. Each vector is projected on its partner of the other side and
    classified: the projection (x . z^) z^ is the unit vector z^ scaled, so its logits are z^ W^T
    scaled. Mean over the batch, photos plus texts.
    """
    with torch.autocast(texts.device.type, enabled=False):
        texts, photos, weight = texts.float(), photos.float(), weight.float()
        own, others = torch.cat([photos, texts]), torch.cat([texts, photos])
        units = normalize(others, dim=1)
        # Logits over the rows' lengths, where a normalised copy of all persons would be made.
        lengths = vector_norm(weight, dim=1).clamp(min=1e-12)
        logits = (own * units).sum(1, keepdim=True) * (units @ weight.T) / lengths
        return 2 * cross_entropy(logits, persons.repeat(2))
