"""Photos of a folder into a gallery: what is new is embedded, what is known is left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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


def ingest(
    method: Method,
    store: Store,
    folder: Path,
    *,
    describe: Describe | None = None,
    batch: int = 128,
    workers: int = 2,
    progress: Progress | None = None,
) -> Summary:
    """Brings a gallery up to date with a folder and all below it; can be cut short at any moment.

    store: open for writing. Each batch is committed whole, so that the next run completes one
    that was killed. describe: facts to set; a fact that it does not name stays as it is.

    Raises BadData for a folder without photos, BadGallery when no room is left.
    """
    began = time.monotonic()
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would rename linked folders
    unreadable: list[Path] = []
    paths = walk(folder, unreadable)
    plan = Plan(store.rows(), paths, describe or (lambda _: {}))
    plan.summary.broken += [(place, _unlisted(place)) for place in unreadable]
    writer = BatchWriter(method, store, plan, batch)
    task = _looker(method, plan)
    for done, seen in enumerate(in_order(paths, task, workers, ahead=2 * batch), start=1):
        if plan.lacks_pixels(seen):
            seen = look(seen.path, None, (), method.photo_spec)
        job = plan.job(seen)
        if job is not None:
            writer.take(job)
        if progress is not None:
            progress(done, len(paths), plan.summary.embedded)
    writer.end()
    plan.summary.vanished = plan.vanished(folder)
    plan.summary.seconds = time.monotonic() - began
    if progress is not None:
        progress(len(paths), len(paths), plan.summary.embedded)
    return plan.summary


def _looker(method: Method, plan: Plan) -> Callable[[Path], Seen]:
    spec = method.photo_spec

    def task(path: Path) -> Seen:
        text = to_text(path)
        return look(path, plan.by_path.get(text), plan.by_hash, spec, text)

    return task


def _unlisted(place: Path) -> str:
    return f"{shown(place)}: this folder may not be listed; give read permission or remove it"
