"""A bicycle under a rider."""

from __future__ import annotations

from random import Random

import numpy as np

from passerby.drawn.canvas import Canvas, Cloth
from passerby.drawn.outline import sweep
from passerby.drawn.stance import Stance

_RADIUS = 0.17  # of a wheel, body heights
_TURN = np.linspace(0, 2 * np.pi, 17)


def paint_bicycle(canvas: Canvas, stance: Stance, style: Random) -> None:
    """Two wheels, a frame and a bar, in the rider's body frame."""
    unit, seat = stance.unit, float(stance.pose.hips[0, 1])
    lift = stance.lift(0.0)
    rubber = Cloth("bicycle", (30, 30, 32))
    paint = Cloth(
        "bicycle", (style.randrange(30, 220), style.randrange(30, 200), style.randrange(30, 200))
    )
    for z in (-0.22, 0.36):
        rim = np.stack(
            [np.zeros(17), _RADIUS + 0.02 + _RADIUS * np.sin(_TURN), z + _RADIUS * np.cos(_TURN)], 1
        )
        canvas.paint(sweep(stance.place(rim), np.full(17, 0.009 * unit)), rubber, 0.01 * unit, lift)
    joints = np.array(
        [
            [0, 0.19, -0.22],
            [0, 0.19, 0.08],
            [0, seat - 0.06, -0.04],
            [0, seat - 0.04, 0.28],
            [0, 0.19, 0.36],
        ]
    )
    bars = ((0, 1), (1, 2), (2, 3), (1, 3), (3, 4), (0, 2))
    for start, end in bars:
        line = stance.place(joints[[start, end]])
        canvas.paint(sweep(line, np.full(2, 0.009 * unit)), paint, 0.009 * unit, lift)
    bar = stance.place(np.array([[-0.14, seat + 0.05, 0.3], [0.14, seat + 0.05, 0.3]]))
    canvas.paint(sweep(bar, np.full(2, 0.008 * unit)), rubber, 0.008 * unit, lift)
