"""Resized photos, read once and shared by all workers of all epochs."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence

import numpy as np

from passerby.data.images import open_photo, resize
from passerby.errors import BadRecipe
from passerby.method import PhotoSpec
from passerby.types import Photo


class ResizedPhotos:
    """Photos as uint8 (H, W, 3) by their place in the list; with `keep`, decoded once only.

    Kept photos fill anonymous shared memory (H x W x 3 bytes a photo) as they are first read, by
    whichever forked worker reads them. Raises BadRecipe when they cannot fit in memory.
    """

    def __init__(self, photos: Sequence[Photo], spec: PhotoSpec, keep: bool = False) -> None:
        self.photos = photos
        self.spec = spec
        self._kept: np.ndarray | None = None
        if keep and photos:
            shape = (len(photos), spec.height, spec.width, 3)
            _check_memory(int(np.prod(shape)))
            # Not torch's shared memory: that lives in /dev/shm, 64 MB in a container.
            self._kept = np.frombuffer(mmap.mmap(-1, int(np.prod(shape))), np.uint8).reshape(shape)
            self._known = np.frombuffer(mmap.mmap(-1, len(photos)), np.uint8)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, place: int) -> np.ndarray:
        """Read-only pixels. Raises BadPhoto."""
        if self._kept is not None and self._known[place]:
            pixels = self._kept[place]
            pixels.flags.writeable = False
            return pixels
        near = (self.spec.height, self.spec.width)
        pixels = resize(open_photo(self.photos[place], near), self.spec)
        if self._kept is not None:
            self._kept[place] = pixels
            self._known[place] = 1  # after the pixels: who sees it sees them whole
        return pixels


def _check_memory(needed: int) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > 0.7 * machine:
        raise BadRecipe(
            f"keeping all photos takes {needed / 1e9:.1f} GB and the machine has "
            f"{machine / 1e9:.1f} GB: switch the cache off or make photos smaller"
        )
