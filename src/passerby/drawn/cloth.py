"""What garments are made of: folds and grain by kind, and the masks of patterns."""

from __future__ import annotations

from functools import lru_cache
from random import Random

import cv2
import numpy as np

from passerby.drawn.canvas import Cloth
from passerby.drawn.fields import SIZE, field
from passerby.drawn.wardrobe import Garment

_VARIANTS = 6  # drawings of a pattern
# kind: depth of folds (body heights), grain
_STUFF = {
    "t-shirt": (0.0144, 0.005), "tank top": (0.0054, 0.010), "shirt": (0.0083, 0.010),
    "blouse": (0.0090, 0.010), "polo shirt": (0.0072, 0.015), "sweater": (0.0072, 0.030),
    "jacket": (0.0108, 0.015), "coat": (0.0090, 0.025), "down jacket": (0.0108, 0.010),
    "hoodie": (0.0108, 0.020), "blazer": (0.0054, 0.015), "cardigan": (0.0090, 0.025),
    "jeans": (0.0090, 0.025), "jean shorts": (0.0072, 0.025), "leggings": (0.0027, 0.005),
    "tights": (0.0009, 0.010), "skirt": (0.0090, 0.010), "dress": (0.0090, 0.010),
    "scarf": (0.0126, 0.025), "backpack": (0.0054, 0.020), "suitcase": (0.0009, 0.010),
    "sweatpants": (0.0108, 0.015), "shorts": (0.0090, 0.015),
}  # fmt: skip


def cloth_of(owner: str, garment: Garment, style: Random, folded: float = 1.0) -> Cloth:
    """The garment as paint; `style` is the person's own, so that a pattern stays the same."""
    fold, grain = _STUFF.get(garment.kind, (0.004, 0.03))
    fold *= {"slim": 0.6, "loose": 1.35}.get(garment.fit, 1.0) * folded
    variant, stretch = style.randrange(_VARIANTS), style.uniform(0.75, 1.4)
    seed = style.randrange(97)
    mask = None
    if garment.second is not None and garment.pattern not in ("print", "colour block"):
        mask = pattern(garment.pattern, variant)
    return Cloth(
        owner,
        garment.colour.rgb,
        fold=fold,
        grain=grain,
        mask=mask,
        second=garment.second.rgb if garment.second else garment.colour.rgb,
        step=620 * stretch,
        fade=0.32 * style.uniform(0.3, 1.2) if garment.kind in ("jeans", "jean shorts") else 0.0,
        seed=seed,
        lay=style.gauss(1.57, 0.25)
        if garment.kind in ("skirt", "dress", "scarf")
        else style.gauss(0, 0.6),
    )


@lru_cache(maxsize=64)
def pattern(name: str, variant: int) -> np.ndarray | None:
    """(256, 256) uint8: how much of the second colour shows; wraps round."""
    roll = Random(7919 * variant + len(name))
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    if name in ("striped", "vertical stripes"):
        count = roll.choice((6, 8, 10, 14)) if name == "striped" else roll.choice((10, 14, 20))
        share = roll.uniform(0.25, 0.55)
        wave = ((y if name == "striped" else x) * count / SIZE) % 1.0
        mask = np.clip((share - np.abs(wave - 0.5) * 2 + 0.5) * 6 - 2.5, 0, 1)
    elif name == "plaid":
        mask = _plaid(x, y, roll)
    elif name == "dotted":
        count = roll.choice((8, 10, 14))
        u, v = (x * count / SIZE) % 1.0 - 0.5, (y * count / SIZE) % 1.0 - 0.5
        mask = np.clip((roll.uniform(0.2, 0.32) - np.hypot(u, v)) * 12, 0, 1)
    elif name == "floral":
        mask = _flowers(roll)
    elif name == "camouflage":
        mask = np.clip(field(60 + variant, 1.8) * 8, 0, 1) * 0.75
        mask = np.maximum(mask, (field(80 + variant, 1.8) > 0.9) * 1.0)
    else:
        return None
    return np.asarray(mask * 255, np.uint8)


def _plaid(x: np.ndarray, y: np.ndarray, roll: Random) -> np.ndarray:
    count, share = roll.choice((5, 7, 9)), roll.uniform(0.3, 0.6)
    wide = ((x * count / SIZE) % 1.0 < share) * 0.5 + ((y * count / SIZE) % 1.0 < share) * 0.5
    thin = ((x * count / SIZE + 0.3) % 1.0 < 0.08) | ((y * count / SIZE + 0.3) % 1.0 < 0.08)
    return np.asarray(np.clip(wide + thin * 0.4, 0, 1), np.float32)


def _flowers(roll: Random) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(roll.choice((40, 70, 110))):
        cx, cy, size = roll.randrange(SIZE), roll.randrange(SIZE), roll.uniform(4, 11)
        for petal in range(5):
            angle = petal * 1.2566 + cx
            place = (int(cx + size * np.cos(angle)) % SIZE, int(cy + size * np.sin(angle)) % SIZE)
            cv2.circle(mask, place, int(size * 0.6), roll.uniform(0.5, 1.0), -1, cv2.LINE_AA)
    return mask
