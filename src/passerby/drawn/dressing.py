"""The surface of a posed body: edges of the trunk, points on its skin, axes of limbs."""

from __future__ import annotations

import math

import numpy as np

from passerby.drawn.outline import Points
from passerby.drawn.stance import Stance

ARM = np.array([0.027, 0.028, 0.023, 0.022, 0.016])
_FIFTHS = np.linspace(0, 1, 5)
LEG = np.array([0.060, 0.054, 0.038, 0.040, 0.025])


def arm_axis(stance: Stance, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Body-frame points (5, 3) from shoulder to wrist and the radii of the bare arm (5,)."""
    return stance.pose.arms[side], ARM * stance.build.limb


def leg_axis(stance: Stance, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Body-frame points (5, 3) from hip to ankle and the radii of the bare leg (5,)."""
    return stance.pose.legs[side], LEG * stance.build.limb


def cut(points: np.ndarray, radii: np.ndarray, stop: float, start: float = 0.0) -> tuple:
    """The part of a limb between two shares of its length; five points and radii again."""
    where = (start + (stop - start) * _FIFTHS) * (len(points) - 1)
    left = np.minimum(where.astype(int), len(points) - 2)
    share = where - left
    rest, right = 1 - share, left + 1
    there = points[left] * rest[:, None] + points[right] * share[:, None]
    return there, radii[left] * rest + radii[right] * share


def sections(stance: Stance, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half width, half depth and forward offset (N,) of the trunk at heights y (N,)."""
    heights, across, deep, forward = stance.build.columns
    return (
        np.interp(y, heights, across),
        np.interp(y, heights, deep),
        np.interp(y, heights, forward),
    )


def edges(
    stance: Stance, y: np.ndarray, ease: np.ndarray, flare: float = 0.0, legs: float = 0.0
) -> tuple[Points, Points]:
    """Left and right edge (N, 2), pixels, of what covers the trunk at heights y from top to hem.

    ease: (N,) distance from the skin; flare: widening a body height below the hips; legs: distance
    from the legs that a hem must cover, 0 for none.
    """
    across, deep, forward = sections(stance, y)
    below = np.maximum(stance.build.leg - y, 0)
    wider = flare * below
    x, y, z = stance.spine(y).T
    middle, up = stance.flat(x, y, z + forward)
    half = stance.half(across + ease + wider, deep + ease + wider)
    left, right = middle - half, middle + half
    if legs > 0:
        low = below > 0.03
        for side in (0, 1):
            points, radii = leg_axis(stance, side)
            shown_x, shown_y = stance.flat(*points.T)
            order = np.argsort(shown_y)
            x = np.interp(up, shown_y[order], shown_x[order])
            r = np.interp(up, shown_y[order], radii[order]) + legs
            left = np.where(low, np.minimum(left, x - r), left)
            right = np.where(low, np.maximum(right, x + r), right)
    return stance.pixels(left, up), stance.pixels(right, up)


def surface(stance: Stance, angle: np.ndarray, y: np.ndarray, ease: float = 0.01) -> Points:
    """Pixels (N, 2) of points on the trunk: angle from the front towards the person's left.

    Angles that the camera cannot see are moved to the visible edge.
    """
    seen = (np.asarray(angle, float) + stance.yaw + math.pi) % (2 * math.pi) - math.pi
    angle = np.clip(seen, -math.pi / 2, math.pi / 2) - stance.yaw
    y = np.asarray(y, float)
    across, deep, forward = sections(stance, y)
    x, up, z = stance.spine(y).T
    ahead = (deep + ease) * np.cos(angle) + forward
    aside = (across + ease) * np.sin(angle)
    return stance.pixels(*stance.flat(x + aside, up, z + ahead))


def patch(
    stance: Stance, angles: tuple[float, float], heights: tuple[float, float], ease: float = 0.01
) -> Points:
    """Outline of the part of the trunk between two angles and two heights (high, low)."""
    y = np.linspace(heights[0], heights[1], 4)
    left = surface(stance, np.full(4, angles[0]), y, ease)
    right = surface(stance, np.full(4, angles[1]), y, ease)
    return np.concatenate([left, right[::-1]])


def leaning(start: Points, end: Points) -> float:
    """Direction of a limb in the photo, radians: 0 = downwards."""
    line = end - start
    return math.atan2(-float(line[0]), float(line[1]))
