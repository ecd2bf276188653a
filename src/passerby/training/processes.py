"""The processes of a run: which one this is, how they wait for one another, and their means.

Exchanges of tensors are collectives of torch.distributed, in which every process takes part within
minutes of the others. Long waits and small words go through the store where torchrun's processes
meet: no time-out of a collective ends a process that waits for an hour of validation.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from torch import Tensor, distributed, nn

from passerby.errors import Refused
from passerby.training.averaging import become_means
from passerby.training.machine import lives, machine

POLL = 0.02  # seconds between two looks of a process that waits


class ProcessGone(Refused):
    """Another process of the run ended without a word, or cannot be reached."""


class Ended(BaseException):
    """Another process has told why the run ends: this one leaves without a word."""


class Stopped(BaseException):
    """SIGTERM: torchrun ends all processes when one has ended; so does a queue when time is up."""


class Processes:
    """This process among `size`: `rank` in all, `local` on its machine. Without arguments it is
    alone, and does everything below by itself, at once.

    store: of torch.distributed, where all meet. All processes call the same in the same order.
    """

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0, store: Any = None) -> None:
        self.rank, self.size, self.local, self.store = rank, size, local, store
        self.turn = 0
        self.said: list[str] = []  # keys of ours in the store that others may still read
        self.machine = ""
        self.ids: list[tuple[str, int]] = []  # machine and process id of each, once they have met
        self.stopped = False  # from outside: what follows raises Stopped

    @property
    def alone(self) -> bool:
        return self.size == 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def meet(self) -> None:
        """Learns which processes there are; `mind` looks at them from now on."""
        self.machine = machine()
        found = self.everyones([self.machine, os.getpid()])
        self.ids = [(str(where), int(number)) for where, number in found]

    def once(self, work: Callable[[], Any]) -> Any:
        """What `work` gives (as JSON has it), done by the first process while the others wait,
        however long it takes.
        """
        if self.alone:
            return work()
        self.turn += 1
        if not self.first:
            return self._heard(0)
        made = work()
        self._say(made)
        return made

    def everyones(self, value: Any) -> list[Any]:
        """What each process gives (as JSON has it), in the order of their ranks."""
        if self.alone:
            return [value]
        self.turn += 1
        self._say(value)
        found = [self._heard(rank) for rank in range(self.size)]
        # Who has spoken in this turn has heard all of those before: the store does not grow.
        while len(self.said) > 1:
            self.store.delete_key(self.said.pop(0))
        return found

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes of (N,) numbers, of which every process gives as many."""
        if self.alone:
            return values
        self.heed()
        total = values.detach().clone()
        distributed.all_reduce(total)
        return total / self.size

    def average(self, model: nn.Module) -> None:
        """Gradients become their mean over processes, as DistributedDataParallel makes them, and
        running statistics of batch norms too.

        One exchange after the backward pass, where DDP begins within it: so it never comes between
        those of `losses.gathering`, which the backward pass holds, whatever weights a step leaves
        out. A weight with a gradient in one process gets one in all.
        """
        if self.alone:
            return
        self.heed()
        become_means(model, self.size)

    def heed(self) -> None:
        """Raises Stopped when a SIGTERM has come, whatever became of what it raised."""
        if self.stopped:
            raise Stopped

    def mind(self) -> None:
        """Raises Ended when another process has told why all end, ProcessGone when one of this
        machine has died.
        """
        if self.store.check(["told"]):
            raise Ended
        for rank in self.dead():
            raise ProcessGone(
                f"process {rank} of {self.size} (its id was {self.ids[rank][1]}) is gone; go on "
                "from the last checkpoint with the same command and --resume"
            )

    def beside(self, rank: int) -> bool:
        """Whether a process is one of this machine, and still runs."""
        return rank < len(self.ids) and self.ids[rank][0] == self.machine and self._lives(rank)

    def dead(self) -> list[int]:
        """The ranks of processes of this machine that have died and had not left."""
        here = [rank for rank, (where, _) in enumerate(self.ids) if where == self.machine]
        return [rank for rank in here if not self._lives(rank) and not self.has_left(rank)]

    def leave(self) -> None:
        """This process needs the store no more, and is not missed."""
        self.store.set(f"left/{self.rank}", "yes")

    def has_left(self, rank: int) -> bool:
        return bool(self.store.check([f"left/{rank}"]))

    def _lives(self, rank: int) -> bool:
        return lives(self.ids[rank][1])

    def _say(self, value: Any) -> None:
        self.heed()
        self.said.append(f"{self.turn}/{self.rank}")
        self.store.set(self.said[-1], json.dumps(value))

    def _heard(self, rank: int) -> Any:
        key = f"{self.turn}/{rank}"
        while not self.store.check([key]):
            self.heed()
            self.mind()
            time.sleep(POLL)
        return json.loads(self.store.get(key))


ALONE = Processes()
