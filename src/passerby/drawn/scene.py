"""What is behind and around a person: ground, backdrop, passers-by, shadow, occluders."""

from __future__ import annotations

from random import Random

import cv2
import numpy as np

from passerby.drawn.backdrop import (
    BACKDROPS,
    GROUNDS,
    HIGH,
    WIDE,
    backdrop,
    coloured,
    fill,
    ground,
    hue,
)
from passerby.drawn.outline import box, ellipse, sweep


def paint_scene(height: int, width: int, floor: float, roll: Random) -> np.ndarray:
    """(H, W, 3) uint8 background; floor: pixel row on which the person stands."""
    above = roll.choice((0.1, 0.2, 0.35, 0.6, 1.1)) * roll.uniform(0.6, 1.3)
    horizon = int(min(height, max(0, floor - height * above)))
    scene = np.empty((height, width, 3), np.uint8)
    if horizon < height:
        scene[horizon:] = _floor(height - horizon, height, width, roll)
    if horizon > 0:
        scene[:horizon] = _behind(horizon, height, width, roll)
    _things(scene, horizon, roll)
    if roll.random() < 0.7:
        spread = roll.choice((0.4, 0.8, 1.4, 2.4)) * roll.uniform(0.7, 1.3) * height / 200
        scene = cv2.GaussianBlur(scene, (0, 0), max(0.3, spread))
    if roll.random() < 0.3:
        ramp = np.linspace(roll.uniform(0.6, 1.1), roll.uniform(0.8, 1.4), height, dtype=np.float32)
        lit = scene.reshape(height, -1) * ramp[:, None]
        np.minimum(lit, 255, out=lit)
        scene = lit.astype(np.uint8).reshape(height, width, 3)
    return scene


def _floor(rows: int, height: int, width: int, roll: Random) -> np.ndarray:
    """(rows, W, 3): a floor that runs away from the camera."""
    variant = roll.randrange(GROUNDS)
    far, near = roll.uniform(1.5, 4.0), roll.uniform(0.4, 1.2)
    turn, slide = roll.gauss(0, 0.25), roll.uniform(0, 256)
    # the corners of the photo's part on the texture, in texture pixels
    wide, deep = 128.0, 128.0 * roll.uniform(0.7, 2.0) * rows / height * 2
    place = np.array([[-far, 0], [far, 0], [near, 1], [-near, 1]]) * (wide, deep)
    c, s = np.cos(turn), np.sin(turn)
    source = (place @ np.array([[c, s], [-s, c]]) + slide).astype(np.float32)
    target = np.array([[0, 0], [width, 0], [width, rows], [0, rows]], np.float32)
    relief = cv2.warpPerspective(
        ground(variant), cv2.getPerspectiveTransform(target, source), (width, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP,
    )  # fmt: skip
    rgb = hue(roll, vivid=None if roll.random() < 0.25 else roll.uniform(0, 0.07))
    if variant % 4 == 3:
        light = roll.uniform(0.5, 1.5)
        rgb = (int(88 * light), int(104 * light), int(58 * light))
        if roll.random() < 0.25:
            rgb = hue(roll, roll.uniform(190, 245), 0.03)
    return coloured(relief, rgb, roll.uniform(0.4, 1.3))


def _behind(rows: int, height: int, width: int, roll: Random) -> np.ndarray:
    """(rows, W, 3): a part of a backdrop in colours of its own."""
    image = backdrop(roll.randrange(BACKDROPS))
    zoom = roll.uniform(0.35, 1.1) * HIGH / height
    left = roll.uniform(0, WIDE - width * zoom)
    low = HIGH - roll.uniform(0, 0.25) * HIGH
    flip = -1 if roll.random() < 0.5 else 1
    move = np.array(
        [[zoom * flip, 0, left if flip > 0 else left + width * zoom], [0, zoom, low - rows * zoom]],
        np.float32,
    )
    part = cv2.warpAffine(
        image, move, (width, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    warm, green = roll.gauss(0, 0.09), roll.gauss(0, 0.03)
    gains = np.array([1 + warm, 1 + green, 1 - warm]) * roll.uniform(0.6, 1.3)
    table = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)
    return cv2.LUT(part, table[:, None])


def _things(scene: np.ndarray, horizon: int, roll: Random) -> None:
    """A few near things: poles, signs, rails, cars."""
    height, width = scene.shape[:2]
    for _ in range(roll.choice((0, 0, 1, 1, 2))):
        kind = roll.choice(("pole", "car", "rail", "sign"))
        x, rgb = roll.uniform(-0.1, 1.1) * width, hue(roll, vivid=roll.betavariate(1, 4))
        base = horizon + roll.uniform(0, 0.2) * height
        if kind == "pole":
            fill(
                scene,
                box(x, base - height * 0.4, width * roll.uniform(0.01, 0.05), height * 0.45, 0.0),
                rgb,
            )
        elif kind == "car":
            wide = width * roll.uniform(0.4, 0.9)
            fill(scene, box(x, base, wide, wide * 0.28, 0.3), rgb)
            fill(scene, box(x, base - wide * 0.3, wide * 0.6, wide * 0.2, 0.4), hue(roll, 60, 0.1))
        elif kind == "rail":
            y = base + roll.uniform(-0.3, 0.1) * height
            for step in range(3):
                fill(
                    scene, box(width / 2, y + step * height * 0.05, width, height * 0.006, 0.0), rgb
                )
        else:
            fill(
                scene,
                box(x, base - height * roll.uniform(0.2, 0.7), width * 0.15, height * 0.05, 0.0),
                rgb,
            )


def paint_shadow(
    scene: np.ndarray, foot: tuple[float, float], unit: float, hard: float, roll: Random
) -> None:
    """The person's shadow on the floor: a contact blob, in the sun also a long body."""
    x, y = foot
    for size in (1.0, 0.75, 0.5):
        fill(
            scene,
            ellipse(x, y - 0.012 * unit, 0.17 * size * unit, 0.024 * size * unit),
            (14, 14, 18),
            roll.uniform(0.1, 0.3),
        )
    if hard > 0.4:
        side = roll.uniform(-0.8, 0.8)
        end = np.array(
            [
                [x, y],
                [x + side * unit * 0.5, y - roll.uniform(-0.1, 0.1) * unit],
                [x + side * unit, y - roll.uniform(-0.15, 0.12) * unit],
            ]
        )
        fill(
            scene,
            sweep(end, np.array([0.05, 0.07, 0.04]) * unit),
            (20, 20, 26),
            roll.uniform(0.3, 0.6),
        )
