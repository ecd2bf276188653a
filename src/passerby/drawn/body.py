"""The body: proportions, a jointed pose, and its place in the photo.

Body frame: x to the person's left, y up from the floor, z forward; the body is 1 high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from random import Random

import numpy as np

from passerby.drawn.wardrobe import Person

LEFT, RIGHT = 0, 1


@dataclass(frozen=True)
class Build:
    """Proportions in body heights. sections: rows of (y, half width, half depth, forward)."""

    head: float  # height of the head
    shoulder: float  # from the spine to the shoulder joint
    sections: np.ndarray
    limb: float  # thickness of limbs against the average
    leg: float  # height of the hip joint
    arm: float  # upper arm; the forearm is 0.88 of it

    @cached_property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The columns of `sections` from the lowest row up."""
        y, width, depth, forward = np.ascontiguousarray(self.sections[::-1].T)
        return y, width, depth, forward


_Y = (0.846, 0.826, 0.800, 0.760, 0.720, 0.630, 0.550, 0.490)
_MAN = ((0.034, 0.062, 0.106, 0.107, 0.103, 0.089, 0.096, 0.088),
        (0.034, 0.042, 0.054, 0.068, 0.071, 0.063, 0.070, 0.064))  # fmt: skip
_WOMAN = ((0.030, 0.056, 0.093, 0.094, 0.092, 0.076, 0.101, 0.095),
          (0.030, 0.038, 0.050, 0.064, 0.068, 0.058, 0.072, 0.066))  # fmt: skip
_FORWARD = (-0.006, -0.006, -0.004, 0.004, 0.008, 0.006, -0.010, -0.012)


def build_of(person: Person, roll: Random) -> Build:
    """Proportions of a person; `roll` must be the person's own, so that they stay the same."""
    table = np.array(_MAN if person.sex == "man" else _WOMAN)
    stout = {"slim": 0.91, "average": 1.0, "heavy": 1.17}[person.build] * roll.uniform(0.95, 1.05)
    width, depth = table[0].copy(), table[1].copy()
    width[2:] *= 0.5 + 0.5 * stout
    width[5:] *= 0.6 + 0.4 * stout
    depth[3:] *= stout
    depth[5] *= stout
    forward = np.array(_FORWARD)
    if person.build == "heavy":
        forward[5] += 0.014
        width[5] *= 1.08
    if person.sex == "woman" and person.age != "child":
        forward[4] += 0.006
    head, y = 0.134 * roll.uniform(0.95, 1.06), np.array(_Y)
    if person.age == "child":
        head = 0.172 * roll.uniform(0.95, 1.05)
    y = y * (1 - head + 0.014) / 0.88
    return Build(
        head=head,
        shoulder=float(width[2]) * 0.91,
        sections=np.stack([y, width, depth, forward], 1),
        limb=(0.45 + 0.55 * stout) * (1.0 if person.sex == "man" else 0.94),
        leg=0.53 * (1 - head) / 0.866,
        arm=0.172 * (1 - head) / 0.866,
    )


@dataclass(frozen=True)
class Pose:
    """Joints in the body frame, (2, 3) for left and right, and what the person does."""

    action: str
    shoulders: np.ndarray
    elbows: np.ndarray
    wrists: np.ndarray
    hips: np.ndarray
    knees: np.ndarray
    ankles: np.ndarray
    feet: tuple[float, float]  # how far each heel is off the floor, radians of the foot's slope
    spine: np.ndarray  # (2, 3): middle of the hips, neck
    free: tuple[bool, bool]  # whether a hand can hold something
    turn: float  # head against body, radians

    @cached_property
    def arms(self) -> np.ndarray:
        """(2, 5, 3): points of the left and the right arm from shoulder to wrist; read only."""
        a, b, c = self.shoulders, self.elbows, self.wrists
        return _limbs(a, b, (b + c) / 2, c)

    @cached_property
    def legs(self) -> np.ndarray:
        """(2, 5, 3): points of the left and the right leg from hip to ankle; read only."""
        a, b, c = self.hips, self.knees, self.ankles
        return _limbs(a, b, b * 0.6 + c * 0.4, c)


def _limbs(start: np.ndarray, joint: np.ndarray, calf: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(2, 5, 3) from (2, 3) each."""
    points = np.stack([start, (start + joint) / 2, joint, calf, end], 1)
    points.setflags(write=False)  # shared by all that is painted along the limb
    return points


def _reach(
    shoulder: np.ndarray, target: np.ndarray, a: float, b: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Elbow and wrist of an arm that reaches for a target, the elbow pointing to `pole`."""
    line = target - shoulder
    far = float(np.sqrt((line**2).sum())) + 1e-9
    line = line / far
    far = min(max(far, abs(a - b) + 0.01), (a + b) * 0.995)
    along = (a * a - b * b + far * far) / (2 * far)
    out = math.sqrt(max(a * a - along * along, 0.0))
    pole = pole - line * float((pole * line).sum())
    pole = pole / (float(np.sqrt((pole**2).sum())) + 1e-9)
    return shoulder + line * along + pole * out, shoulder + line * far


_POSES = {
    "walk": 46, "stand": 22, "pocket": 7, "crossed": 3, "hip": 3, "phone": 4, "talk": 3.5,
    "front": 5, "behind": 2, "bicycle": 1.2,
}  # fmt: skip


def pose_of(person: Person, build: Build, roll: Random) -> Pose:
    """A pose; a phone in `person.carried` is looked at or talked on more often."""
    weights = dict(_POSES)
    kinds = {thing.kind for thing in person.carried}
    if "phone" in kinds:
        weights |= {"phone": 40, "talk": 30}
    elif kinds & {"book", "papers", "cup", "bottle", "jacket"}:
        weights |= {"phone": 0, "talk": 0, "front": 30, "crossed": 0, "behind": 0, "bicycle": 0}
    if any(bag.kind in ("suitcase", "handbag", "briefcase", "shopping bag") for bag in person.bags):
        weights |= {"crossed": 0, "behind": 0, "bicycle": 0}
    if person.lower is None or person.lower.kind == "skirt":
        weights |= {"bicycle": 0}
    kind = roll.choices(list(weights), list(weights.values()))[0]
    stride = roll.uniform(0.16, 0.46) if kind == "walk" else 0.0
    if kind in ("phone", "talk", "front", "pocket") and roll.random() < 0.5:
        stride = roll.uniform(0.12, 0.36)
    if kind == "bicycle":
        return _riding(build, roll)
    legs = _legs(build, roll, stride)
    sway, lean = roll.gauss(0, 0.008), roll.gauss(0.006 + 0.05 * stride, 0.02)
    neck_y = float(build.sections[0, 0])
    pelvis = (legs[0][LEFT] + legs[0][RIGHT]) / 2
    neck = np.array([pelvis[0] * 0.3 + sway, neck_y + pelvis[1] - build.leg, pelvis[2] + lean])
    swing = -legs[4] * roll.uniform(0.5, 1.1)
    arms = _arms(kind, build, roll, neck, swing)
    action = {
        "crossed": "standing with arms crossed",
        "phone": "looking at a phone",
        "talk": "talking on a phone",
    }.get(kind, "walking" if stride > 0.14 else "standing")
    if kind in ("phone", "talk") and "phone" not in kinds:
        action = "walking" if stride else "standing"
    turn = roll.gauss(0, 0.3)
    shoulders, elbows, wrists, free = arms
    hips, knees, ankles, feet, _ = legs
    spine = np.stack([pelvis, neck])
    return Pose(action, shoulders, elbows, wrists, hips, knees, ankles, feet, spine, free, turn)


def _legs(build: Build, roll: Random, stride: float) -> tuple:
    """Hips, knees, ankles (2, 3), heel lifts, and the signed swing of the left leg."""
    thigh, shin = build.leg * 0.46, build.leg * 0.455
    hips, knees, ankles = (np.zeros((2, 3)) for _ in range(3))
    phase = roll.choice((-1, 1)) * (roll.uniform(0.55, 1.0) if stride else 0)
    gap = roll.uniform(0.038, 0.06) if stride else roll.uniform(0.044, 0.085)
    shift = 0 if stride else roll.gauss(0, 0.02)
    lifts = [0.0, 0.0]
    passing = stride > 0 and roll.random() < 0.3
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        a = stride * phase * sign
        bend = roll.uniform(0.02, 0.12)
        if a < -0.05:
            bend += -a * roll.uniform(0.3, 1.4)
            lifts[side] = min(0.9, -a * 1.6 + bend * 0.4)
        if passing:
            a *= 0.25
            if sign * phase > 0:
                a, bend = 0.3, roll.uniform(0.6, 1.0)
                lifts[side] = 0.5
        if not stride and sign * shift < 0 and roll.random() < 0.4:
            bend += roll.uniform(0.05, 0.3)
            a += 0.12
        hips[side] = (sign * 0.05 * build.limb + shift * 0.6, build.leg, 0)
        knees[side] = hips[side] + thigh * np.array([0, -math.cos(a), math.sin(a)])
        knees[side, 0] = hips[side, 0] * 0.45 + 0.55 * (sign * gap)
        low = a - bend
        ankles[side] = knees[side] + shin * np.array([0, -math.cos(low), math.sin(low)])
        ankles[side, 0] = sign * gap * roll.uniform(0.75, 1.1)
    floor = min(ankles[s, 1] - 0.05 * lifts[s] for s in (0, 1)) - build.leg * 0.085
    for joints in (hips, knees, ankles):
        joints[:, 1] -= floor
    return hips, knees, ankles, (lifts[0], lifts[1]), stride * phase


def _arms(kind: str, build: Build, roll: Random, neck: np.ndarray, swing: float) -> tuple:
    """Shoulders, elbows, wrists (2, 3) and which hands are free."""
    shoulders, elbows, wrists = (np.zeros((2, 3)) for _ in range(3))
    upper, fore = build.arm, build.arm * 0.88
    drop = float(build.sections[0, 0] - build.sections[2, 0]) + 0.014
    busy = roll.choice((LEFT, RIGHT))
    both = kind in ("crossed", "behind") or (kind in ("pocket", "hip") and roll.random() < 0.5)
    free = [True, True]
    hang = roll.uniform(0.02, 0.07)
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        start = neck + np.array((sign * build.shoulder, -drop, 0.0))
        a = swing * sign + roll.gauss(0.06, 0.08)
        flex = roll.uniform(0.9, 0.995)
        reach = (upper + fore) * flex
        target = start + np.array((sign * hang, -math.cos(a) * reach, math.sin(a) * reach))
        pole = np.array([sign * 0.5, 0.0, -1.0])
        if kind in ("pocket", "hip", "crossed", "phone", "talk", "front", "behind") and (
            both or side == busy
        ):
            target, pole = _gesture(kind, start, sign, roll)
            free[side] = kind == "front"
        shoulders[side] = start
        elbows[side], wrists[side] = _reach(start, target, upper, fore, pole)
    return shoulders, elbows, wrists, (free[0], free[1])


def _gesture(
    kind: str, start: np.ndarray, sign: int, roll: Random
) -> tuple[np.ndarray, np.ndarray]:
    """Where the wrist goes and where the elbow points, body frame."""
    x, y, z = start
    down = np.array([sign * 0.8, -0.6, -0.5])
    if kind == "pocket":
        return np.array([x * 0.98, y - 0.275, z + 0.05]), np.array([sign, 0.1, -0.8])
    if kind == "hip":
        return np.array([x * 0.95, y - 0.21, z + 0.02]), np.array([sign, 0.0, -0.4])
    if kind == "crossed":
        return np.array([-x * 0.45, y - 0.105, z + 0.125]), np.array([sign, -0.9, 0.1])
    if kind == "phone":
        return np.array([x * roll.uniform(0.1, 0.6), y - roll.uniform(0.02, 0.09), z + 0.2]), down
    if kind == "talk":
        return np.array([x * 0.72, y + 0.075, z + 0.03]), np.array([sign * 0.9, -0.8, 0.5])
    if kind == "behind":
        return np.array([x * 0.25, y - 0.27, z - 0.1]), np.array([sign, 0.0, -0.6])
    return np.array([x * roll.uniform(0.3, 0.9), y - roll.uniform(0.1, 0.2), z + 0.17]), down


def _riding(build: Build, roll: Random) -> Pose:
    """On a bicycle: seat at the hips, hands at the bar, one knee up."""
    leg = build.leg
    hips, knees, ankles = (np.zeros((2, 3)) for _ in range(3))
    turn = roll.uniform(0, 2 * math.pi)
    seat = leg * 1.02
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        hips[side] = (sign * 0.05, seat, 0)
        angle = turn + (math.pi if side else 0)
        pedal = np.array(
            [sign * 0.055, 0.17 + 0.09 * math.sin(angle), 0.1 + 0.09 * math.cos(angle)]
        )
        knees[side], ankles[side] = _reach(
            hips[side], pedal, leg * 0.46, leg * 0.455, np.array([0.0, 0.3, 1.0])
        )
    neck = np.array([0.0, seat + float(build.sections[0, 0]) - leg - 0.02, 0.1])
    shoulders, elbows, wrists = (np.zeros((2, 3)) for _ in range(3))
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        shoulders[side] = neck + np.array((sign * build.shoulder, -0.04, 0.0))
        bar = np.array([sign * 0.13, seat + 0.06, 0.32])
        elbows[side], wrists[side] = _reach(
            shoulders[side], bar, build.arm, build.arm * 0.88, np.array([sign * 0.7, -0.7, -0.3])
        )
    spine = np.stack([(hips[0] + hips[1]) / 2, neck])
    return Pose(
        "riding a bicycle",
        shoulders,
        elbows,
        wrists,
        hips,
        knees,
        ankles,
        (0.0, 0.0),
        spine,
        (False, False),
        roll.gauss(0, 0.2),
    )
