"""The photos that an answer shows, of those that a query compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from passerby.gallery.answer import Hit
from passerby.gallery.compare import Comparison
from passerby.gallery.names import to_path
from passerby.gallery.version import ROW, Version
from passerby.gallery.wanted import Wanted


@dataclass(frozen=True)
class Best:
    """The best photos, of those that pass the cut-off, and the very best whether it does or not.
    certain: that no other photo is one of them. more: whether others pass the cut-off as well.
    """

    hits: tuple[Hit, ...]
    certain: bool
    more: bool


def best_of(found: Comparison, wanted: Wanted) -> Best:
    """Of an exact comparison they are certain."""
    # one more than is shown, to know whether all that pass are
    k = min(wanted.most + wanted.every, found.photos)
    while not (certain := _certain(found, k, wanted.min_score)) and found.exact:
        found.go_on()
    best = found.best(min(k, found.compared)) if k else []
    passing = [pair for pair in best if wanted.passes(pair[1])]
    shown = passing[: wanted.most] or best[:1]
    hits = _hits(found.version, shown) if shown else ()
    return Best(hits, certain, len(passing) > wanted.most)


def _certain(found: Comparison, k: int, least: float | None) -> bool:
    """Whether the k best are, or all that score as much as the least and the very best."""
    if found.certain(k):
        return True
    return least is not None and found.reach < least and found.certain(1)


def _hits(version: Version, best: Sequence[tuple[int, float]]) -> tuple[Hit, ...]:
    """Row numbers and scores, best first, with what a user sees of the photos."""
    columns = ["path", "camera", "time", "person", "thumbnail", "hash"]
    found = version.take(np.array([row for row, _ in best], np.uint64), columns)
    records = {record[ROW]: record for record in found.to_pylist()}
    return tuple(
        Hit(
            place,
            to_path(records[row]["path"]),
            round(score, 6),
            records[row]["camera"],
            records[row]["time"],
            records[row]["person"],
            records[row]["thumbnail"],
            hash=records[row]["hash"],
        )
        for place, (row, score) in enumerate(best, start=1)
    )
