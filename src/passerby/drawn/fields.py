"""Random fields that wrap round: folds, fabric grain, plaster, foliage; built once, lazily."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

SIZE = 256  # pixels a side of a field


@lru_cache(maxsize=64)
def field(seed: int, slope: float, along: float = 1.0) -> np.ndarray:
    """(256, 256) float32 of mean 0 and deviation 1 with spectrum 1/f**slope.

    along > 1 stretches its features in x by that factor.
    """
    rng = np.random.default_rng(seed)
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE
    fx = np.fft.rfftfreq(SIZE)[None, :] * SIZE * along
    power = 1.0 / np.maximum(1.0, np.hypot(fx, fy)) ** slope
    power[0, 0] = 0
    wave = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(SIZE, SIZE))) * power, s=(SIZE, SIZE))
    return np.asarray((wave - wave.mean()) / wave.std(), np.float32)


@lru_cache(maxsize=8)
def folds(seed: int) -> np.ndarray:
    """Creases across x: rounded ridges with sharp valleys, (256, 256) float32 about 0."""
    base = field(1000 + seed, 1.7, 1.9)
    fine = field(2000 + seed, 1.4, 1.5)
    ridge = 0.8 - np.abs(base) + 0.35 * base + 0.3 * fine
    return np.asarray(cv2.GaussianBlur(ridge - ridge.mean(), (0, 0), 1.6), np.float32)


_TURNS, _STEPS = 8, 6  # directions in half a turn, sizes in a doubling


@lru_cache(maxsize=160)
def _turned(seed: int, turn: int, size: int) -> np.ndarray:
    """(256, 256) float32: folds at a fixed direction and size."""
    return window(folds(seed), SIZE, SIZE, 2 ** (size / _STEPS), turn * math.pi / _TURNS, 0, 0)


def creases(shape: tuple[int, int], step: float, angle: float, seed: int, shift: int) -> np.ndarray:
    """(H, W) float32 of folds; `step` field pixels a pixel, across `angle` (radians)."""
    height, width = shape
    turn = round(angle / math.pi * _TURNS) % _TURNS
    if height > SIZE or width > SIZE:
        return window(folds(seed % 4), height, width, step, angle, seed * 37.0 + shift, seed * 23.0)
    source = _turned(seed % 4, turn, round(math.log2(step) * _STEPS))
    y, x = (seed * 41) % (SIZE - height + 1), (seed * 29 + shift) % (SIZE - width + 1)
    return source[y : y + height, x : x + width]


def window(
    source: np.ndarray, height: int, width: int, step: float, angle: float, x: float, y: float
) -> np.ndarray:
    """A wrapped look at a field: `step` source pixels a pixel, turned by `angle` (radians)."""
    c, s = math.cos(angle) * step, math.sin(angle) * step
    turn = np.array([[c, s, x], [-s, c, y]], np.float32)
    return cv2.warpAffine(
        source, turn, (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP,
    )  # fmt: skip
