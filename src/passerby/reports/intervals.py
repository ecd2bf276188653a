"""How sure a metric is: 95 % intervals by bootstrap, whole persons drawn again.

Queries about one person stand and fall together: all meet the same photos. Persons are drawn with
replacement, each with all of its queries (a cluster bootstrap; Davison & Hinkley 1997, 3.8), and
every metric is read off again; the interval is from the 2.5th to the 97.5th percentile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from passerby.ranking.metrics import KS, Outcomes

DRAWS, PAIRED_DRAWS = 1_000, 10_000
LEVEL = (2.5, 97.5)
HELD = 4_000_000  # persons drawn that are held at once

Queries = Mapping[str, Sequence[Any]] | Outcomes


@dataclass(frozen=True)
class Difference:
    """b - a of a metric, in percent points, its 95 % interval, and a two-sided p.

    p: twice the share of drawings in which the difference is not on the side where it is, at most
    1; never below 2 / (drawings + 1).
    """

    difference: float
    low: float
    high: float
    p: float

    @property
    def shown(self) -> bool:
        """Whether the drawings show a difference: 0 outside the interval, and p below 0.05."""
        return (self.low > 0 or self.high < 0) and self.p < 0.05


def intervals(
    queries: Queries,
    persons: Sequence[str],
    draws: int = DRAWS,
    seed: int = 0,
    ap: str = "standard",
) -> dict[str, tuple[float, float]]:
    """(low, high) of each metric in percent, by its name.

    queries: Outcomes, or the columns that a Report keeps. persons: a query's person. Queries
    without a right photo, and persons who have no other, are left out, as of the metrics. The order
    of the queries changes nothing. Empty where fewer than two persons are left: of one person
    nothing can be drawn again.
    """
    names, columns, counted = metric_columns(queries, ap)
    sums, asked = per_person(columns[counted], np.asarray(persons, dtype=object)[counted])
    if len(asked) < 2:
        return {}
    means = np.concatenate(list(drawn_means(sums, asked, draws, seed)))
    low, high = np.percentile(100 * means, LEVEL, axis=0)
    return {
        name: (round(float(low[n]), 4), round(float(high[n]), 4)) for n, name in enumerate(names)
    }


def paired(
    a: Queries, b: Queries, persons: Sequence[str],
    draws: int = PAIRED_DRAWS, seed: int = 0, ap: str = "standard",
) -> dict[str, Difference]:  # fmt: skip
    """What b has over a on the same queries, in the same order, by the metric's name.

    Arguments as of `intervals`. Raises ValueError when the queries or their right photos differ.
    Empty where fewer than two persons are left.
    """
    names, mine, counted = metric_columns(a, ap)
    _, theirs, also = metric_columns(b, ap)
    if len(counted) != len(also) or (counted != also).any():
        raise ValueError("a paired comparison needs the same queries with the same right photos")
    change = (theirs - mine)[counted]
    sums, asked = per_person(change, np.asarray(persons, dtype=object)[counted])
    if len(asked) < 2:
        return {}
    means = 100 * np.concatenate(list(drawn_means(sums, asked, draws, seed)))
    means[np.abs(means) < 1e-9] = 0  # what is left of sums that cancel is no difference
    low, high = np.percentile(means, LEVEL, axis=0)
    sides = np.minimum((means <= 0).sum(0), (means >= 0).sum(0))
    p = np.minimum(2 * (sides + 1) / (draws + 1), 1)
    whole = 100 * change.mean(0)
    table = np.stack([whole, low, high], 1).round(4).tolist()
    return {
        name: Difference(middle, least, most, float(each))
        for name, (middle, least, most), each in zip(names, table, p, strict=True)
    }


def metric_columns(queries: Queries, ap: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names (M), what each query adds to each metric (Q, M), and which queries count, bool (Q,)."""

    def column(name: str) -> np.ndarray:
        held = getattr(queries, name) if isinstance(queries, Outcomes) else queries[name]
        return np.asarray(held, dtype=np.float64)

    first = column("first")
    made = {f"rank-{k}": ((first > 0) & (first <= k)).astype(np.float64) for k in KS}
    made["R-Sum"] = np.sum(list(made.values()), 0)
    made["mAP"] = column("ap")
    if ap == "trapezoid":
        made["mAP-trapezoid"] = column("trapezoid")
    made["mINP"] = column("inp")
    return list(made), np.stack(list(made.values()), 1), column("right") > 0


def per_person(columns: np.ndarray, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over each person's queries (N, M) and the number of these (N,), persons by name."""
    names, place = np.unique(persons.astype(str), return_inverse=True)
    # sorted, so that no order of the queries changes the last bit of a sum
    order = np.lexsort((*columns.T, place))
    sums = np.zeros((len(names), columns.shape[1]))
    np.add.at(sums, place[order], columns[order])
    return sums, np.bincount(place, minlength=len(names))


def drawn_means(sums: np.ndarray, asked: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Means over the queries (some draws, M) of N persons drawn N times with replacement."""
    count = len(asked)
    random = np.random.default_rng(seed)
    step = max(1, HELD // count)
    for start in range(0, draws, step):
        drawn = random.integers(count, size=(min(step, draws - start), count))
        cells = drawn + count * np.arange(len(drawn))[:, None]
        times = np.bincount(cells.ravel(), minlength=drawn.size).reshape(drawn.shape)
        yield (times @ sums) / (times @ asked)[:, None]
