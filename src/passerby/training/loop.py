"""The training loop: recipe's batches in, checkpoints, log lines and a best model out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from passerby.errors import BadRecipe
from passerby.method import Method
from passerby.training.checkpoint import Position, read_state, settle, write_folder, write_state
from passerby.training.log import Journal, read_journal
from passerby.training.optim import Optim, optimizer, set_rate
from passerby.types import Batch, Report


@dataclass(frozen=True)
class Train:
    """precision: "fp32" or "bf16" (autocast; losses stay fp32). threads: of torch on a CPU, 0 for
    its default. save_every: steps between checkpoints inside an epoch, 0 for none. average: decay
    of the running mean of the weights, which is validated and kept as best; 0 for none. steps:
    batches an epoch at most; 0 for all of them.
    """

    epochs: int = 10
    steps: int = 0
    precision: str = "fp32"
    device: str = "auto"
    threads: int = 0
    save_every: int = 0
    average: float = 0.0

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "bf16"):
            raise BadRecipe(f'[train] precision is "fp32" or "bf16", not {self.precision!r}')
        if self.epochs < 1:
            raise BadRecipe("[train] epochs is 1 or more")
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
    ) -> None:
        self.method, self.settings, self.optim, self.folder = method, settings, optim, folder
        self.save, self.validate = save, validate
        self.watch: Watch = watch or (lambda _: None)
        self.optimizer = optimizer(method, optim)
        self.position = Position()
        self.told: set[str] = set()
        self.average: dict[str, Tensor] = {}
        if settings.average:
            self.average = {n: t.detach().clone() for n, t in method.state_dict().items()}

    def resume(self) -> None:
        """Takes up `last` where it stands; the method already holds its weights."""
        settle(self.folder / "last")
        self.position, average = read_state(self.folder / "last", self.optimizer)
        for name, tensor in average.items():
            self.average[name].copy_(tensor)  # stays on the method's device, in its layout

    def run(self, batches: Batches, steps: int, left_out: Iterable[str] = ()) -> Position:
        """Trains to the last epoch; `steps` batches an epoch. left_out: lines on what the data
        holds and no batch will; as with photos that batches skip, each is told and logged once.

        Raises BadRecipe when the loss is not finite, leaving the checkpoints as they are.
        """
        place = self.position
        begun = place.epoch * steps + place.step
        journal = Journal(self.folder / "log.jsonl", begun or None, within=place.step > 0)
        started = time.monotonic() - place.seconds
        events = read_journal(journal.file)
        self.told = {line for event in events for line in event.get("skipped", ())}
        self._tell(journal, begun, left_out)
        while place.epoch < self.settings.epochs:
            self.method.train()
            for batch in batches(place.epoch, place.step):
                at = place.epoch * steps + place.step
                rate = self.optim.lr * self.optim.factor(at, steps, self.settings.epochs * steps)
                named = self._step(batch, rate, at)
                place.step += 1
                place.seconds = time.monotonic() - started
                event = {"epoch": place.epoch, "step": place.step, "rate": rate, **named}
                journal.write(at + 1, **event)
                self._tell(journal, at + 1, batch.skipped)
                total = self.settings.epochs * steps
                self.watch({**event, "at": at + 1, "of": total, "seconds": place.seconds})
                if self.settings.save_every and place.step % self.settings.save_every == 0:
                    self._checkpoint()
            self._finish_epoch(journal, steps, started)
        return place

    def _tell(self, journal: Journal, at: int, left_out: Iterable[str]) -> None:
        fresh = [line for line in dict.fromkeys(left_out) if line not in self.told]
        self.told.update(fresh)
        if fresh:
            journal.write(at, skipped=fresh)
            self.watch({"skipped": fresh})

    def _step(self, batch: Batch, rate: float, at: int) -> dict[str, Any]:
        """One batch: losses, their sum's gradient, one step of the optimizer; what was seen."""
        set_rate(self.optimizer, rate)
        device = next(self.method.parameters()).device
        half = self.settings.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16) if half else nullcontext():
            losses = self.method.losses(batch.to(device))
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        if not torch.isfinite(total):
            told = ", ".join(f"{name} {loss.item():g}" for name, loss in losses.items())
            raise BadRecipe(
                f"the loss is not finite at step {at + 1} ({told}); lower [optim] lr or set clip, "
                "and begin anew with --set run.name=NAME"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if self.optim.clip:
            torch.nn.utils.clip_grad_norm_(self.method.parameters(), self.optim.clip)
        self.optimizer.step()
        self._follow(at)
        named = {"loss": total.item(), **{name: loss.item() for name, loss in losses.items()}}
        seen = {name: value.item() for name, value in self.method.measures.items()}
        return {**named, "seen": seen} if seen else named

    @torch.no_grad()
    def _follow(self, at: int) -> None:
        """The running mean of the weights, faster at the start (Izmailov et al. 2018 in spirit)."""
        decay = min(self.settings.average, (1 + at) / (10 + at))
        for name, tensor in self.method.state_dict().items():
            if name in self.average and tensor.is_floating_point():
                self.average[name].lerp_(tensor, 1 - decay)
            elif name in self.average:
                self.average[name].copy_(tensor)

    def _finish_epoch(self, journal: Journal, steps: int, started: float) -> None:
        place = self.position
        report = self._validated()
        place.epoch, place.step = place.epoch + 1, 0
        place.seconds = time.monotonic() - started
        score = report.metrics["rank-1"]
        if score > place.best:
            place.best, place.best_epoch = score, place.epoch
            write_folder(self.folder / "best", lambda part: self.save(part, self.average or None))
        event = {"epoch": place.epoch, "validation": report.metrics, "best": place.best}
        journal.write(place.epoch * steps, **event)
        self.watch({**event, "seconds": place.seconds})
        self._checkpoint()

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
        def fill(part: Path) -> None:
            self.save(part, None)
            write_state(part, self.position, self.optimizer, self.average)

        write_folder(self.folder / "last", fill)
