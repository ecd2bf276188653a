"""False twins of true captions: one word changed, of an attribute that shows on the photo.

Two captions of the same sex exchange a word, where each one's word is clearly false of the other's
person (contrasts.py). So every word stands as often in a true sentence as in a false one, in the
place of the same other word: who knows which words are common, but not the photo, is right half the
time. Nothing else changes but an article.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from passerby.drawn.ceiling import UNLIKELY, noun_in, plain
from passerby.drawn.colour_words import COLOUR_WORDS, colour_choice, shade
from passerby.drawn.contrasts import (
    AFTER,
    PATTERN_GROUPS,
    VAGUE,
    colours_apart,
    group_of,
    hair_colours_apart,
    kinds_apart,
    lengths_apart,
    patterns_apart,
)
from passerby.drawn.lexicon import HAIR_COLOURS, HAIR_LENGTHS, NOUNS, PATTERN_BEFORE, is_plural
from passerby.drawn.phrases import SHIRTS, family
from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import Garment, Person, garments
from passerby.drawn.wording import Tell, Told

SEEN = 0.5  # share of an attribute that shows, at least
ATTRIBUTES = (
    "upper colour", "lower colour", "shoe colour", "bag colour", "upper kind", "lower kind",
    "shoe kind", "bag kind", "hat kind", "pattern", "sleeve length", "hair length", "hair colour",
)  # fmt: skip
_COLOURED = {"upper": "upper colour", "lower": "lower colour", "shoes": "shoe colour",
             "bag": "bag colour"}  # fmt: skip
_KINDS = {"upper": "upper kind", "lower": "lower kind", "shoes": "shoe kind", "bag": "bag kind",
          "hat": "hat kind"}  # fmt: skip
# what a word told of one thing could be meant of as well
_MEANT = {"upper": ("upper", "inner"), "lower": ("lower", "legwear")}
_SIZES = {"large", "small", "big", "little", "medium", "sized", "and", "colored"}
_SLEEVES = {"short": "short", "long": "long", "sleeveless": "none", "no": "none"}
_HELD = re.compile(r"\s+(on|over|across|in|with|around|at|slung|strapped|hanging|behind)\b")
_WORN = re.compile(r"\b(pull\w*|roll\w*|wear\w*|has on|visible)( an?| some)? $", re.I)
_ARTICLE = re.compile(r"\b(an?) $", re.I)
_WITH = re.compile(r" (?:with|that ha(?:s|ve)) ")
_OWNED = re.compile(r"\b(his|her|their|the|of) $", re.I)


@dataclass(frozen=True)
class Slot:
    """A word of a true caption that may be changed.

    caption.text[start:end] is the word, inside caption.tells[tell]; `word` is it in the tables'
    spelling. form: words of one form can stand for each other.
    """

    attribute: str
    caption: Told
    person: Person
    tell: int
    start: int
    end: int
    word: str
    form: str = ""

    @property
    def written(self) -> str:
        """The word as the caption spells it, in small letters."""
        return self.caption.text[self.start : self.end].lower()

    def contradicts(self, word: str) -> bool:
        """True when the word, in the place of this one, is clearly false of the person."""
        return word != self.word and _false(self, word)

    def twin(self, word: str) -> Told | None:
        """The caption with `word`, in either spelling, in this one's place; None where that makes
        no sentence that anybody writes.
        """
        text, tell = self.caption.text, self.caption.tells[self.tell]
        before = text[: tell.start]
        if self.attribute in _KINDS.values():
            turned = _numbered(before, is_plural(self.word), is_plural(plain(word)))
            told = {each.attribute for each in self.caption.tells}
            if turned is None or (plain(word) in NOUNS["dress"] and "lower" in told):
                return None  # nobody tells of a dress and of jeans
            before = turned
        if text[self.start].isupper():
            word = word[0].upper() + word[1:]
        words = text[tell.start : self.start] + word + text[self.end : tell.end]
        if article := _ARTICLE.search(before):
            right = article[1][0] + ("n " if words[0].lower() in "aeiou" else " ")
            before = before[: article.start()] + right
        changed = Tell(tell.attribute, len(before), len(before) + len(words), words)
        moved = changed.end - tell.end
        tells = [*self.caption.tells[: self.tell], changed]
        tells += [replace(t, start=t.start + moved, end=t.end + moved)
                  for t in self.caption.tells[self.tell + 1 :]]  # fmt: skip
        return Told(before + words + text[tell.end :], tuple(tells))


@dataclass(frozen=True)
class Swap:
    """A slot, the word put into it (the tables' spelling), and the false caption that it makes."""

    slot: Slot
    word: str
    false: Told


def slots(caption: Told, person: Person, sight: Sight) -> list[Slot]:
    """The words of a caption that tell, once and plainly, an attribute that shows."""
    found: list[Slot] = []
    worn = dict(garments(person))
    names = [tell.attribute for tell in caption.tells]
    for place, tell in enumerate(caption.tells):
        if names.count(tell.attribute) > 1 or sight.visible.get(tell.attribute, 0.0) < SEEN:
            continue
        words = _Words(caption, person, place)
        if tell.attribute == "hair":
            found += words.hair()
        elif tell.attribute in worn:
            garment = worn[tell.attribute]
            found += words.colour(garment) + words.kind(garment)
            if tell.attribute in ("upper", "lower"):
                printed = garment.pattern == "print" and sight.visible.get("print", 0.0) < SEEN
                found += words.sleeve(garment) + ([] if printed else words.pattern(garment))
    return found


def exchange(found: Iterable[Slot], rng: np.random.Generator) -> list[Swap]:
    """Slots in pairs, each with the other's word, in the order of `found`; those that find no
    partner are left out. The same slots and `rng` state give the same swaps.
    """
    every = list(found)
    waiting: dict[tuple[str, str, str], list[int]] = {}
    made: dict[int, Swap] = {}
    for place in rng.permutation(len(every)).tolist():
        slot = every[place]
        queue = waiting.setdefault((slot.attribute, slot.person.sex, slot.form), [])
        takes: dict[str, bool] = {}  # few words, many slots
        for at, other in enumerate(queue):
            word = every[other].word
            if word not in takes:
                takes[word] = slot.contradicts(word)
            swapped = _exchanged(slot, every[other]) if takes[word] else None
            if swapped is not None:
                made[place], made[other] = swapped
                del queue[at]
                break
        else:
            queue.append(place)
    return [made[place] for place in sorted(made)]


def _exchanged(one: Slot, other: Slot) -> tuple[Swap, Swap] | None:
    """Both with the other's word, which `one` contradicts."""
    if not other.contradicts(one.word):
        return None
    first, second = one.twin(other.written), other.twin(one.written)
    if first is None or second is None:
        return None
    return Swap(one, other.word, first), Swap(other, one.word, second)


class _Words:
    """One tell of a caption, looked through for words that can be changed."""

    def __init__(self, caption: Told, person: Person, place: int) -> None:
        self.caption, self.person, self.place = caption, person, place
        self.tell = caption.tells[place]
        self.words = self.tell.words.lower()
        self.family = family(self.tell.attribute)

    def slot(self, attribute: str, span: tuple[int, int], word: str, form: str = "") -> list[Slot]:
        start, end = (self.tell.start + edge for edge in span)
        slot = Slot(attribute, self.caption, self.person, self.place, start, end, word, form)
        return [slot]

    def colour(self, garment: Garment) -> list[Slot]:
        """The first colour word that many would call the main colour."""
        if self.family not in _COLOURED or re.search(r" or ", self.words):
            return []
        shares = colour_choice(shade(garment.colour)).shares
        for match in _COLOUR.finditer(self.words):
            word = plain(match[0])
            if shares.get(word, 0.0) >= UNLIKELY and word not in VAGUE:
                return self.slot(_COLOURED[self.family], match.span(), word)
        return []

    def kind(self, garment: Garment) -> list[Slot]:
        """The noun, when nothing but colours and sizes stands beside it."""
        match = _NOUN.search(self.words)
        if self.family not in _KINDS or match is None or match[0] != noun_in(self.words):
            return []
        beside = _COLOUR.sub(" ", self.words[: match.start()] + self.words[match.end() :])
        told = {tell.attribute for tell in self.caption.tells}
        clash = self.family == "upper" and "inner" in told
        before, after = (self.caption.text[: self.tell.start], self.caption.text[self.tell.end :])
        if self.family == "bag" and (_HELD.match(after) or _WORN.search(before)):
            clash = True  # a place or a verb that fits one kind of bags
        if clash or set(plain(beside).split()) - _SIZES or not group_of(self.family, garment):
            return []
        if match[0] not in NOUNS.get(garment.kind, ()):
            return []
        return self.slot(_KINDS[self.family], match.span(), match[0])

    def sleeve(self, garment: Garment) -> list[Slot]:
        if garment.kind not in SHIRTS or self.tell.attribute != "upper":
            return []
        if re.search(r"tank|vest|cami", self.words):
            return []
        for form, pattern in (("before", _SLEEVE_BEFORE), ("after", _SLEEVE_AFTER)):
            match = pattern.search(self.words)
            if match and _SLEEVES[re.split(r"[- ]", match[0])[0]] == garment.sleeve:
                return self.slot("sleeve length", match.span(), match[0], form)
        return []

    def pattern(self, garment: Garment) -> list[Slot]:
        """ "striped" before the noun or before "pattern", "stripes" after "with"."""
        if re.search(r"horizontal |vertical|across", self.words):
            return []
        head = _WITH.split(self.words, maxsplit=1)[0]
        tail = len(head)
        for form, pattern in (("before", _PATTERN_BEFORE), ("after", _PATTERN_AFTER)):
            match = pattern.search(self.words, *((0, tail) if form == "before" else (tail,)))
            if match:
                right = match[0] in PATTERN_BEFORE.get(garment.pattern, ())
                right |= AFTER.get(match[0]) == PATTERN_GROUPS.get(garment.pattern, "none")
                return self.slot("pattern", match.span(), match[0], form) if right else []
        return []

    def hair(self) -> list[Slot]:
        """Colour and length; the length of loose hair alone."""
        person, found = self.person, []
        if person.hair_length == "bald":
            return []
        match = _HAIR_COLOUR.search(self.words)
        if match and (word := plain(match[0])) not in VAGUE:
            found += self.slot("hair colour", match.span(), word)
        match = _HAIR_LENGTH.search(self.words)
        plainly = re.fullmatch(r"((hair|is|and) ?)*", plain(_HAIR_COLOUR.sub(
            " ", _HAIR_LENGTH.sub(" ", self.words))))  # fmt: skip
        if match and plainly and person.hair_style == "loose":
            found += self.slot("hair length", match.span(), match[0])
        return found


def _false(slot: Slot, word: str) -> bool:
    """True when the word is clearly false of all that it could be meant of."""
    person, tell = slot.person, slot.caption.tells[slot.tell]
    kin = family(tell.attribute)
    worn = dict(garments(person))
    meant = [g for name, g in worn.items() if family(name) in _MEANT.get(kin, (kin,))]
    meant = [garment for garment in meant if garment.kind != "socks"]
    if slot.attribute in _COLOURED.values():
        dyes = [c for g in meant for c in (g.colour, g.second) if c is not None]
        return all(colours_apart(word, colour) for colour in dyes)
    if slot.attribute in _KINDS.values():
        return all(kinds_apart(word, kin, garment) for garment in meant)
    if slot.attribute == "pattern":
        return all(patterns_apart(word, g.pattern) for g in meant if g.pattern != "plain")
    if slot.attribute == "sleeve length":
        said = _SLEEVES[re.split(r"[- ]", word)[0]]
        return lengths_apart("sleeve", said, worn["upper"].sleeve)
    if slot.attribute == "hair length":
        return lengths_apart("length", _said_length(word), person.hair_length)
    return hair_colours_apart(word, person.hair_colour)


def _said_length(word: str) -> str:
    """The length of hair that is called so most; long hair may be called "shoulder length"."""
    if word == "short" or word.startswith("short "):
        return "short"
    return "long" if word in HAIR_LENGTHS["long"] else "medium"


def _numbered(before: str, was_plural: bool, plural: bool) -> str | None:
    """What stands before a tell when its noun changes number; None when that makes no phrase."""
    article = _ARTICLE.search(before)
    if was_plural == plural:
        return before
    if plural:
        at_start = article is not None and article[1][0] == "A"
        return before[: article.start()] if article is not None and not at_start else None
    if _OWNED.search(before) or not before.endswith(" "):
        return None
    return before + "a "


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Whole words, the longest first, in either spelling."""
    longest = sorted({w for w in words if w}, key=lambda word: (-len(word), word))
    either = [re.escape(w).replace("gray", "gr[ae]y").replace("colored", "colou?red")
              for w in longest]  # fmt: skip
    return re.compile(r"\b(?:" + "|".join(either) + r")\b")


_COLOUR = _any_of(COLOUR_WORDS)
_NOUN = _any_of(noun for nouns in NOUNS.values() for noun in nouns)
_HAIR_COLOUR = _any_of(word for table in HAIR_COLOURS.values() for word in table)
_HAIR_LENGTH = _any_of(word for table in HAIR_LENGTHS.values() for word in table)
_PATTERN_BEFORE = _any_of(word for table in PATTERN_BEFORE.values() for word in table)
_PATTERN_AFTER = _any_of(AFTER)
_SLEEVE_BEFORE = re.compile(r"\b(?:(?:short|long)[- ]sleeved?|sleeveless)\b")
_SLEEVE_AFTER = re.compile(r"\b(?:short|long|no) sleeves\b")
