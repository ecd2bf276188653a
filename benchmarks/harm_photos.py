"""What happens to photos of passers-by before they are indexed: harms of pixels, one at a time.

A harm takes RGB uint8 (H, W, 3) and random numbers, and gives pixels of the same shape. Lengths are
told for a photo of 128 rows and grow with it, so that a harm looks alike in large and small photos;
only compression works on the pixels as they are.
"""

from collections.abc import Callable
from zlib import crc32

import cv2
import numpy as np

Rng = np.random.Generator
PhotoHarm = Callable[[np.ndarray, Rng], np.ndarray]

ROWS, COLUMNS = 128, 64  # of the photo that lengths are told for
TINTS = ((1.2, 1.0, 0.75), (0.8, 0.97, 1.2), (0.9, 1.12, 0.9))  # lamps, shade, neon


def harmed_photo(name: str, pixels: np.ndarray, photo: str) -> np.ndarray:
    """`pixels` after the harm `name` of PHOTOS, the same at each call: `photo`, its id, is the
    seed."""
    rng = np.random.default_rng(crc32(f"{name} {photo}".encode()))
    return np.ascontiguousarray(PHOTOS[name](pixels, rng))


def small(pixels: np.ndarray, rows: int) -> np.ndarray:
    """Taken from afar: `rows` rows and half as many columns, and enlarged again."""
    least = cv2.resize(pixels, (rows // 2, rows), interpolation=cv2.INTER_AREA)
    return _sized(least, pixels)


def dark(pixels: np.ndarray) -> np.ndarray:
    """A gamma of 1.3 and 0.35 of the light."""
    return _levels(0.35 * 255 * (np.arange(256) / 255) ** 1.3)[pixels]


def bright(pixels: np.ndarray) -> np.ndarray:
    """Over-exposed: 1.8 times the light and a veil; whatever was bright is white."""
    return _levels(1.8 * np.arange(256) + 15)[pixels]


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Out of focus: a Gaussian of 2 pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), 2 * len(pixels) / ROWS)


def moved(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    """Blurred by 9 pixels of motion, level or nearly."""
    length = max(3, round(9 * len(pixels) / ROWS) | 1)
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    middle = (length // 2, length // 2)
    turn = cv2.getRotationMatrix2D(middle, float(rng.uniform(-20, 20)), 1)
    kernel = cv2.warpAffine(line, turn, (length, length))
    return cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def compressed(pixels: np.ndarray) -> np.ndarray:
    """As JPEG of quality 10."""
    kept = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 10])[1]
    return cv2.imdecode(kept, cv2.IMREAD_COLOR)[:, :, ::-1]


def noisy(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    """Grains of 128 x 64 whose deviation is 25 of 255 in each channel."""
    grains = rng.normal(0, 25, (ROWS, COLUMNS, 3)).astype(np.float32)
    found = pixels + cv2.resize(grains, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.clip(found.round(), 0, 255).astype(np.uint8)


def hidden_side(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    """A quarter of the width, left or right, behind something grey and uneven."""
    found, wide = pixels.copy(), max(1, round(pixels.shape[1] / 4))
    place = slice(None, wide) if rng.integers(2) else slice(-wide, None)
    found[:, place] = _thing(found[:, place].shape, rng)
    return found


def hidden_below(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    """The lower third behind something grey and uneven."""
    found, high = pixels.copy(), max(1, round(len(pixels) / 3))
    found[-high:] = _thing(found[-high:].shape, rng)
    return found


def loose(pixels: np.ndarray) -> np.ndarray:
    """A box too large by 20 % on each side: the photo's edge goes on there, blurred."""
    high, wide = (max(1, round(0.2 * side)) for side in pixels.shape[:2])
    wider = cv2.copyMakeBorder(pixels, high, high, wide, wide, cv2.BORDER_REPLICATE)
    around = cv2.GaussianBlur(wider, (0, 0), 4 * len(pixels) / ROWS)
    around[high:-high, wide:-wide] = pixels
    return _sized(around, pixels)


def tight(pixels: np.ndarray) -> np.ndarray:
    """A box too small: 10 % cut from each side."""
    high, wide = (round(0.1 * side) for side in pixels.shape[:2])
    return _sized(pixels[high : len(pixels) - high, wide : pixels.shape[1] - wide], pixels)


def tinted(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    """A white balance that is wrong: under lamps, in the shade or under neon tubes."""
    tint = TINTS[int(rng.integers(len(TINTS)))]
    tables = [_levels(part * np.arange(256)) for part in tint]
    return np.stack([table[pixels[:, :, n]] for n, table in enumerate(tables)], 2)


def gray(pixels: np.ndarray) -> np.ndarray:
    """Without colours: what is left is what is known without them."""
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


PHOTOS: dict[str, PhotoHarm] = {
    "small 48x24": lambda pixels, _: small(pixels, 48),
    "small 32x16": lambda pixels, _: small(pixels, 32),
    "dark": lambda pixels, _: dark(pixels),
    "over-exposed": lambda pixels, _: bright(pixels),
    "blurred": lambda pixels, _: blurred(pixels),
    "motion blur": moved,
    "JPEG 10": lambda pixels, _: compressed(pixels),
    "noise": noisy,
    "hidden side": hidden_side,
    "hidden below": hidden_below,
    "loose crop": lambda pixels, _: loose(pixels),
    "tight crop": lambda pixels, _: tight(pixels),
    "colour cast": tinted,
    "grayscale": lambda pixels, _: gray(pixels),
    "mirrored": lambda pixels, _: pixels[:, ::-1],
}


def _sized(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """As many rows and columns as `like`."""
    fewer = len(pixels) > len(like)
    way = cv2.INTER_AREA if fewer else cv2.INTER_LINEAR
    return cv2.resize(pixels, like.shape[1::-1], interpolation=way)


def _levels(levels: np.ndarray) -> np.ndarray:
    """What each of the 256 levels becomes."""
    return np.clip(levels.round(), 0, 255).astype(np.uint8)


def _thing(shape: tuple[int, ...], rng: Rng) -> np.ndarray:
    """A surface of one gray, in coarse patches."""
    patches = rng.normal(rng.uniform(70, 170), 18, (8, 4, 1)).clip(0, 255).astype(np.uint8)
    return cv2.resize(patches, shape[1::-1], interpolation=cv2.INTER_LINEAR)[:, :, None]
