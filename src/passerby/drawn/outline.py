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


@lru_cache(maxsize=128)
def _curve_and_slope(knots: int) -> np.ndarray:
    """(2 S, knots): the rows of `spline`, then those of `slope`, for S = 3 knots - 2 samples."""
    return np.concatenate([spline(knots, 3 * knots - 2), slope(knots, 3 * knots - 2)])


_BEND = np.linspace(0, np.pi, 7)[1:-1, None]
_ASIDE, _AHEAD = np.cos(_BEND), np.sin(_BEND)  # (5, 1): a half circle round an end
_OUTWARDS = np.array([-1.0, 1.0])[:, None, None]  # of the start and of the end


def sweep(axis: Points, radii: np.ndarray, start: bool = True, end: bool = True) -> Points:
    """Outline of a limb: axis (K, 2) with a radius at each of its points; round or flat ends."""
    knots = len(axis)
    size = 3 * knots - 2
    both = _curve_and_slope(knots) @ axis
    centre, along = both[:size], both[size:]
    radius = (spline(knots, size) @ radii)[:, None]
    square = along * along
    long = np.sqrt(square[:, :1] + square[:, 1:])
    long += 1e-9
    along /= long
    side = np.empty_like(along)
    np.negative(along[:, 1], out=side[:, 0])
    side[:, 1] = along[:, 0]
    side *= radius
    first, last = len(_BEND) * start, len(_BEND) * end
    turn = size + last  # where the way back begins
    outline = np.empty((turn + size + first, 2))
    np.add(centre, side, out=outline[:size])
    np.subtract(centre[::-1], side[::-1], out=outline[turn : turn + size])
    if start or end:
        ends = slice(None, None, size - 1)  # the first and the last sample
        cap = _AHEAD * along[ends, None]
        cap *= radius[ends, None]
        cap += _ASIDE * side[ends, None]
        cap *= _OUTWARDS
        cap += centre[ends, None]
        if end:
            outline[size:turn] = cap[1]
        if start:
            outline[turn + size :] = cap[0]
    return outline


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
