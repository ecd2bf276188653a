"""Smooth outlines: a limb swept along its axis, a column of cross-sections, an ellipse."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

Points = np.ndarray  # (N, 2) float, pixels or body units


@lru_cache(maxsize=128)
def spline(knots: int, samples: int) -> np.ndarray:
    """(samples, knots): a uniform Catmull-Rom curve through `knots` points as a matrix."""
    where = np.linspace(0, knots - 1, samples)
    rows = np.zeros((samples, knots))
    for row, t in enumerate(where):
        left = min(int(t), knots - 2)
        u = t - left
        weights = (
            (-u + 2 * u * u - u**3) / 2,
            (2 - 5 * u * u + 3 * u**3) / 2,
            (u + 4 * u * u - 3 * u**3) / 2,
            (u**3 - u * u) / 2,
        )
        for shift, weight in zip((-1, 0, 1, 2), weights, strict=True):
            rows[row, min(max(left + shift, 0), knots - 1)] += weight
    return rows


@lru_cache(maxsize=128)
def slope(knots: int, samples: int) -> np.ndarray:
    """(samples, knots): the direction of that curve as a matrix."""
    curve = spline(knots, samples)
    rows = np.empty_like(curve)
    rows[1:-1] = curve[2:] - curve[:-2]
    rows[0], rows[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    return rows


_CAP = np.stack([np.cos(np.linspace(0, np.pi, 7)[1:-1]), np.sin(np.linspace(0, np.pi, 7)[1:-1])])


def sweep(axis: Points, radii: np.ndarray, start: bool = True, end: bool = True) -> Points:
    """Outline of a limb: axis (K, 2) with a radius at each of its points; round or flat ends."""
    curve = spline(len(axis), 3 * len(axis) - 2)
    centre = curve @ axis
    radius = (curve @ radii)[:, None]
    along = slope(len(axis), 3 * len(axis) - 2) @ axis
    along /= np.sqrt(along[:, :1] ** 2 + along[:, 1:] ** 2) + 1e-9
    side = np.empty_like(along)
    side[:, 0], side[:, 1] = -along[:, 1], along[:, 0]
    side *= radius
    pieces = [centre + side]
    if end:
        pieces.append(
            centre[-1] + (_CAP[0][:, None] * side[-1] + _CAP[1][:, None] * along[-1] * radius[-1])
        )
    pieces.append((centre - side)[::-1])
    if start:
        pieces.append(
            centre[0] - (_CAP[0][:, None] * side[0] + _CAP[1][:, None] * along[0] * radius[0])
        )
    return np.concatenate(pieces)


def column(left: Points, right: Points) -> Points:
    """Outline between two edges, both from top to bottom, smoothed."""
    curve = spline(len(left), 3 * len(left) - 2)
    return np.concatenate([curve @ left, (curve @ right)[::-1]])


_TURN = np.linspace(0, 2 * np.pi, 25)[:-1]
_ROUND = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)


def ellipse(x: float, y: float, across: float, down: float) -> Points:
    """An ellipse with half-axes `across` and `down`."""
    return _ROUND * (across, down) + (x, y)


def box(x: float, y: float, across: float, down: float, soft: float = 0.3) -> Points:
    """A rectangle with rounded corners: centre, half-axes, softness 0 (sharp) to 1 (ellipse)."""
    power = 0.12 + 0.88 * soft
    shape = np.sign(_ROUND) * np.abs(_ROUND) ** power
    return shape * (across, down) + (x, y)
