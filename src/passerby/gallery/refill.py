"""A gallery for another model, filled with the photos of one that serves all the while."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerby.errors import BadGallery, shown
from passerby.gallery.card import Filling
from passerby.gallery.files import missing, require_mounted
from passerby.gallery.findings import photos
from passerby.gallery.ingest import Progress, taken_in
from passerby.gallery.names import to_path, to_text
from passerby.gallery.plan import Plan, Summary
from passerby.gallery.rows import Row
from passerby.gallery.store import Store
from passerby.method import Method


@dataclass(frozen=True)
class Refilled:
    """summary: what became of the files. gone: photos of the source whose file is not there any
    more, left out. changed: photos whose content is another than the source embedded. complete:
    whether the gallery says no longer that it is being filled. verdict: that, in a line. notes:
    what should be known besides, one line each.
    """

    summary: Summary
    gone: tuple[Path, ...]
    changed: tuple[Path, ...]
    complete: bool
    verdict: str
    notes: tuple[str, ...]


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
    require_mounted(gallery.path, rows, lost, gallery.roots)
    return Source(gallery, rows, lost)


def refill(
    method: Method,
    store: Store,
    source: Source,
    *,
    skip_broken: bool = False,
    batch: int = 128,
    workers: int = 2,
    progress: Progress | None = None,
) -> Refilled:
    """Embeds the photos of `source` as they are now, with camera, time and person as it has them.
    Another photo that lies in the place of one by now has the facts that the source tells of that
    content, if any.

    store: another gallery, open for writing; its card says that it is being filled until all are
    there; with skip_broken, until all are that can be stored. The source is only read. Can be cut
    short at any moment: the next run goes on.

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
    plan = Plan(store.rows(), paths, _facts(source.rows))
    changed = [
        seen.path
        for seen in taken_in(method, store, plan, paths, batch, workers, progress)
        if seen.broken is None and plan.content(seen) != there[seen.text].hash
    ]
    complete = skip_broken or not plan.summary.broken
    if complete:
        store.note(filling=None)
    plan.summary.seconds = time.monotonic() - began
    gone = tuple(to_path(row.path) for row in source.lost)
    verdict = _verdict(store, source, complete, len(plan.summary.broken), len(there))
    return Refilled(
        plan.summary, gone, tuple(changed), complete, verdict, tuple(_notes(store, source))
    )


def _facts(rows: Sequence[Row]) -> Callable[[Path, str], dict[str, Any]]:
    """What the source tells of a content at a path, else of that content anywhere; of content that
    it does not have nothing: what was told of the photo that lay there is not of this one.
    """
    here = {(row.path, row.hash): row for row in rows}
    anywhere = {row.hash: row for row in reversed(rows)}

    def told(path: Path, content: str) -> dict[str, Any]:
        row = here.get((to_text(path), content)) or anywhere.get(content)
        return {} if row is None else {"camera": row.camera, "time": row.time, "person": row.person}

    return told


def _verdict(store: Store, source: Source, complete: bool, broken: int, total: int) -> str:
    new, old = shown(store.path), shown(source.gallery.path)
    left = f"{broken} of {photos(total)} could not be stored"
    if not complete:
        return (
            f"not complete: {left}; {old} has them still: run this again, keep {old}, or end "
            "without them by --skip-broken"
        )
    without = f" ({left})" if broken else ""
    return f"complete: {photos(len(store))}{without}; search it with --gallery {new}"


def _notes(store: Store, source: Source) -> list[str]:
    notes, old = [], shown(source.gallery.path)
    filling = source.gallery.filling
    if filling is not None:
        notes.append(
            f"{old} is itself being filled from {shown(filling.source)} and may lack photos: "
            "complete it, then run this again"
        )
    theirs = {row.path for row in source.rows}
    extra = sum(row.path not in theirs for row in store.rows())
    if extra:
        notes.append(
            f"{photos(extra)} in {shown(store.path)} and not in {old}: where they were pruned "
            "there, take them out here too (passerby gallery prune --path)"
        )
    return notes
