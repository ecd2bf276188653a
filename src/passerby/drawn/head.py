"""Head and neck: face, hair, beard and glasses, from all sides."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from passerby.drawn.canvas import RGB, Canvas, Cloth
from passerby.drawn.clothes import shaded
from passerby.drawn.outline import ellipse, sweep
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Person

# the outline of a face, left side downwards and right side upwards: heights, half widths
_FACE_ROWS = np.array([1.0, 0.92, 0.7, 0.3, -0.1, -0.45, -0.75, -0.93, -1.0])
_JAW = np.array([0.0, 0.45, 0.78, 0.98, 1.0, 0.9, 0.68, 0.42, 0.12])
_FACE_ROWS, _JAW = np.append(_FACE_ROWS, _FACE_ROWS[::-1]), np.append(-_JAW, _JAW[::-1])


class Head:
    """Where the head is in the photo, and points on it."""

    def __init__(self, stance: Stance) -> None:
        build = stance.build
        neck = stance.pose.spine[1]
        self.stance = stance
        self.turn = stance.yaw + stance.pose.turn
        self.up = build.head * 0.5
        middle = neck + np.array((0, build.head * 0.52, 0.012))
        base = neck + np.array((0, -0.01, -0.004))
        self.centre, self.base = stance.place(np.stack([middle, base]))
        self.unit = stance.unit
        face, side = 0.385 * build.head, 0.45 * build.head
        c, s = math.cos(self.turn), math.sin(self.turn)
        self.half = math.hypot(face * c, side * s)
        self._x, self._y = self.centre.tolist()

    def at(self, angle: float, v: float, out: float = 1.0) -> tuple[float, float]:
        """Pixel of the point at `angle` from the face's middle (towards the person's left) and
        height v, -1 chin to 1 crown; hidden angles move to the nearer edge."""
        middle = (self.turn + math.pi) % (2 * math.pi) - math.pi
        seen = min(max(middle + angle, -math.pi / 2), math.pi / 2)
        if abs(middle + angle) > math.pi and abs(angle) > math.pi / 2:
            seen = -seen
        ring = math.sqrt(max(0.0, 1 - v * v * (0.75 if v < 0 else 1.0)))
        x = self.half * ring * math.sin(seen) * out * self.unit * self.stance.wide
        return self._x + x, self._y + -v * self.up * self.unit

    def rear(self, v: float) -> np.ndarray:
        """Pixel of the middle of the back of the head at height v."""
        x = -math.sin(self.turn) * self.half * 1.05 * self.unit * self.stance.wide
        return self.centre + np.array((x, -v * self.up * self.unit))

    def seen(self, angle: float) -> float:
        """Cosine of a point's angle to the camera: above 0 it can be seen."""
        return math.cos(angle + self.turn)

    def band(self, angle: float, rows: np.ndarray, out: float = 1.0) -> np.ndarray:
        """Outline of the part between -angle and angle over the heights `rows`."""
        heights = rows.tolist()
        left = [self.at(-angle, v, out) for v in heights]
        return np.array(left + [self.at(angle, v, out) for v in reversed(heights)])


def paint_hair_behind(
    canvas: Canvas, stance: Stance, head: Head, person: Person, hair: Cloth
) -> None:
    """Long hair seen from the front falls behind the neck."""
    if (
        person.hair_length in ("medium", "long")
        and person.hair_style == "loose"
        and stance.facing > -0.2
    ):
        low = 1.25 if person.hair_length == "medium" else 1.75
        _fall(canvas, head, hair, low, 1.12)


def _fall(canvas: Canvas, head: Head, hair: Cloth, low: float, wide: float) -> None:
    unit = head.unit
    back = -math.sin(head.turn) * 0.012 * unit
    x, y = head.centre
    half, up = head.half * unit * wide, head.up * unit
    axis = np.array(
        [
            [x + back, y - up * 0.5],
            [x + back * 1.6, y],
            [x + back * 2.2, y + up * 0.6],
            [x + back * 2.4, y + up * low],
        ]
    )
    canvas.paint(
        sweep(axis, np.array([0.9, 1.05, 1.05, 0.8]) * half),
        hair,
        half,
        head.stance.lift(-0.02),
        0,
        0.6,
    )


def paint_head(
    canvas: Canvas, stance: Stance, head: Head, person: Person, hair: Cloth, style: Random
) -> None:
    """Neck, face and hair; hats and glasses come after."""
    unit, lift = stance.unit, stance.lift(0.0)
    skin = Cloth("face", person.skin, fold=0.0008, grain=0.01)
    neck_half = (0.040 if person.sex == "man" else 0.032) * (1 + stance.wide) / 2
    neck = np.stack([head.centre + np.array((0, head.up * 0.3 * unit)), head.base])
    canvas.paint(
        sweep(neck, np.array([neck_half, neck_half * 1.1]) * unit), skin, neck_half * unit, lift
    )
    half = head.half * unit * stance.wide
    outline = np.empty((len(_JAW), 2))
    outline[:, 0] = head.centre[0] + half * _JAW
    outline[:, 1] = head.centre[1] - _FACE_ROWS * head.up * unit
    canvas.paint(outline, skin, half, lift + 0.02 * unit, 0, 0.9)
    if head.seen(0) > 0.2:
        canvas.tint(head.band(0.5, np.array([-0.95, -1.12])), shaded(person.skin, 0.6), 0.5)
    if person.hair_length != "bald":
        _hair(canvas, head, person, hair, skin, style)
    paint_face(canvas, head, person, style)


def _hair(
    canvas: Canvas, head: Head, person: Person, hair: Cloth, skin: Cloth, style: Random
) -> None:
    unit, lift = head.unit, head.stance.lift(0.03)
    puff = style.uniform(1.04, 1.14) if person.hair_length == "short" else style.uniform(1.08, 1.22)
    half, up = head.half * unit * head.stance.wide * puff, head.up * unit * (1 + (puff - 1) * 0.7)
    nape = -0.5 if person.hair_length == "short" else -0.75
    turn = np.linspace(math.asin(nape), math.pi - math.asin(nape), 17)
    cap = np.stack([head.centre[0] + np.cos(turn) * half, head.centre[1] - np.sin(turn) * up], 1)
    canvas.paint(cap, hair, half, lift, 0, 0.8)
    front = style.uniform(0.42, 0.66)
    side = (
        style.uniform(1.15, 1.4)
        if person.hair_length == "short" or person.hair_style != "loose"
        else style.uniform(0.85, 1.15)
    )
    rows = np.array([front, front * 0.7, 0.1, -0.3, -0.6, -0.9, -1.0])
    widths = np.array([0.55, 0.85, 0.97, 1.0, 1.0, 1.0, 1.0]) * side
    places = list(zip(widths.tolist(), rows.tolist(), strict=True))
    left = [head.at(-w, v, 0.97) for w, v in places]
    face = np.array(left + [head.at(w, v, 0.97) for w, v in reversed(places)])
    if np.ptp(face[:, 0]) > 1.0:
        canvas.paint(face, skin, half, lift - 0.01 * unit, 0, 0.8)
    if head.seen(1.57) > 0.1 or head.seen(-1.57) > 0.1:
        for ear in (-1.65, 1.65):
            if head.seen(ear) > 0.0 and (
                person.hair_length == "short" or person.hair_style != "loose"
            ):
                x, y = head.at(ear, 0.0)
                canvas.paint(
                    ellipse(float(x), float(y), 0.009 * unit, 0.016 * unit),
                    skin,
                    0.008 * unit,
                    lift,
                )
    _long(canvas, head, person, hair)


def _long(canvas: Canvas, head: Head, person: Person, hair: Cloth) -> None:
    """Hair over the shoulders and the back, tail, bun or braid."""
    unit, seen = head.unit, math.cos(head.turn)
    if person.hair_length == "short":
        return
    x, y = (float(v) for v in head.rear(0.1))
    lift = head.stance.lift(0.04 - 0.06 * seen)
    long = person.hair_length == "long"
    if person.hair_style == "loose":
        if seen < 0.35:
            _fall(canvas, head, hair, 1.2 if not long else 2.0, 1.05)
        elif person.hair_length == "long":
            for sign in (-1, 1):
                a = np.array(head.at(sign * 1.4, 0.2, 1.05))
                axis = np.stack(
                    [
                        a,
                        a + np.array((sign * 0.004 * unit, 0.06 * unit)),
                        a + np.array((-sign * 0.002 * unit, 0.135 * unit)),
                    ]
                )
                canvas.paint(
                    sweep(axis, np.array([0.012, 0.017, 0.010]) * unit), hair, 0.015 * unit, lift
                )
        return
    if person.hair_style == "bun":
        place = head.rear(0.6)
        if seen < 0.6:
            canvas.paint(
                ellipse(float(place[0]), float(place[1]), 0.026 * unit, 0.024 * unit),
                hair,
                0.024 * unit,
                lift,
            )
        return
    if seen > 0.55:
        return
    fall = (0.17 if long else 0.1) * unit
    out = -math.sin(head.turn) * 0.03 * unit
    axis = np.array(
        [
            [x, y],
            [x + out, y + 0.02 * unit],
            [x + out * 0.9, y + fall * 0.6],
            [x + out * 0.6, y + fall],
        ]
    )
    canvas.paint(
        sweep(axis, np.array([0.014, 0.019, 0.016, 0.006]) * unit), hair, 0.018 * unit, lift
    )


def paint_face(canvas: Canvas, head: Head, person: Person, style: Random) -> None:
    """Eyes, brows, nose, mouth, beard, glasses as far as they are seen."""
    if head.seen(0) < -0.35:
        return
    unit, skin = head.unit, person.skin
    if person.beard and head.seen(0) > -0.2:
        rows = np.array([-0.35, -0.6, -0.85, -1.0])
        canvas.tint(head.band(1.0, rows, 0.98), person.hair_rgb, style.uniform(0.5, 0.9))
    dark: RGB = shaded(skin, 0.35)
    for sign in (-1, 1):
        angle = 0.42 * sign
        if head.seen(angle) > 0.15:
            across = 0.009 * unit * head.seen(angle)
            x, y = head.at(angle, 0.02)
            canvas.tint(
                ellipse(float(x), float(y), across * 1.3, 0.008 * unit), shaded(skin, 0.7), 0.35
            )
            canvas.tint(ellipse(float(x), float(y), across * 0.8, 0.0045 * unit), dark, 0.7)
            x, y = head.at(angle, 0.17)
            canvas.tint(
                ellipse(float(x), float(y), across * 1.3, 0.0025 * unit),
                shaded(person.hair_rgb, 0.9),
                0.35,
            )
    if head.seen(0) > 0.1:
        x, y = head.at(0, -0.5)
        canvas.tint(
            ellipse(float(x), float(y), 0.014 * unit * head.seen(0), 0.0045 * unit),
            (int(skin[0] * 0.75), int(skin[1] * 0.5), int(skin[2] * 0.5)),
            0.7,
        )
    x, y = head.at(0, -0.2, 1.06)
    canvas.tint(
        ellipse(float(x), float(y), 0.006 * unit, 0.008 * unit),
        shaded(skin, 0.82 if head.seen(0) > 0.5 else 1.0),
        0.6,
    )
    if person.glasses != "none":
        _glasses(canvas, head, person.glasses == "sunglasses")


def _glasses(canvas: Canvas, head: Head, dark: bool) -> None:
    unit = head.unit
    for sign in (-1, 1):
        angle = 0.42 * sign
        if head.seen(angle) > 0.05:
            x, y = head.at(angle, 0.02, 1.04)
            across = 0.019 * unit * max(0.35, head.seen(angle))
            canvas.tint(
                ellipse(float(x), float(y), across, 0.013 * unit),
                (22, 22, 26),
                0.92 if dark else 0.4,
            )
            if not dark:
                canvas.tint(
                    ellipse(float(x), float(y), across * 0.7, 0.009 * unit), (200, 205, 210), 0.35
                )
    bridge = np.array([head.at(a, 0.06, 1.03) for a in (-1.3, -0.42, 0.0, 0.42, 1.3)])
    canvas.tint(sweep(bridge, np.full(5, 0.0025 * unit)), (25, 24, 26), 0.7)
