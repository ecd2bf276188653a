"""One writer at a time: a lock on a file of the gallery, which dies with its holder."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from passerby.errors import BadGallery, shown

NAME = "lock"


class WriterLock:
    """Held inside `with`; the file says who holds it.

    The operating system holds the lock (flock), so that of a process that was killed is free at
    once and nothing has to be cleaned up. Raises BadGallery, naming the holder, when another
    process, or another lock of this one, has it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None

    def __enter__(self) -> WriterLock:
        file = os.open(self.folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(file, 65536, 0))
            os.close(file)
            raise BadGallery(
                f"{shown(self.folder)}: being written by {holder}; wait until it has ended, or end "
                "it, then run this again"
            ) from None
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, _card(), 0)
        except OSError:  # a full disk: an open descriptor would hold the lock
            os.close(file)
            raise
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The file stays: removing it would let two processes lock two files of the same name.
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def _card() -> bytes:
    card = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
    }
    return json.dumps(card).encode("ascii")


def _holder(text: bytes) -> str:
    """Who wrote the lock file; it is empty for a moment after its holder took it."""
    try:
        card = json.loads(text)
        return shown(
            f"process {card['pid']} on {card['host']} since {card['started']} ({card['command']})"
        )
    except (ValueError, KeyError, TypeError):
        return "another process"
