"""Hats, hoods and scarves."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from passerby.drawn.canvas import Canvas, Cloth
from passerby.drawn.head import Head, paint_face
from passerby.drawn.outline import ellipse, sweep
from passerby.drawn.wardrobe import Person


def paint_hat(canvas: Canvas, head: Head, person: Person, cloth: Cloth, style: Random) -> None:
    """A cap, a sun hat or a beanie."""
    assert person.hat is not None
    unit, lift, kind = head.unit, head.stance.lift(0.06), person.hat.kind
    half, up = head.half * unit * head.stance.wide * 1.14, head.up * unit
    x, y = head.centre
    low = {"beanie": 0.15, "cap": 0.38, "sun hat": 0.4}.get(kind, 0.35)
    turn = np.linspace(math.asin(low), math.pi - math.asin(low), 13)
    tall = style.uniform(1.1, 1.22)
    dome = np.stack([x + np.cos(turn) * half * 1.08, y - np.sin(turn) * up * tall], 1)
    canvas.paint(dome, cloth, half, lift, 0, 0.9)
    if kind == "beanie":
        rim = sweep(
            np.array([[x - half, y - up * 0.25], [x, y - up * 0.2], [x + half, y - up * 0.25]]),
            np.full(3, 0.012 * unit),
        )
        canvas.paint(rim, cloth, 0.012 * unit, lift + 0.01 * unit)
    elif kind == "cap":
        front, s = head.seen(0), math.sin(head.turn)
        if front > -0.5:
            reach = np.array([x + s * half * 1.75, y - up * (low - 0.08 - 0.1 * max(front, 0))])
            brim = np.array(
                [
                    [x + s * half * 0.5 - half * max(front, 0) * 0.6, y - up * low],
                    reach,
                    [x + s * half * 0.5 + half * max(front, 0) * 0.6, y - up * low],
                ]
            )
            axis = np.stack([(brim[0] + brim[2]) / 2, reach + np.array((0, 0.004 * unit))])
            wide = (0.012 + 0.026 * max(front, 0)) * unit
            canvas.paint(
                sweep(axis, np.array([wide, wide * 0.8])), cloth, 0.012 * unit, lift + 0.01 * unit
            )
            canvas.tint(head.band(0.9, np.array([low - 0.02, low - 0.2])), (20, 16, 16), 0.4)
    else:
        canvas.paint(
            ellipse(float(x), float(y - up * low), half * 1.75, up * 0.24),
            cloth,
            0.02 * unit,
            lift + 0.01 * unit,
        )
        canvas.tint(
            ellipse(float(x), float(y - up * (low - 0.22)), half * 0.95, up * 0.14),
            (20, 16, 16),
            0.35,
        )


def paint_hood_up(canvas: Canvas, head: Head, person: Person, cloth: Cloth, style: Random) -> None:
    """A hood over the head, the face showing in it."""
    unit, lift = head.unit, head.stance.lift(0.03)
    half = head.half * unit * head.stance.wide
    x, y = head.centre
    tall = head.up * unit * 1.22
    canvas.paint(
        ellipse(float(x), float(y), half * 1.28, tall), cloth, half, lift, 0, 0.9, fuse=True
    )
    face = head.band(0.95, np.array([0.55, 0.3, -0.2, -0.7, -0.95]), 0.9)
    if np.ptp(face[:, 0]) > 1:
        canvas.paint(face, Cloth("face", person.skin), half, lift)
        paint_face(canvas, head, person, style)


def paint_hood_down(canvas: Canvas, head: Head, cloth: Cloth, facing: float) -> None:
    """A hood that lies round the neck."""
    unit, lift = head.unit, head.stance.lift(0.03)
    x, y = head.base
    shift = -math.sin(head.stance.yaw) * 0.035 * unit
    if facing < 0.3:
        lump = ellipse(float(x + shift), float(y + 0.012 * unit), 0.062 * unit, 0.042 * unit)
        canvas.paint(lump, cloth, 0.03 * unit, lift, fuse=True)
        return
    for sign in (-1, 1):
        middle = float(x + shift + sign * 0.042 * unit), float(y + 0.004 * unit)
        lump = ellipse(*middle, 0.022 * unit, 0.026 * unit)
        canvas.paint(lump, cloth, 0.02 * unit, lift, fuse=True)


def paint_scarf(canvas: Canvas, head: Head, cloth: Cloth, facing: float, style: Random) -> None:
    unit, lift = head.unit, head.stance.lift(0.06)
    x, y = head.base + np.array((0, -0.012 * unit))
    wide = 0.062 * unit
    axis = np.array([[x - wide, y], [x, y + 0.012 * unit], [x + wide, y]])
    canvas.paint(
        sweep(axis, np.full(3, style.uniform(0.02, 0.03) * unit)), cloth, 0.025 * unit, lift
    )
    if facing > 0.2 and style.random() < 0.6:
        end = np.array(
            [
                [x + 0.02 * unit, y + 0.02 * unit],
                [x + 0.026 * unit, y + style.uniform(0.1, 0.22) * unit],
            ]
        )
        canvas.paint(sweep(end, np.full(2, 0.022 * unit), end=False), cloth, 0.02 * unit, lift)
