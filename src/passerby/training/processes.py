"""The processes of a run: which one this is, how they wait for one another, and their means.

Exchanges of tensors are collectives of torch.distributed, in which every process takes part within
minutes of the others. Long waits and small words go through the store where torchrun's processes
meet: no time-out of a collective ends a process that waits for an hour of validation.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from passerby.errors import Refused

POLL = 0.02  # seconds between two looks of a process that waits
BUCKET = 1 << 24  # numbers exchanged at once; 64 MB of fp32
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)  # SyncBatchNorm's are the same anyway


class ProcessGone(Refused):
    """Another process of the run ended without a word, or cannot be reached."""


class Ended(BaseException):
    """Another process has told why the run ends: this one leaves without a word."""


class Processes:
    """This process among `size`: `rank` in all, `local` on its machine. Without arguments it is
    alone, and does everything below by itself, at once.

    store: of torch.distributed, where all meet. All processes call the same in the same order.
    """

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0, store: Any = None) -> None:
        self.rank, self.size, self.local, self.store = rank, size, local, store
        self.turn = 0
        self.ids: list[tuple[str, int]] = []  # host and process id of each, once they have met

    @property
    def alone(self) -> bool:
        return self.size == 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def meet(self) -> None:
        """Learns which processes there are; `mind` looks at them from now on."""
        found = self.everyones([socket.gethostname(), os.getpid()])
        self.ids = [(str(host), int(number)) for host, number in found]

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
        return [self._heard(rank) for rank in range(self.size)]

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes of (N,) numbers, of which every process gives as many."""
        if self.alone:
            return values
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
        weights = [p for p in model.parameters() if p.requires_grad]
        used = torch.tensor([p.grad is not None for p in weights]).float().to(weights[0].device)
        distributed.all_reduce(used)
        gradients = []
        for weight, count in zip(weights, used.tolist(), strict=True):
            if count:
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
                gradients.append(weight.grad)
        norms = [module for module in model.modules() if isinstance(module, NORMS)]
        running = [each for norm in norms for each in (norm.running_mean, norm.running_var)]
        self._become_means([*gradients, *(each for each in running if each is not None)])

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

    def dead(self) -> list[int]:
        """The ranks of processes of this machine that have died."""
        here = socket.gethostname()
        return [
            rank
            for rank, (host, number) in enumerate(self.ids)
            if host == here and not lives(number)
        ]

    @torch.no_grad()
    def _become_means(self, tensors: list[Tensor]) -> None:
        """Many at a time, in place: the exchange of one is mostly waiting."""
        for some in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in some])
            distributed.all_reduce(flat)
            flat /= self.size
            for tensor, mean in zip(some, flat.split([t.numel() for t in some]), strict=True):
                tensor.copy_(mean.view(tensor.shape))

    def _say(self, value: Any) -> None:
        self.store.set(f"{self.turn}/{self.rank}", json.dumps(value))

    def _heard(self, rank: int) -> Any:
        key = f"{self.turn}/{rank}"
        while not self.store.check([key]):
            self.mind()
            time.sleep(POLL)
        return json.loads(self.store.get(key))


ALONE = Processes()


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one kind together, in order, as many as make BUCKET numbers."""
    kinds: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault(tensor.dtype, []).append(tensor)
    for alike in kinds.values():
        some: list[Tensor] = []
        held = 0
        for tensor in alike:
            if some and held + tensor.numel() > BUCKET:
                yield some
                some, held = [], 0
            some.append(tensor)
            held += tensor.numel()
        yield some


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
