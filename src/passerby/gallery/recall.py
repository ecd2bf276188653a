"""How much of what flat search finds an index finds, and how long each takes, on one gallery."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from passerby.gallery.index_card import DEPTH, IndexCard, K
from passerby.gallery.store import Store
from passerby.gallery.version import Version

# Photos as near as the last of the nearest are as good as it; sums of products differ by less.
_SLACK = 1e-6
_BLOCK = 8192
_TURNS = 15  # of flat search: a million vectors take a second


@dataclass(frozen=True)
class Recall:
    """Mean shares over the queries: of the K nearest photos (top), of the DEPTH nearest (deep).
    milliseconds: the median of a shortlist, with its vectors and parts as a search asks for it.
    """

    top: float
    deep: float
    queries: int
    milliseconds: float

    @property
    def least(self) -> float:
        return min(self.top, self.deep)


def nearest_cosines(store: Store, queries: np.ndarray, n: int) -> np.ndarray:
    """Cosines (Q, n) of the n nearest photos, all when they are fewer, the greatest first; queries:
    unit vectors (Q, D). All photos are gone through once.
    """
    best = np.empty((len(queries), 0), np.float32)
    for block in store.blocks(("vector",), _BLOCK):
        column = block["vector"].combine_chunks()
        photos = column.flatten().to_numpy(zero_copy_only=False).reshape(len(block), -1)
        best = np.concatenate([best, queries @ photos.T], axis=1)
        if best.shape[1] > n:
            best = -np.partition(-best, n - 1, axis=1)[:, :n]
    return -np.sort(-best, axis=1)


def measured(
    version: Version, card: IndexCard, queries: np.ndarray, truth: np.ndarray, goal: float
) -> Recall | None:
    """What a setting finds of the `truth` (Q, n), cosines as `nearest_cosines` gives them; None as
    soon as it is sure to miss the goal. A mean must stand above the goal by its standard error: the
    first setting to reach it with some sentences would miss it with as many others.
    """
    places = [min(K, truth.shape[1]), min(DEPTH, truth.shape[1])]
    allowed = (1 - goal) * len(queries) + 1e-6
    shares, seconds = [list[float](), list[float]()], []
    columns = ("path", *version.embedded())
    for query, cosines in zip(queries, truth, strict=True):
        began = time.perf_counter()
        found = version.nearest(query, DEPTH + 1, None, columns, index=card)[1]
        seconds.append(time.perf_counter() - began)
        for told, n in zip(shares, places, strict=True):
            told.append(min(n, int((found[:n] >= cosines[n - 1] - _SLACK).sum())) / n)
        if any(len(told) - sum(told) > allowed for told in shares):
            return None
    top, deep = (float(np.mean(told)) for told in shares)
    if any(np.mean(told) - np.std(told) / len(told) ** 0.5 < goal for told in shares):
        return None
    return Recall(top, deep, len(queries), 1000 * float(np.median(seconds)))


def flat_milliseconds(version: Version, queries: np.ndarray) -> float:
    """The median of a shortlist when every vector is compared."""
    seconds, columns = [], ("path", *version.embedded())
    for query in queries[:_TURNS]:
        began = time.perf_counter()
        version.nearest(query, DEPTH + 1, None, columns)
        seconds.append(time.perf_counter() - began)
    return 1000 * float(np.median(seconds))
