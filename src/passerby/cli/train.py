"""passerby train: a recipe to a model."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe: see recipes/*.toml.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="TABLE.KEY=VALUE over the recipe; may be given often."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
    track: Annotated[
        bool, typer.Option("--track", help="Curves for TensorBoard, in runs/NAME/tensorboard.")
    ] = False,
    processes: Annotated[
        int, typer.Option(help="Processes of this machine that train together.", min=1)
    ] = 1,
) -> None:
    """Train a method; the best model by validation lands in runs/NAME/best.

    On several machines: torchrun [its options] -m passerby train RECIPE
    """
    # Before torch loads: on Linux its threads wait in a busy loop, on cores that the data workers
    # need; with less of it the default recipe takes a tenth less time on 2 cores.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if "WORLD_SIZE" in os.environ:  # what breaks is told by us, in one line
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    elif processes > 1:
        from passerby.training.launch import run_together

        sys.exit(run_together(processes, sys.argv[1:]))  # all is told, Ctrl-C too
    from passerby.config import read_recipe
    from passerby.errors import BadRecipe
    from passerby.runs import train as run
    from passerby.training.joining import joined

    console = Console()
    try:
        with joined(os.environ, last=True) as here:
            if processes not in (1, here.size):
                raise BadRecipe(
                    f"--processes {processes}, but the environment has WORLD_SIZE {here.size}, as "
                    "torchrun sets it; leave out --processes under torchrun, or unset WORLD_SIZE"
                )
            told = read_recipe(recipe, set_ or [])
            with console:
                folder = run(told, resume=resume, watch=console.hear, processes=here, track=track)
    except KeyboardInterrupt:
        print(
            "passerby: stopped; go on from the last checkpoint with the same command and --resume",
            file=sys.stderr,
        )
        sys.exit(130)
    if not here.first:
        return
    print(
        f"best model: {folder / 'best'}   newest: {folder / 'last'}   log: {folder / 'log.jsonl'}"
    )


class Console:
    """A progress bar of steps with loss and time left, and a line for each validation."""

    def __init__(self) -> None:
        from rich.console import Console as Terminal
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Terminal(stderr=True),
        )
        self.task: Any = None
        self.total = -1

    def __enter__(self) -> None:
        """The bar appears with the first event: input that is refused has one line, no bar."""

    def __exit__(self, *_: object) -> None:
        if self.bar.live.is_started:
            self.bar.stop()

    def hear(self, event: dict[str, Any]) -> None:
        """One event of a run: drawing, preparing, left out, a step, a validation, what it chose."""
        self.bar.start()
        if "drawn" in event:
            self._show("drawing", event["drawn"], event["of"])
        elif "prepared" in event:
            self._show("reading captions", event["prepared"], event["of"])
        elif "chosen" in event:
            self.bar.console.print(_told(event), markup=False, soft_wrap=True)
        elif "noted" in event:
            for line in event["noted"]:
                self.bar.console.print(line, markup=False, soft_wrap=True)
        elif "skipped" in event:
            for line in event["skipped"]:
                self.bar.console.print(f"left out: {line}", markup=False, soft_wrap=True)
        elif "validation" in event:
            told = "  ".join(f"{name} {value:.2f}" for name, value in event["validation"].items())
            self.bar.console.print(
                f"epoch {event['epoch']}  {told}  (best {event['best']:.2f})  "
                f"{event['seconds'] / 60:.1f} min"
            )
        else:
            words = f"epoch {event['epoch'] + 1}  loss {event['loss']:.3f}"
            self._show(words, event["at"], event["of"])

    def _show(self, words: str, done: int, of: int) -> None:
        if self.total != of:
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task, self.total = self.bar.add_task(words, total=of), of
        self.bar.update(self.task, completed=done, description=words)


def _told(event: dict[str, Any]) -> str:
    """What validation chose, with its numbers and those of the recipe's own settings."""
    chosen, own = event["chosen"], event["curve"][0]
    best = next(tried for tried in event["curve"] if chosen.items() <= tried.items())
    words = ", ".join(f"{name} = {value}" for name, value in chosen.items())
    numbers = "  ".join(
        f"{name} {best[name]:.2f} ({own[name]:.2f} before)" for name in ("rank-1", "mAP")
    )
    return f"chosen on validation: {words}  {numbers}"
