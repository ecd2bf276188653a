"""Stored photos embedded again: whether the model still gives what the gallery holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from passerby.embedding import embed_images
from passerby.errors import shown
from passerby.gallery.findings import Finding
from passerby.gallery.names import to_path
from passerby.gallery.reading import Seen, look
from passerby.gallery.rows import Arrays, arrays_of, stored
from passerby.gallery.store import Store
from passerby.method import Method

# Least cosines of what is stored and what the model gives now. Batches, threads, and processors
# round differently (about 1e-6); parts are float16 (about 1e-4), and of photos that are nearly
# blank the direction of a part is rounding.
VECTOR, PARTS = 0.9999, 0.999
_BATCH = 32


@dataclass(frozen=True)
class Canaries:
    """number: photos that were compared. least: the smallest cosine of their vectors."""

    number: int
    least: float | None
    findings: tuple[Finding, ...]


def embed_again(method: Method, store: Store, ids: Sequence[int]) -> Canaries:
    """Compares the photos of these rows, as they lie on the disk now, with their embeddings.

    method: the model that made the gallery. A file whose content is another by now is left out.
    """
    vectors: list[float] = []
    parts: list[float] = []
    strange: list[str] = []
    for start in range(0, len(ids), _BATCH):
        table = store.whole(ids[start : start + _BATCH])
        seen = [
            look(to_path(path), None, (), method.photo_spec, path)
            for path in table["path"].to_pylist()
        ]
        same = [
            at
            for at, (file, content) in enumerate(zip(seen, table["hash"].to_pylist(), strict=True))
            if file.image is not None and file.hash == content
        ]
        if not same:
            continue
        now = _embedded(method, [seen[at] for at in same])
        held = {name: array[same] for name, array in arrays_of(table).items()}
        if set(now) != set(held) or any(now[n].shape != held[n].shape for n in now):
            strange += [table["path"][at].as_py() for at in same]
            continue
        near = {name: _cosines(now, held, name) for name in ("vector", "parts", "values")}
        vectors += near["vector"].tolist()
        parts += np.minimum(near["parts"], near["values"]).tolist()
        wrong = (near["vector"] < VECTOR) | (np.minimum(near["parts"], near["values"]) < PARTS)
        strange += [table["path"][same[at]].as_py() for at in np.flatnonzero(wrong)]
    number = len(vectors) or len(strange)
    least = min(vectors, default=None)
    return Canaries(number, least, tuple(_told(number, strange, least, parts)))


def _told(
    number: int, strange: Sequence[str], least: float | None, parts: Sequence[float]
) -> list[Finding]:
    if not strange:
        return []
    how = "of another shape"
    if least is not None:
        how = f"least cosine {least:.4f} where {VECTOR} is due"
        if min(parts) < 1:
            how += f", of parts {min(parts):.4f} where {PARTS} is due"
    return [
        Finding(
            "canary",
            len(strange),
            f"{len(strange)} of {number} photos embedded again differ from what is stored ({how}; "
            f"e.g. {shown(to_path(strange[0]))}): the embeddings are damaged, or photos are read "
            "in another way now; index them again into another gallery (passerby index --from)",
        )
    ]


def _embedded(method: Method, seen: Sequence[Seen]) -> Arrays:
    images = [file.image for file in seen if file.image is not None]
    return stored(embed_images(method, torch.stack(images)))


def _cosines(now: Arrays, held: Arrays, name: str) -> np.ndarray:
    """(N,) of each photo's whole array, parts that are absent on a side being zero; 1 where a
    method has no such array, 0 for what is not finite.
    """
    if name not in now:
        return np.ones(len(now["vector"]))
    flat = [_flat(arrays, name) for arrays in (now, held)]
    lengths = np.linalg.norm(flat[0], axis=1) * np.linalg.norm(flat[1], axis=1)
    both_empty = ~flat[0].any(axis=1) & ~flat[1].any(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (flat[0] * flat[1]).sum(1) / lengths
    return np.where(both_empty, 1.0, np.nan_to_num(cosines, nan=0.0, posinf=0.0, neginf=0.0))


def _flat(arrays: Arrays, name: str) -> np.ndarray:
    array = arrays[name].astype(np.float64)
    if name != "vector" and "mask" in arrays:
        array = np.where(arrays["mask"].astype(bool)[..., None], array, 0.0)
    return array.reshape(len(array), -1)
