"""Which words nobody would use of a thing: clearly another colour, kind, pattern or length.

Derived from the tables that write captions (colour_words, lexicon): a word is apart from a thing
when no table gives it to the thing, nor to anything that people confuse with it.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache

from passerby.drawn.colour_words import FOCUS, TERMS
from passerby.drawn.lexicon import HAIR_COLOURS, NOUNS, PATTERN_BEFORE
from passerby.drawn.palette import HAIR_RGB, PALETTE
from passerby.drawn.wardrobe import Colour, Garment

Rgb = tuple[float, float, float]

VAGUE = frozenset({"dark", "light", "dark colored", "light colored"})  # no colour at all
_KIN, _MAIN = 0.03, 0.10  # shares from which a word counts as said of a thing, as mainly said
_GAP = 37.0  # steps of CIE Lab that part colours: black and gray are 34, white and pink 42
_LIGHT = 0.7  # of a step of lightness, as shadow and sun change that alone
_SAID, _SLIP = 0.01, 0.004  # shares from which a noun counts as said of a kind, as ever said
_BASES = {"off-white": "white", "reddish": "red", "greyish": "gray", "golden": "gold",
          "blond": "blonde", "brunette": "brown", "graying": "gray"}  # fmt: skip

# kinds of a group are not told apart by a swap; a kind that stands nowhere is never swapped
_GROUPS: dict[str, dict[str, str]] = {
    "upper": {
        "tee": "t-shirt/polo shirt", "tank": "tank top", "vest": "vest", "dress": "dress",
        "shirt": "shirt/blouse/long sleeved t-shirt",
        "knit": "sweater/sweatshirt/hoodie/cardigan",
        "coat": "jacket/track jacket/windbreaker/denim jacket/leather jacket/coat/down jacket/"
                "parka/blazer/suit",
    },
    "lower": {
        "long": "pants/jeans/sweatpants/track pants/leggings/cargo pants", "skirt": "skirt",
        "short": "shorts/jean shorts", "cropped": "capris",
    },
    "shoes": {
        "sneakers": "sneakers", "sandals": "sandals/flip flops/slippers", "boots": "boots",
        "heels": "high heels", "flats": "flats", "dress": "shoes/dress shoes/loafers",
    },
    "bag": {
        "back": "backpack", "case": "suitcase", "brief": "briefcase", "carrier":
        "shopping bag/plastic bag", "hand": "handbag/shoulder bag/tote/messenger bag",
        "other": "duffel bag/fanny pack",
    },
    "hat": {
        "cap": "cap", "brim": "sun hat/bucket hat", "beanie": "beanie", "helmet": "helmet",
        "band": "headband",
    },
}  # fmt: skip
_FAR: dict[str, tuple[str, ...]] = {
    "upper": ("tee coat", "tee knit", "tank coat", "tank knit", "shirt coat", "tee dress",
              "tank dress", "shirt dress", "knit dress", "coat dress", "vest dress"),
    "lower": ("long short", "long skirt", "short skirt", "cropped skirt"),
    "shoes": ("sneakers sandals", "sneakers boots", "sneakers heels", "sandals boots",
              "sandals dress", "boots flats"),
    "bag": ("back case", "back brief", "back carrier", "back hand", "case carrier", "case hand",
            "brief carrier"),
    "hat": ("cap brim", "cap beanie", "cap band", "brim beanie", "brim helmet", "beanie helmet",
            "brim band", "helmet band"),
    "pattern": ("stripes checks", "stripes flowers", "stripes dots", "stripes camouflage",
                "stripes print", "checks flowers", "checks dots", "checks camouflage",
                "checks print", "dots camouflage"),
    "sleeve": ("long short", "long none"),
    "length": ("long short",),
}  # fmt: skip
PATTERN_GROUPS = {"striped": "stripes", "vertical stripes": "stripes", "plaid": "checks",
             "floral": "flowers", "dotted": "dots", "camouflage": "camouflage",
             "print": "print"}  # fmt: skip
_ANY_PATTERN = frozenset({"patterned", "printed", "multicolored", "colorful", "flannel"})
AFTER = {"stripes": "stripes", "lines": "stripes", "checks": "checks", "flowers": "flowers",
         "polka dots": "dots", "dots": "dots", "spots": "dots"}  # fmt: skip


def colours_apart(word: str, colour: Colour) -> bool:
    """True when nobody would call the cloth so. `word` is in the tables' spelling."""
    return _apart(word, colour.name, colour.rgb)


@lru_cache(maxsize=65536)
def _apart(word: str, name: str, rgb: tuple[int, int, int]) -> bool:
    return _differ(word, TERMS, name) and _gap(_centre(word), rgb) >= _GAP


@lru_cache(maxsize=4096)
def hair_colours_apart(word: str, colour: str) -> bool:
    """True when nobody would call hair of that colour so."""
    if not _differ(word, HAIR_COLOURS, colour) or colour not in HAIR_RGB:
        return False
    return _gap(_mixed(word, HAIR_COLOURS, HAIR_RGB), HAIR_RGB[colour]) >= _GAP


def kinds_apart(noun: str, family: str, garment: Garment) -> bool:
    """True when all that the noun is said of in this family ("upper", "bag") is clearly something
    else than the garment.
    """
    said = {_group(family, kind) for kind in _sayings(family, noun)}
    own = _shares(NOUNS.get(garment.kind, {})).get(noun, 0.0)
    return bool(said) and own < _SLIP and _far(family, said, group_of(family, garment))


def group_of(family: str, garment: Garment) -> str:
    """The group of a garment's kind; "" for one that is never swapped."""
    group = _group(family, garment.kind)
    return "cropped" if group == "long" and garment.length != "ankle" else group


def patterns_apart(word: str, pattern: str) -> bool:
    """True of a word before the noun ("striped"), or after it ("stripes"), of another pattern."""
    said = {PATTERN_GROUPS.get(p, "") for p, words in PATTERN_BEFORE.items() if word in words}
    said |= {AFTER[word]} if word in AFTER else set()
    known = bool(said) and word not in _ANY_PATTERN
    return known and _far("pattern", said, PATTERN_GROUPS.get(pattern, ""))


def lengths_apart(what: str, one: str, other: str) -> bool:
    """`what`: "sleeve" ("long", "short", "none") or "length" of hair ("long", "short")."""
    return _far(what, {one}, other)


def _far(table: str, some: Iterable[str], other: str) -> bool:
    pairs = {frozenset(pair.split()) for pair in _FAR[table]}
    return all(frozenset({one, other}) in pairs for one in some)


@lru_cache(maxsize=1024)
def _group(family: str, kind: str) -> str:
    return next((g for g, kinds in _GROUPS[family].items() if kind in kinds.split("/")), "")


@lru_cache(maxsize=4096)
def _sayings(family: str, noun: str) -> tuple[str, ...]:
    """Kinds of the family that the noun is said of."""
    kinds = [kind for kinds in _GROUPS[family].values() for kind in kinds.split("/")]
    return tuple(kind for kind in kinds if _shares(NOUNS.get(kind, {})).get(noun, 0) >= _SAID)


def _differ(word: str, table: Mapping[str, Mapping[str, float]], name: str) -> bool:
    """The word is not said of the name, nor are its kin, nor is the name of what the word means."""
    terms = _shares(table.get(name, {name: 1.0}))
    if word in terms or word in VAGUE:
        return False
    meant = _shares(table[max(table, key=lambda other: _shares(table[other]).get(word, 0.0))])
    kin = {_base(word), *(_base(w) for w, share in meant.items() if share >= _MAIN)}
    said = {_base(w) for w, share in terms.items() if share >= _KIN and w not in VAGUE}
    return not kin & said and _base(name) not in {_base(w) for w in meant}


def _base(word: str) -> str:
    """ "dark purple" is "purple", "wine colored" is "wine"."""
    word = word.removesuffix(" colored").rsplit(" ", 1)[-1]
    return _BASES.get(word, word)


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {word: weight / total for word, weight in weights.items() if weight > 0}


@lru_cache(maxsize=1024)
def _centre(word: str) -> Rgb:
    """The red, green and blue that a colour word is best for, or the mean of what it is said of."""
    if word in FOCUS:
        return FOCUS[word]
    return _mixed(word, TERMS, {name: _middle(name) for name in PALETTE})


def _mixed(word: str, table: Mapping[str, Mapping[str, float]], colours: Mapping[str, Rgb]) -> Rgb:
    weights = {n: _shares(table[n]).get(word, 0.0) for n in table if n in colours}
    total = sum(weights.values()) or 1.0
    red, green, blue = (
        sum(w * colours[n][i] for n, w in weights.items()) / total for i in range(3)
    )
    return red, green, blue


def _middle(name: str) -> Rgb:
    hue, saturation, value = ((low + high) / 2 for low, high in PALETTE[name])
    red, green, blue = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)
    return 255 * red, 255 * green, 255 * blue


def _gap(one: Rgb, other: Rgb) -> float:
    """How far two colours are apart for the eye: in CIE Lab (1976, D65), less so in lightness."""
    (light, *tint), (lit, *tinted) = _lab(one), _lab(other)
    return math.dist((_LIGHT * light, *tint), (_LIGHT * lit, *tinted))


def _lab(rgb: Rgb) -> Rgb:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in (v / 255 for v in rgb)]  # fmt: skip
    rows = ((0.4339, 0.3762, 0.1899), (0.2126, 0.7152, 0.0722), (0.0177, 0.1095, 0.8729))
    xyz = [sum(a * c for a, c in zip(row, linear, strict=True)) for row in rows]
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
