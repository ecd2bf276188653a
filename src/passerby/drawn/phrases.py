"""One attribute of a person as a phrase: "a short sleeved white shirt with blue stripes".

The words that tell an attribute are marked in the phrase; `wording` turns marks into spans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from passerby.drawn.asides import quality, strands
from passerby.drawn.colour_words import colour_choice, shade
from passerby.drawn.dice import Choice, Dice
from passerby.drawn.lexicon import (
    BEARD,
    GLASSES,
    PAIRED,
    UNCOUNTED,
    hair_choice,
    is_plural,
    noun_choice,
    pattern_choice,
)
from passerby.drawn.wardrobe import Colour, Garment, Person

OPEN, NAME, CLOSE = "\x02", "\x1f", "\x03"  # around marked words; never in a sentence

SHIRTS = frozenset({"t-shirt", "long sleeved t-shirt", "shirt", "polo shirt", "blouse", "sweater",
                    "tank top", "dress", "sweatshirt"})  # fmt: skip
_JEANS = frozenset({"jeans", "jean shorts"})
_BAGS = ("bag", "carried")
_COLOUR_TOLD = {"upper": 0.96, "inner": 0.94, "lower": 0.95, "legwear": 0.85, "shoes": 0.87,
                "hat": 0.78, "scarf": 0.85, "tie": 0.7, "belt": 0.8, "bag": 0.74,
                "carried": 0.45}  # fmt: skip
_SLEEVES = {
    "short": (Choice({"short sleeved": 46, "short sleeve": 36, "short-sleeved": 11,
                      "short-sleeve": 3}), "with short sleeves"),
    "long": (Choice({"long sleeved": 44, "long sleeve": 40, "long-sleeved": 9,
                     "long-sleeve": 4}), "with long sleeves"),
    "none": (Choice({"sleeveless": 1}), "with no sleeves"),
}  # fmt: skip
_LENGTHS = {
    "knee": Choice({"knee length": 56, "knee-length": 30, "long": 10, "mid length": 4}),
    "mini": Choice({"short": 74, "mini": 16, "very short": 10}),
    "ankle": Choice({"long": 76, "ankle length": 20, "full length": 6}),
    "calf": Choice({"mid-calf": 30, "calf length": 30, "long": 40}),
}
_LENGTHS_AFTER = {
    "knee": "that goes to {her} knees",
    "ankle": "that goes down to {her} ankles",
    "mini": "that ends above the knee",
    "calf": "that ends below the knee",
}
_CROPPED = Choice({"capri pants": 34, "capris": 20, "capri's": 14, "cropped pants": 14,
                   "rolled up pants": 6, "three quarter length pants": 4})  # fmt: skip
_FITS = {
    "slim": Choice({"tight": 60, "fitted": 12, "skinny": 12, "tight fitting": 14, "slim": 5}),
    "loose": Choice({"loose": 36, "baggy": 28, "loose fitting": 26, "oversized": 8}),
}
_OPEN = Choice({"open": 60, "unbuttoned": 16, "unzipped": 14, "open front": 4})
_DARK = frozenset(
    {"black", "navy", "navy blue", "dark blue", "dark gray", "dark brown", "charcoal"}
)
_VOWEL = re.compile(r"\ban? (?=[aeio])")
_SIZES = Choice({"large": 52, "small": 34, "big": 6, "little": 3, "medium sized": 3})


@dataclass(slots=True)
class Telling:
    """How much an author says of things: `detail` 0 (terse) to 1; `side` of a print that shows."""

    dice: Dice
    detail: float
    side: str
    his: str


def mark(attribute: str, words: str) -> str:
    return f"{OPEN}{attribute}{NAME}{words}{CLOSE}"


def with_article(attribute: str, words: str, noun: str) -> str:
    """Marked words after "a" or "an", unless the noun takes none."""
    if is_plural(noun):
        return mark(attribute, words)
    return ("an " if words[0] in "aeiou" else "a ") + mark(attribute, words)


def family(attribute: str) -> str:
    """The attribute without its number: "bag1" is a "bag"."""
    return attribute.rstrip("0123456789")


def colour_word(dice: Dice, colour: Colour, attribute: str = "upper") -> str:
    """What this author calls the colour; dark trousers and shoes are often just "dark"."""
    choice = colour_choice(shade(colour))
    word = dice.pick(choice)
    if dice.chance(0.012) and (other := dice.pick(choice)) != word:
        return f"{word} or {other}"
    if word in _DARK and attribute in ("lower", "shoes") and dice.chance(0.1):
        return dice.among("dark", "dark", "dark colored")
    return f"{word} colored" if " " not in word and dice.chance(0.012) else word


def garment_phrase(telling: Telling, attribute: str, garment: Garment) -> str:
    """A garment, bag or thing with the article it needs."""
    dice = telling.dice
    kind = family(attribute)
    noun = _noun(telling, garment, kind)
    colour = ""
    share = 0.86 if garment.kind in _JEANS else _COLOUR_TOLD.get(kind, 0.8)
    if dice.chance(share) and not noun.startswith("some"):
        colour = colour_word(dice, garment.colour, kind)
    before, after = _pattern(telling, garment, colour)
    shapes, tail = _shape(telling, garment, kind, noun)
    words = [before or colour]
    if shapes:
        words.insert(0 if before or dice.chance(0.55) else 1, shapes)
    if kind in _BAGS and dice.chance(0.2 * telling.detail + 0.05):
        words.insert(0, dice.pick(_SIZES))
    elif dice.chance(0.03):
        words.insert(0, quality(dice, garment.pattern))
    words.append(noun)
    told = " ".join(word for word in words if word)
    if is_plural(noun):
        after = after.replace("that has ", "that have ")
    if dice.chance(0.5) and after and tail:
        tail = ""
    told = " ".join(word for word in (told, after, tail) if word)
    if kind in PAIRED and is_plural(noun) and dice.chance(0.12 + 0.3 * telling.detail):
        told = mark(attribute, told)
        return f"a pair of {told}" if dice.chance(0.93) else f"pair of {told}"
    return with_article(attribute, told, noun)


def _noun(telling: Telling, garment: Garment, kind: str) -> str:
    if kind == "lower" and garment.length == "calf" and telling.dice.chance(0.6):
        return telling.dice.pick(_CROPPED)
    return telling.dice.pick(noun_choice(garment.kind))


def _shape(telling: Telling, garment: Garment, kind: str, noun: str) -> tuple[str, str]:
    """Sleeve, length, fit or an open front: words before the noun and words after all."""
    dice, detail = telling.dice, telling.detail
    if garment.kind in SHIRTS:
        likely = 0.04 if "sleeve" in noun or "tank" in noun else 0.17 + 0.2 * detail
        if "t-shirt" in noun or "tee" in noun:
            likely *= 0.5
        if dice.chance(likely) and garment.sleeve in _SLEEVES:
            words, tail = _SLEEVES[garment.sleeve]
            return ("", tail) if dice.chance(0.2) else (dice.pick(words), "")
    if garment.open and dice.chance(0.22):
        return dice.pick(_OPEN), ""
    long_or_short = garment.kind in ("dress", "skirt", "shorts", "jean shorts", "coat")
    if long_or_short and garment.length in _LENGTHS and dice.chance(0.1 + 0.22 * detail):
        if garment.kind in ("dress", "skirt") and dice.chance(0.2):
            return "", _LENGTHS_AFTER[garment.length].replace("{her}", telling.his)
        short = garment.length == "mini" and "short" in garment.kind
        return "short" if short else dice.pick(_LENGTHS[garment.length]), ""
    if garment.kind in ("pants", "jeans") and garment.length == "ankle" and dice.chance(0.02):
        return "long", ""
    if kind in ("upper", "lower") and garment.fit in _FITS and dice.chance(0.07 * detail + 0.02):
        return dice.pick(_FITS[garment.fit]), ""
    return "", ""


def _pattern(telling: Telling, garment: Garment, colour: str) -> tuple[str, str]:
    """Words before the noun in place of the colour, and words after the noun."""
    dice, pattern = telling.dice, garment.pattern
    if pattern == "plain" or not dice.chance(0.55 + 0.4 * telling.detail):
        return "", ""
    second = colour_word(dice, garment.second) if garment.second is not None else ""
    if pattern == "print":
        if not telling.side or dice.chance(0.15):
            return ("", "") if not telling.side else (_joined(colour, "graphic"), "")
    elif pattern == "colour block" and colour and second and dice.chance(0.6):
        return (f"{colour} and {second}" if dice.chance(0.7) else f"{second} and {colour}"), ""
    elif dice.chance(0.62):
        words = dice.pick(pattern_choice(pattern, before=True))
        return _patterned(dice, colour, second, words), ""
    after = dice.pick(pattern_choice(pattern, before=False))
    second = f"{second} " if second and dice.chance(0.8) else ""
    after = after.replace("{second}", second).replace("{side}", telling.side or "front")
    if dice.chance(0.08):
        after = "that has " + after.removeprefix("with ")
    return "", _VOWEL.sub("an ", after)


def _patterned(dice: Dice, colour: str, second: str, words: str) -> str:
    """ "white and blue striped", "white striped" or "striped"."""
    if colour and second and dice.chance(0.62):
        both = (colour, second) if dice.chance(0.6) else (second, colour)
        return f"{both[0]} and {both[1]} {words}"
    return _joined(colour, words) if dice.chance(0.7) else _joined(words, colour)


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def hair_phrase(telling: Telling, person: Person) -> str:
    """ "short black hair", "long hair in a ponytail", "a bald head", after has or with."""
    dice = telling.dice
    if person.hair_length == "bald":
        return "a " + mark("hair", dice.among("bald head", "shaved head", "bald head"))
    style = dice.pick(hair_choice("style", person.hair_style)).replace("{her}", telling.his)
    colour = dice.pick(hair_choice("colour", person.hair_colour)) if dice.chance(0.88) else ""
    if person.hair_style in ("ponytail", "braid", "bun") and dice.chance(0.22):
        noun = {"ponytail": dice.among("ponytail", "pony tail")}.get(
            person.hair_style, person.hair_style
        )
        return with_article("hair", _joined(colour, noun), noun)
    length = dice.pick(hair_choice("length", person.hair_length))
    if style and dice.chance(0.45):
        length = ""
    if not (length or colour):
        colour = dice.pick(hair_choice("colour", person.hair_colour))
    order = (colour, length) if dice.chance(0.05) else (length, colour)
    besides = strands(dice) if dice.chance(0.04) else ""
    words = _joined(*order, besides, "hair", style)
    if style.startswith(("in ", "pulled", "tied", "up ")) and dice.chance(0.15):
        return f"{telling.his} {mark('hair', words)}"
    return mark("hair", words)


def glasses_phrase(telling: Telling, person: Person) -> str:
    return mark("glasses", telling.dice.pick(GLASSES[person.glasses]))


def beard_phrase(telling: Telling) -> str:
    return mark("beard", telling.dice.pick(BEARD))


def being_phrase(telling: Telling, attribute: str, garment: Garment) -> str:
    """ "shirt is white" for after "his"."""
    dice = telling.dice
    noun = _noun(telling, garment, family(attribute))
    while noun.startswith("some") or " with " in noun:
        noun = _noun(telling, garment, family(attribute))
    colour = colour_word(dice, garment.colour, attribute)
    _, after = _pattern(telling, garment, colour) if attribute in ("upper", "lower") else ("", "")
    are = "are" if is_plural(noun) and noun not in UNCOUNTED else "is"
    return mark(attribute, _joined(noun, are, colour, after))


def hair_being_phrase(telling: Telling, person: Person) -> str:
    """ "hair is short and black" for after "his"."""
    dice = telling.dice
    if person.hair_length == "bald":
        return mark("hair", "head is " + dice.among("bald", "shaved"))
    words = [dice.pick(hair_choice("colour", person.hair_colour))]
    length = dice.pick(hair_choice("length", person.hair_length))
    if length and dice.chance(0.5):
        words.insert(0, length)
    style = dice.pick(hair_choice("style", person.hair_style)).replace("{her}", telling.his)
    if style.startswith("that is "):
        style = "and " + style.removeprefix("that is ")
    return mark("hair", _joined("hair is", " and ".join(words), style))
