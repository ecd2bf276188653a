"""Some processes of one run on this machine, forked, so that torch need not load again."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

SECONDS = 180


def environs(size: int) -> list[dict[str, str]]:
    """What torchrun sets for each of the processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    met = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [{**met, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(size)]


def started(work: Callable[..., Any], size: int, *given: Any) -> list[Any]:
    """Processes that run work(environ, *given), in the order of their ranks."""
    made = []
    for environ in environs(size):
        child = multiprocessing.get_context("fork").Process(
            target=_run, args=(work, environ, given), daemon=False
        )
        child.start()
        made.append(child)
    return made


def ended(children: list[Any]) -> list[int]:
    """Their exit codes; those that hang are killed, and have -9."""
    for child in children:
        child.join(SECONDS)
        if child.is_alive():
            child.kill()
            child.join()
    return [child.exitcode for child in children]


def child_of_rank(rank: int, parent: int) -> int:
    """The process that torchrun, `parent`, started with this RANK."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            above = int(stat.read_text().rpartition(")")[2].split()[1])
            told = (stat.parent / "environ").read_bytes().split(b"\0")
        except (OSError, IndexError):
            continue
        if above == parent and f"RANK={rank}".encode() in told:
            return int(stat.parent.name)
    raise AssertionError("no such process")


def _run(work: Callable[..., Any], environ: Mapping[str, str], given: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ.update(environ)  # torch.distributed reads the address there
    work(environ, *given)
