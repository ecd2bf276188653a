"""One training run with a clock that stops while validation has the floor: of compare.py.

python benchmarks/clocked.py RECIPE [--set TABLE.KEY=VALUE ...]

Begins the run or goes on with it; prints a line for each validation. The clock is kept in the run's
folder (clock.json) and read by `minutes`.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budget import one_thread

from passerby.config import read_recipe
from passerby.errors import Refused
from passerby.runs import train

FILE = "clock.json"


class Clock:
    """Hears a run. For each epoch it keeps the seconds spent in its steps, and when it ended on the
    run's own time, which counts validation too: the next epoch's steps begin there."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self.file, self.name, self.epochs = folder / FILE, folder.name, epochs
        self.told: dict[str, dict[str, float]] = {}
        if self.file.exists():
            self.told = json.loads(self.file.read_text(encoding="utf-8"))
        self.now = 0.0

    def hear(self, event: Mapping[str, Any]) -> None:
        if "loss" in event:
            self.now = event["seconds"]
        elif "validation" in event:
            epoch = event["epoch"]
            began = self.told[str(epoch - 1)]["ended"] if epoch > 1 else 0.0
            self.told[str(epoch)] = {"steps": self.now - began, "ended": event["seconds"]}
            self._keep()
            trained = sum(told["steps"] for told in self.told.values()) / 60
            print(
                f"{self.name}: epoch {epoch} of {self.epochs}, validation Rank-1 "
                f"{event['validation']['rank-1']:.1f} (best {event['best']:.1f}), "
                f"{trained:.1f} minutes trained",
                flush=True,
            )

    def _keep(self) -> None:
        part = self.file.with_name(FILE + ".part")
        part.write_text(json.dumps(self.told) + "\n", encoding="utf-8")
        part.replace(self.file)


def minutes(folder: Path) -> float:
    """That a finished run has spent in training steps."""
    told = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return sum(epoch["steps"] for epoch in told.values()) / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", action="append", default=[], help="as of passerby train")
    given = parser.parse_args()
    one_thread()
    try:
        recipe = read_recipe(given.recipe, given.set)
        clock = Clock(Path(recipe.run.out) / recipe.run.name, recipe.train.epochs)
        train(recipe, resume=True, watch=clock.hear)
    except Refused as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
