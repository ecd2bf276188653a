"""Cosine similarity of vectors."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize


def cosine(texts: Tensor, photos: Tensor) -> Tensor:
    """(T, D) and (P, D) -> (T, P) in [-1, 1]; a zero vector gives zeros."""
    return normalize(texts, dim=1) @ normalize(photos, dim=1).T
