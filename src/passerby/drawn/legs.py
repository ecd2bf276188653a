"""Legs: skin or tights, trousers, shorts, skirts, socks."""

from __future__ import annotations

from random import Random
from statistics import median

import numpy as np

from passerby.drawn.canvas import Canvas, Cloth
from passerby.drawn.clothes import DRESS_HEMS, shaded
from passerby.drawn.dressing import cut, edges, leaning, leg_axis
from passerby.drawn.outline import column, sweep
from passerby.drawn.shoes import paint_shoe
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Garment, Person

_CUTS = {  # fit: what is added to the radii of the bare leg, from hip to ankle
    "tight": (0.003, 0.003, 0.002, 0.002, 0.002),
    "slim": (0.006, 0.006, 0.006, 0.006, 0.008),
    "regular": (0.009, 0.011, 0.013, 0.013, 0.018),
    "loose": (0.012, 0.017, 0.022, 0.022, 0.030),
}
_SOCKS = {"ankle": (0.82, 0.92), "calf": (0.6, 0.76), "knee": (0.5, 0.56)}  # where they begin
_STOPS = {"mini": 0.27, "knee": 0.46, "calf": 0.78, "ankle": 1.03}


def paint_leg(
    canvas: Canvas,
    stance: Stance,
    person: Person,
    side: int,
    clothes: dict[str, Cloth],
    style: Random,
) -> None:
    """One leg with its shoe, below any skirt."""
    unit = stance.unit * (1 + stance.wide) / 2
    points, radii = leg_axis(stance, side)
    flat = stance.place(points)
    lift = stance.lift(stance.mean_depth(points))
    angle = leaning(flat[0], flat[-1])
    lower = person.lower
    bare = lower is None or lower.kind == "skirt" or lower.length != "ankle"
    skin = Cloth("legs", person.skin, fold=0.0006, grain=0.01)
    socks = person.legwear is not None and person.legwear.kind == "socks"
    if person.legwear is not None and not socks:
        skin = clothes["legwear"]
    if bare:
        canvas.paint(sweep(flat, radii * unit), skin, 0.045 * unit, lift, angle)
    if socks and person.legwear is not None:
        high = style.uniform(*_SOCKS.get(person.legwear.length, _SOCKS["ankle"]))
        axis, thick = cut(points, radii, 1.0, high)
        line = sweep(stance.place(axis), (thick + 0.002) * unit, start=False)
        canvas.paint(line, clothes["legwear"], 0.03 * unit, lift, angle)
    paint_shoe(canvas, stance, person, side, clothes["shoes"], lift, style)
    if lower is None or lower.kind == "skirt":
        return
    _trouser(canvas, stance, lower, side, clothes["lower"], lift, style)


def _trouser(
    canvas: Canvas,
    stance: Stance,
    lower: Garment,
    side: int,
    cloth: Cloth,
    lift: float,
    style: Random,
) -> None:
    unit = stance.unit * (1 + stance.wide) / 2
    points, radii = leg_axis(stance, side)
    fit = "tight" if lower.kind == "leggings" else lower.fit
    radii = radii + np.array(_CUTS.get(fit, _CUTS["regular"]))
    shorts = lower.length in ("mini", "knee")
    stop = _STOPS.get(lower.length, 1.03) + style.uniform(-0.03, 0.02)
    if lower.length == "ankle":
        stop = min(stop, 1.04)
        drop = points[4] + (points[4] - points[3]) * 0.06
        points = np.concatenate([points[:4], drop[None]])
        stop = 1.0 if fit != "tight" else 0.96
    axis, thick = cut(points, radii, stop)
    if shorts:
        thick[2:] += 0.010 if fit != "slim" else 0.004
    top = stance.spine(np.array([0.565]))[0]
    top[0] += (points[0, 0] - stance.pose.spine[0, 0]) * 0.85
    axis = np.concatenate([top[None], axis])
    thick = np.concatenate([[radii[0] * 0.82], thick])
    line = stance.place(axis)
    angle = leaning(line[0], line[-1])
    canvas.paint(
        sweep(line, thick * unit, end=False),
        cloth,
        0.05 * unit,
        lift,
        angle,
        0.9,
        upright=abs(angle) < 0.8,
    )
    if lower.pattern == "striped" and cloth.second != cloth.rgb:
        return
    if style.random() < 0.35 and not shorts:
        edge = stance.place(
            axis + np.array([(1 if side == 0 else -1), 0, 0]) * thick[:, None] * 0.85
        )
        canvas.tint(sweep(edge, np.full(len(edge), 0.003 * unit)), shaded(cloth.rgb, 0.7), 0.4)


def paint_seat(canvas: Canvas, stance: Stance, person: Person, clothes: dict[str, Cloth]) -> None:
    """What joins the two trouser legs at the hips."""
    if person.lower is None or person.lower.kind == "skirt":
        return
    y = np.array([0.6, 0.56, 0.52, 0.485])
    left, right = edges(stance, y, np.array([0.003, 0.006, 0.005, -0.02]))
    canvas.paint(
        column(left, right),
        clothes["lower"],
        0.07 * stance.unit,
        stance.lift(-0.02),
        0,
        0.8,
        upright=True,
    )


def paint_belt(canvas: Canvas, stance: Stance, cloth: Cloth) -> None:
    """A belt round the waist; a long shirt hides it."""
    left, right = edges(stance, np.array([0.572, 0.548]), np.full(2, 0.008))
    band = np.concatenate([left, right[::-1]])
    canvas.paint(band, cloth, 0.01 * stance.unit, stance.lift(0.0), 0, 0.6)


def paint_skirt(
    canvas: Canvas, stance: Stance, garment: Garment, cloth: Cloth, style: Random
) -> None:
    """A skirt from the waist to its hem, over both legs."""
    hem = DRESS_HEMS.get(garment.length, 0.27) + style.uniform(-0.02, 0.02)
    y = np.array([0.61, 0.57, 0.53, 0.48, 0.42, 0.36, 0.28, 0.2, 0.12])
    y = np.concatenate([y[y > hem + 0.02], [hem]])
    flare = {"slim": 0.02, "regular": 0.14, "loose": 0.34}.get(garment.fit, 0.14) * style.uniform(
        0.6, 1.4
    )
    left, right = edges(stance, y, np.full(len(y), 0.006), flare, 0.008)
    half = median((right[:, 0] - left[:, 0]).tolist()) / 2
    canvas.paint(column(left, right), cloth, half * 0.9, stance.lift(0.0), 0, 0.8, upright=True)
