"""The training loop: recipe's batches in, checkpoints, log lines and a best model out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from passerby.errors import BadRecipe
from passerby.method import Method
from passerby.training.checkpoint import (
    Position,
    random_state,
    read_state,
    settle,
    write_folder,
    write_state,
)
from passerby.training.log import Journal, read_journal
from passerby.training.optim import Optim, optimizer, set_rate
from passerby.training.processes import ALONE, Processes
from passerby.training.track import Curves
from passerby.types import Batch, Report


@dataclass(frozen=True)
class Train:
    """precision: "fp32" or "bf16" (autocast; losses stay fp32). threads: of torch on a CPU, 0 for
    its default. save_every: steps between checkpoints inside an epoch, 0 for none. average: decay
    of the running mean of the weights, which is validated and kept as best; 0 for none. steps:
    batches an epoch at most; 0 for all of them.

    accumulate: batches whose mean gradient makes one step of the optimizer; rates, save_every and
    the log count steps. It saves memory, and does not enlarge the negatives: a text is compared
    with the photos of its own batch. sync_norms: batch norms of several processes see the rows of
    all, on GPUs alone.
    """

    epochs: int = 10
    steps: int = 0
    precision: str = "fp32"
    device: str = "auto"
    threads: int = 0
    save_every: int = 0
    average: float = 0.0
    accumulate: int = 1
    sync_norms: bool = False

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "bf16"):
            raise BadRecipe(f'[train] precision is "fp32" or "bf16", not {self.precision!r}')
        if self.epochs < 1 or self.accumulate < 1:
            raise BadRecipe("[train] epochs and accumulate are 1 or more")
        if min(self.threads, self.save_every, self.steps) < 0:
            raise BadRecipe("[train] threads, save_every and steps are 0 or more")
        if not 0 <= self.average < 1:
            raise BadRecipe("[train] average is from 0 to below 1")


class Batches(Protocol):
    """Batches of an epoch from the one numbered `start` on: the same for the same arguments."""

    def __call__(self, epoch: int, start: int) -> Iterable[Batch]: ...


Save = Callable[[Path, Mapping[str, Tensor] | None], None]
Watch = Callable[[dict[str, Any]], None]


class Trainer:
    """One run in `folder`: `last` (newest, to resume), `best` (by validation), log.jsonl.

    save(folder, weights): writes the model folder, `weights` in place of the method's own where
    given. validate(method): a Report whose "rank-1" chooses the best. watch: hears every event.
    processes: that train together; the first alone saves, validates, logs and is watched. track:
    curves for TensorBoard, in `tensorboard`.
    """

    def __init__(
        self,
        method: Method,
        settings: Train,
        optim: Optim,
        folder: Path,
        save: Save,
        validate: Callable[[Method], Report],
        watch: Watch | None = None,
        processes: Processes = ALONE,
        track: bool = False,
    ) -> None:
        self.method, self.settings, self.optim, self.folder = method, settings, optim, folder
        self.save, self.validate = save, validate
        self.processes, self.track = processes, track
        self.watch: Watch = (watch if processes.first else None) or (lambda _: None)
        self.journal: Journal | None = None
        self.curves: Curves | None = None
        self.optimizer = optimizer(method, optim)
        self.position = Position()
        self.told: set[str] = set()
        self.noted: set[tuple[int, str]] = set()
        self.average: dict[str, Tensor] = {}
        if settings.average:
            self.average = {n: t.detach().clone() for n, t in method.state_dict().items()}

    def resume(self) -> None:
        """Takes up `last` where it stands; the method already holds its weights."""
        settle(self.folder / "last")
        rank = self.processes.rank
        self.position, average = read_state(self.folder / "last", self.optimizer, rank)
        for name, tensor in average.items():
            self.average[name].copy_(tensor)  # stays on the method's device, in its layout

    def run(self, batches: Batches, steps: int, left_out: Iterable[str] = ()) -> Position:
        """Trains to the last epoch; `steps` steps an epoch, each of `accumulate` batches. left_out:
        lines on what the data holds and no batch will; as with photos that batches skip, each is
        told and logged once.

        Raises BadRecipe when the loss is not finite, leaving the checkpoints as they are.
        """
        place, each = self.position, self.settings.accumulate
        begun, total = place.epoch * steps + place.step, self.settings.epochs * steps
        started = time.monotonic() - place.seconds
        self._open_journal(begun, place.step > 0)
        self._tell(begun, left_out)
        self._tell_of_processes(begun)
        while place.epoch < self.settings.epochs:
            self.method.train()
            for group in _groups(batches(place.epoch, place.step * each), each):
                at = place.epoch * steps + place.step
                rate = self.optim.lr * self.optim.factor(at, steps, total)
                named, skipped = self._step(group, rate, at)
                place.step += 1
                place.seconds = time.monotonic() - started
                event = {"epoch": place.epoch, "step": place.step, "rate": rate, **named}
                self._log(at + 1, **event)
                self._tell(at + 1, skipped)
                self.watch({**event, "at": at + 1, "of": total, "seconds": place.seconds})
                if self.settings.save_every and place.step % self.settings.save_every == 0:
                    self._checkpoint()
            self._finish_epoch(steps, started)
        if self.curves is not None:
            self.curves.close()
        return place

    def _open_journal(self, begun: int, within: bool) -> None:
        if not self.processes.first:
            return
        self.journal = Journal(self.folder / "log.jsonl", begun or None, within=within)
        events = read_journal(self.journal.file)
        self.told = {line for event in events for line in event.get("skipped", ())}
        self.noted = {(event["at"], line) for event in events for line in event.get("noted", ())}
        if self.track:
            self.curves = Curves(self.folder / "tensorboard", events)
            self.journal.follow = self.curves.add

    def _log(self, at: int, **event: Any) -> None:
        if self.journal is not None:
            self.journal.write(at, **event)

    def _tell(self, at: int, left_out: Iterable[str]) -> None:
        fresh = [line for line in dict.fromkeys(left_out) if line not in self.told]
        self.told.update(fresh)
        if fresh:
            self._log(at, skipped=fresh)
            self.watch({"skipped": fresh})

    def _tell_of_processes(self, begun: int) -> None:
        """A run goes on with another number of processes, but it is not the same run bit for bit:
        each has random numbers of its own."""
        before, now = self.position.processes, self.processes.size
        self.position.processes = now
        if begun and before != now:
            count = "1 process" if now == 1 else f"{now} processes"
            line = (
                f"the run goes on with {count} in place of {before}: with the same batches and "
                "rates, but other random numbers, so not bit for bit as it would have"
            )
            if (begun, line) not in self.noted:  # by one that ended before its first checkpoint
                self._log(begun, noted=[line])
            self.watch({"noted": [line]})

    def _step(
        self, group: Sequence[Batch], rate: float, at: int
    ) -> tuple[dict[str, Any], list[str]]:
        """One step of the optimizer, on the mean gradient of its batches and of all processes; what
        was seen, and what batches skipped."""
        set_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        found = [self._gradient(batch, at, len(group)) for batch in group]
        self.processes.average(self.method)
        if self.optim.clip:
            torch.nn.utils.clip_grad_norm_(self.method.parameters(), self.optim.clip)
        self.optimizer.step()
        self._follow(at)
        named: dict[str, Any] = _means([losses for losses, _, _ in found])
        seen = _means([seen for _, seen, _ in found])
        skipped = [line for _, _, lines in found for line in lines]
        return {**named, "seen": seen} if seen else named, skipped

    def _gradient(
        self, batch: Batch, at: int, of: int
    ) -> tuple[dict[str, float], dict[str, float], list[str]]:
        """The gradient of a batch's losses, added to those of the step's `of` batches. Gives the
        losses and what was measured, means over processes, and what any process skipped."""
        device = next(self.method.parameters()).device
        half = self.settings.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16) if half else nullcontext():
            losses = self.method.losses(batch.to(device))
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        values = {
            "loss": total,
            **losses,
            **{f"seen {n}": v for n, v in self.method.measures.items()},
        }
        numbers = [value.detach().float().to(device) for value in values.values()]
        numbers.append(torch.tensor(float(len(batch.skipped)), device=device))
        *told, skips = self.processes.mean(torch.stack(numbers)).tolist()
        named = dict(zip(values, told, strict=True))
        seen = {name: named.pop(f"seen {name}") for name in self.method.measures}
        if not math.isfinite(named["loss"]):
            each = ", ".join(f"{name} {named[name]:g}" for name in losses)
            raise BadRecipe(
                f"the loss is not finite at step {at + 1} ({each}); lower [optim] lr or set clip, "
                "and begin anew with --set run.name=NAME"
            )
        (total / of if of > 1 else total).backward()
        lines = self.processes.everyones(list(batch.skipped)) if skips else []
        return named, seen, [line for own in lines for line in own]

    @torch.no_grad()
    def _follow(self, at: int) -> None:
        """The running mean of the weights, faster at the start (Izmailov et al. 2018 in spirit)."""
        decay = min(self.settings.average, (1 + at) / (10 + at))
        for name, tensor in self.method.state_dict().items():
            if name in self.average and tensor.is_floating_point():
                self.average[name].lerp_(tensor, 1 - decay)
            elif name in self.average:
                self.average[name].copy_(tensor)

    def _finish_epoch(self, steps: int, started: float) -> None:
        place = self.position
        metrics, score = self.processes.once(self._judged)
        place.epoch, place.step = place.epoch + 1, 0
        place.seconds = time.monotonic() - started
        if score > place.best:
            place.best, place.best_epoch = score, place.epoch
            self.processes.once(self._keep_best)
        event = {"epoch": place.epoch, "validation": metrics, "best": place.best}
        self._log(place.epoch * steps, **event)
        self.watch({**event, "seconds": place.seconds})
        self._checkpoint()

    def _judged(self) -> tuple[dict[str, float], float]:
        report = self._validated()
        return report.metrics, report.metrics["rank-1"]

    def _keep_best(self) -> None:
        write_folder(self.folder / "best", lambda part: self.save(part, self.average or None))

    def _validated(self) -> Report:
        """Validation of what will be kept: the running mean where there is one."""
        if not self.average:
            return self.validate(self.method)
        own = {name: tensor.clone() for name, tensor in self.method.state_dict().items()}
        self.method.load_state_dict(self.average)
        report = self.validate(self.method)
        self.method.load_state_dict(own)
        return report

    def _checkpoint(self) -> None:
        """Between two steps of the optimizer, with the random state of every process."""
        randoms = self.processes.everyones(random_state())

        def fill(part: Path) -> None:
            self.save(part, None)
            write_state(part, self.position, self.optimizer, self.average, randoms)

        self.processes.once(lambda: write_folder(self.folder / "last", fill))


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Batches by `size`; what is left over waits for another epoch."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []


def _means(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By name, over those that have it."""
    names = dict.fromkeys(name for each in found for name in each)
    values = {name: [each[name] for each in found if name in each] for name in names}
    return {name: sum(own) / len(own) for name, own in values.items()}
