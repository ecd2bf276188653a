"""Processes that share numbered work: each result depends on its number alone.

No queue holds them together: worker w of W takes numbers w, w + W, ... and looks before each
whether its parent still lives, so that a killed parent leaves no one behind.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, cast

_FORK = sys.platform == "linux"


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def work_off(work: Callable[[int], None], numbers: Sequence[int], workers: int) -> Iterator[int]:
    """Does `work` for all numbers in `workers` processes; yields each number when it is done.

    With one worker, all is done in this process. An error in a worker is raised here; `work` must
    pickle where processes are spawned. Closing the iterator ends the workers.
    """
    if workers <= 1 or len(numbers) <= 1:
        for number in numbers:
            work(number)
            yield number
        return
    context = multiprocessing.get_context("fork" if _FORK else "spawn")
    crew, pipes = [], []
    try:
        for first in range(min(workers, len(numbers))):
            ours, theirs = context.Pipe(duplex=False)
            share = numbers[first::workers]
            process: Any = context.Process(  # type: ignore[attr-defined]
                target=_labour, args=(work, share, theirs), daemon=True
            )
            process.start()
            theirs.close()
            crew.append(process)
            pipes.append(ours)
        yield from _reports(pipes)
    finally:
        for process in crew:
            process.terminate()
        for process in crew:
            process.join()
        for pipe in pipes:
            pipe.close()


def _reports(pipes: list[Connection]) -> Iterator[int]:
    busy = list(pipes)
    while busy:
        for pipe in cast(list[Connection], wait(busy)):
            try:
                report = pipe.recv()
            except EOFError:
                raise RuntimeError(
                    "a drawing process died; run the same command again to go on"
                ) from None
            if report is None:
                busy.remove(pipe)
            elif isinstance(report, BaseException):
                raise report
            else:
                yield report


def _labour(work: Callable[[int], None], numbers: Sequence[int], report: Connection) -> None:
    parent = multiprocessing.parent_process()
    try:
        for number in numbers:
            if parent is not None and not parent.is_alive():
                return
            work(number)
            report.send(number)
        report.send(None)
    except KeyboardInterrupt:
        return
    except Exception as error:
        report.send(error)
