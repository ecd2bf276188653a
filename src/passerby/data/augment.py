"""Changes of a photo in training: the field's flip, pad-and-crop and erasing, and a wide range of
looks of cameras, for models that learn from drawn people.

All work on uint8 pixels that are already resized, with the random numbers they are handed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from statistics import NormalDist

import cv2
import numpy as np

from passerby.errors import BadRecipe

MEAN_COLOUR = (124, 116, 104)  # ImageNet's mean, about zero once normalised
LUMA = np.array([0.299, 0.587, 0.114])
REFERENCE = (384, 128)  # height and width in which `pad` is given

_ONE = np.eye(3)
_GREY = np.tile(LUMA, (3, 1))  # a colour's grey, and what is left of it
_CHROMA = _ONE - _GREY
_ABOUT_GREY = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
_PROBABILITIES = ("flip", "erase", "gray")
_FILLS = ("mean", "noise")
_BELOW_ONE = ("crop", "brightness", "contrast", "saturation", "erase_largest")


@dataclass(frozen=True)
class Augment:
    """How much a photo may change. Zero switches a change off; the first three are the field's.

    flip, erase, gray: probabilities. A flipped photo no longer fits "left" and "right" in its
    captions; the field accepts that. pad: pixels at 384 x 128 (scaled to the photo's size) that
    the photo may shift to any side. erase_smallest, erase_largest: share of the area that a
    rectangle covers. erase_fill: with what, the "mean" colour or "noise": levels 127.5 + 127.5 z, z
    standard normal, so N(0, 1) in photos normalised with mean and std 0.5, as IVT was released; but
    clipped to 0..255, as pixels are, where the released noise is not. crop: largest share of the
    area cut away. widen: largest share by which a box grows that is loose, in every second photo;
    its border repeats the photo's edge. rotate: degrees to either side. brightness, contrast,
    saturation: largest relative change. hue: degrees to either side. gamma, balance: largest log of
    the exponent and of a colour channel's gain. blur: largest sigma in pixels. downsample: largest
    factor, less one, by which detail is lost. noise: largest standard deviation, in levels of 255.

    Raises BadRecipe for a value out of range.
    """

    flip: float = 0.5
    pad: float = 10.0
    erase: float = 0.5
    erase_smallest: float = 0.02
    erase_largest: float = 0.4
    erase_fill: str = "mean"
    crop: float = 0.0
    widen: float = 0.0
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    gray: float = 0.0
    gamma: float = 0.0
    balance: float = 0.0
    blur: float = 0.0
    downsample: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.erase_fill not in _FILLS:
            raise BadRecipe(f'augment.erase_fill is "mean" or "noise", not {self.erase_fill!r}')
        for entry in fields(self):
            if entry.name == "erase_fill":
                continue
            value = getattr(self, entry.name)
            top = 1.0 if entry.name in _PROBABILITIES + _BELOW_ONE else math.inf
            if not 0 <= value <= top or not math.isfinite(value):
                span = "from 0 to 1" if top == 1 else "a number from 0 up"
                raise BadRecipe(f"augment.{entry.name} = {value}: give {span}")
        if self.erase_smallest > self.erase_largest:
            raise BadRecipe("augment.erase_smallest is above augment.erase_largest: swap them")

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, 3) to the same; the input is not changed."""
        pixels = self._moved(pixels, rng)
        pixels = self._coloured(pixels, rng)
        pixels = self._degraded(pixels, rng)
        if rng.random() < self.erase:
            pixels = _erased(pixels, rng, self)
        return pixels

    def _moved(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Flip, crop, turn and shift as one warp; a mere shift is by whole pixels, so lossless."""
        height, width = pixels.shape[:2]
        if rng.random() < self.flip:
            pixels = pixels[:, ::-1]
        reach = (round(self.pad * height / REFERENCE[0]), round(self.pad * width / REFERENCE[1]))
        down, right = rng.integers((-reach[0], -reach[1]), (reach[0] + 1, reach[1] + 1))
        if not self.crop and not self.rotate and not self.widen:
            return _shifted(pixels, int(down), int(right))
        side = math.sqrt(1 - rng.random() * self.crop)
        if self.widen and rng.random() < 0.5:
            side = 1 + rng.random() * self.widen
        slack = abs(1 - side) / 2  # where the kept part lies, as an offset of its middle
        across, along = rng.uniform(-slack, slack, size=2) * (width, height)
        angle = rng.uniform(-self.rotate, self.rotate)
        middle = ((width - 1) / 2, (height - 1) / 2)
        warp = cv2.getRotationMatrix2D(middle, angle, 1 / side)
        warp[:, 2] += np.array([right, down]) - warp[:, :2] @ (across, along)
        return cv2.warpAffine(
            np.ascontiguousarray(pixels), warp, (width, height), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip

    def _coloured(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Brightness to balance as one matrix on colours, then gamma by a table."""
        if any(
            (self.brightness, self.contrast, self.saturation, self.hue, self.gray, self.balance)
        ):
            pixels = cv2.transform(np.ascontiguousarray(pixels), self._colour_matrix(pixels, rng))
        if self.gamma:
            exponent = math.exp(rng.uniform(-self.gamma, self.gamma))
            levels = np.rint(255 * np.linspace(0, 1, 256) ** exponent).astype(np.uint8)
            pixels = cv2.LUT(pixels, levels)
        return pixels

    def _colour_matrix(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """float64 (3, 4): the affine map of (R, G, B) that all colour changes together are."""
        bright, contrast, saturation = 1 + rng.uniform(-1, 1, 3) * (
            self.brightness, self.contrast, self.saturation,
        )  # fmt: skip
        if rng.random() < self.gray:
            saturation = 0.0
        gains = np.exp(rng.uniform(-self.balance, self.balance, 3))
        chroma = saturation * (_hue_turn(rng.uniform(-self.hue, self.hue)) @ _CHROMA)
        matrix = np.empty((3, 4))
        matrix[:, :3] = (gains * (3 * bright * contrast / gains.sum()))[:, None] * (_GREY + chroma)
        mean = float(LUMA @ cv2.mean(pixels)[:3])
        matrix[:, 3] = (1 - contrast) * bright * mean  # contrast turns about the mean grey
        return matrix

    def _degraded(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Lost detail, blur, noise, in the order in which a camera makes them."""
        height, width = pixels.shape[:2]
        factor = 1 + rng.random() * self.downsample
        if factor > 1:
            small = (max(1, round(width / factor)), max(1, round(height / factor)))
            pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        sigma = rng.random() * self.blur
        if sigma > 0.2:  # below it the kernel is one pixel
            pixels = cv2.GaussianBlur(np.ascontiguousarray(pixels), (0, 0), sigma)
        deviation = rng.random() * self.noise
        if deviation > 0:
            dots = np.frombuffer(rng.bytes(pixels.size), np.uint8).reshape(pixels.shape)
            table = np.rint(_normal_quantiles() * deviation).astype(np.int16)
            pixels = cv2.add(pixels, cv2.LUT(dots, table), dtype=cv2.CV_8U)
        return pixels


def _shifted(pixels: np.ndarray, down: int, right: int) -> np.ndarray:
    """Padded with black and cropped, as the field does it."""
    height, width = pixels.shape[:2]
    moved = np.zeros_like(pixels, order="C")
    moved[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = pixels[
        max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return moved


def _hue_turn(degrees: float) -> np.ndarray:
    """(3, 3): a turn about the grey axis."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return cos * _ONE + sin * _ABOUT_GREY + (1 - cos) / 3


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """256 values of a standard normal variable, equally probable: one byte draws one value."""
    return np.array([NormalDist().inv_cdf((byte + 0.5) / 256) for byte in range(256)])


def _erased(pixels: np.ndarray, rng: np.random.Generator, settings: Augment) -> np.ndarray:
    """A rectangle filled, its sides in a ratio of 0.3 to 3.3 (Zhong et al. 2017)."""
    height, width = pixels.shape[:2]
    for _ in range(20):
        area = rng.uniform(settings.erase_smallest, settings.erase_largest) * height * width
        ratio = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
        tall, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < tall < height and 0 < wide < width:
            top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
            pixels = pixels.copy()
            noisy = settings.erase_fill == "noise"
            fill = _noise((tall, wide, 3), rng) if noisy else np.array(MEAN_COLOUR)
            pixels[top : top + tall, left : left + wide] = fill
            return pixels
    return pixels


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """uint8: standard normal values z as the levels 127.5 + 127.5 z, clipped."""
    dots = np.frombuffer(rng.bytes(math.prod(shape)), np.uint8).reshape(shape)
    table = np.clip(np.rint(127.5 + 127.5 * _normal_quantiles()), 0, 255).astype(np.uint8)
    return table[dots]
