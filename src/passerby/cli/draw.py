"""passerby draw: a data set of drawn people, in the CUHK-PEDES layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def draw(
    out: Annotated[Path, typer.Argument(help="The folder to write, new or begun before.")],
    persons: Annotated[int, typer.Option(help="Persons in all splits.")] = 2000,
    photos: Annotated[int, typer.Option(help="Photos of each person.")] = 4,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    captions: Annotated[int, typer.Option(help="Captions of each photo.")] = 2,
    height: Annotated[int, typer.Option(help="Height of a photo, in pixels.")] = 128,
    width: Annotated[int, typer.Option(help="Width of a photo, in pixels.")] = 64,
    val_persons: Annotated[
        int | None, typer.Option(help="Persons for validation; a tenth when not given.")
    ] = None,
    test_persons: Annotated[
        int | None, typer.Option(help="Persons for test; a tenth when not given.")
    ] = None,
    fixed_size: Annotated[
        bool, typer.Option("--fixed-size", help="All photos of one size, not as detectors crop.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes that draw; one a core when not given.", min=1)
    ] = None,
) -> None:
    """Draws people, their photos and captions; run again after a break, it goes on."""
    from passerby.data.images import shown
    from passerby.drawn.world import draw_world

    with Meter() as meter:
        settings = draw_world(
            out,
            persons,
            photos,
            seed,
            captions=captions,
            height=height,
            width=width,
            val=0.1 if val_persons is None else val_persons,
            test=0.1 if test_persons is None else test_persons,
            vary=not fixed_size,
            workers=workers,
            progress=meter.hear,
        )
    train = settings.persons - settings.val - settings.test
    place = shown(out)
    print(f"{place}: {train} persons to train, {settings.val} to validate, {settings.test} to test")
    print(f"{meter.drawn} photos drawn now, {meter.rate():.0f} a second; data name: drawn:{place}")


class Meter:
    """A bar of photos drawn, with the rate since the first report and the time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        rate = TextColumn("photos, {task.fields[rate]:.0f}/s, time left")
        self.bar = Progress(
            TextColumn("drawing"),
            BarColumn(),
            MofNCompleteColumn(),
            rate,
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task("drawing", total=None, rate=0.0)
        self.first: int | None = None  # photos that were there before
        self.drawn, self.started = 0, 0.0

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar.live.is_started:
            self.bar.stop()

    def hear(self, done: int, total: int) -> None:
        """`done` of `total` photos are there now."""
        from time import monotonic

        if self.first is None:
            self.bar.start()
            self.first, self.started = done, monotonic()
        self.drawn = done - self.first
        self.bar.update(self.task, completed=done, total=total, rate=self.rate())

    def rate(self) -> float:
        """Photos a second so far."""
        from time import monotonic

        return self.drawn / max(monotonic() - self.started, 1e-9)
