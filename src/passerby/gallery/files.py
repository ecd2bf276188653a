"""The files that a gallery's rows name: there, or gone; and folders that may only be unmounted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from passerby.errors import BadGallery, BadQuery, shown
from passerby.gallery.findings import photos
from passerby.gallery.names import to_path, to_text
from passerby.gallery.rows import Row

_NAMED = 12  # folders that a refusal names


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


def require_mounted(
    gallery: Path, rows: Sequence[Row], lost: Sequence[Row], roots: Sequence[str]
) -> None:
    """Raises BadGallery, naming all folders that look like a disk which is not mounted.

    rows: all of a gallery; lost: those whose files are gone; roots: the folders it was made of.
    Suspicious are a root of which no photo is left, and a folder of lost photos that is gone or
    empty: so look a disk and a mount point without it.
    """
    told = _suspicious(rows, lost, roots)
    if not told:
        return
    names = ", ".join(told[:_NAMED]) + (", ..." if len(told) > _NAMED else "")
    many, where = len(told) > 1, shown(gallery)
    number = f"{len(told)} folders are" if many else "1 folder is"
    raise BadGallery(
        f"{where}: {number} without photos, as a disk that is not mounted: {names}; mount "
        f"{'them' if many else 'it'}, or take {'one' if many else 'it'} out with passerby gallery "
        f"prune {where} --path FOLDER{'; --all-missing takes all of them' if many else ''}"
    )


def _suspicious(rows: Sequence[Row], lost: Sequence[Row], roots: Sequence[str]) -> list[str]:
    """Each folder as rows name it, with how many photos it had."""
    paths = {row.path for row in lost}
    emptied: dict[str, int] = {}
    for root in sorted(roots or _common(rows)):
        inside = [row.path for row in rows if row.path.startswith(_within(root))]
        if (
            inside
            and paths.issuperset(inside)
            and not root.startswith(tuple(map(_within, emptied)))
        ):
            emptied[root] = len(inside)
    told = [f"{shown(to_path(root))} ({photos(number)})" for root, number in emptied.items()]
    covered = tuple(map(_within, emptied))
    folders: dict[tuple[str, str], int] = {}
    for row in lost:
        if not row.path.startswith(covered):
            path = to_path(row.path)
            # where a photo, or a folder above it, is a link, its disk is another's
            place = str(path.parent), os.path.dirname(os.path.realpath(path))  # noqa: PTH120
            folders[place] = folders.get(place, 0) + 1
    merged: dict[tuple[str, str], int] = {}
    for (named, real), number in folders.items():
        if _empty(real):
            highest = _highest(named), _highest(real)
            merged[highest] = merged.get(highest, 0) + number
    for (named, real), number in sorted(merged.items()):
        where = "" if named == real else f", in {shown(real)}"
        told.append(f"{shown(named)} ({photos(number)}{where})")
    return told


def placed(out: Path, gallery: Path, roots: Sequence[str]) -> str | None:
    """Where a result that is a photo would be taken in by the next index of a folder, a line that
    says so. Raises BadQuery for a result in the gallery's own folder.
    """
    real = Path(os.path.realpath(out))
    if real.is_relative_to(os.path.realpath(gallery)):
        raise BadQuery(
            f"{shown(out)}: lies in the gallery's own folder; choose a place outside of it"
        )
    for root in map(to_path, roots):
        if real.is_relative_to(os.path.realpath(root)):
            return (
                f"{shown(out)} lies in {shown(root)}, which is indexed: the next passerby index "
                "takes in what is written there"
            )
    return None


def below(rows: Iterable[Row], path: str | Path) -> list[Row]:
    """The rows of this file, or of files in this folder and all below it."""
    text = to_text(os.path.abspath(path))  # noqa: PTH100 - as rows name them
    inside = _within(text)
    return [row for row in rows if row.path == text or row.path.startswith(inside)]


def _within(folder: str) -> str:
    """What the paths of all that is in a folder begin with."""
    return folder.rstrip("/") + "/"


def _common(rows: Collection[Row]) -> list[str]:
    """The folder that holds all photos, for a gallery that does not know what it was made of."""
    return [os.path.dirname(os.path.commonpath([r.path for r in rows]) + "/")] if rows else []  # noqa: PTH120


def _highest(folder: str) -> str:
    """The highest folder from here up that is gone or empty: one disk holds many folders."""
    if _empty(folder, unlisted=False):
        while _empty(parent := os.path.dirname(folder), unlisted=False):  # noqa: PTH120
            folder = parent
    return folder


def _empty(folder: str, *, unlisted: bool = True) -> bool:
    """Whether a folder is gone or holds nothing. unlisted: what to say where nobody can tell."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return unlisted
