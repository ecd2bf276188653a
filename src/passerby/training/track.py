"""The log of a run as curves for TensorBoard, which is the extra `track`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from passerby.errors import BadRecipe

PLAIN = {"at", "epoch", "step", "rate", "loss", "seen", "validation", "best"}  # the loop's own


class Curves:
    """Event files in `folder`, made anew from `events`, what the log holds so far: no step that a
    resumed run takes again is there twice, and a run that was not followed from its start is there
    as a whole.

    Curves: loss, losses/NAME, seen/NAME, rate and validation/NAME, over steps. Raises BadRecipe
    when TensorBoard is not installed.
    """

    def __init__(self, folder: Path, events: Iterable[dict[str, Any]] = ()) -> None:
        check_installed()
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(folder, ignore_errors=True)
        self.writer: Any = SummaryWriter(str(folder))
        for event in events:
            self.add(event)

    def add(self, event: dict[str, Any]) -> None:
        """The numbers of one event; those of a validation are on disk when it returns."""
        for name, value in scalars(event).items():
            self.writer.add_scalar(name, value, event["at"])
        if "validation" in event:
            self.writer.flush()

    def close(self) -> None:
        self.writer.close()


def check_installed() -> None:
    """Raises BadRecipe without TensorBoard."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise BadRecipe(
            "--track needs TensorBoard, which is not installed; pip install 'passerby[track]'"
        ) from None


def scalars(event: dict[str, Any]) -> dict[str, float]:
    """The numbers of an event by the names of their curves."""
    found: dict[str, float] = {}
    if "loss" in event:
        found = {"loss": event["loss"], "rate": event["rate"]}
        found |= {_tag("losses", name): event[name] for name in event.keys() - PLAIN}
    for table in ("seen", "validation"):
        found |= {_tag(table, name): value for name, value in event.get(table, {}).items()}
    return found


def _tag(table: str, name: str) -> str:
    """TensorBoard takes letters, digits, and a few signs."""
    return f"{table}/{re.sub(r'[^-A-Za-z0-9_.]', '_', name)}"
