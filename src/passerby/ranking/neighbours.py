"""Who is near whom: the k best of each row, ties settled by the columns' order."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from passerby.ranking.order import settle

ROWS = 256  # rows of a photos x photos matrix that are held at once


def best(scores: Tensor, k: int) -> Tensor:
    """bool (N, P): each row's k greatest scores, all where k is more. Of equal ones the first.

    scores: (N, P), settled; `topk` alone would not say which of equal scores it takes.
    """
    k = min(k, scores.shape[1])
    least = scores.topk(k, dim=1).values[:, -1:]
    above, level = scores > least, scores == least
    return above | (level & (level.cumsum(1) <= k - above.sum(1, keepdim=True)))


def places(scores: Tensor, k: int) -> Tensor:
    """int64 (N, min(k, P)): the columns that `best` chooses, ascending."""
    return best(scores, k).nonzero()[:, 1].reshape(len(scores), min(k, scores.shape[1]))


def similarities(unit: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Settled cosines (rows, P) of unit vectors (P, D), block by block, with the rows they are of.

    A photo is infinitely similar to itself, so that it leads its neighbours among its copies.
    """
    for start in range(0, len(unit), ROWS):
        rows = slice(start, min(start + ROWS, len(unit)))
        cosines = settle(unit[rows] @ unit.T)
        own = torch.arange(rows.start, rows.stop)
        cosines[own - start, own] = torch.inf
        yield rows, cosines


def nearest(unit: Tensor, *ks: int) -> list[Tensor]:
    """int64 (P, K) for each k: every photo and the k - 1 most similar to it, K = min(k, P)."""
    blocks = [[places(near, k) for k in ks] for _, near in similarities(unit)]
    return [torch.cat(found) for found in zip(*blocks, strict=True)]
