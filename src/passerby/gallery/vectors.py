"""Whether stored embeddings can be those of photos: finite, of length one, not all alike."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from PIL import Image

from passerby.errors import shown
from passerby.gallery.findings import Finding, photos
from passerby.gallery.names import to_path
from passerby.gallery.rows import Arrays, arrays_of
from passerby.gallery.store import Store

_LENGTH = 1e-3  # how far from 1 the length of a unit vector may be
_ALIKE = 1e-4  # distance (1 - mean cosine) below which photos are not told apart
_SEVERAL = 8  # photos of different content that can be called all alike
_PAIRS = 64  # pairs of one embedding and two contents whose thumbnails are compared
_DIFFERENT = 3.0  # of 255: mean difference of two thumbnails that show something else


class Vectors:
    """Goes over a gallery's embeddings once, in blocks; keeps 24 bytes a photo."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: list[np.ndarray] = []
        self._contents: list[np.ndarray] = []
        self._embeddings: list[np.ndarray] = []
        self._sum = np.zeros(store.dimension or 0)
        self._good = 0
        self._broken: list[int] = []  # ids of the first; as below
        self._long: list[int] = []
        self._number = {"broken": 0, "long": 0}

    def take(self, block: pa.Table) -> None:
        """A block with id, hash, and all columns of embeddings."""
        arrays, ids = arrays_of(block), block["id"].to_numpy()
        finite = np.all([_finite(array) for array in arrays.values()], axis=0)
        vector = arrays["vector"].astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            unit = np.abs(np.linalg.norm(vector, axis=1) - 1) <= _LENGTH
        self._note("broken", self._broken, ids[~finite])
        self._note("long", self._long, ids[finite & ~unit])
        good = finite & unit
        self._sum += vector[good].sum(0)
        self._good += int(good.sum())
        self._ids.append(ids[good])
        hashes = block["hash"].to_pylist()
        self._contents.append(np.array([_number(h.encode()) for h in hashes], np.int64)[good])
        self._embeddings.append(_digests(arrays)[good])

    def _note(self, kind: str, first: list[int], ids: np.ndarray) -> None:
        self._number[kind] += len(ids)
        first += ids[: max(0, 3 - len(first))].tolist()

    def findings(self) -> list[Finding]:
        told = (
            ("not finite", self._number["broken"], self._broken, "embeddings that are not finite"),
            ("not unit", self._number["long"], self._long, "vectors that are not of length 1"),
        )
        found = [
            Finding(
                kind,
                number,
                f"{photos(number)} with {what} ({self._named(first)}); index them again into "
                "another gallery (passerby index --from)",
            )
            for kind, number, first, what in told
            if number
        ]
        return [*found, *(self._alike() or self._shared())]

    def _alike(self) -> list[Finding]:
        """All photos nearly one point: what a broken export of a model gives."""
        n = self._good
        contents = len(np.unique(np.concatenate(self._contents))) if self._contents else 0
        if contents < _SEVERAL:
            return []
        mean = (float(self._sum @ self._sum) - n) / (n * (n - 1))  # over pairs of two photos
        if 1 - mean > _ALIKE:
            return []
        line = (
            f"the vectors of all {n} photos are nearly one and the same (mean cosine {mean:.6f}): "
            "the model tells no photo from another; check the model, then index the photos again "
            "with a sound one"
        )
        return [Finding("all alike", n, line)]

    def _shared(self) -> list[Finding]:
        """Photos of different content with one embedding, unless they look alike."""
        ids, contents, embeddings = map(
            np.concatenate, (self._ids, self._contents, self._embeddings)
        )
        order = np.lexsort((contents, embeddings))
        same = embeddings[order][1:] == embeddings[order][:-1]
        pairs = np.flatnonzero(same & (contents[order][1:] != contents[order][:-1]))
        if not len(pairs):
            return []
        tried = pairs[np.unique(np.linspace(0, len(pairs) - 1, _PAIRS).astype(int))]
        couples = [(int(ids[order[at]]), int(ids[order[at + 1]])) for at in tried]
        differ = [couple for couple in couples if self._look_different(couple)]
        number = len(np.unique(order[[*pairs, *(pairs + 1)]]))
        if differ:
            line = (
                f"{number} photos of different content share an embedding with another "
                f"({self._named(differ[0])} look different); check the model, then index the "
                "photos again"
            )
            return [Finding("shared", number, line)]
        line = (
            f"{number} photos have the pixels of another in a file of other content "
            f"({self._named(couples[0])}); nothing is wrong"
        )
        return [Finding("copies", number, line, wrong=False)]

    def _look_different(self, couple: tuple[int, int]) -> bool:
        rows = self._store.whole(couple)
        pictures = [_small(picture) for picture in rows["thumbnail"].to_pylist()]
        if any(picture is None for picture in pictures) or len(pictures) < 2:
            return False  # thumbnails that do not decode are told elsewhere
        first, second = (np.asarray(picture, np.float64) for picture in pictures)
        return bool(np.abs(first - second).mean() > _DIFFERENT)

    def _named(self, ids: Sequence[int]) -> str:
        paths = self._store.whole(ids)["path"].to_pylist()
        return " and ".join(shown(to_path(path)) for path in sorted(paths)[:2])


def _finite(array: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.isfinite(array.reshape(len(array), -1)).all(axis=1)


def _digests(arrays: Arrays) -> np.ndarray:
    """(N,) a number for each photo's whole embedding."""
    flat = [np.ascontiguousarray(a).reshape(len(a), -1).view(np.uint8) for a in arrays.values()]
    return np.array([_number(row.tobytes()) for row in np.concatenate(flat, axis=1)], np.int64)


def _number(content: bytes) -> int:
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _small(picture: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            return image.convert("RGB").resize((16, 32))
    except (OSError, ValueError):
        return None
