"""The files that a gallery's rows name: there, or gone; and folders that may only be unmounted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from passerby.errors import shown
from passerby.gallery.names import to_path, to_text
from passerby.gallery.rows import Row


def gone(path: Path) -> bool:
    """Whether there is no such file, or a link leads nowhere. A file in a folder that may not be
    entered is not gone: nobody can tell.
    """
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def missing(rows: Iterable[Row]) -> list[Row]:
    """The rows whose files are gone."""
    return [row for row in rows if gone(to_path(row.path))]


def unmounted(rows: Sequence[Row], lost: Sequence[Row], roots: Sequence[str]) -> str | None:
    """What speaks for a disk that is not mounted rather than for photos that were deleted, in half
    a line; None where nothing does.

    rows: all of a gallery; lost: those whose files are gone; roots: the folders it was made of.
    Suspicious are a root of which no photo is left, and a folder of lost photos that is gone or
    empty: so look a disk and a mount point without it.
    """
    paths = {row.path for row in lost}
    for root in roots or _common(rows):
        below = [row.path for row in rows if row.path.startswith(root.rstrip("/") + "/")]
        if below and paths.issuperset(below):
            where = shown(to_path(root))
            return f"none of the {len(below)} photos of {where} is there any more"
    folders: dict[str, int] = {}
    for row in lost:
        folder = os.path.dirname(os.path.realpath(to_path(row.path)))  # noqa: PTH120
        folders[folder] = folders.get(folder, 0) + 1
    for folder, number in sorted(folders.items()):
        if _empty(folder):
            what = "photo was" if number == 1 else "photos were"
            return f"{shown(folder)}, where {number} {what}, is gone or empty"
    return None


def below(rows: Iterable[Row], path: Path) -> list[Row]:
    """The rows of this file, or of files in this folder and all below it."""
    text = to_text(os.path.abspath(path))  # noqa: PTH100 - as rows name them
    inside = text.rstrip("/") + "/"
    return [row for row in rows if row.path == text or row.path.startswith(inside)]


def _common(rows: Collection[Row]) -> list[str]:
    """The folder that holds all photos, for a gallery that does not know what it was made of."""
    return [os.path.dirname(os.path.commonpath([r.path for r in rows]) + "/")] if rows else []  # noqa: PTH120


def _empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True
