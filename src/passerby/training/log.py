"""The log of a run: one JSON object a line, cut back to the checkpoint on resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Journal:
    """Appends events to `file`; each has `at`, the global step it belongs to.

    resume_at: keep events up to this step, without a validation at it while `within` an epoch: that
    epoch is not finished yet and will be validated again. `follow` hears what is written.
    """

    def __init__(self, file: Path, resume_at: int | None = None, within: bool = False) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        before = [] if resume_at is None else read_journal(file)
        kept = [
            event
            for event in before
            if event["at"] <= (resume_at or 0)
            and not (within and "validation" in event and event["at"] == resume_at)
        ]
        part = file.with_name(file.name + ".part")
        part.write_text("".join(json.dumps(event) + "\n" for event in kept), encoding="utf-8")
        part.replace(file)
        self.file = file
        self.follow: Callable[[dict[str, Any]], None] | None = None

    def write(self, at: int, **event: Any) -> None:
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"at": at, **event}) + "\n")
        if self.follow is not None:
            self.follow({"at": at, **event})


def read_journal(file: Path) -> list[dict[str, Any]]:
    """Every whole line of a log; a line that a kill cut off is left out."""
    events = []
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
    return events
