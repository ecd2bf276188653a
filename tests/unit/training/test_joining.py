"""How processes meet, miss one another and leave: who tells, who waits, and nothing else said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from torch import distributed, nn

from passerby.encoders.heads import ScaleNorm
from passerby.errors import BadRecipe, Refused
from passerby.training import joining
from passerby.training.averaging import share_norms
from passerby.training.joining import joined
from passerby.training.machine import machine
from passerby.training.processes import Processes, ProcessGone, Stopped
from passerby.training.stopping import Signals
from processes import ended, environs, started

DEAD = 2**22 + 1  # above the greatest process id that Linux gives


def slow_to_hear(environ: Mapping[str, str]) -> None:
    """Process 1 leaves while the others still read what all said last."""
    with joined(environ) as processes:
        processes.everyones(1)
        if processes.rank != 1:
            heard, wait = Processes._heard, 0.2 + 0.3 * processes.rank
            Processes._heard = lambda self, rank: (time.sleep(wait), heard(self, rank))[1]


def test_the_store_is_kept_until_the_slowest_of_three_has_read_it() -> None:
    assert ended(started(slow_to_hear, 3)) == [0, 0, 0]


def missing_one(where: str) -> Processes:
    """Process 0 of two, the other of which is dead on `where`."""
    processes = Processes(0, 2, store=distributed.HashStore())
    processes.machine, processes.ids = machine(), [(machine(), os.getpid()), (where, DEAD)]
    return processes


def test_a_process_that_left_in_order_is_not_missed() -> None:
    processes = missing_one(machine())
    with pytest.raises(ProcessGone, match="process 1 of 2"):
        processes.mind()
    processes.store.set("left/1", "yes")
    processes.mind()


def test_a_process_of_another_boot_or_container_of_this_name_is_not_looked_for_here() -> None:
    processes = missing_one(f"{machine()}5")
    processes.mind()
    assert not processes.beside(1)


def many_turns(environ: Mapping[str, str], folder: Path) -> None:
    with joined(environ) as processes:
        for turn in range(40):
            processes.everyones(turn)
            processes.once(lambda: None)
        (folder / f"{processes.rank}").write_text(str(processes.store.num_keys()))


def test_the_store_does_not_grow_with_the_turns(tmp_path) -> None:
    assert ended(started(many_turns, 2, tmp_path)) == [0, 0]
    for rank in range(2):
        assert int((tmp_path / f"{rank}").read_text()) < 40


def telling(environ: Mapping[str, str], folder: Path, what: str) -> None:
    sys.unraisablehook = sys.__unraisablehook__  # pytest's own says nothing here
    try:
        with joined(environ) as processes:
            processes.everyones(0)
            if processes.rank == 1:
                _break(what)
            while True:
                processes.everyones(0)
                time.sleep(0.01)
    except Refused as refused:
        (folder / environ["RANK"]).write_text(str(refused))
        sys.exit(2)


class _Held:
    """What Python closes at a time of its own, as it does the workers of a data loader."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)


def _break(what: str) -> None:
    if what == "a bug":
        raise TypeError("a bug of ours")
    _Held()


def test_a_stop_that_python_drops_ends_all_the_same_in_one_line(tmp_path, capfd) -> None:
    assert ended(started(telling, 2, tmp_path, "a stop")) == [2, 2]
    (line,) = [file.read_text() for file in tmp_path.iterdir()]
    assert line.startswith("training was stopped from outside (SIGTERM)")
    assert "ignored" not in capfd.readouterr().err


def test_a_bug_in_one_process_is_its_traceback_and_the_others_leave_quietly(tmp_path) -> None:
    begun = time.monotonic()
    assert ended(started(telling, 2, tmp_path, "a bug")) == [2, 1]
    assert not list(tmp_path.iterdir())
    assert time.monotonic() - begun < joining.LINGER


@pytest.mark.parametrize(("last", "kept"), [(False, True), (True, False)])
def test_signals_are_answered_as_before_unless_only_a_line_is_left_to_tell(last, kept) -> None:
    numbers = (signal.SIGTERM, signal.SIGCHLD)
    before, hook = [signal.getsignal(number) for number in numbers], sys.unraisablehook
    try:
        with suppress(BadRecipe), Signals(Processes(0, 2), last) as signals:
            signals.deaf()
            raise BadRecipe("this")
        assert ([signal.getsignal(number) for number in numbers] == before) is kept
        assert sys.unraisablehook is hook
    finally:
        for number, answer in zip(numbers, before, strict=True):
            signal.signal(number, answer)


def test_a_stop_is_raised_once_and_looked_up_afterwards() -> None:
    here = Processes(0, 2)
    with Signals(here, last=False):
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped):
            here.heed()


def test_norms_of_some_rows_at_a_time_are_not_shared_and_the_others_are() -> None:
    shared = share_norms(nn.Sequential(ScaleNorm(4), nn.BatchNorm2d(4)))
    assert [type(each) for each in shared] == [nn.SyncBatchNorm] * 2
    assert not shared[0].bias.requires_grad
    with pytest.raises(BadRecipe, match="bn_group gives them some rows at a time; leave one"):
        share_norms(nn.Sequential(ScaleNorm(4, group=2)))


@pytest.mark.slow
def test_processes_asked_for_under_another_world_size_are_refused(tmp_path) -> None:
    command = [sys.executable, "-m", "passerby", "train", "none.toml", "--processes", "2"]
    environ = os.environ | environs(1)[0]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    (line,) = ran.stderr.splitlines()
    assert ran.returncode == 2
    assert line.startswith("passerby: --processes 2, but the environment has WORLD_SIZE 1")
