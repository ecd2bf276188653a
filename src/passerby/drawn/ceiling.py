"""How well a reader searches who knows wardrobe and words: the ceiling of any model.

Two photos that fit a caption equally well cannot be told apart, whoever looks. The reader takes
each told attribute of a caption and adds, for each photo, the logarithm of how likely an author
would use those words of that garment (the tables that wrote the captions), and of how likely
something that hardly shows would be told. What is left untold says nothing. Ties share Rank-1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from passerby.drawn.colour_words import COLOUR_WORDS, Shade, colour_choice, shade
from passerby.drawn.facts import PersonFacts, read_wardrobe
from passerby.drawn.lexicon import (
    GLASSES,
    HAIR_COLOURS,
    HAIR_LENGTHS,
    NOUNS,
    hair_choice,
    noun_choice,
)
from passerby.drawn.phrases import SHIRTS, family
from passerby.drawn.wardrobe import Garment, garments
from passerby.drawn.wording import UNSEEN, Tell

UNLIKELY = 0.004  # of words that no table gives to a thing: a slip of the author
ABSENT = 2 * math.log(UNLIKELY)  # of anything told of a thing that is not there
_HIDDEN = math.log(0.03)  # of telling what hardly shows, as wording does it
_TIE = 1e-6
_PATTERNS = {
    "strip": ("striped", "vertical stripes"), "line": ("striped", "vertical stripes"),
    "plaid": ("plaid",), "check": ("plaid",), "flannel": ("plaid",), "tartan": ("plaid",),
    "flor": ("floral",), "flower": ("floral",), "dot": ("dotted",), "spot": ("dotted",),
    "camo": ("camouflage",), "army print": ("camouflage",), "tone": ("colour block",),
    "block": ("colour block",),
    "graphic": ("print",), "logo": ("print",), "writing": ("print",), "picture": ("print",),
    "design on": ("print",), "print on": ("print",), "letter": ("print",), "image": ("print",),
}  # fmt: skip
_SLEEVES = {"sleeveless": "none", "no sleeves": "none", "short sleeve": "short",
            "short-sleeve": "short", "long sleeve": "long", "long-sleeve": "long"}  # fmt: skip
_DEEDS = ("wal", "sta", "rid", "loo", "tal", "run", "sit")  # walking, standing, riding, ...
_STYLES = {"pony": "ponytail", "bun": "bun", "braid": "braid"}
_WOMEN = frozenset({"woman", "women", "lady", "female", "girl"})
_VIEW_STEMS = (
    ("away|behind|back|rear", "back"), ("left", "left"), ("right", "right"),
    ("side|profile", "left right"), ("camera|forward|front|ahead", "front"),
)  # fmt: skip


def ceiling(out: Path, split: str = "test") -> dict[str, float]:
    """Expected Rank-1 of the reader, in percent, over a split that `draw_world` drew into `out`.

    Each caption is a query and each photo once in the gallery. Gives "rank-1", "queries", "photos",
    "persons". Raises BadData when there is no finished data set, or the split is empty.
    """
    people = read_wardrobe(out, split)
    reader = Reader(people)
    hits, queries = 0.0, 0
    for number, person in enumerate(people):
        for photo in person.photos:
            for caption in photo.captions:
                scores = reader.scores(caption.tells)
                best = scores >= scores.max() - _TIE
                hits += float((reader.person[best] == number).mean())
                queries += 1
    return {
        "rank-1": 100 * hits / max(queries, 1),
        "queries": queries,
        "photos": len(reader.person),
        "persons": len(people),
    }


class Reader:
    """Photos of some persons as arrays. `person`: int (P,), the row in `people` of each photo.
    `columns`: what they wear, by the attribute's family, a column a place ("bag", "bag1").
    """

    def __init__(self, people: Sequence[PersonFacts]) -> None:
        self._people = [facts.person for facts in people]
        self._sights = [photo.sight for facts in people for photo in facts.photos]
        counts = [len(facts.photos) for facts in people]
        self.person = np.repeat(np.arange(len(people)), counts)
        worn: dict[str, list[list[Garment | None]]] = {}
        for row, facts in enumerate(people):
            for name, garment in garments(facts.person):
                slots = worn.setdefault(family(name), [])
                digits = name.removeprefix(family(name))
                while len(slots) <= int(digits or 0):
                    slots.append([None] * len(people))
                slots[int(digits or 0)][row] = garment
        self.columns = {name: [Column(s) for s in slots] for name, slots in worn.items()}
        self._hidden: dict[str, np.ndarray] = {}

    def scores(self, tells: Iterable[Tell]) -> np.ndarray:
        """(P,): the sum over what is told of how likely it is of each photo, as logarithms."""
        total = np.zeros(len(self.person))
        for tell in tells:
            name, words = family(tell.attribute), plain(tell.words)
            if name in ("action", "view"):
                total += self.of_sights(name, words)
                continue
            total += self._of_people(name, words)[self.person]
            if name != "sex":
                total += self._of_hiding(name)
        return total

    def _of_people(self, name: str, words: str) -> np.ndarray:
        columns = self.columns.get(name)
        if columns is not None:
            return np.max([column.scores(words) for column in columns], axis=0)
        return np.array([sum(parts) for parts in self.of_looks(name, words)])

    def of_looks(self, name: str, words: str) -> list[tuple[float, ...]]:
        """For each person what is told of hair, glasses, beard or sex, each as a logarithm."""
        rule = _RULES.get(name)
        if rule is None:
            return [(0.0,)] * len(self._people)
        return [rule(words, *_looks(person, name)) for person in self._people]

    def _of_hiding(self, name: str) -> np.ndarray:
        if name not in self._hidden:
            shares = [
                max((v for n, v in s.visible.items() if family(n) == name), default=0.0)
                for s in self._sights
            ]
            self._hidden[name] = np.where(np.array(shares) < UNSEEN, _HIDDEN, 0.0)
        return self._hidden[name]

    def of_sights(self, name: str, words: str) -> np.ndarray:
        """(P,): how likely these words are of each photo's action or view, as logarithms."""
        slip = math.log(UNLIKELY)
        if name == "view":
            sides = next((s for stems, s in _VIEW_STEMS if re.search(stems, words)), "")
            fits = [not sides or s.view.split("-")[0] in sides for s in self._sights]
        else:
            stem = next((w[:3] for w in words.split() if w[:3] in _DEEDS), "")
            fits = [s.action[:3] == stem or not stem for s in self._sights]
        return np.where(fits, 0.0, slip)


class Column:
    """One garment of each person, or None, as indices into the few values that occur.

    absent: bool (persons,), who has none. cropped: who has one that ends at the calf.
    """

    def __init__(self, worn: Sequence[Garment | None]) -> None:
        self._colours, self._first = _indexed(worn, lambda g: shade(g.colour))
        self._seconds, self._second = _indexed(worn, lambda g: shade(g.second or g.colour))
        self._kinds, self._kind = _indexed(worn, lambda g: g.kind)
        self._patterns, self._pattern = _indexed(worn, lambda g: g.pattern)
        self._sleeves, self._sleeve = _indexed(
            worn, lambda g: g.sleeve if g.kind in SHIRTS else "any"
        )
        self.absent = np.array([garment is None for garment in worn])
        self.cropped = np.array([g is not None and g.length == "calf" for g in worn])

    def scores(self, words: str) -> np.ndarray:
        """(persons,): how likely these words are of each one's garment, as logarithms."""
        total = np.zeros(len(self.absent))
        told = (self.noun(words), self.pattern(words), self.sleeve(words))
        for part in (*self.colours(words), *told):
            if part is not None:
                total += part
        return np.where(self.absent, ABSENT, total)

    def colours(self, words: str) -> list[np.ndarray]:
        """(persons,) for each colour that is told: logarithms, as in the next three."""
        parts = []
        for word in colours_in(words):
            first = np.array([_likely(colour_choice(s).shares, word) for s in self._colours])
            second = np.array([_likely(colour_choice(s).shares, word) for s in self._seconds])
            parts.append(np.log(np.maximum(first[self._first], second[self._second])))
        return parts

    def noun(self, words: str) -> np.ndarray | None:
        """(persons,) for the noun; None when none is told."""
        noun = noun_in(words)
        if not noun:
            return None
        kinds = np.array([_likely(noun_choice(kind).shares, noun) for kind in self._kinds])
        return np.log(kinds)[self._kind]

    def pattern(self, words: str) -> np.ndarray | None:
        """(persons,) for the pattern; None when none is told."""
        for stem, patterns in _PATTERNS.items():
            if stem in words:
                return _fits(self._patterns, patterns)[self._pattern]
        return None

    def sleeve(self, words: str) -> np.ndarray | None:
        """(persons,) for the sleeves; None when none are told."""
        for stem, sleeve in _SLEEVES.items():
            if stem in words:
                return _fits(self._sleeves, (sleeve, "any"))[self._sleeve]
        return None


def plain(words: str) -> str:
    """Told words in the tables' spelling."""
    words = words.lower().replace("grey", "gray").replace("coloured", "colored")
    return " ".join(words.split())


@lru_cache(maxsize=65536)
def colours_in(words: str) -> tuple[str, ...]:
    """Colour words told, the longest first taken: "dark blue" is not "blue"."""
    return tuple(_COLOURS.findall(words))


@lru_cache(maxsize=65536)
def noun_in(words: str) -> str:
    """The first and longest noun for a garment that is told; "" for none that is known."""
    found = _THINGS.search(words)
    return found.group() if found else ""


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b")


_COLOURS = _any_of(COLOUR_WORDS)
_THINGS = _any_of({noun for nouns in NOUNS.values() for noun in nouns})
_HAIRS = _any_of({w for table in HAIR_COLOURS.values() for w in table})
_LENGTHS = _any_of({w for table in HAIR_LENGTHS.values() for w in table if w})


def _indexed(
    worn: Sequence[Garment | None], value: Callable[[Garment], str | Shade]
) -> tuple[list, np.ndarray]:
    values: dict[str | Shade, int] = {}
    index = [0 if g is None else values.setdefault(value(g), len(values)) for g in worn]
    return list(values), np.array(index)


def _likely(shares: dict[str, float], word: str) -> float:
    return max(shares.get(word, 0.0), UNLIKELY)


def _fits(values: Sequence[str], right: Sequence[str]) -> np.ndarray:
    return np.array([0.0 if value in right else math.log(UNLIKELY) for value in values])


def _looks(person: object, name: str) -> tuple[str, ...]:
    fields = {
        "hair": ("hair_colour", "hair_length", "hair_style"),
        "glasses": ("glasses",),
        "beard": ("beard",),
        "sex": ("sex",),
    }
    return tuple(str(getattr(person, field)) for field in fields[name])


@lru_cache(maxsize=65536)
def _hair(words: str, colour: str, length: str, style: str) -> tuple[float, ...]:
    bald = "bald" in words or "shaved" in words
    if bald or length == "bald":
        return (0.0 if bald and length == "bald" else ABSENT,)
    parts = []
    if told := _HAIRS.search(words):
        parts.append(math.log(_likely(hair_choice("colour", colour).shares, told.group())))
    if told := _LENGTHS.search(words):
        parts.append(math.log(_likely(hair_choice("length", length).shares, told.group())))
    for stem, right in _STYLES.items():
        if stem in words:
            parts.append(0.0 if style == right else math.log(UNLIKELY))
    return tuple(parts)


def _glasses(words: str, kind: str) -> tuple[float, ...]:
    if kind not in GLASSES:
        return (ABSENT,)
    return (math.log(_likely(GLASSES[kind].shares, words)),)


def _beard(_: str, beard: str) -> tuple[float, ...]:
    return (0.0 if beard == "True" else ABSENT,)


def _sex(words: str, sex: str) -> tuple[float, ...]:
    told = "woman" if _WOMEN & set(words.split()) else "man"
    return (0.0 if told == sex else math.log(UNLIKELY),)


_RULES: dict[str, Callable[..., tuple[float, ...]]] = {
    "hair": _hair,
    "glasses": _glasses,
    "beard": _beard,
    "sex": _sex,
}
