"""How the scores of right and of wrong pairs lie: counts, gathered block by block in fixed memory.

Equal scores are counted together. While there are at most MOST different ones, every count is
exact. Where there are more, scores whose float64 differ in their last bits alone share a cell, and
no more bits are left out than must be: cells are narrow where the scores are, be these cosines,
probabilities that are nearly 1, distances made negative, or offset by a million, and one far score
takes one cell. No order or size of blocks changes a count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

MOST = 1 << 20  # cells
BLUR = 0.01  # share of the right pairs in one cell with unlike wrong ones, above which a ROC lies
RATES = (1e-4, 1e-3, 1e-2, 1e-1)  # false positive rates that are told
POINTS = 61  # of a ROC curve that a report keeps, and edges of its histograms
TAIL = 1e-4  # share of the scores, at each end, that may lie outside a histogram
FAR = 1e300  # a histogram's edges lie between -FAR and FAR

Cells = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class ScoreCounts:
    """Counts of the scores of right and of wrong pairs. Memory: 32 MB, however many pairs, and
    some 250 while a block of a million new scores is added.

    right, wrong: int64 (N,), counts of the cells, ascending. least, most: int64 (N,), keys of the
    scores that lie at the ends of each.
    """

    def __init__(self) -> None:
        self.bits = 0  # of a key that are not looked at
        nothing = np.zeros(0, dtype=np.int64)
        self.least, self.most, self.right, self.wrong = (nothing,) * 4

    def add(self, scores: Tensor | np.ndarray, relevant: Tensor | np.ndarray) -> None:
        """Counts some pairs; scores: of any shape, relevant: bool, of the same shape.

        Raises ValueError for NaN.
        """
        keys = _keys(np.asarray(scores, dtype=np.float64).ravel())
        right = np.asarray(relevant, dtype=bool).ravel()
        parts: list[Cells] = [(self.least, self.most, self.right, self.wrong)]
        for hit, chosen in ((1, keys[right]), (0, keys[~right])):
            found, counts = np.unique(chosen, return_counts=True)
            parts.append(_joined((found, found, hit * counts, (1 - hit) * counts), self.bits))
        least, most, rights, wrongs = map(np.concatenate, zip(*parts, strict=True))
        cells = _joined((least, most, rights, wrongs), self.bits)
        if len(cells[0]) > MOST:
            while np.count_nonzero(np.diff(cells[0] >> self.bits)) >= MOST:
                self.bits += 1
            cells = _joined(cells, self.bits)
        self.least, self.most, self.right, self.wrong = cells

    @property
    def auc(self) -> float:
        """The share of (right, wrong) pairs of pairs that are in order, those of a cell as half."""
        wrong_below = self.wrong.cumsum() - self.wrong
        won = (self.right * (wrong_below + self.wrong / 2)).sum()
        return float(won / (self.right.sum() * self.wrong.sum()))

    @property
    def crowd(self) -> int:
        """The most right pairs of a cell whose scores differ and belong to wrong pairs too: so many
        may stand on the wrong side of a threshold. 0 where counts are exact."""
        mixed = (self.least < self.most) & (self.wrong > 0)
        return int(self.right[mixed].max(initial=0))

    @property
    def clear(self) -> bool:
        """Whether a ROC curve of the counts is the scores' own, to a hundredth or two pairs."""
        return self.crowd <= max(2, BLUR * self.right.sum())

    def roc(self) -> dict[str, Any]:
        """{"auc", "eer", "tpr_at": {rate: ...}, "points": [[fpr, tpr], ...], "within"}, shares from
        0 to 1.

        tpr_at: the true positive rate of the lowest threshold whose false positive rate is no
        higher than the rate. eer: where both kinds of error are equal, between two thresholds by a
        straight line. points: the same as tpr_at for rates that lie evenly on a log scale. within:
        how far off any of these is at most, 0 where counts are exact. Empty where there are no
        right or no wrong pairs, and where it is not `clear`: rather no curve than a wrong one.
        """
        if not self.right.any() or not self.wrong.any() or not self.clear:
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
            "within": float(f"{self.crowd / self.right.sum():.2g}"),
        }

    def histogram(self, bins: int = POINTS - 1) -> dict[str, list[float]]:
        """{"edges": bins + 1, "right": bins, "wrong": bins}: counts in steps of equal width.

        The first and the last bin hold what lies outside as well: a ten-thousandth of the wrong or
        of the right scores at most, so that one far score does not press all others into one bin.
        """
        values = (_scores(self.least) / 2 + _scores(self.most) / 2).clip(-FAR, FAR)
        low, high = np.inf, -np.inf
        for counts in (self.right, self.wrong):
            if counts.any():
                share = counts.cumsum() / counts.sum()
                low = min(low, values[np.searchsorted(share, TAIL, side="right")])
                high = max(high, values[np.searchsorted(share, 1 - TAIL)])
        if not low < high:  # one score for all, or no pair
            low, high = (low - 0.5, low + 0.5) if np.isfinite(low) else (0.0, 1.0)
        edges = np.linspace(low, high, bins + 1)
        made: dict[str, list[float]] = {"edges": edges.tolist()}
        place = (np.searchsorted(edges, values, side="right") - 1).clip(0, bins - 1)
        for name, counts in (("right", self.right), ("wrong", self.wrong)):
            made[name] = np.bincount(place, counts, bins).astype(np.int64).tolist()
        return made

    def curves(self) -> dict[str, Any]:
        """What a report keeps: {"roc": ..., "histogram": ...}."""
        return {"roc": self.roc(), "histogram": self.histogram()}

    def _rates(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates of all thresholds, from none taken to all."""
        rates = []
        for counts in (self.wrong, self.right):
            rates.append(np.concatenate([[0.0], counts[::-1].cumsum() / counts.sum()]))
        return rates[0], rates[1]


def _joined(cells: Cells, bits: int) -> Cells:
    """Ascending, those as one whose keys differ in their last bits alone."""
    if not len(cells[0]):
        return cells
    least, most, right, wrong = cells
    order = least.argsort(kind="stable")  # of runs that ascend: a merge
    numbers = least[order] >> bits
    starts = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    return (
        np.minimum.reduceat(least[order], starts), np.maximum.reduceat(most[order], starts),
        np.add.reduceat(right[order], starts), np.add.reduceat(wrong[order], starts),
    )  # fmt: skip


def _keys(scores: np.ndarray) -> np.ndarray:
    """int64 of float64, ascending with the scores: their bits are, but for the sign."""
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    return _turned((scores + 0.0).view(np.int64))  # + 0: -0 becomes 0


def _scores(keys: np.ndarray) -> np.ndarray:
    return _turned(keys).view(np.float64)


def _turned(bits: np.ndarray) -> np.ndarray:
    """From a float64's bits to an integer that ascends with it, and back."""
    return np.where(bits < 0, bits ^ np.int64(0x7FFF_FFFF_FFFF_FFFF), bits)


def _at(false: np.ndarray, true: np.ndarray, rate: float) -> float:
    return round(float(true[np.searchsorted(false, rate * (1 + 1e-12), side="right") - 1]), 6)


def _equal_error(false: np.ndarray, true: np.ndarray) -> float:
    """Where the false positive rate meets the share of right pairs that are missed."""
    over = false - (1 - true)  # ascending, from -1 to 1
    after = int(np.argmax(over >= 0))
    before = after - 1
    part = -over[before] / (over[after] - over[before])
    return float(false[before] + part * (false[after] - false[before]))
