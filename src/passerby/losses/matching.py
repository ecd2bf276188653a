"""Matching losses: the distribution of similarities against the distribution of same persons."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def same_person(rows: Tensor, columns: Tensor) -> Tensor:
    """bool (R, C): which of (R,) and (C,) person numbers are equal."""
    return rows[:, None] == columns[None, :]


def divergence(logits: Tensor, target: Tensor, floor: float = 1e-8) -> Tensor:
    """KL(p || q), p = softmax of each row of `logits`, q = `target`; the mean over rows.

    logits, target: (R, C), target >= 0. `floor` is added to q, so that the logarithm of an absent
    pair is finite; in fp32 inside autocast, where half precision would round it to zero.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    log_q = torch.log(target.float() + floor)
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
        logits, target = _compared(texts, photos, persons, temperature)
        return 0.5 * (cross_entropy(logits, target) + cross_entropy(logits.T, target))


def sdm(texts: Tensor, photos: Tensor, persons: Tensor, temperature: float = 0.02) -> Tensor:
    """Similarity distribution matching (Jiang & Ye 2023, IRRA, eq. 5-7).

    texts, photos: (B, D), pair by pair. persons: (B,). q is the same-person matrix with rows
    summing to 1; photo to text plus text to photo.
    """
    with torch.autocast(texts.device.type, enabled=False):
        logits, target = _compared(texts, photos, persons, temperature)
        return divergence(logits, target) + divergence(logits.T, target)


def _compared(
    texts: Tensor, photos: Tensor, persons: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Cosines over the temperature, and the same-person matrix with rows summing to 1: (B, B)."""
    logits = normalize(texts.float(), dim=1) @ normalize(photos.float(), dim=1).T / temperature
    same = same_person(persons, persons).float()
    return logits, same / same.sum(1, keepdim=True)
