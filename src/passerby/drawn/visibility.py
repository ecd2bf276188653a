"""How much of each attribute a photo shows, from the pixels that its parts hold."""

from __future__ import annotations

import math

from passerby.drawn.canvas import Canvas
from passerby.drawn.sight import Sight
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Person, garments

# area in body heights squared that counts as seen in full
_FULL = {
    "hat": 0.006, "scarf": 0.004, "upper": 0.045, "inner": 0.010, "belt": 0.0015, "tie": 0.004,
    "lower": 0.04,
    "legwear": 0.014, "shoes": 0.007, "hair": 0.006, "face": 0.006, "carried": 0.002,
}  # fmt: skip
_BAGS = {"backpack": 0.028, "handbag": 0.010, "shoulder bag": 0.012, "messenger bag": 0.012,
         "shopping bag": 0.014, "suitcase": 0.02, "briefcase": 0.014}  # fmt: skip


def sight_of(person: Person, stance: Stance, canvas: Canvas) -> Sight:
    """The view, the action and the share of each attribute that shows."""
    held = canvas.counts()
    area = stance.unit**2 * stance.wide
    visible: dict[str, float] = {}
    for name, garment in garments(person):
        full = _FULL.get(name.rstrip("0123456789"), 0.004)
        if name.startswith("bag"):
            full = _BAGS.get(garment.kind, 0.012)
        elif garment.kind == "socks":
            full = 0.003
        visible[name] = min(1.0, held.get(name, 0) / (full * area))
    face = held.get("face", 0) / (_FULL["face"] * area)
    hair = face if person.hair_length == "bald" else held.get("hair", 0) / (_FULL["hair"] * area)
    visible["hair"] = min(1.0, hair)
    turned = math.cos(stance.yaw + stance.pose.turn)
    face = min(1.0, face) * max(0.0, min(1.0, turned + 0.5))
    visible["face"] = face
    visible["glasses"] = face if person.glasses != "none" else 0.0
    visible["beard"] = face if person.beard else 0.0
    if stance.facing < 0:
        _hide_inner(person, stance, visible)
    front = max(0.0, stance.facing)
    printed = "upper" if person.upper.pattern == "print" else "inner"
    visible["print"] = front * visible.get(printed, 0.0)
    return Sight(stance.view, stance.pose.action, {k: round(v, 3) for k, v in visible.items()})


def _hide_inner(person: Person, stance: Stance, visible: dict[str, float]) -> None:
    """From behind a shirt under a jacket is a hem at most; nobody tells which shirt it is."""
    if person.inner is not None and person.inner.kind != "dress" and person.upper.kind != "vest":
        visible["inner"] *= max(0.0, 1 + 3 * stance.facing)
