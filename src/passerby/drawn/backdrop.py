"""Backdrops: streets, shops, parks and rooms made of many blurred shapes; built once, lazily."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

import cv2
import numpy as np

from passerby.drawn.fields import SIZE, field
from passerby.drawn.outline import box, ellipse

RGB = tuple[int, int, int]
BACKDROPS, GROUNDS = 40, 16
HIGH, WIDE = 256, 320  # pixels of a backdrop


def hue(roll: Random, value: float | None = None, vivid: float | None = None) -> RGB:
    """A colour of the scene, mostly dull."""
    value = roll.betavariate(2, 1.8) * 235 + 12 if value is None else value
    vivid = roll.betavariate(0.8, 9) if vivid is None else vivid
    # the world is warm or cold far more often than green or purple
    angle = (
        roll.choice((-0.5, 2.6, -0.9)) + roll.gauss(0, 0.4)
        if roll.random() < 0.75
        else roll.uniform(0, 6.283)
    )
    red, green, blue = (
        int(min(255, max(0, value * (1 + vivid * math.cos(angle + k * 2.094))))) for k in range(3)
    )
    return red, green, blue


def fill(image: np.ndarray, outline: np.ndarray, rgb: RGB, strength: float = 1.0) -> None:
    """Fills an outline (N, 2) in place; strength below 1 lets shine through."""
    (left, top), (right, bottom) = outline.min(0).tolist(), outline.max(0).tolist()
    x, y = max(math.floor(left) - 1, 0), max(math.floor(top) - 1, 0)
    part = image[y : max(math.ceil(bottom) + 2, 0), x : max(math.ceil(right) + 2, 0)]
    if part.size == 0:
        return
    points = np.rint((outline - (x, y)) * 16).astype(np.int32)[None]
    if strength >= 1:
        cv2.fillPoly(part, points, rgb, cv2.LINE_AA, 4)
        return
    over = part.copy()
    cv2.fillPoly(over, points, rgb, cv2.LINE_AA, 4)
    cv2.addWeighted(over, strength, part, 1 - strength, 0, dst=part)


_ABOUT_GREY = (np.arange(256, dtype=np.float32)[:, None] - 128) / 128


def coloured(relief: np.ndarray, rgb: RGB, strength: float) -> np.ndarray:
    """(H, W) uint8 relief about 128 as (H, W, 3) uint8 in a colour."""
    table = np.asarray(rgb, np.float32)[None] * (1 + _ABOUT_GREY * strength)
    table = np.clip(table, 0, 255).astype(np.uint8)
    return cv2.merge([cv2.LUT(relief, table[:, k]) for k in range(3)])


@lru_cache(maxsize=GROUNDS)
def ground(variant: int) -> np.ndarray:
    """(256, 256) uint8 relief of a floor about 128: asphalt, slabs, bricks, grass; wraps round."""
    roll = Random(9000 + variant)
    kind = ("asphalt", "slabs", "bricks", "grass")[variant % 4]
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    relief = field(300 + variant, roll.uniform(0.5, 1.2)) * roll.uniform(5, 14)
    relief = relief + field(320 + variant, 2.0) * roll.uniform(6, 20)
    if kind == "slabs":
        n, m = roll.choice((4, 8)), roll.choice((4, 8, 16))
        u, v = (x * n / SIZE) % 1, (y * m / SIZE) % 1
        seam = np.minimum(np.minimum(u, 1 - u) / n, np.minimum(v, 1 - v) / m) < 0.007
        tone = np.random.default_rng(variant).normal(0, roll.uniform(3, 14), (m, n))
        relief = relief * 0.6 + np.kron(tone, np.ones((SIZE // m, SIZE // n))) - seam * 40
    elif kind == "bricks":
        n = roll.choice((8, 16, 32))
        shift = 0.5 * (np.floor(y * n / SIZE) % 2)
        u, v = (x * n / 2 / SIZE + shift) % 1, (y * n / SIZE) % 1
        relief = relief + ((np.minimum(u, 1 - u) < 0.04) | (np.minimum(v, 1 - v) < 0.08)) * 26
    elif kind == "grass":
        relief = relief + field(340 + variant, 0.7) * 26
    return np.asarray(np.clip(128 + relief, 0, 255), np.uint8)


@lru_cache(maxsize=BACKDROPS)
def backdrop(variant: int) -> np.ndarray:
    """(256, 320, 3) uint8: what stands behind the ground's end."""
    roll = Random(7000 + variant)
    kind = ("facade", "shop", "trees", "plain", "street", "room", "hill", "facade")[variant % 8]
    image = np.empty((HIGH, WIDE, 3), np.uint8)
    image[:] = hue(roll, roll.uniform(60, 220))
    {"facade": _facade, "shop": _shop, "trees": _trees, "plain": _plain,
     "street": _street, "room": _room, "hill": _hill}[kind](image, roll)  # fmt: skip
    rough = field(400 + variant, roll.uniform(0.4, 1.5)) * roll.uniform(2, 9)
    stain = field(450 + variant, 1.9) * roll.uniform(3, 18)
    rough = np.concatenate([rough + stain, (rough + stain)[:, : WIDE - SIZE]], 1)
    image = cv2.GaussianBlur(image, (0, 0), roll.uniform(0.4, 1.5))
    return np.asarray(np.clip(image + rough[..., None], 0, 255), np.uint8)


def _scatter(
    image: np.ndarray, roll: Random, count: int, low: float, high: float, size: float
) -> None:
    """Many small shapes of a crowd of colours between two shares of the height."""
    for _ in range(count):
        x, y = roll.uniform(0, WIDE), HIGH * roll.uniform(low, high)
        across, down = size * WIDE * roll.uniform(0.3, 1.5), size * HIGH * roll.uniform(0.3, 2)
        shape = box(x, y, across, down, roll.choice((0.0, 0.0, 0.5, 1.0)))
        fill(image, shape, hue(roll, vivid=roll.betavariate(1, 4)), roll.uniform(0.5, 1))


def _facade(image: np.ndarray, roll: Random) -> None:
    n, m = roll.choice((3, 4, 5, 7)), roll.choice((2, 3, 4))
    glass, frame = hue(roll, roll.uniform(15, 90)), hue(roll, roll.uniform(120, 240))
    for i in range(n):
        for j in range(m):
            x, y = (i + 0.5) * WIDE / n, (j + 0.5) * HIGH / m
            across, down = WIDE / n * 0.3, HIGH / m * 0.34
            fill(image, box(x, y, across * 1.15, down * 1.1, 0.0), frame)
            shade = tuple(int(min(255, c * roll.uniform(0.6, 1.8))) for c in glass)
            fill(image, box(x, y, across, down, 0.0), shade)  # type: ignore[arg-type]
            if roll.random() < 0.6:
                fill(image, box(x, y, across * 0.06, down, 0.0), frame)
    _scatter(image, roll, 14, 0.5, 1.0, 0.03)


def _shop(image: np.ndarray, roll: Random) -> None:
    for band in range(roll.choice((1, 2))):
        y = HIGH * roll.uniform(0.05, 0.35)
        fill(
            image,
            box(WIDE / 2, y, WIDE, HIGH * roll.uniform(0.03, 0.08), 0.0),
            hue(roll, vivid=0.5 if band else None),
        )
    x = 0.0
    while x < WIDE:
        across = roll.uniform(20, 70)
        fill(
            image,
            box(x + across, HIGH * 0.68, across * 0.9, HIGH * 0.3, 0.0),
            hue(roll, roll.uniform(20, 120)),
        )
        x += 2 * across
    _scatter(image, roll, 70, 0.35, 1.0, 0.035)


def _trees(image: np.ndarray, roll: Random) -> None:
    image[:] = hue(roll, roll.uniform(120, 230), 0.05)
    for _ in range(160):
        x, y, light = roll.uniform(0, WIDE), HIGH * roll.betavariate(2, 1.6), roll.uniform(0.4, 1.6)
        rgb = (
            int(58 * light * roll.uniform(0.6, 1.5)),
            int(74 * light),
            int(38 * light * roll.uniform(0.6, 1.4)),
        )
        fill(
            image,
            ellipse(x, y, roll.uniform(4, 34), roll.uniform(4, 24)),
            rgb,
            roll.uniform(0.5, 1),
        )
    for _ in range(roll.choice((1, 2, 4))):
        fill(
            image,
            box(roll.uniform(0, WIDE), HIGH * 0.7, roll.uniform(2, 9), HIGH * 0.4, 0.1),
            hue(roll, roll.uniform(25, 90), 0.15),
        )


def _plain(image: np.ndarray, roll: Random) -> None:
    for _ in range(roll.choice((0, 2, 5))):
        fill(
            image,
            box(
                roll.uniform(0, WIDE),
                HIGH * roll.uniform(0, 1),
                roll.uniform(1, 60),
                roll.uniform(1, 90),
                0.0,
            ),
            hue(roll),
        )


def _street(image: np.ndarray, roll: Random) -> None:
    _facade(image, roll)
    for _ in range(roll.choice((2, 3, 5))):
        x, y, wide = roll.uniform(0, WIDE), HIGH * roll.uniform(0.8, 1.0), roll.uniform(25, 70)
        fill(image, box(x, y, wide, wide * 0.3, 0.35), hue(roll, vivid=roll.betavariate(1, 3)))
        fill(
            image,
            box(x, y - wide * 0.3, wide * 0.6, wide * 0.2, 0.4),
            hue(roll, roll.uniform(20, 70), 0.1),
        )
        for wheel in (-0.6, 0.6):
            fill(
                image,
                ellipse(x + wheel * wide, y + wide * 0.28, wide * 0.16, wide * 0.16),
                (20, 20, 22),
            )
    _scatter(image, roll, 40, 0.5, 1.0, 0.03)


def _room(image: np.ndarray, roll: Random) -> None:
    image[:] = hue(roll, roll.uniform(110, 235), roll.uniform(0, 0.12))
    _scatter(image, roll, roll.choice((5, 20, 50)), 0.2, 1.0, 0.06)
    for _ in range(roll.choice((0, 3, 6))):
        fill(image, box(roll.uniform(0, WIDE), HIGH * 0.05, 12, 4, 0.5), (250, 248, 238))
    for _ in range(roll.choice((0, 2, 4))):
        fill(image, box(roll.uniform(0, WIDE), HIGH / 2, roll.uniform(2, 14), HIGH, 0.0), hue(roll))


def _hill(image: np.ndarray, roll: Random) -> None:
    sky, far = hue(roll, roll.uniform(150, 245), 0.1), hue(roll, roll.uniform(60, 170), 0.15)
    image[:] = sky
    for step in range(4):
        y = HIGH * (0.25 + 0.2 * step)
        x = np.linspace(0, WIDE, 12)
        edge = y + np.array([roll.gauss(0, 14) for _ in x])
        outline = np.concatenate([np.stack([x, edge], 1), [[WIDE, HIGH], [0, HIGH]]])
        rgb = tuple(int(min(255, c * roll.uniform(0.6, 1.3))) for c in far)
        fill(image, outline, rgb)  # type: ignore[arg-type]
    _scatter(image, roll, 60, 0.4, 1.0, 0.02)
