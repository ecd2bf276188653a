"""A file on its way into a gallery: looked at, hashed, decoded, in a small pool of threads."""

from __future__ import annotations

import hashlib
import stat
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from passerby.data.images import read_photo, small_jpeg, to_tensor
from passerby.errors import BadPhoto, shown
from passerby.gallery.names import to_text
from passerby.gallery.rows import Row
from passerby.method import PhotoSpec

THUMBNAIL = (192, 128)  # at most so wide and so high, in pixels
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Seen:
    """A file as it was found. hash: None when size and time say that it is as it was.

    image: (3, H, W), None when its content is known already; broken: why it cannot be stored.
    """

    path: Path
    text: str
    size: int = 0
    modified: int = 0
    hash: str | None = None
    image: Tensor | None = None
    width: int = 0
    height: int = 0
    thumbnail: bytes = b""
    broken: str | None = None


def look(
    path: Path, row: Row | None, known_hashes: Container[str], spec: PhotoSpec, text: str = ""
) -> Seen:
    """What is to be known of a file; its pixels only when its content is new.

    row: what the gallery holds of this path. Size and time are taken before the content, so that
    a file that changes meanwhile differs from its row and is read again by the next run.
    """
    text = text or to_text(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            read_photo(path)  # refuses it; reading a pipe or a device would never end
        size, modified = status.st_size, status.st_mtime_ns
        if row is not None and (row.size, row.modified) == (size, modified):
            return Seen(path, text, size, modified)
        content = content_hash(path)
        if content in known_hashes or (row is not None and row.hash == content):
            return Seen(path, text, size, modified, content)
        photo = read_photo(path, (spec.height, spec.width))
        width, height = _full_size(path, photo, spec)
        image = to_tensor(photo, spec)
        return Seen(
            path, text, size, modified, content, image, width, height, small_jpeg(photo, THUMBNAIL)
        )
    except BadPhoto as error:
        return Seen(path, text, broken=str(error))
    except OSError as error:
        try:
            read_photo(path)  # says it best
        except BadPhoto as refusal:
            return Seen(path, text, broken=str(refusal))
        reason = f"{shown(path)}: cannot be read ({error.strerror}); run this again, or remove it"
        return Seen(path, text, broken=reason)


def in_order(
    paths: Iterable[Path], task: Callable[[Path], Seen], workers: int, ahead: int
) -> Iterator[Seen]:
    """task(path) of every path, in order, at most `ahead` of them waiting to be taken.

    Threads are enough: Pillow and hashing let other threads run, and unlike child processes they
    cannot outlive a killed run and keep its lock. A photo is too small to share out: each has one
    of torch's, so that none makes helpers that wait for work, busily, on the cores of all.
    """
    threads = torch.get_num_threads()  # asked first: a thread that asks later gets the pool's
    pool = ThreadPoolExecutor(workers, "decode", torch.set_num_threads, (1,))
    waiting: deque[Future[Seen]] = deque()
    try:
        for path in paths:
            waiting.append(pool.submit(task, path))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # what threads that begin later take


def content_hash(path: Path) -> str:
    """BLAKE2b of a file's bytes, as rows have it. Raises OSError."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _full_size(path: Path, photo: Image.Image, spec: PhotoSpec) -> tuple[int, int]:
    """Width and height of the upright photo, which may have been decoded at a fraction of them that
    is twice the spec's size or more.
    """
    if photo.width < 2 * spec.width or photo.height < 2 * spec.height:
        return photo.size
    with Image.open(path) as header:
        width, height = header.size
    turned = (width > height) != (photo.width > photo.height) and photo.width != photo.height
    return (height, width) if turned else (width, height)
