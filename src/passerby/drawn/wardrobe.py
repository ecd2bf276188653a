"""What a drawn person looks like and wears: attributes with sensible joint frequencies, seeded.

A person keeps the wardrobe over all photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from passerby.drawn.palette import (
    BAG_COLOURS,
    COAT_COLOURS,
    DENIM,
    HAIR_RGB,
    JEANS_COLOURS,
    PALETTE,
    PATTERNS,
    SHOE_COLOURS,
    SKIRT_COLOURS,
    SOCK_COLOURS,
    TROUSER_COLOURS,
    UPPER_COLOURS,
    Colour,
    Rng,
    chance,
    dye,
    pick,
)


@dataclass(frozen=True)
class Garment:
    """A piece of clothing.

    sleeve: "none", "short" or "long" (of an upper garment); length: of an upper garment "crop",
    "waist", "hip", "thigh" or "knee", of a lower one or a dress "mini", "knee", "calf" or "ankle".
    pattern: see PATTERNS; second is its other colour. open: worn unbuttoned over an inner layer.
    """

    kind: str
    colour: Colour
    sleeve: str = "none"
    length: str = "hip"
    pattern: str = "plain"
    second: Colour | None = None
    fit: str = "regular"
    open: bool = False
    hood: bool = False


@dataclass(frozen=True)
class Person:
    """Everything about a drawn person that stays the same from photo to photo."""

    sex: str
    age: str
    build: str
    height: float
    skin: tuple[int, int, int]
    hair_colour: str
    hair_rgb: tuple[int, int, int]
    hair_length: str
    hair_style: str
    beard: bool
    hat: Garment | None
    glasses: str
    upper: Garment
    inner: Garment | None
    lower: Garment | None
    legwear: Garment | None
    shoes: Garment
    bags: tuple[Garment, ...]
    carried: tuple[Garment, ...]
    scarf: Garment | None
    belt: Garment | None
    tie: Garment | None = None


def _patterned(rng: Rng, name: str, patterns: Mapping[str, float]) -> tuple[str, Colour | None]:
    pattern = pick(rng, patterns)
    if pattern == "plain":
        return pattern, None
    contrast = {n: w for n, w in UPPER_COLOURS.items() if n.split()[-1] != name.split()[-1]}
    if pattern in ("striped", "vertical stripes", "plaid") and name != "white":
        contrast["white"] = 60
    return pattern, dye(rng, pick(rng, contrast))


def _cloth(
    rng: Rng,
    kind: str,
    colours: Mapping[str, float],
    patterns: Mapping[str, float] | None = None,
    **shape: object,
) -> Garment:
    colour = dye(rng, pick(rng, colours), DENIM if kind in ("jeans", "jean shorts") else PALETTE)
    pattern, second = _patterned(rng, colour.name, patterns or {"plain": 1})
    return Garment(kind, colour, pattern=pattern, second=second, **shape)  # type: ignore[arg-type]


def _shirt(rng: Rng, sex: str, season: str) -> Garment:
    """A layer worn on the skin: t-shirt, shirt, blouse, polo, tank top or sweater."""
    warm = season == "summer"
    kinds = {"t-shirt": 44 if warm else 14, "shirt": 14, "polo shirt": 6 if warm else 2}
    if sex == "woman":
        kinds |= {"blouse": 10, "tank top": 9 if warm else 2, "shirt": 7, "polo shirt": 1}
    else:
        kinds |= {"tank top": 3 if warm else 0}
    kinds |= {"sweater": 1 if warm else 14, "long sleeved t-shirt": 4 if warm else 12}
    kind = pick(rng, kinds)
    sleeve = {"tank top": "none", "sweater": "long", "long sleeved t-shirt": "long"}.get(kind)
    if sleeve is None:
        sleeve = "short" if kind in ("t-shirt", "polo shirt") else ""
        sleeve = sleeve or pick(rng, {"short": 6 if warm else 1, "long": 4, "none": 0.5})
        if sleeve == "none" and kind != "blouse":
            sleeve = "short"
    patterns = dict(PATTERNS)
    if kind in ("shirt", "blouse"):
        patterns |= {"plaid": 12, "print": 2, "vertical stripes": 6}
    if kind == "sweater":
        patterns |= {"print": 6, "floral": 0, "camouflage": 0}
    if sex == "man":
        patterns |= {"floral": 1, "dotted": 1}
    length = pick(rng, {"waist": 3, "hip": 8, "thigh": 1 if sex == "woman" else 0.5})
    if sex == "woman" and kind in ("tank top", "t-shirt") and chance(rng, 0.08):
        length = "crop"
    fit = pick(rng, {"slim": 3, "regular": 6, "loose": 3})
    return _cloth(rng, kind, UPPER_COLOURS, patterns, sleeve=sleeve, length=length, fit=fit)


def _coat(rng: Rng, sex: str, season: str) -> Garment:
    """An outer layer, open over an inner one or closed."""
    kinds: dict[str, float] = {"jacket": 36, "hoodie": 16, "blazer": 7, "cardigan": 4, "vest": 4}
    if season == "winter":
        kinds |= {"coat": 16, "down jacket": 16}
    if sex == "woman":
        kinds |= {"cardigan": 12}
    kind = pick(rng, kinds)
    lengths: dict[str, float] = {"waist": 4, "hip": 6}
    if kind == "coat":
        lengths = {"thigh": 5, "knee": 5}
    elif kind in ("cardigan", "down jacket"):
        lengths = {"hip": 6, "thigh": 3}
    patterns = {"plain": 84, "colour block": 8, "plaid": 3, "striped": 3, "print": 2}
    return _cloth(
        rng,
        kind,
        COAT_COLOURS,
        patterns,
        sleeve="none" if kind == "vest" else "long",
        length=pick(rng, lengths),
        fit=pick(rng, {"slim": 2, "regular": 5, "loose": 3}),
        open=chance(rng, 0.3 if kind == "down jacket" else 0.45),
        hood=kind == "hoodie" or (kind in ("jacket", "down jacket", "coat") and chance(rng, 0.25)),
    )


def _lower(rng: Rng, sex: str, season: str) -> Garment:
    warm = season == "summer"
    kinds: dict[str, float] = {"pants": 36, "jeans": 34, "shorts": 36 if warm else 2}
    if sex == "woman":
        kinds |= {"leggings": 10, "skirt": 17 if warm else 8, "jean shorts": 9 if warm else 0.5}
    else:
        kinds |= {"sweatpants": 5, "jean shorts": 4 if warm else 0}
    kind = pick(rng, kinds)
    fit = pick(rng, {"slim": 4 if sex == "woman" else 2, "regular": 5, "loose": 2})
    plain = {"plain": 90, "striped": 2, "plaid": 3, "camouflage": 2, "floral": 3}
    if kind in ("jeans", "jean shorts"):
        colours: Mapping[str, float] = JEANS_COLOURS
        plain = {"plain": 1}
    elif kind == "skirt":
        colours, plain = SKIRT_COLOURS, {"plain": 68, "floral": 12, "plaid": 6, "striped": 6,
                                         "dotted": 5, "colour block": 3}  # fmt: skip
    else:
        colours = TROUSER_COLOURS
    length = "ankle"
    if kind in ("shorts", "jean shorts"):
        length = pick(rng, {"mini": 5, "knee": 3} if sex == "woman" else {"mini": 1, "knee": 8})
    elif kind == "skirt":
        length = pick(rng, {"mini": 4, "knee": 5, "calf": 2, "ankle": 2})
    elif warm and chance(rng, 0.1):
        length = "calf"
    if kind in ("leggings",):
        fit, colours = "slim", {"black": 60, "gray": 10, "navy": 6, "pink": 3, "purple": 3}
    return _cloth(rng, kind, colours, plain, length=length, fit=fit)


def _shoes(rng: Rng, sex: str, season: str) -> Garment:
    kinds: dict[str, float] = {
        "sneakers": 40,
        "shoes": 34,
        "boots": 14 if season == "winter" else 3,
    }
    kinds |= {"sandals": 20 if season == "summer" else 0.5}
    if sex == "woman":
        kinds |= {"high heels": 8, "flats": 10, "boots": 18 if season == "winter" else 3}
    kind = pick(rng, kinds)
    return _cloth(rng, kind, SHOE_COLOURS, length="calf" if kind == "boots" else "ankle")


def _bags(rng: Rng, sex: str) -> tuple[Garment, ...]:
    if chance(rng, 0.42):
        return ()
    kinds: dict[str, float] = {
        "backpack": 40,
        "messenger bag": 14,
        "shopping bag": 10,
        "suitcase": 3,
    }
    kinds |= (
        {"handbag": 26, "shoulder bag": 24}
        if sex == "woman"
        else {"briefcase": 4, "shoulder bag": 8}
    )
    first = pick(rng, kinds)
    colours = {"white": 30, **BAG_COLOURS} if first == "shopping bag" else BAG_COLOURS
    bags = [_cloth(rng, first, colours)]
    if first != "shopping bag" and chance(rng, 0.07):
        bags.append(_cloth(rng, "shopping bag", {"white": 5, "black": 2, "red": 2, "blue": 1}))
    return tuple(bags)


def _carried(rng: Rng) -> tuple[Garment, ...]:
    if chance(rng, 0.8):
        return ()
    kinds = {
        "phone": 40,
        "bottle": 12,
        "umbrella": 10,
        "papers": 10,
        "book": 8,
        "cup": 8,
        "jacket": 8,
    }
    kind = pick(rng, kinds)
    return (_cloth(rng, kind, {"black": 1} if kind == "phone" else UPPER_COLOURS),)


def _hair(rng: Rng, sex: str, age: str) -> tuple[str, str, str]:
    """Colour, length and style."""
    colours = {"black": 50, "dark brown": 18, "brown": 14, "light brown": 6, "blonde": 9, "red": 2}
    if age == "old":
        colours = {"gray": 50, "white": 30, "black": 12, "brown": 8}
    elif age == "adult":
        colours |= {"gray": 3}
    if sex == "man":
        lengths = {"bald": 6 if age != "child" else 0, "short": 84, "medium": 7, "long": 3}
    else:
        lengths = {"short": 16 if age != "old" else 50, "medium": 32, "long": 50}
    length = pick(rng, lengths)
    styles: dict[str, float] = {"loose": 1}
    if length in ("medium", "long") and sex == "woman":
        styles = {"loose": 55, "ponytail": 32, "bun": 10, "braid": 3}
    return pick(rng, colours), length, pick(rng, styles)


def _dress(rng: Rng) -> Garment:
    patterns = {"plain": 60, "floral": 16, "striped": 8, "dotted": 7, "plaid": 4, "colour block": 5}
    sleeve = pick(rng, {"none": 5, "short": 5, "long": 2})
    length = pick(rng, {"mini": 4, "knee": 6, "calf": 2, "ankle": 2})
    return _cloth(rng, "dress", SKIRT_COLOURS, patterns, sleeve=sleeve, length=length)


def _legwear(
    rng: Rng, sex: str, season: str, lower: Garment | None, shoes: Garment
) -> Garment | None:
    """Tights or socks on legs that show."""
    if lower is not None and lower.kind != "skirt" and lower.length == "ankle":
        return None
    if sex == "woman" and season == "winter" and chance(rng, 0.6):
        return _cloth(rng, "tights", {"black": 8, "gray": 1, "beige": 1})
    if shoes.kind not in ("sneakers", "shoes") or not chance(rng, 0.45):
        return None
    length = pick(rng, {"ankle": 6, "calf": 3, "knee": 0.7})
    return _cloth(rng, "socks", SOCK_COLOURS, length=length)


def _tie(rng: Rng, sex: str, upper: Garment, inner: Garment | None) -> Garment | None:
    """A tie on a man's buttoned shirt, most often under a blazer."""
    shirt = inner or upper
    likely = 0.5 if upper.kind == "blazer" else 0.16 if shirt.sleeve == "long" else 0.03
    if sex != "man" or shirt.kind != "shirt" or not chance(rng, likely):
        return None
    return _cloth(rng, "tie", UPPER_COLOURS, {"plain": 6, "striped": 2, "dotted": 1})


def _hat(rng: Rng, season: str) -> Garment:
    warm = season == "summer"
    kinds = {"cap": 60, "sun hat": 16 if warm else 2, "beanie": 1 if warm else 20}
    return _cloth(rng, pick(rng, kinds), UPPER_COLOURS)


def _skin(rng: Rng) -> tuple[int, int, int]:
    shade = float(rng.beta(1.6, 1.6))
    pairs = zip((92, 58, 42), (242, 206, 182), strict=True)
    red, green, blue = (round(dark + (light - dark) * shade) for dark, light in pairs)
    return red, green, blue


def _strands(rng: Rng, name: str) -> tuple[int, int, int]:
    red, green, blue = (int(np.clip(v * rng.uniform(0.85, 1.15), 0, 255)) for v in HAIR_RGB[name])
    return red, green, blue


def _height(rng: Rng, sex: str, age: str) -> float:
    """Height against the average man."""
    height = float(np.clip(rng.normal(1.0 if sex == "man" else 0.95, 0.03), 0.85, 1.1))
    return height * (0.72 if age == "child" else 1.0)


def draw_wardrobe(rng: Rng) -> Person:
    """A person: body, hair, and clothes that go together by sex, age and season."""
    sex = pick(rng, {"woman": 50, "man": 50})
    age = pick(rng, {"child": 4, "young": 40, "adult": 44, "old": 12})
    season = pick(rng, {"summer": 62, "winter": 38})
    hair_colour, hair_length, hair_style = _hair(rng, sex, age)
    shirt = _shirt(rng, sex, season)
    coat = _coat(rng, sex, season) if chance(rng, 0.1 if season == "summer" else 0.64) else None
    lower: Garment | None = _lower(rng, sex, season)
    upper, inner = (coat, shirt) if coat is not None else (shirt, None)
    if sex == "woman" and chance(rng, 0.26 if season == "summer" else 0.08):
        dress = _dress(rng)
        upper, inner, lower = (coat, dress, None) if coat is not None else (dress, None, None)
    if upper.kind == "blazer" and lower is not None and lower.kind == "pants" and chance(rng, 0.45):
        lower = replace(lower, colour=upper.colour, pattern="plain", second=None)  # a suit
    shoes = _shoes(rng, sex, season)
    cold = season == "winter"
    return Person(
        sex=sex,
        age=age,
        build=pick(rng, {"slim": 30, "average": 50, "heavy": 20}),
        height=_height(rng, sex, age),
        skin=_skin(rng),
        hair_colour=hair_colour,
        hair_rgb=_strands(rng, hair_colour),
        hair_length=hair_length,
        hair_style=hair_style,
        beard=sex == "man" and age in ("adult", "old") and chance(rng, 0.18),
        hat=_hat(rng, season) if chance(rng, 0.13) else None,
        glasses=pick(rng, {"none": 82, "glasses": 12, "sunglasses": 6}),
        upper=upper,
        inner=inner,
        lower=lower,
        legwear=_legwear(rng, sex, season, lower, shoes),
        shoes=shoes,
        bags=_bags(rng, sex),
        carried=_carried(rng),
        scarf=_cloth(rng, "scarf", UPPER_COLOURS, PATTERNS) if cold and chance(rng, 0.14) else None,
        belt=_cloth(rng, "belt", {"black": 6, "brown": 4}) if chance(rng, 0.08) else None,
        tie=_tie(rng, sex, upper, inner),
    )  # fmt: skip


def garments(person: Person) -> Sequence[tuple[str, Garment]]:
    """(attribute name, garment) of all that a person wears or holds, from head to foot."""
    single = ("hat", "scarf", "tie", "upper", "inner", "belt", "lower", "legwear", "shoes")
    worn = [(name, getattr(person, name)) for name in single if getattr(person, name) is not None]
    worn += [(f"bag{i or ''}", bag) for i, bag in enumerate(person.bags)]
    return worn + [(f"carried{i or ''}", thing) for i, thing in enumerate(person.carried)]
