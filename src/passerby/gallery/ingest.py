"""Photos of a folder into a gallery: what is new is embedded, what is known is left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from passerby.data.folder import walk
from passerby.errors import shown
from passerby.gallery.batches import BatchWriter
from passerby.gallery.names import to_text
from passerby.gallery.plan import Describe, Plan, Summary
from passerby.gallery.reading import Seen, in_order, look
from passerby.gallery.store import Store
from passerby.method import Method

Progress = Callable[[int, int, int], None]  # files done, files in all, photos embedded


@dataclass(frozen=True)
class Listing:
    """The photos of a folder and all below it. unlisted: folders that may not be listed."""

    folder: Path
    paths: Sequence[Path]
    unlisted: Sequence[Path] = ()


def list_photos(folder: Path) -> Listing:
    """Raises BadData for a folder without photos, or none."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would rename linked folders
    unlisted: list[Path] = []
    return Listing(folder, walk(folder, unlisted), unlisted)


def ingest(
    method: Method,
    store: Store,
    folder: Path | Listing,
    *,
    describe: Describe | None = None,
    batch: int = 128,
    workers: int = 2,
    progress: Progress | None = None,
) -> Summary:
    """Brings a gallery up to date with a folder and all below it; can be cut short at any moment.

    store: open for writing. folder: as it is listed here, or was by `list_photos`. Each batch is
    committed whole, so that the next run completes one that was killed. describe: facts to set; a
    fact that it does not name stays as it is.

    Raises BadData for a folder without photos, BadGallery when no room is left.
    """
    began = time.monotonic()
    listing = folder if isinstance(folder, Listing) else list_photos(folder)
    told = describe or (lambda _: {})
    plan = Plan(store.rows(), listing.paths, lambda path, _: told(path))
    plan.summary.broken += [(place, _unlisted(place)) for place in listing.unlisted]
    store.note(roots=tuple(dict.fromkeys([*store.roots, to_text(listing.folder)])))
    for _ in taken_in(method, store, plan, listing.paths, batch, workers, progress):
        pass
    plan.summary.vanished = plan.vanished(listing.folder)
    plan.summary.seconds = time.monotonic() - began
    return plan.summary


def taken_in(
    method: Method,
    store: Store,
    plan: Plan,
    paths: Sequence[Path],
    batch: int,
    workers: int,
    progress: Progress | None,
) -> Iterator[Seen]:
    """Each file as it was found, after its job was handed over; all are stored at the end."""
    writer = BatchWriter(method, store, plan, batch)
    task = _looker(method, plan)
    for done, seen in enumerate(in_order(paths, task, workers, ahead=2 * batch), start=1):
        if plan.lacks_pixels(seen):
            seen = look(seen.path, None, (), method.photo_spec)
        job = plan.job(seen)
        if job is not None:
            writer.take(job)
        yield seen
        if progress is not None:
            progress(done, len(paths), plan.summary.embedded)
    writer.end()
    if progress is not None:
        progress(len(paths), len(paths), plan.summary.embedded)


def _looker(method: Method, plan: Plan) -> Callable[[Path], Seen]:
    spec = method.photo_spec

    def task(path: Path) -> Seen:
        text = to_text(path)
        return look(path, plan.by_path.get(text), plan.by_hash, spec, text)

    return task


def _unlisted(place: Path) -> str:
    return f"{shown(place)}: this folder may not be listed; give read permission or remove it"
