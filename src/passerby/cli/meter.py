"""A bar of photos on stderr, for every command that works through many."""

from __future__ import annotations


class Meter:
    """A bar of photos, with the rate since the first report and the time left."""

    def __init__(self, doing: str) -> None:
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
            TextColumn(doing),
            BarColumn(),
            MofNCompleteColumn(),
            rate,
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task(doing, total=None, rate=0.0)
        self.first: int | None = None  # photos that were there before
        self.done, self.started = 0, 0.0

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
        self.done = done - self.first
        self.bar.update(self.task, completed=done, total=total, rate=self.rate())

    def rate(self) -> float:
        """Photos a second so far."""
        from time import monotonic

        return self.done / max(monotonic() - self.started, 1e-9)
