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
    pose = stance.pose
    a, b, c = pose.shoulders[side], pose.elbows[side], pose.wrists[side]
    return np.array([a, (a + b) / 2, b, (b + c) / 2, c]), ARM * stance.build.limb


def leg_axis(stance: Stance, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Body-frame points (5, 3) from hip to ankle and the radii of the bare leg (5,)."""
    pose = stance.pose
    a, b, c = pose.hips[side], pose.knees[side], pose.ankles[side]
    return np.array([a, (a + b) / 2, b, b * 0.6 + c * 0.4, c]), LEG * stance.build.limb


def cut(points: np.ndarray, radii: np.ndarray, stop: float, start: float = 0.0) -> tuple:
    """The part of a limb between two shares of its length; five points and radii again."""
    where = (start + (stop - start) * _FIFTHS) * (len(points) - 1)
    left = np.minimum(where.astype(int), len(points) - 2)
    share = (where - left)[:, None]
    there = points[left] * (1 - share) + points[left + 1] * share
    return there, radii[left] * (1 - share[:, 0]) + radii[left + 1] * share[:, 0]


def sections(stance: Stance, y: np.ndarray) -> np.ndarray:
    """(N, 3): half width, half depth and forward offset of the trunk at heights y (N,)."""
    table = stance.build.sections[::-1]
    return np.stack([np.interp(y, table[:, 0], table[:, i]) for i in (1, 2, 3)], 1)


def edges(
    stance: Stance, y: np.ndarray, ease: np.ndarray, flare: float = 0.0, legs: float = 0.0
) -> tuple[Points, Points]:
    """Left and right edge (N, 2), pixels, of what covers the trunk at heights y from top to hem.

    ease: (N,) distance from the skin; flare: widening a body height below the hips; legs: distance
    from the legs that a hem must cover, 0 for none.
    """
    shape = sections(stance, y)
    below = np.maximum(stance.build.leg - y, 0)
    middle = stance.spine(y)
    middle[:, 2] += shape[:, 2]
    flat = stance.flat(middle)
    half = stance.half(shape[:, 0] + ease + flare * below, shape[:, 1] + ease + flare * below)
    left, right = flat[:, 0] - half, flat[:, 0] + half
    if legs > 0:
        for side in (0, 1):
            points, radii = leg_axis(stance, side)
            shown = stance.flat(points)
            order = np.argsort(shown[:, 1])
            x = np.interp(flat[:, 1], shown[order, 1], shown[order, 0])
            r = np.interp(flat[:, 1], shown[order, 1], radii[order]) + legs
            deep = below > 0.03
            left = np.where(deep, np.minimum(left, x - r), left)
            right = np.where(deep, np.maximum(right, x + r), right)
    return (
        stance.pixels(np.stack([left, flat[:, 1]], 1)),
        stance.pixels(np.stack([right, flat[:, 1]], 1)),
    )


def surface(stance: Stance, angle: np.ndarray, y: np.ndarray, ease: float = 0.01) -> Points:
    """Pixels (N, 2) of points on the trunk: angle from the front towards the person's left.

    Angles that the camera cannot see are moved to the visible edge.
    """
    seen = (np.asarray(angle, float) + stance.yaw + math.pi) % (2 * math.pi) - math.pi
    angle = np.clip(seen, -math.pi / 2, math.pi / 2) - stance.yaw
    y = np.asarray(y, float)
    shape = sections(stance, y)
    points = stance.spine(y)
    points[:, 0] += (shape[:, 0] + ease) * np.sin(angle)
    points[:, 2] += (shape[:, 1] + ease) * np.cos(angle) + shape[:, 2]
    return stance.place(points)


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
