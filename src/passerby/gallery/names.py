"""File names as text: names are bytes on disk, and not every name is UTF-8 or fits on a line."""

from __future__ import annotations

import os
import re
from pathlib import Path

from passerby.errors import escape

_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2})")


def to_text(path: str | Path) -> str:
    """A path as valid UTF-8 that `to_path` turns back: a byte that is no UTF-8 becomes \\xff.

    A backslash is doubled, so that no other name gives the same text; all other names stay as
    they are.
    """
    return os.fsencode(os.fspath(path).replace("\\", "\\\\")).decode("utf-8", "backslashreplace")


def to_path(text: str) -> Path:
    """The path that `to_text` was given."""
    return Path(
        _ESCAPED.sub(
            lambda met: "\\" if met[1] == "\\" else os.fsdecode(bytes([int(met[1][1:], 16)])), text
        )
    )


def valid(text: str) -> str:
    """Text that is UTF-8: what is not (a lone surrogate of a file name) is escaped."""
    return "".join(escape(char) if "\ud800" <= char <= "\udfff" else char for char in text)
