"""A caption's false twin: the same sentence with one word that tells something else.

"a woman in a red coat" and "a woman in a green coat" differ in one word, and a model that has only
seen the captions of other people beside a photo hardly learns to mind it. So training may put
the twin beside the caption. Words are replaced by those of their own kind (colours, bags, shoes,
tops, lengths of hair, of sleeves and of trousers, patterns) that people do not confuse with them,
as often as captions say them: a word that is rare in captions is then no sign of a twin. The lists
are ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from numpy.random import Generator

# family of words that are said of the same thing: how often captions say each
Families = Mapping[str, Mapping[str, float]]

COLOURS: Families = {
    "black": {"black": 63, "charcoal": 1, "dark black": 0},
    "white": {"white": 50, "off-white": 0.5, "cream": 1, "ivory": 0, "cream colored": 0.5},
    "gray": {"gray": 14, "grey": 8, "dark gray": 3, "light gray": 2, "silver": 1, "dark grey": 2},
    "blue": {"blue": 22, "light blue": 5, "bright blue": 1, "royal blue": 0.5, "sky blue": 0.3},
    "navy": {"navy blue": 2, "navy": 1, "dark blue": 4},
    "red": {"red": 11.7, "bright red": 0.5, "dark red": 0.5},
    "maroon": {"maroon": 1, "burgundy": 1},
    "pink": {"pink": 6, "light pink": 0.5, "hot pink": 0.5},
    "orange": {"orange": 3, "bright orange": 0.3},
    "yellow": {"yellow": 4, "bright yellow": 0.5, "gold": 0.3},
    "green": {"green": 6, "dark green": 1, "light green": 1, "olive green": 0.5},
    "teal": {"teal": 0.7, "turquoise": 0.7},
    "purple": {"purple": 3, "lavender": 0.3, "violet": 0.2},
    "brown": {"brown": 12, "dark brown": 2},
    "tan": {"tan": 6, "beige": 3, "khaki": 3, "light brown": 2},
}
_ALIKE = """black navy, black gray, black brown, gray white, white tan, white yellow, blue navy,
blue teal, blue purple, green teal, navy purple, red maroon, red pink, red orange, red brown,
maroon brown, maroon purple, pink orange, pink purple, orange yellow, orange brown, orange tan,
brown tan, tan yellow, tan green, tan gray, black maroon, navy teal, black green, gray navy,
gray green, white pink, maroon pink, gray blue, white blue"""
BAGS: Families = {
    "backpack": {"backpack": 8, "back pack": 2, "book bag": 1, "knapsack": 0.2},
    "handbag": {"purse": 6, "handbag": 3, "hand bag": 1, "clutch": 0.2},
    "shoulder": {"shoulder bag": 3, "messenger bag": 1.5, "satchel": 1, "tote bag": 0.7},
    "shopping": {"shopping bag": 2, "plastic bag": 1.5, "paper bag": 0.5},
    "suitcase": {"suitcase": 1.5, "rolling suitcase": 0.5},
    "briefcase": {"briefcase": 0.6, "laptop bag": 0.2},
    "umbrella": {"umbrella": 1.5},
}
SHOES: Families = {
    "sneakers": {"sneakers": 9, "tennis shoes": 5, "running shoes": 1},
    "sandals": {"sandals": 5, "flip flops": 2},
    "boots": {"boots": 5, "ankle boots": 0.5},
    "heels": {"heels": 2, "high heels": 2},
}
TOPS: Families = {
    "shirt": {"t-shirt": 8, "tee shirt": 2, "t shirt": 2, "polo shirt": 1.5},
    "tank": {"tank top": 3},
    "jacket": {"jacket": 9.7, "coat": 5, "hoodie": 2, "suit jacket": 1},
    "sweater": {"sweater": 4, "sweatshirt": 2, "cardigan": 1},
}
LEGS: Families = {
    "pants": {"pants": 34, "jeans": 12, "slacks": 2, "trousers": 2},
    "shorts": {"shorts": 26},
}
SKIRTS: Families = {"dress": {"dress": 9}, "skirt": {"skirt": 6}}
HAIR: Families = {"short": {"short": 10}, "long": {"long": 9}}
HAIR_COLOURS: Families = {
    "black": {"black": 10, "dark": 5},
    "brown": {"brown": 5, "dark brown": 1},
    "blonde": {"blonde": 3, "blond": 1},
    "gray": {"gray": 1.5, "grey": 0.5, "white": 0.4},
    "red": {"red": 0.7},
}
SLEEVES: Families = {
    "short": {"short sleeved": 6, "short sleeve": 6},
    "long": {"long sleeved": 5, "long sleeve": 5},
    "none": {"sleeveless": 2},
}
PATTERNS: Families = {
    "striped": {"striped": 6},
    "plaid": {"plaid": 3, "checkered": 1},
    "floral": {"floral": 2, "flowered": 0.5},
    "dotted": {"polka dot": 0.5, "polka dotted": 0.3},
    "camouflage": {"camouflage": 0.5, "camo": 0.3},
}


@dataclass(frozen=True)
class Kind:
    """Words of one kind. alike: families that people confuse. after: what must follow the word."""

    families: Families
    alike: frozenset[frozenset[str]] = frozenset()
    after: str = ""

    @cached_property
    def family(self) -> dict[str, str]:
        return {word: name for name, words in self.families.items() for word in words}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        longest = sorted(self.family, key=lambda word: (-len(word), word))
        words = "|".join(re.escape(word).replace(r"\-", "[- ]") for word in longest)
        return re.compile(rf"(?<![\w-])(?:{words})(?![\w-]){self.after}", re.IGNORECASE)

    def other(self, word: str, rng: Generator) -> str:
        """A word that is false where this one is true, as often as captions say it."""
        known = self.family.get(word.lower()) or self.family[word.lower().replace(" ", "-")]
        words = {
            other: weight
            for name, others in self.families.items()
            if name != known and frozenset((name, known)) not in self.alike
            for other, weight in others.items()
        }
        weights = list(words.values())
        place = rng.choice(len(weights), p=[weight / sum(weights) for weight in weights])
        return list(words)[int(place)]


def _pairs(words: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(pair.split()) for pair in words.split(","))


_OF_HAIR = r",? (?:[\w-]+ ){0,2}hair"
KINDS = {
    "colour": Kind(COLOURS, _pairs(_ALIKE), after=f"(?!{_OF_HAIR})"),
    "bag": Kind(BAGS, _pairs("handbag shoulder, shoulder briefcase, handbag shopping")),
    "shoes": Kind(SHOES),
    "top": Kind(TOPS, _pairs("jacket sweater")),
    "legs": Kind(LEGS),
    "skirt": Kind(SKIRTS),
    "hair": Kind(HAIR, after=f"(?={_OF_HAIR})"),
    "hair colour": Kind(HAIR_COLOURS, _pairs("black brown, brown red"), after=f"(?={_OF_HAIR})"),
    "sleeve": Kind(SLEEVES),
    "pattern": Kind(PATTERNS),
}
_OFTEN = {"colour": 3.0}  # against 1 of any other kind that a caption tells


def false_twin(caption: str, rng: Generator) -> str | None:
    """The caption with one word replaced by a false one; None where no list holds a word of it.

    The kind of word is drawn first, a colour three times as often as any other, then the place.
    Where a caption says the word twice, only one place is changed: it then contradicts itself, and
    is false all the same.
    """
    found = {name: list(kind.pattern.finditer(caption)) for name, kind in KINDS.items()}
    names = [name for name, places in found.items() if places]
    if not names:
        return None
    weights = [_OFTEN.get(name, 1.0) for name in names]
    name = names[int(rng.choice(len(names), p=[w / sum(weights) for w in weights]))]
    place = found[name][int(rng.integers(len(found[name])))]
    other = KINDS[name].other(place.group(), rng)
    before = caption[: place.start()]
    if place.group()[:1].isupper():
        other = other[:1].upper() + other[1:]
    article = re.search(r"\b([Aa])n? $", before)
    if article is not None:
        before = before[: article.start()] + article.group(1)
        before += "n " if other[0].lower() in "aeiou" else " "
    return before + other + caption[place.end() :]
