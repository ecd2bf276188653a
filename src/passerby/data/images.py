"""Photos: a file to an RGB image, an image to the tensor that a method takes.

Whatever cannot be a photo of a person is refused by BadPhoto in one line. Sizes are judged by the
header, so that a bomb is never decoded.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from passerby.errors import BadPhoto, shown
from passerby.method import PhotoSpec
from passerby.types import Photo

MAX_PIXELS = 178_000_000  # 0.5 GB of RGB; the largest camera backs make 150 million
MAX_BYTES = 4 * MAX_PIXELS  # of a file inside another; the file itself is never read as a whole
MIN_SIDE = 4  # pixels; the smallest crops of the benchmarks are 13 wide
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")  # none that starts a program (EPS)
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

_ORIENTATION = 0x0112  # the EXIF tag; its values 2-8 ask for these moves
_MOVES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


def read_photo(
    path: Path,
    near: tuple[int, int] | None = None,
    inside: tuple[int, int] | None = None,
    name: str = "",
) -> Image.Image:
    """The photo at `path` as an upright RGB image, transparency over white, first frame only.

    near: (height, width) that the photo will be resized to; a large JPEG is then decoded at a
    fraction of its size that is at least twice as large. 16-bit grey is scaled to 8 bits. inside:
    offset and size of its bytes in the file at `path`, a tar; name: what messages then call it.

    Raises BadPhoto for a file that is missing, empty, locked away or no picture, for a damaged one,
    for more than MAX_PIXELS pixels and for a side under MIN_SIDE pixels (no person fits there).
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - half the time of Path.stat
            raise BadPhoto(f"{shown(path)}: not a file; give the path of a photo")
        with open(path, "rb") as file:  # noqa: PTH123 - half the time of Path.open
            if inside is not None:
                return _decode_inside(file, shown(name or path), near, inside)
            return _decode(file, shown(path), near)
    except FileNotFoundError:
        raise BadPhoto(f"{shown(path)}: no such file; check the path") from None
    except PermissionError:
        raise BadPhoto(f"{shown(path)}: no permission to read it; give it, or remove it") from None
    except (OSError, ValueError) as error:  # a path too long, a NUL in it, links in a circle
        raise BadPhoto(f"{shown(path)}: cannot be opened ({_reason(error)}); rename it") from error


def open_photo(photo: Photo, near: tuple[int, int] | None = None) -> Image.Image:
    """A photo of a split, in a file of its own or inside a tar; see `read_photo`."""
    return read_photo(photo.path, near, photo.inside, photo.id)


def small_jpeg(photo: Image.Image, most: tuple[int, int], quality: int = 85) -> bytes:
    """A thumbnail, at most so wide and so high."""
    small = photo.copy()
    small.thumbnail(most)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return out.getvalue()


def met(refusal: BadPhoto) -> str:
    """What its line says was met, without the remedy."""
    return str(refusal).rpartition("; ")[0]


def resize(image: Image.Image, spec: PhotoSpec) -> np.ndarray:
    """uint8 (H, W, 3) of the spec's size, antialiased."""
    size = (spec.width, spec.height)
    small = image if image.size == size else image.resize(size, RESAMPLING[spec.resampling])
    return np.asarray(small)


def normalise(pixels: np.ndarray, spec: PhotoSpec) -> Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W): scaled to [0, 1], less mean, over std."""
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float()
    mean = torch.tensor(spec.mean).view(1, 3, 1, 1)
    std = torch.tensor(spec.std).view(1, 3, 1, 1)
    return images.div_(255).sub_(mean).div_(std)


def to_tensor(image: Image.Image, spec: PhotoSpec) -> Tensor:
    """float32 (3, H, W): resized, scaled to [0, 1], normalised as the spec says."""
    return normalise(resize(image, spec)[None], spec)[0]


def _decode_inside(
    file: BinaryIO, name: str, near: tuple[int, int] | None, inside: tuple[int, int]
) -> Image.Image:
    """As `_decode`, of a part of the file; who made the shard can mend it, others leave it out."""
    offset, size = inside
    try:
        if size > MAX_BYTES:
            raise BadPhoto(_too_large(name, f"{size} bytes, "))
        return _decode(io.BytesIO(os.pread(file.fileno(), size, offset)), name, near)
    except BadPhoto as error:
        raise BadPhoto(
            f"{met(error)}; copy its tar again; training leaves it out with --set data.broken=skip"
        ) from error


def _decode(file: BinaryIO, name: str, near: tuple[int, int] | None) -> Image.Image:
    image = _open(file, name)
    _check_size(image.size, name)
    try:
        if near is not None and image.format in ("JPEG", "MPO"):
            height, width = near if _orientation(image) < 5 else near[::-1]
            image.draft(None, (2 * width, 2 * height))
        image.load()
        move = _MOVES.get(_orientation(image))
        photo = _rgb(image if move is None else image.transpose(move))
    except Exception as error:  # decoders fed with damaged bytes raise anything
        raise BadPhoto(
            f"{name}: damaged or cut short ({_reason(error)}); copy it again or remove it"
        ) from error
    photo.info = {}  # upright now: nobody shall turn it again by its EXIF
    return photo


def _open(file: BinaryIO, name: str) -> Image.Image:
    """The file's header; refuses what is no picture."""
    if not file.seek(0, os.SEEK_END):
        raise BadPhoto(f"{name}: an empty file; copy it again or remove it")
    file.seek(0)
    try:
        return Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError:
        raise BadPhoto(_too_large(name)) from None
    except Exception as error:  # as above: a header can be damaged in any way
        raise BadPhoto(
            f"{name}: not an image ({', '.join(FORMATS)} are read); remove or convert it"
        ) from error


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise BadPhoto(_too_large(name, f"{width}x{height}, "))
    if min(width, height) < MIN_SIDE:
        raise BadPhoto(
            f"{name}: {width}x{height} pixels, too small to show a person "
            f"(a side needs {MIN_SIDE}); remove it"
        )


def _too_large(name: str, size: str = "") -> str:
    return (
        f"{name}: {size}more than {MAX_PIXELS // 1_000_000} million pixels by its header; "
        "scale it down or crop the persons"
    )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF beside a good photo: viewers show it unturned, so do we
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_deep_grey(image)
    if image.mode in _ALPHA or "transparency" in image.info:
        cut_out = image.convert("RGBA")
        paper = Image.new("RGBA", cut_out.size, "white")
        paper.alpha_composite(cut_out)
        return paper.convert("RGB")
    return image.convert("RGB")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floats: its full scale becomes 255 (Pillow would clip it)."""
    grey = np.asarray(image).astype(np.float32)
    peak = float(grey.max())
    if image.mode.startswith("I;16") or image.format == "PNG":
        full = 65535.0  # a PNG of mode I has 16 bits
    else:  # TIFF says nothing of its scale: the smallest usual one that holds the values
        scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        full = next((scale for scale in scales if peak <= scale), peak)
    if not np.isfinite(peak) or full <= 0:
        raise ValueError("its pixels are not finite numbers")
    grey8 = np.clip(np.rint(grey * (255.0 / full)), 0, 255).astype(np.uint8)
    return Image.fromarray(grey8).convert("RGB")


def _reason(error: BaseException) -> str:
    """An error's text on one line, short."""
    text = " ".join((getattr(error, "strerror", None) or str(error)).split())
    return "".join(c if c.isprintable() else "?" for c in text)[:120] or type(error).__name__
