"""How the processes of a run come together, and how one end becomes the end of all, told once."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import Any

import torch
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from passerby.errors import BadRecipe, Refused
from passerby.training.processes import ALONE, POLL, Ended, Processes, ProcessGone, lives

LATEST = timedelta(minutes=30)  # for processes to come, and to take part in an exchange
LOOK = 4.0  # seconds in which the end of another process shows, after an exchange has failed
LINGER = 5.0  # seconds for which the process that holds the store waits for others to read it


class _Stopped(BaseException):
    """SIGTERM: torchrun ends all processes when one has ended; so does a queue when time is up."""


@contextmanager
def joined(environ: Mapping[str, str]) -> Iterator[Processes]:
    """The processes that torchrun started, of which this is one; alone without torchrun.

    environ: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as torchrun sets them.
    Tensors on a CPU are exchanged by gloo, those on a GPU by NCCL. Within, what ends one process
    ends all, and only one of them raises what is to be told: a refusal the process that met it
    first, ProcessGone one of those that a dead process left behind. The others raise SystemExit.

    Raises BadRecipe when the variables are not as torchrun sets them, ProcessGone when not all
    processes come.
    """
    size = _number(environ, "WORLD_SIZE", 1)
    if size == 1:
        yield ALONE
        return
    with _stoppable():
        here, store = _met(environ, size)
        try:
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            distributed.init_process_group(
                backend, store=store, rank=here.rank, world_size=size, timeout=LATEST
            )
            yield here
            here.everyones(None)  # nobody leaves while another trains
        except BaseException as error:
            _deaf()  # a process that has something to tell is not stopped before it has
            told = _told(error, here)
            _leave(here, environ)
            if isinstance(told, SystemExit):
                _wait_for_teller(here)
            if told is error:
                raise
            raise told from None
        _leave(here, environ)


def _met(environ: Mapping[str, str], size: int) -> tuple[Processes, Any]:
    """This process, once it has met the others, and the store where they did."""
    rank, local = _number(environ, "RANK"), _number(environ, "LOCAL_RANK", 0)
    try:
        # The address and port are read from the environment of this process.
        store = next(iter(rendezvous("env://", rank, size, timeout=LATEST)))[0]
    except ValueError as error:
        raise BadRecipe(f"WORLD_SIZE is {size}, but {error}; start with torchrun") from None
    except (RuntimeError, StopIteration) as error:
        raise ProcessGone(f"not all {size} processes came together ({_line(error)})") from None
    here = Processes(rank, size, local, distributed.PrefixStore("passerby", store))
    here.meet()
    return here, store


def _number(environ: Mapping[str, str], name: str, otherwise: int | None = None) -> int:
    told = environ.get(name, "" if otherwise is None else str(otherwise))
    if not told.isdecimal():
        raise BadRecipe(f"{name} is {told!r}; start several processes with torchrun, which sets it")
    return int(told)


def _told(error: BaseException, here: Processes) -> BaseException:
    """What this process raises after `error`."""
    told: BaseException = error
    if isinstance(error, RuntimeError | _Stopped):
        told = _found(error, here)
    code = 130 if isinstance(told, KeyboardInterrupt) else 2
    ours = isinstance(told, Refused | OSError | KeyboardInterrupt)
    if isinstance(told, Ended) or (ours and not _speaks(here)):
        return SystemExit(code)
    return told


def _found(error: BaseException, here: Processes) -> BaseException:
    """What is behind a failed exchange or a SIGTERM: mostly that another process has ended."""
    until = time.monotonic() + LOOK
    while time.monotonic() < until:
        try:
            here.mind()
        except (Ended, ProcessGone) as found:
            return found
        except RuntimeError:  # the store went with the process that held it
            return _unreachable(here)
        time.sleep(POLL)
    if isinstance(error, _Stopped):
        return ProcessGone(
            "training was stopped from outside (SIGTERM); go on from the last checkpoint with the "
            "same command and --resume"
        )
    broken = isinstance(error, distributed.DistError) or "gloo" in str(error)
    return _unreachable(here) if broken else error


def _unreachable(here: Processes) -> ProcessGone:
    return ProcessGone(
        f"one of the {here.size} processes cannot be reached any more; go on from the last "
        "checkpoint with the same command and --resume"
    )


def _speaks(here: Processes) -> bool:
    """Whether this process is the first that has something to tell: the only one that will."""
    try:
        return int(here.store.compare_set("told", "", str(here.rank))) == here.rank
    except RuntimeError:
        return True


def _leave(here: Processes, environ: Mapping[str, str]) -> None:
    """Closes the connections, which others that wait in an exchange notice. Under torchrun the
    store outlives every process; else the first one's is kept until the others have read it.
    """
    with suppress(RuntimeError):
        if distributed.is_initialized():
            distributed.destroy_process_group()
    with suppress(RuntimeError):
        read = here.store.add("read", 1)
        held = environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        until = time.monotonic() + LINGER
        left = here.size - len(here.dead())
        while here.first and not held and read < left and time.monotonic() < until:
            time.sleep(POLL)
            read = here.store.add("read", 0)


def _wait_for_teller(here: Processes) -> None:
    """torchrun stops all processes when one has left: the one that tells leaves first."""
    until = time.monotonic() + LINGER
    with suppress(RuntimeError):
        host, number = here.ids[int(here.store.get("told"))]
        while host == socket.gethostname() and lives(number) and time.monotonic() < until:
            time.sleep(POLL)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM raises _Stopped, once, in this process; those that it forks die of it as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    own = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's signature
        if os.getpid() != own:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        _deaf()
        raise _Stopped

    before: Any = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except _Stopped:  # before all had come
        raise SystemExit(2) from None
    if os.getpid() == own:
        signal.signal(signal.SIGTERM, before)


def _deaf() -> None:
    """The first SIGTERM ends all; another, and a data worker that ends of it, change nothing."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # not SIG_DFL: one may be under way


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
