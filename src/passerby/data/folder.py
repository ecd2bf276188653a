"""A folder of the user's own photos: which files are in it."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from passerby.errors import BadData, shown

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def walk(folder: Path, unreadable: list[Path] | None = None) -> list[Path]:
    """Files with an image's suffix in the folder and all below, sorted by the bytes of their path.

    Whether a file can be read is not judged here: a broken one is listed, so that its reader can
    say so. Hidden files and folders are skipped. Links to folders are followed, each real folder
    once. Paths start with `folder` as it was given.

    unreadable: takes the folders below that may not be listed; without it they are refused.

    Raises BadData for no such folder, a file, a folder that may not be listed, no photos.
    """
    folder = Path(folder)
    _check_folder(folder)
    photos: list[str] = []
    real, linked = deque([os.fspath(folder)]), deque[str]()
    seen: set[tuple[int, int]] = set()
    while real or linked:  # real folders first, so that no link takes a photo's real path away
        place = real.popleft() if real else linked.popleft()
        try:
            status = os.stat(place)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = list(os.scandir(place))
        except OSError:
            if unreadable is None or place == os.fspath(folder):
                raise BadData(
                    f"{shown(place)}: this folder may not be listed; give read permission or "
                    "choose another"
                ) from None
            unreadable.append(Path(place))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (linked if entry.is_symlink() else real).append(entry.path)
            elif entry.name.lower().endswith(SUFFIXES):
                photos.append(entry.path)
    if not photos and not unreadable:
        kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
        raise BadData(f"{shown(folder)}: no photos in this folder ({kinds}); choose another")
    return [Path(photo) for photo in sorted(photos, key=os.fsencode)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle: its reader will say so
        return False


def _check_folder(folder: Path) -> None:
    try:
        if not folder.is_dir():
            what, remedy = "no such folder", "check the path"
            if folder.exists():
                what, remedy = "a file, not a folder", "give the folder that it is in"
            raise BadData(f"{shown(folder)}: {what}; {remedy}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadData(f"{shown(folder)}: cannot be opened ({reason}); check the path") from None
