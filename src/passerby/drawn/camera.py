"""What a cheap camera does to a picture: size, blur, noise, colour cast, JPEG."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

import cv2
import numpy as np

from passerby.drawn.fields import SIZE, field, window

_LEVELS = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
_EYE = np.eye(3, dtype=np.float32)


def photograph(picture: np.ndarray, height: int, width: int, roll: Random) -> np.ndarray:
    """(H', W', 3) uint8 drawn large to (height, width, 3) uint8 as a camera would give it."""
    small = roll.random() < 0.3
    share = roll.uniform(0.4, 0.9) if small and height >= 48 else 1.0
    rows, columns = max(8, round(height * share)), max(4, round(width * share))
    picture = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    picture = _blur(picture, roll)
    picture = _expose(picture, roll)
    if share < 1:
        picture = cv2.resize(
            picture, (width, height), interpolation=roll.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))
        )
    if roll.random() < 0.55:
        quality = int(roll.uniform(30, 95))
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        coded = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        bgr = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
        picture = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(picture)


def _blur(picture: np.ndarray, roll: Random) -> np.ndarray:
    kind, scale = roll.random(), picture.shape[0] / 128
    if kind < 0.35:
        return cv2.GaussianBlur(picture, (0, 0), max(0.25, roll.uniform(0.3, 1.1) * scale))
    if kind < 0.45:
        length = max(2, round(roll.uniform(2, 4) * scale))
        return cv2.blur(picture, (length, 1) if roll.random() < 0.7 else (1, length))
    if kind < 0.62:
        soft = cv2.GaussianBlur(picture, (0, 0), max(0.4, 1.0 * scale))
        amount = roll.uniform(0.3, 1.0)
        return cv2.addWeighted(picture, 1 + amount, soft, -amount, 0)
    return picture


def _expose(picture: np.ndarray, roll: Random) -> np.ndarray:
    """Exposure, contrast, gamma, colour cast, saturation; then noise."""
    gain, gamma = math.exp(roll.gauss(0.06, 0.14)), math.exp(roll.gauss(-0.04, 0.13))
    contrast, pivot = math.exp(roll.gauss(0, 0.12)), roll.uniform(0.35, 0.6)
    warm, green = roll.gauss(0, 0.05), roll.gauss(0, 0.02)
    casts = np.array([1 + warm, 1 + green, 1 - warm], np.float32)
    curve = (_LEVELS * (gain * casts)) ** gamma
    curve = (curve - pivot) * contrast + pivot
    curve = np.where(curve > 0.85, 0.85 + 0.15 * np.tanh((curve - 0.85) / 0.15), curve)
    table = np.clip(curve * 255, 0, 255).astype(np.uint8)
    out = cv2.LUT(picture, table[:, None])
    out = _saturate(out, math.exp(roll.gauss(-0.12, 0.18)))
    noise = max(0.0, roll.gauss(1.5, 2.6))
    if noise > 0.5:
        out = _noise(out, noise, roll)
    return out


def _saturate(picture: np.ndarray, share: float) -> np.ndarray:
    """Colours nearer to grey (share < 1) or further from it."""
    mix = np.full((3, 3), (1 - share) / 3, np.float32) + _EYE * np.float32(share)
    return cv2.transform(picture, mix)


def _grain(slope: float) -> np.ndarray:
    return field(9, slope)


@lru_cache(maxsize=2)
def _doubled(slope: float) -> np.ndarray:
    """(512, 512): the grain twice each way, so that any view of one period is a plain slice."""
    return np.tile(_grain(slope), (2, 2))


def _noise(picture: np.ndarray, strength: float, roll: Random) -> np.ndarray:
    """Grain of a deviation of `strength` grey levels, coloured or not."""
    rows, columns = picture.shape[:2]
    slope = 0.0 if roll.random() < 0.6 else 0.5
    x, y = roll.randrange(SIZE), roll.randrange(SIZE)
    if rows <= SIZE and columns <= SIZE:
        first = _doubled(slope)[y : y + rows, x : x + columns] * strength
    else:
        first = window(_grain(slope), rows, columns, 1.0, 0.0, x, y) * strength
    if roll.random() < 0.5:
        planes = [first] * 3
    else:
        planes = [first, np.roll(first, (7, 11), (0, 1)), np.roll(first, (14, 22), (0, 1))]
    return cv2.add(picture, cv2.merge(planes).astype(np.int16), dtype=cv2.CV_8U)
