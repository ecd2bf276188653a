"""The posed body in the photo plane: what the camera makes of joints and cross-sections."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from passerby.drawn.body import Build, Pose

VIEWS = ("front", "front-right", "right", "back-right", "back", "back-left", "left", "front-left")
Coordinate = Any  # a float or an array of them: the same sums for both


@dataclass(frozen=True)
class Stance:
    """Projection of one photo.

    yaw: where the person faces, radians: 0 towards the camera, pi/2 to the photo's right. pitch:
    the camera looks down by that. unit: pixels a body height; wide: how much wider than true.
    foot: (x, y) pixels of the floor under the body's origin. tilt: radians in the photo plane.
    """

    build: Build
    pose: Pose
    yaw: float
    pitch: float
    unit: float
    wide: float
    foot: tuple[float, float]
    tilt: float
    near: float  # how much larger the head end is than the feet (a camera from above)

    @property
    def view(self) -> str:
        return VIEWS[round(self.yaw / (math.pi / 4)) % 8]

    @cached_property
    def facing(self) -> float:
        """1 from the front, -1 from behind, 0 from a side."""
        return math.cos(self.yaw)

    @cached_property
    def aside(self) -> float:
        """1 when the person faces the photo's right, -1 the left."""
        return math.sin(self.yaw)

    @cached_property
    def _turns(self) -> tuple[float, float, float]:
        """Cosine and sine of the tilt, sine of the pitch."""
        return math.cos(self.tilt), math.sin(self.tilt), math.sin(self.pitch)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row of a place in the upright photo plane, body heights, y up."""
        up = y - 0.5
        x = x * (1 + self.near * up)
        c, s, _ = self._turns
        across = self.foot[0] + (x * c - up * s) * self.unit * self.wide
        return across, self.foot[1] - (up * c + x * s + 0.5) * self.unit

    def pixels(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(N, 2) of places (N,), (N,) in the upright photo plane.

        An outline has a dozen points at most; plain floats are quicker than arrays so small.
        """
        return np.array([self.pixel(*spot) for spot in zip(x.tolist(), y.tolist(), strict=True)])

    def flat(self, x: Coordinate, y: Coordinate, z: Coordinate) -> tuple[Coordinate, Coordinate]:
        """The body frame to the upright photo plane (x, y) in body heights."""
        facing, aside = self.facing, self.aside
        depth = z * facing - x * aside
        return x * facing + z * aside, y - depth * self._turns[2] * 0.9

    def depth(self, points: np.ndarray) -> np.ndarray:
        """How far towards the camera, body heights."""
        return points[..., 2] * self.facing - points[..., 0] * self.aside

    def mean_depth(self, points: np.ndarray) -> float:
        """The mean of `depth` over points (N, 3)."""
        return float(np.add.reduce(self.depth(points))) / len(points)

    def place(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) of the body frame to pixels (N, 2)."""
        return np.array([self.pixel(*self.flat(*point)) for point in points.tolist()])

    @cached_property
    def _line(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        """The middle of the hips, the way from it to the neck, the hips' height standing and the
        neck's above it."""
        low, high = self.pose.spine
        return low, high - low, self.build.leg, float(self.build.sections[0, 0]) - self.build.leg

    def spine(self, y: np.ndarray) -> np.ndarray:
        """(N, 3) points on the line from hips to neck (prolonged) at standing heights y (N,)."""
        low, line, leg, tall = self._line
        share = (y - leg) / tall
        points = low + np.maximum(share, 0)[:, None] * line
        points[:, 1] += np.minimum(share, 0) * tall
        return points

    def half(self, across: np.ndarray, deep: np.ndarray) -> np.ndarray:
        """Half width that the camera sees of elliptic sections."""
        return np.sqrt((across * self.facing) ** 2 + (deep * self.aside) ** 2)

    def lift(self, depth: float) -> float:
        """Height of a part over the photo plane in pixels from its depth."""
        return (0.16 + 0.5 * depth) * self.unit
