"""Scores to a Ranking: one order for search and for evaluation, ties settled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from passerby.types import Ranking

# A row in a batch of one is not bit-equal to the same row in a larger batch: differences below
# this are rounding, not rank.
RESOLUTION = 1e-6


def settle(scores: Tensor) -> Tensor:
    """Scores rounded to RESOLUTION, in float64: what ranks compare."""
    return torch.round(scores.double() / RESOLUTION) * RESOLUTION


def rank(
    queries: Sequence[str], photos: Sequence[str], scores: Tensor, k: int | None = None
) -> Ranking:
    """The k best photos (all, when None) of each query; equal scores keep the gallery's order.

    scores: (Q, P).
    """
    best, order = torch.sort(settle(scores), dim=1, descending=True, stable=True)
    return Ranking(tuple(queries), tuple(photos), order[:, :k], best[:, :k])
