"""Clothes of the trunk and the arms, painted over a posed body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from statistics import median

import numpy as np

from passerby.drawn.canvas import RGB, Canvas, Cloth
from passerby.drawn.dressing import arm_axis, cut, edges, leaning, patch, surface
from passerby.drawn.outline import column, sweep
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Garment, Person

HEMS = {"crop": 0.60, "waist": 0.545, "hip": 0.485, "thigh": 0.40, "knee": 0.29}
DRESS_HEMS = {"mini": 0.37, "knee": 0.27, "calf": 0.17, "ankle": 0.06}
_LOOSE = {"slim": 0.003, "regular": 0.008, "loose": 0.016}
_BULK = {"jacket": 0.010, "coat": 0.013, "down jacket": 0.024, "hoodie": 0.012, "blazer": 0.008,
         "cardigan": 0.007, "sweater": 0.006, "vest": 0.010}  # fmt: skip
OUTER = ("jacket", "coat", "down jacket", "hoodie", "blazer", "cardigan", "vest")


@dataclass(frozen=True)
class Dressed:
    """One layer of the trunk: the garment, its paint, how far it stands off the skin."""

    garment: Garment
    cloth: Cloth
    ease: float
    hem: float


def layer(garment: Garment, cloth: Cloth, over: bool, style: Random) -> Dressed:
    ease = _LOOSE.get(garment.fit, 0.01) + _BULK.get(garment.kind, 0.0) + (0.004 if over else 0)
    table = DRESS_HEMS if garment.kind == "dress" else HEMS
    hem = table.get(garment.length, 0.485) + style.uniform(-0.015, 0.015)
    return Dressed(garment, cloth, ease, hem)


def _second(cloth: Cloth) -> Cloth:
    return replace(cloth, rgb=cloth.second, mask=None)


def shaded(rgb: RGB, by: float) -> RGB:
    """A darker (by < 1) or lighter colour."""
    return tuple(int(min(255, max(0, v * by + (8 if by > 1 else 0)))) for v in rgb)  # type: ignore[return-value]


def paint_trunk(canvas: Canvas, stance: Stance, worn: Dressed, style: Random) -> None:
    """The trunk of a garment from the neck to its hem."""
    unit, top = stance.unit, float(stance.build.sections[0, 0])
    loose = worn.ease
    y = np.array(
        [top, top - 0.012, top - 0.035, 0.76, 0.71, 0.63, 0.56, 0.50, 0.44, 0.36, 0.28, 0.2, 0.1]
    )
    y = np.concatenate([y[y > worn.hem + 0.02], [worn.hem]])
    ease = np.full(len(y), loose)
    ease[:2] *= 0.4
    waist = (y < 0.70) & (y > 0.52)
    ease[waist] += loose * (0.6 if worn.garment.fit != "slim" else 0.0)
    dress = worn.garment.kind == "dress"
    flare = style.uniform(0.05, 0.3) if dress else style.uniform(0.0, 0.14)
    if worn.garment.fit == "loose":
        flare += 0.06
    legs = 0.012 if worn.hem < 0.44 else 0.0
    left, right = edges(stance, y, ease, flare, legs)
    half = median((right[:, 0] - left[:, 0]).tolist()) / 2
    angle = leaning((left[0] + right[0]) / 2, (left[-1] + right[-1]) / 2)
    outline = column(left, right)
    canvas.paint(outline, worn.cloth, half, stance.lift(-0.03), angle, 0.75, upright=True)
    if worn.garment.pattern == "colour block":
        _blocks(canvas, stance, worn, style)
    if worn.garment.kind == "down jacket":
        for level in np.arange(worn.hem + 0.03, 0.8, 0.045):
            span = surface(
                stance,
                np.array([-stance.yaw - 1.5, -stance.yaw + 1.5]),
                np.array([level, level]),
                worn.ease,
            )
            canvas.tint(sweep(span, np.full(2, 0.004 * unit)), shaded(worn.cloth.rgb, 0.5), 0.5)


def _blocks(canvas: Canvas, stance: Stance, worn: Dressed, style: Random) -> None:
    kind = style.choice(("yoke", "lower", "band"))
    top = 0.825
    span = {"yoke": (top, 0.72), "lower": (0.62, worn.hem + 0.005), "band": (0.72, 0.63)}[kind]
    area = patch(stance, (-stance.yaw - 1.5, -stance.yaw + 1.5), span, worn.ease + 0.02)
    canvas.paint(
        area, _second(worn.cloth), 0.09 * stance.unit, stance.lift(-0.02), 0, 0.75, within=True
    )


def paint_arm(
    canvas: Canvas,
    stance: Stance,
    person: Person,
    side: int,
    worn: Dressed,
    inner: Dressed | None,
    style: Random,
) -> None:
    """An arm with its hand and what covers it."""
    points, radii = arm_axis(stance, side)
    unit = stance.unit * (1 + stance.wide) / 2
    lift = stance.lift(stance.mean_depth(points) + 0.03)
    skin = Cloth("skin", person.skin, fold=0.0006, grain=0.01)
    flat = stance.place(points)
    angle = leaning(flat[0], flat[-1])
    fingers = points[4] + (points[4] - points[3]) * 0.75
    hand = stance.place(np.stack([points[4], (points[4] + fingers) / 2, fingers]))
    canvas.paint(
        sweep(hand, np.array([0.016, 0.02, 0.012]) * unit), skin, 0.018 * unit, lift, angle
    )
    shirt = worn
    if worn.garment.sleeve == "none" and inner is not None and inner.garment.sleeve != "none":
        shirt = inner
    sleeve = shirt.garment.sleeve
    if sleeve != "long":
        canvas.paint(sweep(flat, radii * unit), skin, 0.03 * unit, lift, angle)
    if sleeve == "none":
        return
    stop = 0.99 if sleeve == "long" else style.uniform(0.3, 0.46)
    if shirt.garment.sleeve == "long" and style.random() < 0.1:
        stop = 0.72
        canvas.paint(sweep(flat, radii * unit), skin, 0.03 * unit, lift, angle)
    axis, thick = cut(points, radii, stop)
    thick = thick + shirt.ease * 0.5 + np.array([-0.004, 0.002, 0.003, 0.003, 0.0])
    if sleeve == "short":
        thick[2:] += 0.006
    cloth = shirt.cloth
    if shirt.garment.pattern == "colour block" and style.random() < 0.5:
        cloth = _second(cloth)
    line = stance.place(axis)
    canvas.paint(
        sweep(line, thick * unit, end=False),
        cloth,
        0.034 * unit,
        lift + 0.006 * unit,
        angle,
        fuse=True,
        upright=abs(angle) < 0.6,
    )
    if stop > 0.9 and style.random() < 0.5:
        band = sweep(line[-2:] * 0.25 + line[-1:] * 0.75, thick[-2:] * unit, start=False, end=False)
        canvas.tint(band, shaded(cloth.rgb, 0.75), 0.5)
