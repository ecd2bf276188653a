"""What a score means: the probability that all that a sentence tells is true of a photo.

The log-odds (Platt, 1999) rise with the score, the more steeply the more words a sentence has: a
short one is true of many photos. They fall as this query's scores with the rest of the gallery, its
background, lie above what validation saw, or scatter more. Where it fits better, a staircase
(isotonic regression) corrects them.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np

from passerby.errors import BadModel

FILE = "calibration.json"
VERSION = 1
_REMEDY = "make it anew with passerby calibrate, or delete it"


# what log-odds are made of, in this order
FEATURES = ("score", "words", "score x words", "background's middle", "background's scatter")


@dataclass(frozen=True)
class Calibration:
    """From similarity scores to the probability that all that a sentence tells is true of a photo.

    middle, spread: mean of a background's scores and their standard deviation, on the validation
    data. middle_worth, spread_worth: as many photos the two count for beside a query's own
    background. words: of validation's sentences, few (a twentieth has fewer), usual and many.
    steepness: what the log-odds gain with each of FEATURES; with the score never below 0.
    knots: (log-odds, corrected log-odds) in rising order, between which lines run; none: as it is.

    thresholds: (photos, probability) in rising order of photos: a query whose best photo of so many
    is below it has no good match. missed, caught: the shares of validation's queries called so with
    a right photo in galleries of these sizes, and with none. rate: share of pairs that matched.
    told: the data it was fitted on, in words.
    """

    middle: float
    spread: float
    middle_worth: float
    spread_worth: float
    words: tuple[float, float, float]
    intercept: float
    steepness: tuple[float, float, float, float, float]
    thresholds: tuple[tuple[float, float], ...]
    missed: float
    caught: float
    rate: float
    told: str
    knots: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that give no probabilities, or some that fall."""
        numbers = [v for v in asdict(self).values() if isinstance(v, int | float)]
        numbers += [*self.steepness, *self.words]
        numbers += [number for pair in (*self.knots, *self.thresholds) for number in pair]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("holds numbers that are not finite")
        if not self.thresholds or any(len(pair) != 2 for pair in (*self.knots, *self.thresholds)):
            raise ValueError("holds a knot or a threshold that is no pair of numbers, or none")
        sizes, least = zip(*self.thresholds, strict=True)
        if sizes[0] < 1 or any(a >= b for a, b in pairwise(sizes)):
            raise ValueError("holds thresholds whose numbers of photos do not rise from 1")
        shares = (*least, self.missed, self.caught, self.rate)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("holds a probability outside 0 to 1")
        if len(self.steepness) != len(FEATURES) or len(self.words) != 3:
            raise ValueError(f"holds no {len(FEATURES)} numbers in 'steepness', or no 3 in 'words'")
        if not 1 <= self.words[0] <= self.words[1] <= self.words[2]:
            raise ValueError("holds numbers of words that do not rise from 1")
        rising = all(x < y and p <= q for (x, p), (y, q) in pairwise(self.knots))
        least = (*self.slopes(), self.middle_worth, self.spread_worth)
        if min(least) < 0 or self.spread <= 0 or not rising:
            raise ValueError("holds numbers by which probabilities would fall as scores rise")

    def threshold(self, photos: int) -> float:
        """What the best of so many photos has at least, where there is a good match: the best of
        many is likelier by chance. Between sizes that validation tried, along their logarithms.
        """
        sizes, least = np.array(self.thresholds).T
        return float(np.interp(math.log(max(photos, 1)), np.log(sizes), least))

    def slopes(self) -> tuple[float, float]:
        """What the log-odds gain with the score, in sentences of few words and of many."""
        own, _, by_words, _, _ = self.steepness
        few, usual, many = self.words
        return own + by_words * math.log(few / usual), own + by_words * math.log(many / usual)

    def probabilities(
        self, scores: np.ndarray, background: np.ndarray, words: int | None = None
    ) -> np.ndarray:
        """(N,) in [0, 1], for one query's `scores` (N,); never falls as they rise.

        background: (M,), the same query's scores with a sample of the gallery's photos. The fewer
        they are, the more validation's background counts; M may be 0. words: how many the query
        has, len(text.split()); as many as usual when None, which costs much of the accuracy.
        """
        return self.of_features(self.features(scores, background, words))

    def of_features(self, features: np.ndarray) -> np.ndarray:
        """(N,) probabilities of what `features` gives, (N, 5)."""
        odds = self.intercept + features @ np.array(self.steepness)
        if self.knots:
            places, corrected = np.array(self.knots).T
            odds = np.interp(odds, places, corrected)
        return logistic(odds)

    def features(
        self, scores: np.ndarray, background: np.ndarray, words: int | None = None
    ) -> np.ndarray:
        """(N, 5): FEATURES, each as the difference to what is usual, in validation's spreads."""
        scores = np.asarray(scores, dtype=np.float64)
        middle, spread = self.middle, self.spread
        if count := len(background):
            own_middle, own_spread = middle_and_spread(background)
            middle = _shrunk(own_middle, middle, count, self.middle_worth)
            spread = _shrunk(own_spread, spread, count - 1, self.spread_worth)
        above = (scores - self.middle) / self.spread
        few, usual, many = self.words
        length = math.log(min(max(words or usual, few), many) / usual)
        told = ((middle - self.middle) / self.spread, spread / self.spread - 1)
        same = [np.full(len(scores), each) for each in (length, *told)]
        return np.column_stack([above, same[0], above * length, *same[1:]])


def logistic(odds: np.ndarray) -> np.ndarray:
    """Probabilities of log-odds; no overflow at either end."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * odds)))


def read_calibration(folder: Path) -> Calibration | None:
    """The calibration in a model folder; None when it has none. Raises BadModel for a bad one."""
    file = folder / FILE
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise BadModel(f"{file} is not JSON; {_REMEDY}") from None
    if not isinstance(told, dict) or told.pop("version", None) != VERSION:
        raise BadModel(f"{file} is of another version; {_REMEDY}")
    names = {field.name for field in fields(Calibration)}
    if set(told) != names:
        odd = sorted(set(told) ^ names)[0]
        raise BadModel(f"{file}: {odd!r} is {'missing' if odd in names else 'unknown'}; {_REMEDY}")
    try:
        told = {name: _number(name, value) for name, value in told.items()}
        return Calibration(**told)
    except (TypeError, ValueError) as wrong:
        raise BadModel(f"{file} {wrong}; {_REMEDY}") from None


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Writes calibration.json into a model folder, the whole file or none of it."""
    file = folder / FILE
    half = file.with_name(f"{FILE}.{os.getpid()}.part")
    told = json.dumps({"version": VERSION, **asdict(calibration)}, indent=1)
    try:
        half.write_text(told + "\n", encoding="utf-8")
        half.replace(file)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def middle_and_spread(scores: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation. The tail counts: a sentence that is true of many has a fat one,
    which median and median distance would not see.
    """
    return float(np.mean(scores)), float(np.std(scores))


def _shrunk(own: float, usual: float, count: int, worth: float) -> float:
    return (count * own + worth * usual) / (count + worth) if count else usual


def _number(name: str, value: object) -> object:
    """JSON back as what the field holds. Raises ValueError when it is something else."""
    if name == "told":
        if not isinstance(value, str):
            raise ValueError("holds no words in 'told'")
        return value
    if isinstance(value, list):
        return tuple(_number("", each) for each in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"holds {value!r} where a number belongs")
    return float(value)
