"""Things between the camera and the person: cars, poles, bushes, boxes."""

from __future__ import annotations

from random import Random

import cv2
import numpy as np

from passerby.drawn.backdrop import GROUNDS, coloured, ground, hue
from passerby.drawn.fields import SIZE, window
from passerby.drawn.outline import Points, box, ellipse, sweep


def occlude(image: np.ndarray, owners: np.ndarray, roll: Random) -> None:
    """Paints something in front of image (H, W, 3) uint8, in place; what it covers of `owners`
    (H, W) uint8 becomes 0."""
    height, width = owners.shape
    shape = roll.choice((_car, _pole, _bush, _limb, _box))
    mask = np.zeros((height, width), np.uint8)
    for outline in shape(roll):
        points = np.rint(outline * (width, height) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    owners[mask > 127] = 0
    rgb = hue(roll, vivid=roll.betavariate(1, 4))
    if shape is _bush:
        rgb = (roll.randrange(20, 90), roll.randrange(50, 110), roll.randrange(15, 60))
    relief = window(
        ground(roll.randrange(GROUNDS)), height, width, roll.uniform(0.3, 1.5),
        roll.uniform(0, 3), roll.uniform(0, SIZE), 0,
    )  # fmt: skip
    paint = coloured(relief, rgb, roll.uniform(0.2, 1.0)).astype(np.float32)
    paint *= np.linspace(roll.uniform(0.7, 1.2), roll.uniform(0.6, 1.1), height)[:, None, None]
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.4, roll.uniform(0.2, 2.5) * height / 200))
    share = soft[..., None] * np.float32(1 / 255)
    image[:] = np.clip(image + (paint - image) * share, 0, 255)


# outlines in shares of the photo's width and height


def _car(roll: Random) -> list[Points]:
    top = roll.uniform(0.72, 0.93)
    return [box(roll.uniform(0.1, 0.9), top + 0.2, roll.uniform(0.5, 1.2), 0.2, 0.35)]


def _pole(roll: Random) -> list[Points]:
    x = roll.choice((roll.uniform(0, 0.25), roll.uniform(0.75, 1)))
    return [box(x, 0.5, roll.uniform(0.02, 0.06), 0.6, 0.0)]


def _bush(roll: Random) -> list[Points]:
    edge = roll.choice((0, 1))
    return [
        ellipse(edge + roll.gauss(0, 0.25), roll.uniform(0.8, 1.05), roll.uniform(0.1, 0.3), 0.08)
        for _ in range(5)
    ]


def _limb(roll: Random) -> list[Points]:
    """The shoulder and arm of somebody at the photo's edge."""
    edge, size = roll.choice((0, 1)), roll.uniform(0.6, 1.3)
    axis = np.array([[edge, roll.uniform(0.05, 0.3)], [edge, 0.6], [edge, 1.1]])
    return [sweep(axis, np.array([0.14, 0.2, 0.16]) * size)]


def _box(roll: Random) -> list[Points]:
    return [box(roll.uniform(0, 1), 1.0, roll.uniform(0.15, 0.5), roll.uniform(0.06, 0.2), 0.1)]
