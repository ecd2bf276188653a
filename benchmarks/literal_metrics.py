"""The metrics of a ranking as textbooks write them, query by query, the whole matrix in memory.

What our block-wise road is held to: Rank-k, AP (two definitions), INP, ties, 95 % intervals by
drawing persons again, the ROC curve and the histogram of scores.
"""

from math import ceil, floor
from typing import Any

import numpy as np

from passerby.ranking.scores import TAIL

RESOLUTION = 1e-6
Columns = dict[str, np.ndarray]


def queries(scores: np.ndarray, asked: np.ndarray, shown: np.ndarray) -> Columns:
    """Columns of every query: first, ap, trapezoid, inp, right, tied, lucky.

    scores: (T, P). asked: (T,) and shown: (P,), persons.
    """
    found = [query(np.round(row.astype(np.float64) / RESOLUTION), shown == person)
             for row, person in zip(scores, asked, strict=True)]  # fmt: skip
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def query(scores: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """One query: photos sorted by falling score, of equal scores wrong photos first."""
    order = np.lexsort((right, -scores))
    places = np.flatnonzero(right[order]) + 1
    count = len(places)
    if not count:
        return dict.fromkeys(("first", "ap", "trapezoid", "inp", "right", "tied", "lucky"), 0)
    precision, before = [], []
    for hits, place in enumerate(places, 1):
        precision.append(hits / place)
        before.append(1.0 if place == 1 else (hits - 1) / (place - 1))
    return {
        "first": places[0],
        "ap": sum(precision) / count,
        "trapezoid": sum((a + b) / 2 for a, b in zip(precision, before, strict=True)) / count,
        "inp": count / places[-1],
        "right": count,
        "tied": np.isin(scores[~right], scores[right]).sum(),
        "lucky": (scores > scores[right].max()).sum() + 1,
    }


def metrics(columns: Columns) -> dict[str, float]:
    """Means in percent over the queries that have a right photo."""
    return {name: 100 * float(values.mean()) for name, values in parts(columns).items()}


def parts(columns: Columns) -> Columns:
    """What each query with a right photo adds to each metric."""
    some = columns["right"] > 0
    told = {f"rank-{k}": (columns["first"][some] <= k).astype(float) for k in (1, 5, 10)}
    told["R-Sum"] = told["rank-1"] + told["rank-5"] + told["rank-10"]
    told["mAP"] = columns["ap"][some]
    told["mAP-trapezoid"] = columns["trapezoid"][some]
    told["mINP"] = columns["inp"][some]
    return told


def intervals(
    columns: Columns, asked: np.ndarray, draws: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 %: all queries of persons drawn with replacement, `draws` times, the metrics each time."""
    told, whose = parts(columns), asked[columns["right"] > 0].astype(str)
    names = np.unique(whose)
    groups = [np.flatnonzero(whose == name) for name in names]
    random = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in told}
    for _ in range(draws):
        chosen = np.concatenate([groups[n] for n in random.integers(len(names), size=len(names))])
        for name, values in told.items():
            drawn[name].append(100 * values[chosen].mean())
    return {name: tuple(np.percentile(each, (2.5, 97.5))) for name, each in drawn.items()}


def curves(scores: np.ndarray, right: np.ndarray, bins: int = 60) -> dict[str, Any]:
    """Area under the ROC curve, true positive rates at four false ones, and the histogram.

    scores: (T, P), as they are ranked: numbered in steps of RESOLUTION, and nothing else done to
    them. The histogram leaves a ten-thousandth of either side's scores to its first and last bin.
    """
    levels = np.round(scores.astype(np.float64) / RESOLUTION) * RESOLUTION
    good, bad = np.sort(levels[right]), np.sort(levels[~right])
    below = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
    rates = {}
    for name, rate in (("1e-4", 1e-4), ("1e-3", 1e-3), ("1e-2", 1e-2), ("1e-1", 1e-1)):
        next_wrong = bad[::-1][int(rate * len(bad))]
        rates[name] = float((good > next_wrong).mean())
    low = min(each[floor(TAIL * len(each))] for each in (good, bad))
    high = max(each[ceil((1 - TAIL) * len(each) - 1e-9) - 1] for each in (good, bad))
    edges = np.linspace(low, high, bins + 1)
    counted = {"edges": edges}
    for side, values in (("right", good), ("wrong", bad)):
        inside = np.clip(values, edges[0], edges[-1])
        counted[side] = np.histogram(inside, edges)[0]
    return {"auc": below.sum() / 2 / (len(good) * len(bad)), "tpr_at": rates, "histogram": counted}
