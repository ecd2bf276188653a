"""How the processes of a run come together, and how one end becomes the end of all, told once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from passerby.errors import BadRecipe, Refused
from passerby.training.processes import ALONE, POLL, Ended, Processes, ProcessGone, Stopped
from passerby.training.stopping import Signals

OURS = (Refused, OSError, KeyboardInterrupt)  # one line at the edge; the rest is a traceback
LATEST = timedelta(minutes=30)  # for processes to come, and to take part in an exchange
LOOK = 4.0  # seconds in which the end of another process shows, after an exchange has failed
LINGER = 30.0  # seconds at most for which one process waits for others to leave before it


@contextmanager
def joined(environ: Mapping[str, str], last: bool = False) -> Iterator[Processes]:
    """The processes that torchrun started, of which this is one; alone without torchrun.

    environ: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as torchrun sets them.
    Tensors on a CPU are exchanged by gloo, those on a GPU by NCCL. Within, what ends one process
    ends all, and only one of them raises what is to be told: a refusal the process that met it
    first, ProcessGone one of those that a dead process left behind. The others raise SystemExit.
    What is not refused but wrong is raised by each process that met it. last: the process ends with
    what is raised here; SIGTERM does not keep it from telling so.

    Raises BadRecipe when the variables are not as torchrun sets them, ProcessGone when not all
    processes come.
    """
    size = _number(environ, "WORLD_SIZE", 1)
    if size == 1:
        yield ALONE
        return
    here = Processes(_number(environ, "RANK"), size, _number(environ, "LOCAL_RANK", 0))
    held = environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    with Signals(here, last) as signals:
        store = _store(here)
        try:
            here.meet()
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            distributed.init_process_group(
                backend, store=store, rank=here.rank, world_size=size, timeout=LATEST
            )
            yield here
            here.everyones(None)  # nobody leaves while another trains
            signals.deaf()
        except BaseException as error:
            signals.deaf()  # a process that has something to tell is not stopped before it has
            told = _told(error, here)
            _leave(here, held)
            if isinstance(told, SystemExit):
                _wait_for_teller(here)
            if told is error:
                raise
            raise told from None
        _leave(here, held)


def _store(here: Processes) -> Any:
    """The store where all processes meet; `here` has a part of it for itself."""
    try:
        # The address and port are read from the environment of this process.
        met = rendezvous("env://", here.rank, here.size, timeout=LATEST)
        store = next(iter(met))[0]
    except ValueError as error:
        raise BadRecipe(f"WORLD_SIZE is {here.size}, but {error}; start with torchrun") from None
    except (RuntimeError, StopIteration) as error:
        raise ProcessGone(f"not all {here.size} processes came together ({_line(error)})") from None
    here.store = distributed.PrefixStore("passerby", store)
    return store


def _number(environ: Mapping[str, str], name: str, otherwise: int | None = None) -> int:
    told = environ.get(name, "" if otherwise is None else str(otherwise))
    if not told.isdecimal():
        raise BadRecipe(f"{name} is {told!r}; start several processes with torchrun, which sets it")
    return int(told)


def _told(error: BaseException, here: Processes) -> BaseException:
    """What this process raises after `error`."""
    told = _found(error, here) if isinstance(error, RuntimeError | Stopped) else error
    # Whatever it is, the others are told that it is told, and leave without a word.
    if isinstance(told, Ended) or (not _speaks(here) and isinstance(told, OURS)):
        return SystemExit(130 if isinstance(told, KeyboardInterrupt) else 2)
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
    if here.stopped:
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


def _leave(here: Processes, held: bool) -> None:
    """Closes the connections, which others that wait in an exchange notice. held: by torchrun,
    whose store outlives every process; else the first one's is kept until the others have left it.
    """
    with suppress(RuntimeError):
        if distributed.is_initialized():
            distributed.destroy_process_group()
    with suppress(RuntimeError):
        here.leave()
        until = time.monotonic() + LINGER
        while here.first and not held and _staying(here) and time.monotonic() < until:
            time.sleep(POLL)


def _staying(here: Processes) -> bool:
    """Whether a process may still read the store."""
    left = {rank for rank in range(here.size) if here.has_left(rank)}
    return len(left.union(here.dead())) < here.size


def _wait_for_teller(here: Processes) -> None:
    """torchrun stops all processes when one has left: the one that tells leaves first."""
    until = time.monotonic() + LINGER
    with suppress(RuntimeError):
        teller = int(here.store.get("told"))
        while here.beside(teller) and time.monotonic() < until:
            time.sleep(POLL)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
