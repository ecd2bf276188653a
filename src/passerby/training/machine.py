"""Processes of this machine, told from those of others by more than its host name."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path


def machine() -> str:
    """A name under which process ids are unique: host names are given twice, by cloned machines and
    by containers. Beside it, on Linux, what tells this boot and this namespace of ids.
    """
    told = [socket.gethostname()]
    with suppress(OSError):
        told.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    with suppress(OSError):
        told.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(told)


def lives(number: int) -> bool:
    """Whether a process of this machine runs; one that waits to be reaped does not."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    told = Path(f"/proc/{number}/stat")
    try:
        return (
            told.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] != "Z"
        )
    except OSError:  # no /proc here, or gone just now
        return not Path("/proc").is_dir()
