"""Bags on the body and things in the hands."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from passerby.drawn.canvas import Canvas, Cloth
from passerby.drawn.clothes import shaded
from passerby.drawn.dressing import surface
from passerby.drawn.outline import box, ellipse, sweep
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Garment


def goes_behind(stance: Stance, bag: Garment, side: int) -> bool:
    """Whether the bag is painted before the trunk: it hangs on the far side."""
    if bag.kind == "backpack":
        return stance.facing > -0.1
    sign = 1 if side == 0 else -1
    return -sign * stance.aside < -0.35


def paint_backpack(canvas: Canvas, stance: Stance, cloth: Cloth, style: Random) -> None:
    """The sack on the back; straps are painted apart."""
    size = style.uniform(0.85, 1.2)
    y, across, deep, down = 0.685, 0.098 * size, 0.058 * size, 0.128 * size
    middle = stance.spine(np.array([y]))
    middle[:, 2] -= 0.065 + deep
    x0, y0 = stance.place(middle)[0]
    half = float(stance.half(np.array([across]), np.array([deep]))[0]) * stance.unit * stance.wide
    lift = stance.lift(0.1 * -stance.facing)
    tall = down * stance.unit
    canvas.paint(box(float(x0), float(y0), half, tall, 0.35), cloth, half * 0.8, lift, 0, 0.8)
    if stance.facing < 0.2:
        dark = shaded(cloth.rgb, style.choice((0.6, 0.75, 1.35)))
        canvas.tint(
            box(float(x0), float(y0 + tall * 0.4), half * 0.72, tall * 0.38, 0.35), dark, 0.55
        )
        seam = np.array(
            [
                [x0 - half * 0.8, y0 - tall * 0.35],
                [x0, y0 - tall * 0.55],
                [x0 + half * 0.8, y0 - tall * 0.35],
            ]
        )
        canvas.tint(sweep(seam, np.full(3, 0.004 * stance.unit)), shaded(cloth.rgb, 0.4), 0.6)


def paint_straps(canvas: Canvas, stance: Stance, cloth: Cloth) -> None:
    """Shoulder straps of a backpack, on the front."""
    for sign in (-1, 1):
        angle = sign * 0.72
        if math.cos(angle + stance.yaw) < 0.05:
            continue
        top = float(stance.build.sections[1, 0])
        line = surface(
            stance,
            np.array([angle * 1.35, angle, angle, angle * 1.4]),
            np.array([top, 0.79, 0.73, 0.66]),
            0.018,
        )
        canvas.paint(
            sweep(line, np.full(4, 0.0125 * stance.unit)),
            cloth,
            0.01 * stance.unit,
            stance.lift(0.05),
            0,
            0.5,
        )


def paint_strap(canvas: Canvas, stance: Stance, cloth: Cloth, side: int, across: bool) -> None:
    """A strap from a shoulder to the bag at the hip, on the side of the trunk that is seen."""
    sign = 1 if side == 0 else -1
    start = -sign * 0.9 if across else sign * 1.2
    end = sign * 1.45
    top = float(stance.build.sections[1, 0])
    y = np.array([top + 0.004, 0.76, 0.66, 0.56])
    share = (top - y) / (top - 0.56)
    for back in (False, True):
        angles = start + share * (end - start)
        if back:
            angles = math.pi - angles
        if np.cos(angles + stance.yaw).mean() < 0.15:
            continue
        line = surface(stance, angles, y, 0.02)
        canvas.paint(
            sweep(line, np.full(4, 0.0085 * stance.unit)),
            cloth,
            0.008 * stance.unit,
            stance.lift(0.05),
            0,
            0.5,
        )


def paint_hip_bag(
    canvas: Canvas, stance: Stance, bag: Garment, cloth: Cloth, side: int, style: Random
) -> None:
    """The sack of a shoulder or messenger bag."""
    sign = 1 if side == 0 else -1
    messenger = bag.kind == "messenger bag"
    size = style.uniform(0.8, 1.25)
    across, down = (0.075, 0.06) if messenger else (0.06, 0.07)
    y = 0.51 if messenger else style.choice((0.53, 0.6, 0.66))
    middle = stance.spine(np.array([y]))
    middle[:, 0] += sign * (0.115 if not messenger else 0.1)
    middle[:, 2] += style.choice((-0.05, 0.0, 0.04))
    x0, y0 = stance.place(middle)[0]
    half = (
        float(stance.half(np.array([0.04]), np.array([across]))[0])
        * size
        * stance.unit
        * stance.wide
    )
    lift = stance.lift(float(stance.depth(middle)[0]) + 0.06)
    tall = down * size * stance.unit
    canvas.paint(box(float(x0), float(y0), half, tall, 0.3), cloth, half * 0.7, lift, 0, 0.8)
    flap = box(float(x0), float(y0 - tall * 0.35), half * 0.92, tall * 0.5, 0.3)
    canvas.tint(flap, shaded(cloth.rgb, style.choice((0.7, 0.85, 1.25))), 0.5)


_HELD = {  # kind: half width, half depth, half height, drop below the hand
    "handbag": (0.03, 0.075, 0.055, 0.095), "shopping bag": (0.03, 0.07, 0.09, 0.115),
    "briefcase": (0.02, 0.1, 0.07, 0.08), "suitcase": (0.075, 0.055, 0.14, 0.0),
}  # fmt: skip


def paint_held(
    canvas: Canvas, stance: Stance, bag: Garment, cloth: Cloth, side: int, style: Random
) -> None:
    """A bag in the hand or, for a suitcase, on the floor beside it."""
    unit = stance.unit
    across, deep, down, drop = _HELD.get(bag.kind, _HELD["handbag"])
    size = style.uniform(0.85, 1.2)
    sign = 1 if side == 0 else -1
    pose = stance.pose
    hand = pose.wrists[side] + (pose.wrists[side] - pose.elbows[side]) * 0.4
    if bag.kind == "handbag" and style.random() < 0.35:
        hand = pose.elbows[side] * 0.7 + pose.wrists[side] * 0.3
    grip = stance.place(hand[None])[0]
    if bag.kind == "suitcase":
        spot = np.array([[sign * 0.2, down + 0.015, style.uniform(-0.22, 0.05)]])
    else:
        spot = hand[None] - np.array((0, drop * size + 0.01, 0))
    x0, y0 = stance.place(spot)[0]
    half = float(stance.half(np.array([across]), np.array([deep]))[0]) * size * unit * stance.wide
    tall = down * (size if bag.kind != "suitcase" else 1) * unit
    lift = stance.lift(float(stance.depth(spot)[0]) + 0.05)
    strap = Cloth(cloth.owner, shaded(cloth.rgb, 0.7))
    for edge in (-0.5, 0.5):
        handle = np.stack([grip, np.array([x0 + edge * half, y0 - tall * 0.95])])
        canvas.paint(sweep(handle, np.full(2, 0.005 * unit)), strap, 0.005 * unit, lift)
    canvas.paint(box(float(x0), float(y0), half, tall, 0.15), cloth, half * 0.6, lift, 0, 0.7)
    if bag.kind == "shopping bag" and style.random() < 0.5:
        ink = (style.randrange(256), style.randrange(256), style.randrange(256))
        canvas.tint(ellipse(float(x0), float(y0), half * 0.5, tall * 0.3), ink, 0.7)


_CARRIED = {  # kind: half width, half height
    "phone": (0.012, 0.02), "bottle": (0.013, 0.04), "cup": (0.016, 0.024),
    "papers": (0.04, 0.055), "book": (0.034, 0.046),
}  # fmt: skip


def paint_thing(
    canvas: Canvas, stance: Stance, thing: Garment, cloth: Cloth, side: int, style: Random
) -> None:
    """What a hand holds: phone, bottle, cup, papers, book, umbrella, jacket over the arm."""
    unit = stance.unit
    pose = stance.pose
    hand = pose.wrists[side] + (pose.wrists[side] - pose.elbows[side]) * 0.45
    x, y = stance.place(hand[None])[0]
    lift = stance.lift(float(stance.depth(hand[None])[0]) + 0.05)
    if thing.kind == "umbrella":
        _umbrella(canvas, stance, cloth, x, y, lift, style)
        return
    if thing.kind == "jacket":
        line = stance.place(np.stack([pose.elbows[side], pose.wrists[side]]))
        middle = line.mean(0)
        canvas.paint(
            box(float(middle[0]), float(middle[1] + 0.055 * unit), 0.045 * unit, 0.09 * unit, 0.5),
            cloth,
            0.03 * unit,
            lift,
        )
        return
    across, tall = _CARRIED.get(thing.kind, (0.02, 0.03))
    across *= max(0.45, abs(stance.facing)) if thing.kind in ("papers", "book") else 1.0
    canvas.paint(
        box(float(x), float(y), across * unit, tall * unit, 0.2), cloth, across * unit, lift, 0, 0.5
    )


def _umbrella(
    canvas: Canvas, stance: Stance, cloth: Cloth, x: float, y: float, lift: float, style: Random
) -> None:
    unit = stance.unit
    if style.random() < 0.55:
        stick = np.array(
            [
                [x, y - 0.03 * unit],
                [x + 0.01 * unit, y + 0.2 * unit],
                [x + 0.015 * unit, y + 0.34 * unit],
            ]
        )
        canvas.paint(sweep(stick, np.array([0.008, 0.02, 0.004]) * unit), cloth, 0.015 * unit, lift)
        return
    crown = stance.pose.spine[1] + np.array((0, stance.build.head * 1.2, 0))
    top = min(y - 0.42 * unit, float(stance.place(crown[None])[0, 1]) - 0.03 * unit)
    canvas.paint(
        sweep(np.array([[x, y], [x, top]]), np.full(2, 0.004 * unit)),
        Cloth(cloth.owner, (60, 60, 64)),
        2,
        lift,
    )
    turn = np.linspace(0, math.pi, 15)
    shade = np.stack(
        [x + np.cos(turn) * 0.28 * unit, top + 0.05 * unit - np.sin(turn) * 0.15 * unit], 1
    )
    canvas.paint(shade, cloth, 0.14 * unit, lift, 0, 0.7)
