"""What is in a gallery: model, photos, cameras, times, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerby.errors import shown
from passerby.gallery.card import CARD, SCHEMA, Filling
from passerby.gallery.disk import steadily
from passerby.gallery.index_card import read_index
from passerby.gallery.names import to_path
from passerby.gallery.prune import size
from passerby.gallery.store import Store

_SAMPLE = 1_000  # thumbnails whose bytes are measured
_BLOCK = 65_536  # rows of facts in memory at once


@dataclass(frozen=True)
class Inventory:
    """Counts are of photos. cameras: photos by camera's name. first, last: of the times, aware.

    model_now: what became of the model that made the gallery, as `told_model` says. vectors: bytes
    of embeddings; thumbnails: about so many bytes, by a sample; whole: bytes of the folder.
    index: a line on the index for large galleries.
    """

    gallery: Path
    model: str
    fingerprint: str
    model_now: str
    photos: int
    with_person: int
    with_camera: int
    with_time: int
    persons: int
    cameras: dict[str, int]
    first: datetime | None
    last: datetime | None
    dimension: int | None
    columns: tuple[str, ...]
    vectors: int
    thumbnails: int
    whole: int
    written: datetime
    roots: tuple[Path, ...]
    filling: Filling | None
    index: str

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "gallery": shown(self.gallery),
            "schema": SCHEMA,
            "model": {"folder": self.model, "fingerprint": self.fingerprint, "now": self.model_now},
            "photos": self.photos,
            "with": {
                "person": self.with_person,
                "camera": self.with_camera,
                "time": self.with_time,
            },
            "persons": self.persons,
            "cameras": self.cameras,
            "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(),
            "dimension": self.dimension,
            "embedded": list(self.columns),
            "bytes": {"vectors": self.vectors, "thumbnails": self.thumbnails, "whole": self.whole},
            "written": self.written.isoformat(),
            "folders": [shown(root) for root in self.roots],
            "filling": self.filling
            and {"from": self.filling.source, "of": self.filling.total, "there": self.photos},
            "index": self.index,
        }


def told_model(fingerprint: str, now: str | None) -> str:
    """now: the fingerprint of the model's folder today; None where it is gone."""
    if now is None:
        return "gone: say where it is with --model when you search"
    return "unchanged" if now == fingerprint else "another model lies there now"


def inventory(store: Store, model_now: str) -> Inventory:
    """Counted over the newest version of a gallery, in blocks; again, where a prune takes that one
    away meanwhile. model_now: see `told_model`.
    """
    return steadily(lambda: _counted(store, model_now))


def _counted(store: Store, model_now: str) -> Inventory:
    tally = _Tally()
    for block in store.blocks(["camera", "time", "person"], _BLOCK):
        tally.take(block)
    return Inventory(
        store.path,
        store.model_folder,
        store.fingerprint,
        model_now,
        tally.photos,
        tally.told["person"],
        tally.told["camera"],
        tally.told["time"],
        len(tally.persons),
        dict(sorted(tally.cameras.items())),
        *tally.span,
        store.dimension,
        store.embedded,
        tally.photos * store.row_bytes,
        _thumbnails(store, tally.photos),
        size(store.path),
        _written(store.path),
        tuple(map(to_path, store.roots)),
        store.filling,
        _index(store),
    )


class _Tally:
    """Facts counted block by block."""

    def __init__(self) -> None:
        self.photos = 0
        self.told = dict.fromkeys(("camera", "time", "person"), 0)
        self.cameras: dict[str, int] = {}
        self.persons: set[str] = set()
        self.span: tuple[datetime | None, datetime | None] = (None, None)

    def take(self, block: pa.Table) -> None:
        self.photos += len(block)
        for name in self.told:
            self.told[name] += len(block) - block[name].null_count
        for camera in block["camera"].drop_null().value_counts().to_pylist():
            name = camera["values"]
            self.cameras[name] = self.cameras.get(name, 0) + camera["counts"]
        self.persons.update(block["person"].drop_null().unique().to_pylist())
        ends = pc.min_max(block["time"]).as_py()
        known = [time for time in (*self.span, ends["min"], ends["max"]) if time is not None]
        if known:
            self.span = min(known), max(known)


def _thumbnails(store: Store, photos: int) -> int:
    """About how many bytes, by a sample that is spread over the rows."""
    if not photos:
        return 0
    places = np.linspace(0, photos - 1, min(photos, _SAMPLE)).astype(int)
    sample = store.newest().at(np.unique(places), ["thumbnail"])["thumbnail"]
    return round(photos * sum(len(picture) for picture in sample.to_pylist()) / len(sample))


def _written(folder: Path) -> datetime:
    """When rows were written last; of an empty gallery, when its card was."""
    manifests = [file.stat().st_mtime for file in folder.glob("*.lance/_versions/*.manifest")]
    latest = max(manifests, default=(folder / CARD).stat().st_mtime)
    return datetime.fromtimestamp(latest, UTC).replace(microsecond=0)


def _index(store: Store) -> str:
    """The index that queries ask, or why every vector is compared."""
    version = store.newest()
    if version.index is not None or version.said is not None:
        return version.index.line if version.index is not None else str(version.said)
    card = read_index(store.path)  # whole: a damaged one is told of in `said`
    return card.line if card is not None else "none: every vector is compared"
