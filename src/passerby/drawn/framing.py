"""How a person is framed: view, distance, shift, stretch and tilt of one photo."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from passerby.drawn.body import build_of, pose_of
from passerby.drawn.portrait import style_of
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Person


def _yaw(roll: Random) -> float:
    kind = roll.random()
    if kind < 0.32:
        return roll.gauss(0, 0.25)
    if kind < 0.62:
        return roll.gauss(math.pi, 0.25)
    return roll.uniform(0, 2 * math.pi)


def framed(person: Person, roll: Random, rows: int, columns: int) -> Stance:
    """Where a person stands, faces and how large, in a photo of rows x columns pixels."""
    build = build_of(person, style_of(person, "body"))
    pose = pose_of(person, build, roll)
    yaw = _yaw(roll) % (2 * math.pi)
    margins = roll.uniform(-0.02, 0.1), roll.uniform(-0.02, 0.1)
    if roll.random() < 0.12:
        margins = roll.uniform(-0.06, 0.2), roll.uniform(-0.1, 0.2)
    top = float(pose.spine[1, 1]) + build.head * 1.1
    unit = rows / (top + margins[0] + margins[1])
    stance = Stance(
        build,
        pose,
        yaw,
        max(0.0, roll.gauss(0.09, 0.09)),
        unit,
        1.0,
        (0.0, 0.0),
        0.0,
        max(-0.05, roll.gauss(0.05, 0.1)),
    )
    joints = np.concatenate([pose.elbows, pose.wrists, pose.ankles, pose.shoulders])
    flat = stance.flat(*joints.T)[0]
    span = float(np.ptp(flat)) + 0.12
    wide = columns / unit / span * roll.uniform(0.5, 0.95)
    wide = min(max(wide, 0.82), 1.18)
    middle = float(flat.max() + flat.min()) / 2 * 0.7
    x = columns * (0.5 + roll.gauss(0, 0.04)) - middle * unit * wide
    y = rows - margins[1] * unit
    return Stance(
        build, pose, yaw, stance.pitch, unit, wide, (x, y), roll.gauss(0, 0.03), stance.near
    )
