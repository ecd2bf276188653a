"""Colours and how often things have them: names that captions use, ranges of HSV, tables.

Ranges are wide enough to overlap where people confuse colours (navy, black and dark blue).
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Rng = np.random.Generator
T = TypeVar("T")

Span = tuple[float, float]

# name: (hue in degrees low, high), (saturation low, high), (value low, high)
PALETTE: dict[str, tuple[Span, Span, Span]] = {
    "black": ((0, 360), (0.0, 0.25), (0.03, 0.15)),
    "dark gray": ((0, 360), (0.0, 0.10), (0.22, 0.36)),
    "gray": ((0, 360), (0.0, 0.08), (0.42, 0.60)),
    "light gray": ((0, 360), (0.0, 0.06), (0.66, 0.80)),
    "white": ((0, 360), (0.0, 0.05), (0.90, 1.0)),
    "cream": ((36, 50), (0.10, 0.24), (0.86, 0.97)),
    "beige": ((26, 42), (0.22, 0.38), (0.68, 0.84)),
    "khaki": ((38, 56), (0.26, 0.44), (0.52, 0.70)),
    "brown": ((14, 30), (0.45, 0.75), (0.26, 0.48)),
    "dark brown": ((12, 28), (0.40, 0.70), (0.13, 0.24)),
    "red": ((-8, 6), (0.75, 0.98), (0.62, 0.95)),
    "maroon": ((-16, 2), (0.60, 0.90), (0.26, 0.44)),
    "pink": ((322, 356), (0.22, 0.60), (0.82, 1.0)),
    "orange": ((14, 30), (0.78, 1.0), (0.84, 1.0)),
    "yellow": ((46, 60), (0.62, 0.98), (0.84, 1.0)),
    "green": ((95, 150), (0.45, 0.90), (0.36, 0.70)),
    "dark green": ((100, 165), (0.40, 0.80), (0.14, 0.30)),
    "light green": ((75, 140), (0.25, 0.55), (0.72, 0.95)),
    "olive": ((52, 82), (0.34, 0.65), (0.26, 0.44)),
    "teal": ((172, 192), (0.50, 0.95), (0.36, 0.70)),
    "blue": ((206, 232), (0.62, 0.95), (0.50, 0.90)),
    "light blue": ((196, 220), (0.20, 0.48), (0.74, 0.96)),
    "dark blue": ((212, 238), (0.50, 0.85), (0.24, 0.42)),
    "navy": ((218, 242), (0.40, 0.80), (0.14, 0.26)),
    "purple": ((262, 294), (0.40, 0.80), (0.32, 0.66)),
}


@dataclass(frozen=True)
class Colour:
    """A colour word and the red, green, blue (0-255) of one cloth of that name."""

    name: str
    rgb: tuple[int, int, int]


PATTERNS = {
    "plain": 62,
    "print": 12,
    "striped": 7,
    "vertical stripes": 3,
    "plaid": 5,
    "floral": 4,
    "dotted": 2,
    "colour block": 4,
    "camouflage": 1,
}

UPPER_COLOURS = {
    "white": 20, "black": 20, "gray": 8, "dark gray": 4, "light gray": 4, "blue": 7,
    "light blue": 5, "dark blue": 5, "navy": 4, "red": 9, "maroon": 2, "pink": 6, "orange": 3,
    "yellow": 4, "green": 4, "dark green": 2, "light green": 2, "olive": 2, "teal": 2,
    "purple": 4, "beige": 3, "cream": 3, "khaki": 2, "brown": 3,
}  # fmt: skip
COAT_COLOURS = {
    "black": 26, "dark gray": 6, "gray": 8, "navy": 7, "dark blue": 6, "blue": 5, "red": 8,
    "maroon": 3, "brown": 5, "dark brown": 3, "beige": 6, "khaki": 4, "olive": 5, "dark green": 3,
    "white": 5, "cream": 2, "pink": 4, "light blue": 3, "yellow": 2, "orange": 2, "purple": 3,
    "green": 2, "teal": 1,
}  # fmt: skip
TROUSER_COLOURS = {
    "black": 36, "dark gray": 7, "gray": 9, "light gray": 3, "khaki": 6, "beige": 7, "brown": 4,
    "navy": 6, "dark blue": 5, "white": 7, "olive": 3, "red": 2, "cream": 2, "pink": 1,
    "green": 1, "dark green": 1, "blue": 3,
}  # fmt: skip
# Denim is duller than a dyed cloth of the same name.
DENIM: dict[str, tuple[Span, Span, Span]] = {
    "blue": ((206, 226), (0.32, 0.62), (0.34, 0.62)),
    "dark blue": ((210, 234), (0.28, 0.60), (0.17, 0.34)),
    "light blue": ((200, 220), (0.14, 0.36), (0.58, 0.86)),
    "black": ((0, 360), (0.0, 0.18), (0.06, 0.18)),
    "gray": ((200, 230), (0.0, 0.10), (0.38, 0.60)),
}
JEANS_COLOURS = {"blue": 45, "dark blue": 26, "light blue": 18, "black": 8, "gray": 3}
SKIRT_COLOURS = {
    "black": 28, "white": 8, "blue": 8, "navy": 4, "red": 7, "pink": 7, "gray": 6, "beige": 5,
    "brown": 4, "green": 4, "yellow": 4, "purple": 4, "orange": 2, "light blue": 4, "cream": 2,
    "maroon": 2,
}  # fmt: skip
SHOE_COLOURS = {
    "black": 42, "white": 24, "brown": 10, "gray": 6, "red": 4, "blue": 4, "beige": 3, "pink": 3,
    "dark gray": 3, "green": 1, "yellow": 1, "dark brown": 2, "orange": 1,
}  # fmt: skip
SOCK_COLOURS = {
    "white": 54, "black": 24, "gray": 10, "dark gray": 3, "blue": 2, "navy": 2, "pink": 2, "red": 2,
}  # fmt: skip
BAG_COLOURS = {
    "black": 36, "brown": 10, "white": 7, "red": 8, "blue": 8, "gray": 6, "pink": 5, "beige": 4,
    "navy": 3, "green": 4, "yellow": 3, "purple": 3, "orange": 2, "khaki": 2, "dark blue": 2,
}  # fmt: skip
HAIR_RGB = {
    "black": (24, 20, 20), "dark brown": (52, 36, 28), "brown": (88, 60, 40),
    "light brown": (128, 94, 62), "blonde": (200, 164, 104), "red": (140, 62, 34),
    "gray": (150, 148, 146), "white": (222, 220, 216),
}  # fmt: skip


def pick(rng: Rng, weights: Mapping[T, float]) -> T:
    """One key, as often as its weight says."""
    names = list(weights)
    shares = np.cumsum([weights[name] for name in names], dtype=float)
    return names[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def chance(rng: Rng, share: float) -> bool:
    return bool(rng.random() < share)


def dye(rng: Rng, name: str, ranges: Mapping[str, tuple[Span, Span, Span]] = PALETTE) -> Colour:
    """A cloth of the named colour: a draw from its range."""
    hue, saturation, value = (rng.uniform(*span) for span in ranges[name])
    red, green, blue = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)
    return Colour(name, (round(red * 255), round(green * 255), round(blue * 255)))
