"""What shows on the front of the trunk: inner layer, neckline, collar, buttons, zip, print."""

from __future__ import annotations

from random import Random

import numpy as np

from passerby.drawn.canvas import RGB, Canvas, Cloth
from passerby.drawn.clothes import OUTER, Dressed, shaded
from passerby.drawn.dressing import patch, surface
from passerby.drawn.outline import column, ellipse, sweep
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Person

_TURNED = -0.25  # facing below which nothing of the front shows


def paint_front(
    canvas: Canvas,
    stance: Stance,
    person: Person,
    worn: Dressed,
    inner: Dressed | None,
    style: Random,
) -> None:
    """The front of a dressed trunk; nothing from behind."""
    gap = style.uniform(0.25, 0.75)  # half the opening, radians round the trunk
    woman = person.sex == "woman"
    drop = style.choice((0.02, 0.03, 0.05, 0.08) if woman else (0.012, 0.02, 0.035))
    if stance.facing < _TURNED:
        return
    opened = inner is not None and worn.garment.open
    if inner is not None:
        _opening(canvas, stance, worn, inner, gap, style)
    elif worn.garment.kind in ("shirt", "polo shirt", *OUTER):
        _placket(canvas, stance, worn, style)
    if opened and inner is not None and inner.garment.pattern == "print":
        _print(canvas, stance, inner, gap * 0.75, style)
    elif worn.garment.pattern == "print":
        _print(canvas, stance, worn, 0.6, style, badge=opened)
    shown = inner or worn
    if inner is not None or worn.garment.kind not in (
        "hoodie",
        "coat",
        "down jacket",
        "jacket",
        "vest",
    ):
        low = 0.035 if shown.garment.kind in ("shirt", "polo shirt") else drop
        _neckline(canvas, stance, person.skin, low)
    if worn.garment.kind in ("blazer", "coat"):
        _collar(canvas, stance, worn.cloth.rgb, style)
    elif shown.garment.kind in ("shirt", "polo shirt", "blazer"):
        _collar(canvas, stance, shown.cloth.rgb, style)


def paint_tie(
    canvas: Canvas, stance: Stance, worn: Dressed, inner: Dressed | None, cloth: Cloth
) -> None:
    """A tie down the middle of a shirt, as far as what is worn over it leaves open."""
    if stance.facing < _TURNED:
        return
    top = _top(stance) - 0.02
    low = 0.575 if inner is None or worn.garment.open else top - 0.09
    y = np.linspace(top, low, 5)
    wide = np.interp(y, (0.575, top), (0.2, 0.11))
    ease = (inner or worn).ease + 0.004
    left, right = surface(stance, -wide, y, ease), surface(stance, wide, y, ease)
    canvas.paint(column(left, right), cloth, 0.008 * stance.unit, stance.lift(0.0), 0, 0.5)


def _top(stance: Stance) -> float:
    """Height of the neck's base, body heights."""
    return float(stance.build.sections[0, 0])


def _opening(
    canvas: Canvas, stance: Stance, worn: Dressed, inner: Dressed, gap: float, style: Random
) -> None:
    """The inner layer between the edges of an open garment, or in the neck of a closed one."""
    unit, opened = stance.unit, worn.garment.open
    low = worn.hem if opened else _top(stance) - style.uniform(0.05, 0.14)
    y = np.linspace(_top(stance) - 0.006, low, 6)
    widen = gap * (np.linspace(0.35, 1.0, 6) if opened else np.linspace(0.5, 0.02, 6))
    left, right = surface(stance, -widen, y, worn.ease), surface(stance, widen, y, worn.ease)
    if float(np.abs(right[:, 0] - left[:, 0]).max()) < 0.8:
        return
    strip = column(left, right)
    canvas.paint(strip, inner.cloth, gap * 0.05 * unit, stance.lift(0.0), 0, 0.4)
    edge = shaded(worn.cloth.rgb, 0.6)
    for side in (left, right):
        canvas.tint(sweep(side, np.full(6, 0.005 * unit)), edge, 0.45)


def _placket(canvas: Canvas, stance: Stance, worn: Dressed, style: Random) -> None:
    """The line of buttons or of a zip."""
    low = worn.hem + 0.01 if worn.garment.kind != "polo shirt" else 0.72
    line = surface(stance, np.zeros(4), np.linspace(_top(stance) - 0.02, low, 4), worn.ease)
    rgb = shaded(worn.cloth.rgb, style.choice((0.6, 0.7, 1.3)))
    canvas.tint(sweep(line, np.full(4, 0.0035 * stance.unit)), rgb, 0.5)


def _neckline(canvas: Canvas, stance: Stance, skin: RGB, drop: float) -> None:
    if stance.facing < 0.05:
        return
    top = _top(stance)
    x = 0.03 + drop * 0.35
    angles = np.array([-1.2, -0.35, 0.0, 0.35, 1.2])
    y = np.array([top + 0.004, top - drop * 0.8, top - drop, top - drop * 0.8, top + 0.004])
    points = surface(stance, angles * min(1.0, x / 0.045), y, 0.004)
    canvas.tint(points, skin, 1.0)


def _collar(canvas: Canvas, stance: Stance, rgb: RGB, style: Random) -> None:
    if stance.facing < 0.05:
        return
    top = _top(stance)
    shade = shaded(rgb, style.choice((0.8, 1.12)))
    for sign in (-1, 1):
        points = surface(
            stance,
            np.array([1.3, 0.25, 0.5]) * sign,
            np.array([top + 0.012, top - 0.03, top - 0.045]),
            0.008,
        )
        canvas.tint(points, shade, 0.8)


def _print(
    canvas: Canvas,
    stance: Stance,
    worn: Dressed,
    reach: float,
    style: Random,
    badge: bool = False,
) -> None:
    """A graphic on the chest within `reach` radians of its middle."""
    kind = "badge" if badge else style.choice(("letters", "disc", "picture", "badge"))
    if stance.facing < 0.1:
        return
    if kind == "letters":
        _letters(canvas, stance, worn, reach, style)
        return
    unit, ink, middle = stance.unit, worn.cloth.second, 0.6 if kind == "badge" else 0.0
    if reach < 0.6:
        middle = 0.0
    place = surface(stance, np.array([middle]), np.array([0.755 if kind == "badge" else 0.72]))[0]
    size = {"badge": 0.014, "disc": 0.045, "picture": 0.05}[kind] * style.uniform(0.8, 1.2)
    size = min(size, reach * 0.09) * unit
    across = size * max(0.3, stance.facing)
    canvas.tint(ellipse(float(place[0]), float(place[1]), across, size), ink, 0.95)
    if kind == "badge":
        return
    other = (style.randrange(256), style.randrange(256), style.randrange(256))
    for _ in range(3):
        x = float(place[0]) + style.uniform(-0.5, 0.5) * across
        y = float(place[1]) + style.uniform(-0.5, 0.5) * size
        rgb = other if style.random() < 0.5 else worn.cloth.rgb
        canvas.tint(ellipse(x, y, across * 0.35, size * 0.3), rgb, 0.8)


def _letters(canvas: Canvas, stance: Stance, worn: Dressed, reach: float, style: Random) -> None:
    for row in range(style.choice((1, 2, 3))):
        y, angle = 0.755 - row * 0.03, -reach + style.uniform(0, 0.15)
        while angle < reach:
            wide = style.uniform(0.06, 0.14)
            canvas.tint(
                patch(stance, (angle, angle + wide), (y, y - 0.02)), worn.cloth.second, 0.95
            )
            angle += wide + 0.05
