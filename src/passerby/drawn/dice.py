"""Quick weighted draws for wording: a caption takes some sixty of them."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

import numpy as np


class Choice:
    """Words with weights, ready to be drawn; `shares` sums to 1."""

    __slots__ = ("marks", "shares", "words")

    def __init__(self, weights: Mapping[str, float]) -> None:
        total = sum(weights.values())
        self.shares = {word: weight / total for word, weight in weights.items() if weight > 0}
        self.words = tuple(self.shares)
        self.marks = tuple(accumulate(self.shares.values()))


class Dice:
    """Draws of one caption. Seeded by a single draw of `rng`, so that callers stay in step.

    random.Random is used because a scalar draw of a numpy Generator costs several times more.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        source = random.Random(int(rng.integers(1 << 62)))
        self.roll, self._normal = source.random, source.gauss

    def chance(self, share: float) -> bool:
        return self.roll() < share

    def gauss(self) -> float:
        """A standard normal number."""
        return self._normal(0.0, 1.0)

    def pick(self, choice: Choice) -> str:
        return choice.words[min(bisect_right(choice.marks, self.roll()), len(choice.words) - 1)]

    def among(self, *words: str) -> str:
        """One of some equally likely words."""
        return words[int(self.roll() * len(words))]
