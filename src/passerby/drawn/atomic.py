"""Files that are there whole or not at all, also when the process is killed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

HALF = ".part"  # ends the name of a file that is being written


def write_whole(path: Path, data: bytes) -> None:
    """The whole file or none of it."""
    half = path.with_name(f"{path.name}.{os.getpid()}{HALF}")
    try:
        half.write_bytes(data)
        half.replace(path)
    except BaseException:  # a full disk, Ctrl-C: nothing is left lying about
        half.unlink(missing_ok=True)
        raise


def write_json_lines(path: Path, head: str, lines: Iterable[str], tail: str) -> None:
    """One JSON value of many lines between head and tail, never all in memory; whole or not."""
    half = path.with_name(f"{path.name}{HALF}")
    with half.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head + "\n")
        for place, line in enumerate(lines):
            file.write((",\n" if place else "") + line)
        file.write("\n" + tail + "\n")
    half.replace(path)
