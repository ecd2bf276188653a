"""Other people in a photo: drawn once, then pasted behind the person."""

from __future__ import annotations

from functools import lru_cache
from random import Random

import cv2
import numpy as np

from passerby.drawn.canvas import Canvas
from passerby.drawn.framing import framed
from passerby.drawn.light import light_of, shine
from passerby.drawn.portrait import Portrait
from passerby.drawn.wardrobe import draw_wardrobe

_OTHERS = 64
_HIGH, _WIDE = 176, 104  # pixels of a stored figure


@lru_cache(maxsize=_OTHERS)
def _other(variant: int) -> tuple[np.ndarray, np.ndarray]:
    """Colours (H, W, 3) uint8 and cover (H, W) float32 of one passer-by."""
    person = draw_wardrobe(np.random.default_rng([4242, variant]))
    roll = Random(variant)
    stance = framed(person, roll, _HIGH, _WIDE)
    canvas = Canvas(np.full((_HIGH, _WIDE, 3), 90, np.uint8), stance.unit)
    Portrait(canvas, stance, person, roll).paint()
    shine(canvas, light_of(roll), 1.0, roll)
    cover = cv2.GaussianBlur((canvas.owners > 0).astype(np.float32), (0, 0), 0.7)
    return canvas.colours, cover


def join(scene: np.ndarray, floor: float, unit: float, roll: Random) -> None:
    """Pastes one to three passers-by at the sides and further away, in place."""
    width = scene.shape[1]
    for _ in range(roll.choice((1, 1, 2, 3))):
        colours, cover = _other(roll.randrange(_OTHERS))
        near = roll.betavariate(2, 1.2)
        tall = max(8, round(unit * (0.35 + 0.7 * near)))
        wide = max(4, round(tall * _WIDE / _HIGH))
        x = round(width * (0.5 + roll.choice((-1, 1)) * roll.uniform(0.2, 0.65)) - wide / 2)
        y = round(floor - unit * (0.14 * (1 - near) + roll.gauss(0, 0.02)) - tall)
        _paste(scene, colours, cover, (x, y, wide, tall), roll)


def walk_past(image: np.ndarray, owners: np.ndarray, unit: float, roll: Random) -> None:
    """Pastes one passer-by in front, cut by the photo's edge, in place; what is covered of
    `owners` (H, W) uint8 becomes 0."""
    height, width = owners.shape
    colours, cover = _other(roll.randrange(_OTHERS))
    tall = max(8, round(unit * roll.uniform(1.0, 1.3)))
    wide = max(4, round(tall * _WIDE / _HIGH))
    x = round(width * (0.5 + roll.choice((-1, 1)) * roll.uniform(0.4, 0.6)) - wide / 2)
    y = round(height * roll.uniform(1.0, 1.15) - tall)
    before = image.copy()
    _paste(image, colours, cover, (x, y, wide, tall), roll)
    owners[np.abs(image.astype(np.int16) - before).max(2) > 12] = 0


def _paste(
    scene: np.ndarray,
    colours: np.ndarray,
    cover: np.ndarray,
    place: tuple[int, int, int, int],
    roll: Random,
) -> None:
    x, y, wide, tall = place
    flip, light = roll.random() < 0.5, roll.uniform(0.6, 1.2)
    blur = roll.choice((0.0, 0.0, 0.8, 1.6)) * tall / 160
    height, width = scene.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + wide, width), min(y + tall, height)
    if x0 >= x1 or y0 >= y1:
        return
    size = (wide, tall)
    figure = cv2.convertScaleAbs(cv2.resize(colours, size), alpha=light)
    share = cv2.resize(cover, size)
    if blur > 0.3:
        figure, share = (cv2.GaussianBlur(part, (0, 0), blur) for part in (figure, share))
    if flip:
        figure, share = figure[:, ::-1], share[:, ::-1]
    part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    under = scene[y0:y1, x0:x1]
    mixed = under + (figure[part].astype(np.float32) - under) * share[part][..., None]
    under[:] = mixed
