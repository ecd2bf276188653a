"""How the scores of right and of wrong pairs lie: counts, gathered block by block in fixed memory.

Scores are counted on a grid that is as fine for small numbers as for large ones: the sign, the
exponent and 11 bits of the fraction of a float32, so steps of 1/4096 between 0.5 and 1. Cosines,
probabilities and distances made negative all fit, and no order or size of blocks changes a count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

BITS = 12  # of a float32 that are not looked at
KEYS = 1 << (32 - BITS)
RATES = (1e-4, 1e-3, 1e-2, 1e-1)  # false positive rates that are told
POINTS = 61  # of a ROC curve that a report keeps, and edges of its histograms
TAIL = 1e-4  # share of the scores, at each end, that may lie outside a histogram


class ScoreCounts:
    """Counts of the scores of right and of wrong pairs. Memory: 16 MB, however many pairs."""

    def __init__(self) -> None:
        self.right, self.wrong = (np.zeros(KEYS, dtype=np.int64) for _ in range(2))

    def add(self, scores: Tensor | np.ndarray, relevant: Tensor | np.ndarray) -> None:
        """Counts some pairs; scores: of any shape, relevant: bool, of the same shape.

        Raises ValueError for NaN.
        """
        keys = _keys(np.asarray(scores, dtype=np.float32).ravel())
        right = np.asarray(relevant, dtype=bool).ravel()
        for counts, chosen in ((self.right, keys[right]), (self.wrong, keys[~right])):
            if len(chosen):
                low = chosen.min()
                found = np.bincount(chosen - low)
                counts[low : low + len(found)] += found

    @property
    def auc(self) -> float:
        """The share of (right, wrong) pairs of pairs that are in order, equal scores as half."""
        wrong_below = self.wrong.cumsum() - self.wrong
        won = (self.right * (wrong_below + self.wrong / 2)).sum()
        return float(won / (self.right.sum() * self.wrong.sum()))

    def roc(self) -> dict[str, Any]:
        """{"auc", "eer", "tpr_at": {rate: ...}, "points": [[fpr, tpr], ...]}, shares from 0 to 1.

        tpr_at: the true positive rate of the lowest threshold whose false positive rate is no
        higher than the rate. eer: where both kinds of error are equal, between two thresholds by a
        straight line. points: the same as tpr_at for rates that lie evenly on a log scale. Empty
        where there are no right or no wrong pairs.
        """
        if not self.right.any() or not self.wrong.any():
            return {}
        false, true = self._rates()
        rates = np.logspace(-6, 0, POINTS)
        return {
            "auc": round(self.auc, 6),
            "eer": round(_equal_error(false, true), 6),
            "tpr_at": {
                f"{rate:.0e}".replace("e-0", "e-"): _at(false, true, rate) for rate in RATES
            },
            "points": [[float(f"{rate:.6g}"), _at(false, true, rate)] for rate in rates],
        }

    def histogram(self, bins: int = POINTS - 1) -> dict[str, list[float]]:
        """{"edges": bins + 1, "right": bins, "wrong": bins}: counts in steps of equal width.

        The first and the last bin hold what lies outside as well: a ten-thousandth of the wrong or
        of the right scores at most, so that one far score does not press all others into one bin.
        """
        values = _values()
        low, high = np.inf, -np.inf
        for counts in (self.right, self.wrong):
            if counts.any():
                share = counts.cumsum() / counts.sum()
                low = min(low, values[np.searchsorted(share, TAIL, side="right")])
                high = max(high, values[np.searchsorted(share, 1 - TAIL)])
        if not low < high:  # one score for all, or no pair
            low, high = (low - 0.5, low + 0.5) if np.isfinite(low) else (0.0, 1.0)
        edges = np.linspace(low, high, bins + 1)
        made: dict[str, list[float]] = {"edges": [float(f"{edge:.6g}") for edge in edges]}
        for name, counts in (("right", self.right), ("wrong", self.wrong)):
            there = np.flatnonzero(counts)
            place = np.searchsorted(edges, values[there], side="right") - 1
            place = place.clip(0, bins - 1)
            made[name] = np.bincount(place, counts[there], bins).astype(np.int64).tolist()
        return made

    def curves(self) -> dict[str, Any]:
        """What a report keeps: {"roc": ..., "histogram": ...}."""
        return {"roc": self.roc(), "histogram": self.histogram()}

    def _rates(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates of all thresholds, from none taken to all."""
        there = np.flatnonzero(self.right + self.wrong)[::-1]
        rates = []
        for counts in (self.wrong, self.right):
            rates.append(np.concatenate([[0.0], counts[there].cumsum() / counts.sum()]))
        return rates[0], rates[1]


def _keys(scores: np.ndarray) -> np.ndarray:
    """int64, ascending with the scores: a float32's bits are, but for the sign."""
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    bits = (scores + np.float32(0)).view(np.int32).astype(np.int64)  # + 0: -0 becomes 0
    return (np.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits) >> BITS) + KEYS // 2


def _values() -> np.ndarray:
    """(KEYS,): the middle score of each key; infinite and NaN keys as the greatest float32."""
    keys = np.arange(KEYS, dtype=np.int64) - KEYS // 2
    ordered = (keys << BITS) + (1 << (BITS - 1))
    bits = np.where(ordered < 0, -(ordered + 1), ordered).astype(np.int32)
    with np.errstate(invalid="ignore"):  # NaN
        middle = bits.view(np.float32).astype(np.float64)
    middle[~np.isfinite(middle)] = np.finfo(np.float32).max
    return np.where(ordered < 0, -middle, middle)


def _at(false: np.ndarray, true: np.ndarray, rate: float) -> float:
    return round(float(true[np.searchsorted(false, rate * (1 + 1e-12), side="right") - 1]), 6)


def _equal_error(false: np.ndarray, true: np.ndarray) -> float:
    """Where the false positive rate meets the share of right pairs that are missed."""
    over = false - (1 - true)  # ascending, from -1 to 1
    after = int(np.argmax(over >= 0))
    before = after - 1
    part = -over[before] / (over[after] - over[before])
    return float(false[before] + part * (false[after] - false[before]))
