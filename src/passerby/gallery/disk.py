"""What the disk and LanceDB refuse, as one line of ours."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import lancedb

from passerby.errors import BadGallery, shown

Read = TypeVar("Read")
TRIES = 3  # versions that may be swept away while they are read

_FULL = re.compile(r"os error (28|27|122)\b|No space left|File too large|quota exceeded", re.I)


class Changed(BadGallery):
    """The version that was read has been swept away, and a newer one is there: read that."""


def steadily(read: Callable[[], Read]) -> Read:
    """What a short read gives; read again where a prune swept its version away meanwhile."""
    for _ in range(TRIES - 1):
        with suppress(Changed):
            return read()
    return read()


@contextmanager
def refusing(folder: Path, table: Any | None = None) -> Iterator[None]:
    """Turns the disk's refusals into one line; LanceDB keeps what was committed before.

    table: LanceDB's that is read; then Changed, not damage, where a prune took its files away.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if _FULL.search(str(error)) or getattr(error, "errno", None) in (27, 28, 122):
            raise BadGallery(
                f"{shown(folder)}: no room left to write; all photos stored so far are kept: free "
                "some space and run the same command again"
            ) from None
        if isinstance(error, PermissionError) or "os error 13" in str(error):
            raise BadGallery(
                f"{shown(folder)}: no permission there; allow it, or choose another folder"
            ) from None
        # an error of the system has a number and tells a path, which may sound like LanceDB too
        if getattr(error, "errno", None) is None and "lance" in str(error).lower():
            if "not found" in str(error).lower() and _newer(folder, table):
                raise Changed(
                    f"{shown(folder)}: it changed while it was read; run this again"
                ) from None
            reason = " ".join(str(error).split(", /")[0].split())[:160]
            raise BadGallery(
                f"{shown(folder)}: its table cannot be read ({reason}); put the gallery back from "
                "a copy, or index the photos again into another folder"
            ) from None
        raise


def write_whole(file: Path, told: Mapping[str, Any]) -> None:
    """A small JSON file, whole or not at all: written beside, flushed, renamed."""
    beside = file.with_name(file.name + ".new")
    with beside.open("w", encoding="ascii") as part:
        json.dump(told, part, indent=1)
        part.flush()
        os.fsync(part.fileno())
    beside.replace(file)


def _newer(folder: Path, table: Any | None) -> bool:
    """Whether a later version of a table is there than the one it is on."""
    if table is None:
        return False
    try:
        return bool(lancedb.connect(str(folder)).open_table(table.name).version > table.version)
    except (OSError, RuntimeError, ValueError):
        return False
