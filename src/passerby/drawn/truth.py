"""Which photos of drawn people a caption is true of, and not only the one it was written for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

from passerby.drawn.ceiling import ABSENT, UNLIKELY, Column, Reader, colours_in, plain
from passerby.drawn.facts import PersonFacts
from passerby.drawn.lexicon import GLASSES
from passerby.drawn.phrases import family
from passerby.drawn.wording import Tell

_SLIP = math.log(UNLIKELY) + 1e-9  # above it, some table gives the word to the thing
_LAYERS = ("upper", "inner")  # a sentence rarely says which of two shirts it means
_CROPPED = re.compile(r"\b(capri|cropped|rolled up|three quarter)")  # trousers down to the calf
# "short" is no noun in these, nor are flops flowers or buttons tones, as stems would have it
_SHORT = re.compile(r"\b(short|long)[ -]sleeve[ds]?\b|\bshort\b(?=.*\b(dress|skirt|gown|coat)\b)")
_NO_PATTERN = re.compile(r"\bflop\w*|\b\w*button\w*")
_ANYTHING = frozenset({"something", "object", "small object"})


class Truth:
    """Which photos of some drawn persons a caption is true of: where all that it tells is.

    A tell is true of a person of whose garment (hair, glasses, ...) an author could say each of its
    words: colour, noun, pattern and sleeves, by the tables that write captions. Another garment of
    the same family counts ("bag", "bag1"), and so does either layer of an upper body. What does not
    show on a photo is still true of its person: whoever searches wants that person. Action and view
    are those of the photo. Words that no table knows, such as misspelt ones, tell nothing.

    person: int (P,), the row in `people` of each photo, in the order of persons and their photos.
    """

    def __init__(self, people: Sequence[PersonFacts]) -> None:
        self._reader = Reader(people)
        self._people = len(people)
        self._known: dict[tuple[str, str], np.ndarray] = {}
        self.person = self._reader.person

    def of(self, tells: Iterable[Tell]) -> np.ndarray:
        """bool (P,): the photos that every tell is true of."""
        return np.logical_and.reduce(self.of_each(tells))

    def of_each(self, tells: Iterable[Tell]) -> np.ndarray:
        """bool (tells, P): the photos that each tell is true of."""
        rows = [self._of_one(family(tell.attribute), plain(tell.words)) for tell in tells]
        return np.array(rows, dtype=bool).reshape(len(rows), len(self.person))

    def _of_one(self, name: str, words: str) -> np.ndarray:
        key = (name, words)
        if key not in self._known:
            if name in ("action", "view"):
                self._known[key] = self._reader.of_sights(name, words) > _SLIP
            else:
                self._known[key] = self._of_people(name, words)[self.person]
        return self._known[key]

    def _of_people(self, name: str, words: str) -> np.ndarray:
        worn = _LAYERS if name in _LAYERS else (name,)
        columns = [column for each in worn for column in self._reader.columns.get(each, [])]
        if columns:
            return np.any([_fits(column, words) for column in columns], axis=0)
        # a misspelt word for glasses tells that there are some
        known = name != "glasses" or any(words in kind.shares for kind in GLASSES.values())
        least = _SLIP if known else ABSENT
        looks = self._reader.of_looks(name, words)
        return np.array([min(parts, default=0.0) > least for parts in looks], dtype=bool)


def _fits(column: Column, words: str) -> np.ndarray:
    """(persons,): whether each one's garment is there and all that is told could be said of it."""
    fits = ~column.absent
    if words in _ANYTHING:
        return fits
    bare = _SHORT.sub(" ", words)
    for colour in colours_in(bare):  # "dark blue jeans" are jeans, as "blue jeans" is no noun here
        bare = bare.replace(colour, " ")
    noun = column.noun(bare)
    if noun is not None:
        fits &= (noun > _SLIP) | (column.cropped & bool(_CROPPED.search(words)))
    pattern = column.pattern(_NO_PATTERN.sub(" ", words))
    for part in (*column.colours(words), pattern, column.sleeve(words)):
        if part is not None:
            fits &= part > _SLIP
    return fits
