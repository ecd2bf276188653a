"""A gallery for another model, filled with the photos of one that serves all the while."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from passerby.errors import BadGallery, shown
from passerby.gallery.card import Filling
from passerby.gallery.files import missing, unmounted
from passerby.gallery.ingest import Progress, taken_in
from passerby.gallery.names import to_path
from passerby.gallery.plan import Plan, Summary
from passerby.gallery.reading import Seen
from passerby.gallery.rows import Row
from passerby.gallery.store import Store
from passerby.method import Method


@dataclass(frozen=True)
class Refilled:
    """summary: what became of the files. gone: photos of the source whose file is not there any
    more, left out. changed: photos whose content is another than the source embedded.
    """

    summary: Summary
    gone: tuple[Path, ...]
    changed: tuple[Path, ...]


@dataclass(frozen=True)
class Source:
    """A gallery whose photos are to be embedded again. lost: its rows whose files are gone."""

    gallery: Store
    rows: Sequence[Row]
    lost: Sequence[Row]


def source_of(gallery: Store) -> Source:
    """Looks for the gallery's files. Raises BadGallery when it has no photo, or a whole folder of
    its photos is gone.
    """
    rows, where = gallery.rows(), shown(gallery.path)
    if not rows:
        raise BadGallery(f"{where}: holds no photos to index again; name another with --from")
    lost = missing(rows)
    why = unmounted(rows, lost, gallery.roots)
    if why is not None:
        raise BadGallery(
            f"{where}: {why}; mount it, or take these photos out first with: passerby gallery "
            f"prune {where} --all-missing"
        )
    return Source(gallery, rows, lost)


def refill(
    method: Method,
    store: Store,
    source: Source,
    *,
    batch: int = 128,
    workers: int = 2,
    progress: Progress | None = None,
) -> Refilled:
    """Embeds the photos of `source` as they are now, with camera, time and person as it has them.

    store: another gallery, open for writing; its card says that it is being filled until all are
    there. The source is only read. Can be cut short at any moment: the next run goes on.

    Raises BadGallery when both are one gallery, or no room is left.
    """
    began = time.monotonic()
    if os.path.realpath(store.path) == os.path.realpath(source.gallery.path):
        raise BadGallery(
            f"{shown(store.path)}: --from names the gallery itself; give --gallery a new folder"
        )
    left_out = {row.path for row in source.lost}
    there = {row.path: row for row in source.rows if row.path not in left_out}
    paths = sorted((to_path(text) for text in there), key=os.fsencode)
    store.note(
        filling=Filling(str(source.gallery.path), len(there)),
        roots=tuple(dict.fromkeys([*store.roots, *source.gallery.roots])),
    )
    facts = {
        to_path(text): {"camera": row.camera, "time": row.time, "person": row.person}
        for text, row in there.items()
    }
    plan = Plan(store.rows(), paths, facts.__getitem__)
    changed = [
        seen.path
        for seen in taken_in(method, store, plan, paths, batch, workers, progress)
        if _another(seen, there[seen.text], plan)
    ]
    store.note(filling=None)
    plan.summary.seconds = time.monotonic() - began
    gone = tuple(to_path(row.path) for row in source.lost)
    return Refilled(plan.summary, gone, tuple(changed))


def _another(seen: Seen, row: Row, plan: Plan) -> bool:
    """Whether a file that was stored holds another photo than the source's row."""
    if seen.broken is not None:
        return False
    content = seen.hash or plan.by_path[seen.text].hash
    return content != row.hash
