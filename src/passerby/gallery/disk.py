"""What the disk and LanceDB refuse, as one line of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from passerby.errors import BadGallery, shown

_FULL = re.compile(r"os error (28|27|122)\b|No space left|File too large|quota exceeded", re.I)


@contextmanager
def refusing(folder: Path) -> Iterator[None]:
    """Turns the disk's refusals into one line; LanceDB keeps what was committed before."""
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
            reason = " ".join(str(error).split(", /")[0].split())[:160]
            raise BadGallery(
                f"{shown(folder)}: its table cannot be read ({reason}); put the gallery back from "
                "a copy, or index the photos again into another folder"
            ) from None
        raise
