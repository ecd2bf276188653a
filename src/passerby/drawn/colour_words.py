"""What people call a colour: the name is the prior, the red, green and blue are the evidence.

A cloth of the name "navy" is called "navy blue", "dark blue" or, when it is very dark, "black".
Only words listed under the name can be drawn, so a word is never absurd.
"""

from __future__ import annotations

import math
from functools import lru_cache

from passerby.drawn.dice import Choice
from passerby.drawn.wardrobe import Colour

# name of a cloth's colour: words for it and their weights
TERMS: dict[str, dict[str, float]] = {
    "black": {"black": 90, "dark": 5, "dark colored": 2, "dark black": 1, "dark gray": 1,
              "navy": 1},
    "dark gray": {"dark gray": 22, "gray": 50, "charcoal": 3, "dark": 9, "black": 18,
                  "dark colored": 4, "charcoal gray": 2},
    "gray": {"gray": 84, "dark gray": 6, "light gray": 6, "silver": 2, "greyish": 2},
    "light gray": {"gray": 46, "light gray": 34, "silver": 4, "white": 7, "light colored": 5,
                   "light": 3, "off-white": 1},
    "white": {"white": 95, "off-white": 0.6, "cream": 0.8, "light colored": 2, "light": 1},
    "cream": {"cream": 22, "white": 26, "off-white": 14, "cream colored": 10, "beige": 14,
              "light colored": 6, "ivory": 3, "tan": 4, "light yellow": 2},
    "beige": {"beige": 18, "tan": 54, "khaki": 12, "light brown": 10, "cream": 4, "peach": 2,
              "light colored": 4, "beige colored": 2, "camel": 1},
    "khaki": {"khaki": 40, "tan": 30, "olive": 4, "beige": 9, "light brown": 9, "khaki colored": 4,
              "brown": 4, "olive green": 2},
    "brown": {"brown": 82, "dark brown": 8, "light brown": 4, "reddish brown": 2, "tan": 2,
              "dark": 2},
    "dark brown": {"dark brown": 34, "brown": 36, "black": 12, "dark": 12, "dark colored": 5},
    "red": {"red": 88, "bright red": 6, "dark red": 3, "reddish": 1, "orange": 1, "pink": 1},
    "maroon": {"maroon": 30, "burgundy": 20, "dark red": 24, "red": 14, "wine colored": 3,
               "brown": 3, "dark purple": 2, "maroon colored": 2, "reddish": 2},
    "pink": {"pink": 74, "light pink": 12, "hot pink": 5, "bright pink": 4, "rose": 2, "peach": 3,
             "pale pink": 2},
    "orange": {"orange": 84, "bright orange": 9, "neon orange": 2, "peach": 2, "rust": 1},
    "yellow": {"yellow": 76, "bright yellow": 15, "light yellow": 5, "neon yellow": 3, "gold": 4,
               "golden": 1, "mustard": 1},
    "green": {"green": 82, "bright green": 6, "dark green": 6, "kelly green": 1, "teal": 2},
    "dark green": {"dark green": 50, "green": 30, "forest green": 4, "olive green": 4, "dark": 6,
                   "black": 3, "hunter green": 1},
    "light green": {"light green": 40, "green": 34, "lime green": 9, "lime": 4, "mint green": 5,
                    "bright green": 4, "neon green": 3, "pale green": 2, "yellow": 1},
    "olive": {"olive": 16, "olive green": 28, "green": 24, "army green": 10, "dark green": 12,
              "khaki": 5, "brown": 5},
    "teal": {"teal": 34, "turquoise": 20, "blue": 14, "green": 8, "aqua": 6, "blue green": 8,
             "teal blue": 3, "turquoise blue": 4, "teal green": 2},
    "blue": {"blue": 88, "bright blue": 4, "royal blue": 2, "dark blue": 6, "light blue": 2,
             "navy blue": 1},
    "light blue": {"light blue": 36, "blue": 80, "pale blue": 4, "baby blue": 3, "sky blue": 3,
                   "light colored": 2, "turquoise": 2, "white": 1},
    "dark blue": {"dark blue": 28, "navy blue": 7, "navy": 3, "blue": 60, "dark": 4, "black": 2},
    "navy": {"navy blue": 15, "navy": 8, "dark blue": 26, "black": 20, "blue": 30, "dark": 8,
             "dark colored": 4},
    "purple": {"purple": 78, "dark purple": 7, "violet": 4, "lavender": 6, "light purple": 5,
               "blue": 2},
}  # fmt: skip

# word: the red, green and blue it is best for; a word that is missing fits all cloths of its name
FOCUS: dict[str, tuple[int, int, int]] = {
    "black": (16, 16, 18), "dark": (24, 24, 28), "dark colored": (24, 24, 28), "navy": (20, 28, 66),
    "navy blue": (22, 30, 74), "dark blue": (24, 38, 96), "dark gray": (70, 70, 72),
    "charcoal": (58, 58, 62), "gray": (128, 128, 128), "silver": (188, 188, 192),
    "light gray": (192, 192, 192), "white": (248, 248, 248), "off-white": (238, 232, 218),
    "cream": (240, 228, 196), "beige": (210, 184, 146), "tan": (196, 160, 118),
    "khaki": (164, 148, 102), "brown": (96, 60, 34), "dark brown": (50, 32, 20),
    "light brown": (160, 118, 78), "red": (206, 28, 28), "dark red": (110, 18, 24),
    "bright red": (240, 24, 24), "maroon": (96, 20, 36), "burgundy": (92, 18, 44),
    "pink": (238, 150, 186), "light pink": (250, 200, 216), "pale pink": (250, 210, 220),
    "hot pink": (246, 84, 160), "bright pink": (246, 96, 166), "peach": (250, 196, 164),
    "green": (40, 130, 62), "dark green": (20, 62, 34), "bright green": (40, 176, 62),
    "light green": (160, 220, 140), "lime green": (150, 226, 70), "lime": (160, 230, 70),
    "mint green": (180, 235, 200), "olive": (98, 98, 46), "olive green": (86, 94, 44),
    "army green": (76, 84, 46), "teal": (20, 122, 128), "turquoise": (48, 178, 186),
    "aqua": (60, 186, 196), "blue": (40, 80, 180), "bright blue": (24, 84, 226),
    "royal blue": (32, 62, 196), "light blue": (160, 200, 236), "pale blue": (190, 215, 240),
    "baby blue": (180, 212, 244), "sky blue": (140, 196, 240), "purple": (116, 54, 150),
    "dark purple": (66, 28, 92), "lavender": (180, 150, 214), "light purple": (170, 130, 204),
    "violet": (130, 60, 180), "gold": (226, 184, 48), "golden": (226, 184, 48),
    "mustard": (210, 168, 40), "yellow": (246, 222, 44), "light yellow": (250, 236, 150),
}  # fmt: skip
_BLUR = 60.0  # how far, in 0-255 steps of red, green and blue, a word still fits well
_FLOOR = 0.03

Shade = tuple[str, int, int, int]  # a colour's name and coarse red, green, blue: cloths told alike


def shade(colour: Colour) -> Shade:
    """The colour in steps of 32: all that decides which words it is given."""
    red, green, blue = colour.rgb
    return colour.name, red >> 5, green >> 5, blue >> 5


@lru_cache(maxsize=8192)
def colour_choice(key: Shade) -> Choice:
    """Words for a shade, weighted by name and by red, green and blue."""
    name, *coarse = key
    rgb = [step * 32 + 16 for step in coarse]
    terms = TERMS.get(name, {name: 1.0})
    return Choice({word: weight * _fit(word, rgb) for word, weight in terms.items()})


def _fit(word: str, rgb: list[int]) -> float:
    focus = FOCUS.get(word)
    if focus is None:
        return 0.4
    far = sum((a - b) ** 2 for a, b in zip(focus, rgb, strict=True))
    return max(_FLOOR, math.exp(-far / (2 * _BLUR**2)))


COLOUR_WORDS = frozenset(word for terms in TERMS.values() for word in terms)
