"""Light on a painted figure: its heights become normals, shade, occlusion and cast shadow."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import cv2
import numpy as np

from passerby.drawn.canvas import Canvas
from passerby.drawn.fields import field, window


@dataclass(frozen=True)
class Light:
    """Where light comes from and how it mixes; direction: unit vector, y down, z to the camera."""

    direction: tuple[float, float, float]
    ambient: float
    hard: float  # 0 overcast to 1 sun
    haze: float  # what the air and the lens add to black


def light_of(roll: Random) -> Light:
    hard = roll.choice((roll.uniform(0, 0.25), roll.uniform(0.25, 0.6), roll.uniform(0.6, 1.0)))
    x = roll.uniform(-1, 1) * (0.25 + 0.75 * hard)
    vector = np.array([x, -roll.uniform(0.35, 1.1), roll.uniform(0.5, 1.0)])
    vector /= np.sqrt((vector**2).sum())
    return Light(
        tuple(float(v) for v in vector),  # type: ignore[arg-type]
        ambient=0.62 - 0.3 * hard + roll.uniform(-0.06, 0.1),
        hard=hard,
        haze=roll.uniform(4, 26),
    )


def shine(canvas: Canvas, light: Light, relief: float, roll: Random) -> None:
    """Shades the figure's pixels of `canvas.colours` in place; relief scales the slopes."""
    unit = canvas.unit
    x0, y0, wide, high = cv2.boundingRect(canvas.owners)
    if wide == 0:
        return
    part = (slice(y0, y0 + high), slice(x0, x0 + wide))
    heights = cv2.GaussianBlur(canvas.heights[part], (0, 0), max(0.5, 0.0055 * unit))
    shade = _slopes(heights, light, relief, roll)
    around = cv2.blur(heights, (max(3, int(0.09 * unit) | 1),) * 2)
    around -= heights
    around *= roll.uniform(2.0, 5.0) / unit
    np.clip(around, 0, 0.35, out=around)
    shade *= np.subtract(1.0, around, out=around)
    if light.hard > 0.35:
        shade *= _cast(heights, light, unit)
    owners, colours = canvas.owners[part], canvas.colours[part]
    table = np.zeros(256, np.float32)
    table[: len(canvas.grain)] = canvas.grain
    grain = window(
        field(5, 0.7), high, wide, 300 / unit, roll.uniform(-1, 1), roll.uniform(0, 256), 0
    )
    grain *= cv2.LUT(owners, table)
    grain += 1.0
    shade *= grain
    figure = cv2.blur((owners > 0).astype(np.float32), (3, 3))
    shade -= 1.0
    shade *= figure
    shade += 1.0
    figure *= np.float32(light.haze)
    figure *= shade  # from here on the haze
    planes = cv2.split(colours)
    for plane in planes:
        lit = plane * shade
        lit += figure
        plane[:] = np.minimum(lit, 255, out=lit)
    cv2.merge(planes, dst=colours)


def _slopes(heights: np.ndarray, light: Light, relief: float, roll: Random) -> np.ndarray:
    """(H, W) float32: how bright each slope is, 1 = turned to the camera."""
    steep = roll.uniform(0.8, 1.6)
    x = cv2.Sobel(heights, cv2.CV_32F, 1, 0, ksize=3, scale=0.125 * relief)
    y = cv2.Sobel(heights, cv2.CV_32F, 0, 1, ksize=3, scale=0.125 * relief)
    np.clip(x, -steep, steep, out=x)
    np.clip(y, -steep, steep, out=y)
    lx, ly, lz = light.direction
    shade = lz - x * lx
    shade -= y * ly
    x *= x
    x += 1.0
    y *= y
    x += y
    shade /= np.sqrt(x, out=x)
    level = max(0.3, lz * 0.9 + abs(ly) * 0.12)
    np.clip(shade, 0, level * 1.25 if light.hard > 0.5 else None, out=shade)
    shade *= 1 - light.ambient
    shade /= level
    shade += light.ambient
    return shade


def _cast(heights: np.ndarray, light: Light, unit: float) -> np.ndarray:
    """(H, W) float32 below 1 where something nearer the light throws a shadow."""
    lx, ly, lz = light.direction
    reach = 0.06 * unit
    move = np.array([[1, 0, -lx * reach], [0, 1, -ly * reach]], np.float32)
    nearer = cv2.warpAffine(heights, move, heights.shape[::-1], flags=cv2.INTER_LINEAR)
    nearer -= heights
    nearer -= lz * reach * 1.1
    nearer *= 20 / unit
    np.clip(nearer, 0, 1, out=nearer)
    nearer *= np.float32(0.45 * light.hard)
    return np.subtract(1.0, nearer, out=nearer)
