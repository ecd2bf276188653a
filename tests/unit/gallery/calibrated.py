"""A stand-in calibration for gallery tests, whose probabilities a test can work out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from passerby.calibration import Calibration
from passerby.method import Method


@dataclass
class Standing:
    """Half at three spreads above the background's mean, nearly all at five. Keeps what it was
    asked: scores (N,), background (M,), words of the query, and photos that the best is one of.
    """

    least: float = 0.5
    asked: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    words: list[int | None] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def probabilities(
        self, scores: np.ndarray, background: np.ndarray, words: int | None = None
    ) -> np.ndarray:
        self.words.append(words)
        self.asked.append((scores, background))
        spread = background.std() + 1e-3
        return 1 / (1 + np.exp(-3 * ((scores - background.mean()) / spread - 3)))

    def threshold(self, photos: int) -> float:
        self.sizes.append(photos)
        return self.least


@dataclass
class Fixed(Standing):
    """A probability for each score, whatever the background: that of `told`, in order."""

    told: tuple[float, ...] = ()

    def probabilities(
        self, scores: np.ndarray, background: np.ndarray, words: int | None = None
    ) -> np.ndarray:
        self.words.append(words)
        self.asked.append((scores, background))
        return np.array(self.told[: len(scores)])


def fitted() -> Calibration:
    """As `passerby calibrate` stores it: half at three tenths above the background's middle."""
    return Calibration(
        middle=0.1, spread=0.1, middle_worth=5, spread_worth=5, words=(3, 8, 24),
        intercept=-9, steepness=(3, 0, 0, -3, 0),
        thresholds=((10, 0.4),), missed=0.05, caught=0.5, rate=0.01, told="numbers by hand",
    )  # fmt: skip


def with_calibration(method: Method, calibration: Standing) -> Standing:
    """Puts it on the method; returned, for what it was asked."""
    method.calibration = calibration  # type: ignore[assignment]
    return calibration
