"""Rows out of a gallery, with their vectors and thumbnails: no byte of them stays on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from passerby.errors import BadQuery, shown
from passerby.gallery.files import below, gone, missing, require_mounted
from passerby.gallery.metadata import utc
from passerby.gallery.names import to_path
from passerby.gallery.rows import Row
from passerby.gallery.store import Store


@dataclass(frozen=True)
class Doomed:
    """Rows to take out. there: how many of their files are on the disk. timeless: photos that have
    no time, so that `older_than` cannot name them.
    """

    rows: Sequence[Row]
    there: int = 0
    timeless: int = 0

    def notes(self) -> list[str]:
        """What should be known besides, one line each."""
        notes = []
        if self.timeless:
            notes.append(f"{self.timeless} photos have no time; they stay")
        if self.there:
            notes.append(
                f"the files of {self.there} are still on the disk: passerby index takes them in "
                "again unless they are removed"
            )
        return notes


@dataclass(frozen=True)
class Pruned:
    """freed: bytes. unindexed: whether the index for large galleries went as well."""

    freed: int
    unindexed: bool


def doomed(
    store: Store,
    *,
    older_than: datetime | None = None,
    path: str | Path | None = None,
    all_missing: bool = False,
) -> Doomed:
    """Which rows go: those whose files are gone. With older_than or path, those taken earlier and
    those that lie there (both, where both are told), whether their files are gone or not.

    all_missing: also where a whole folder is gone. Raises BadGallery for such a folder without it,
    BadQuery for all_missing beside the others, and for a path where the gallery has no photo.
    """
    rows = store.rows()
    if older_than is None and path is None:
        lost = missing(rows)
        if not all_missing:
            require_mounted(store.path, rows, lost, store.roots)
        return Doomed(lost)
    if all_missing:
        raise BadQuery("--all-missing is about files that are gone; leave out --older-than, --path")
    named = rows if path is None else _named(store, rows, path)
    timeless = 0
    if older_than is not None:
        timeless = sum(row.time is None for row in named)
        named = [row for row in named if row.time is not None and row.time < utc(older_than)]
    there = sum(not gone(to_path(row.path)) for row in named)
    return Doomed(named, there, timeless)


def _named(store: Store, rows: Sequence[Row], path: str | Path) -> Sequence[Row]:
    if path == "":  # which would be the folder that one happens to be in
        raise BadQuery("--path is empty; name a photo or a folder")
    found = below(rows, path)
    if not found:
        raise BadQuery(
            f"--path {shown(path)}: {shown(store.path)} has no photo there; name a photo or a "
            "folder as it was indexed (passerby gallery info tells the folders)"
        )
    return found


def prune(store: Store, rows: Sequence[Row]) -> Pruned:
    """Takes the rows out and their bytes off the disk, and folders off the card that have no photo.

    store: open for writing. Killed at any moment it leaves whole rows; the next prune goes on, also
    where no row is left to take out. Raises BadGallery when no room is left to write the others.
    """
    before = size(store.path)
    store.drop([row.id for row in rows])
    store.forget_roots()
    unindexed = store.sweep()
    return Pruned(before - size(store.path), unindexed)


def size(folder: Path) -> int:
    """Bytes of all files in a folder and below; what vanishes meanwhile counts nothing."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except OSError:
            continue
    return total
