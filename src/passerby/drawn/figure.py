"""A photo of a drawn person, and what can be seen on it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from passerby.drawn import crowd, scene
from passerby.drawn.camera import photograph
from passerby.drawn.canvas import Canvas
from passerby.drawn.framing import framed
from passerby.drawn.light import light_of, shine
from passerby.drawn.occluder import occlude
from passerby.drawn.portrait import Portrait
from passerby.drawn.sight import Sight
from passerby.drawn.stance import Stance
from passerby.drawn.visibility import sight_of
from passerby.drawn.wardrobe import Person

_OTHERS, _OCCLUDED = 0.25, 0.12  # shares of photos with passers-by, with something in front


@dataclass(frozen=True)
class DrawnPhoto:
    """pixels: uint8 (H, W, 3), RGB. sight: what of the person can be seen on them."""

    pixels: np.ndarray
    sight: Sight


def draw_photo(
    person: Person, rng: np.random.Generator, height: int = 128, width: int = 64
) -> DrawnPhoto:
    """One photo of a person in a new view, pose, place and light, as a detector would crop it.

    Draws one number from `rng`; the same state gives the same bytes on the same machine.
    """
    roll = Random(int(rng.integers(1 << 62)))
    canvas, stance = _drawn(person, roll, height, width)
    pixels = photograph(canvas.colours, height, width, roll)
    return DrawnPhoto(pixels, sight_of(person, stance, canvas))


def _oversampling(height: int) -> float:
    """Pixels drawn for each pixel of the photo, along a side."""
    if height <= 110:
        return min(6.0, 190 / height)
    return max(1.0, min(1.5, 700 / height))


def _drawn(person: Person, roll: Random, height: int, width: int) -> tuple[Canvas, Stance]:
    """The scene with the person in it, larger than the photo, before the camera."""
    scale = _oversampling(height)
    rows, columns = max(24, round(height * scale)), max(12, round(width * scale))
    stance, light = framed(person, roll, rows, columns), light_of(roll)
    place = scene.paint_scene(rows, columns, stance.foot[1], roll)
    if roll.random() < _OTHERS:
        crowd.join(place, stance.foot[1], stance.unit, roll)
    scene.paint_shadow(place, stance.foot, stance.unit, light.hard, roll)
    canvas = Canvas(place, stance.unit)
    Portrait(canvas, stance, person, roll).paint()
    shine(canvas, light, roll.uniform(0.6, 1.25), roll)
    if roll.random() < _OCCLUDED:
        if roll.random() < 0.35:
            crowd.walk_past(canvas.colours, canvas.owners, stance.unit, roll)
        else:
            occlude(canvas.colours, canvas.owners, roll)
    return canvas, stance
