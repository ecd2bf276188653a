"""What tests of several rooms share."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def _holding(lock: Callable[[Path], Any], folder: Path) -> Iterator[int]:
    code = (
        f"import sys; from pathlib import Path; from {lock.__module__} import {lock.__name__}\n"
        f"held = {lock.__name__}(Path(sys.argv[1])); held.__enter__()\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        yield child.pid
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def holding() -> Callable[..., AbstractContextManager[int]]:
    """holding(lock, folder): while inside, another process (its id is given) holds lock(folder);
    it is killed at the end."""
    return _holding


def _killed_at(recipe: Any, step: int) -> None:
    from passerby.runs import train

    def work() -> None:
        seen = 0

        def watch(event: dict[str, Any]) -> None:
            nonlocal seen
            seen += "loss" in event
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

        train(recipe, resume=True, watch=watch)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


@pytest.fixture
def killed_at() -> Callable[[Any, int], None]:
    """killed_at(recipe, step): trains, or goes on, in a child that kills itself, as a power cut
    would, after `step` steps."""
    return _killed_at
