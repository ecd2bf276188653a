"""Shoes: a foot in the photo and what is worn on it."""

from __future__ import annotations

import math
from random import Random

import cv2
import numpy as np

from passerby.drawn.canvas import RGB, Canvas, Cloth
from passerby.drawn.clothes import shaded
from passerby.drawn.dressing import cut, leg_axis
from passerby.drawn.outline import Points, sweep
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Person

_TURN = np.linspace(0, 2 * math.pi, 10)[:-1]
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)
_RADII = np.array([0.021, 0.024, 0.017, 0.022])  # of heel, ball, toes and ankle, body heights
_TONGUE = np.array([0.012])
_HEEL = 0.03  # height of a high heel


def paint_shoe(
    canvas: Canvas,
    stance: Stance,
    person: Person,
    side: int,
    cloth: Cloth,
    lift: float,
    style: Random,
) -> None:
    """A foot from the heel to the toes, with a sole; boots go up the shin."""
    unit, kind = stance.unit, person.shoes.kind
    flat = _foot(stance, person, side, style)
    sole: RGB = style.choice(((230, 230, 228), (30, 28, 28), shaded(cloth.rgb, 0.5)))
    low = flat[:3] + np.array((0, 0.007 * unit))
    canvas.paint(_hull(low, _RADII[:3], unit), Cloth("shoes", sole, grain=0.02), 0.02 * unit, lift)
    if kind in ("sandals", "high heels", "flats"):
        skin = Cloth("feet", person.skin, grain=0.01) if person.legwear is None else cloth
        canvas.paint(_hull(flat, _RADII, unit * 0.9), skin, 0.02 * unit, lift)
        _open_shoe(canvas, stance, kind, flat, cloth, lift)
        return
    canvas.paint(_hull(flat, _RADII, unit), cloth, 0.024 * unit, lift)
    if kind == "sneakers":
        tongue = flat[1:2] * 0.6 + flat[3:] * 0.4
        canvas.tint(_hull(tongue, _TONGUE, unit), sole, 0.35)
    if kind == "boots":
        points, radii = leg_axis(stance, side)
        axis, thick = cut(points, radii + 0.008, 1.0, style.choice((0.62, 0.7, 0.86)))
        shaft = sweep(stance.place(axis), thick * unit, start=False)
        canvas.paint(shaft, cloth, 0.035 * unit, lift)


def _foot(stance: Stance, person: Person, side: int, style: Random) -> Points:
    """Pixels (4, 2) of heel, ball, toes and ankle."""
    ankle, slope = stance.pose.ankles[side], stance.pose.feet[side]
    out = (0.25 if side == 0 else -0.25) * style.uniform(0.3, 1.3)
    low = math.cos(slope)
    ahead = np.array([math.sin(out) * low, -math.sin(slope), math.cos(out) * low])
    ahead *= 1.0 if person.sex == "man" else 0.9
    up = np.array([0.0, low, math.sin(slope)])
    heel = ankle - ahead * 0.024 - up * 0.028
    if person.shoes.kind == "high heels":
        heel = heel + np.array((0, _HEEL, 0))
    ball, toes = ankle + ahead * 0.052 - up * 0.036, ankle + ahead * 0.082 - up * 0.036
    return stance.place(np.array([heel, ball, toes, ankle]))


def _open_shoe(
    canvas: Canvas, stance: Stance, kind: str, flat: Points, cloth: Cloth, lift: float
) -> None:
    """What covers a foot that shows: a strap, or toes and heel."""
    unit = stance.unit
    if kind == "sandals":
        reach = np.array((0.02 * unit, 0))
        strap = sweep(np.array([flat[1] - reach, flat[1] + reach]), np.full(2, 0.008 * unit))
        canvas.paint(strap, cloth, 0.01 * unit, lift)
        return
    canvas.paint(_hull(flat[1:3], _RADII[1:3], unit), cloth, 0.02 * unit, lift)
    canvas.paint(_hull(flat[:1], _RADII[:1], unit), cloth, 0.02 * unit, lift)
    if kind == "high heels":
        line = np.array([flat[0], flat[0] + np.array((0, _HEEL * unit * 1.3))])
        canvas.paint(sweep(line, np.array([0.01, 0.006]) * unit), cloth, 0.01 * unit, lift)


def _hull(centres: Points, radii: np.ndarray, unit: float) -> Points:
    """Outline around discs of centres (N, 2) in pixels and radii (N,) in body heights."""
    points = centres[:, None] + _RING * (radii * unit)[:, None, None]
    return np.asarray(cv2.convexHull(points.reshape(-1, 2).astype(np.float32))[:, 0])
