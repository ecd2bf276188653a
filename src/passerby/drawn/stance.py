"""The posed body in the photo plane: what the camera makes of joints and cross-sections."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from passerby.drawn.body import Build, Pose

VIEWS = ("front", "front-right", "right", "back-right", "back", "back-left", "left", "front-left")


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

    @property
    def facing(self) -> float:
        """1 from the front, -1 from behind, 0 from a side."""
        return math.cos(self.yaw)

    @property
    def aside(self) -> float:
        """1 when the person faces the photo's right, -1 the left."""
        return math.sin(self.yaw)

    def pixels(self, flat: np.ndarray) -> np.ndarray:
        """(..., 2) of the upright photo plane in body heights, y up, to pixels."""
        y = flat[..., 1]
        x = flat[..., 0] * (1 + self.near * (y - 0.5))
        c, s = math.cos(self.tilt), math.sin(self.tilt)
        out = np.empty(flat.shape)
        out[..., 0] = self.foot[0] + (x * c - (y - 0.5) * s) * self.unit * self.wide
        out[..., 1] = self.foot[1] - ((y - 0.5) * c + x * s + 0.5) * self.unit
        return out

    def flat(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) of the body frame to the upright photo plane (..., 2) in body heights."""
        points = np.asarray(points, float)
        depth = self.depth(points)
        x = points[..., 0] * self.facing + points[..., 2] * self.aside
        y = points[..., 1] - depth * math.sin(self.pitch) * 0.9
        out = np.empty((*points.shape[:-1], 2))
        out[..., 0], out[..., 1] = x, y
        return out

    def depth(self, points: np.ndarray) -> np.ndarray:
        """How far towards the camera, body heights."""
        return points[..., 2] * self.facing - points[..., 0] * self.aside

    def place(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) of the body frame to pixels (..., 2)."""
        return self.pixels(self.flat(points))

    def spine(self, y: np.ndarray) -> np.ndarray:
        """(N, 3) points on the line from hips to neck (prolonged) at standing heights y (N,)."""
        low, high = self.pose.spine
        standing = float(self.build.sections[0, 0]), self.build.leg
        share = (np.asarray(y, float) - standing[1]) / (standing[0] - standing[1])
        below = np.minimum(share, 0)
        points = low + np.maximum(share, 0)[:, None] * (high - low)
        points[:, 1] += below * (standing[0] - standing[1])
        return points

    def half(self, across: np.ndarray, deep: np.ndarray) -> np.ndarray:
        """Half width that the camera sees of elliptic sections."""
        return np.sqrt((across * self.facing) ** 2 + (deep * self.aside) ** 2)

    def lift(self, depth: float) -> float:
        """Height of a part over the photo plane in pixels from its depth."""
        return (0.16 + 0.5 * depth) * self.unit
