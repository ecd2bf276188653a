"""What minutes of training hold: the seconds of a method's steps, and epochs made from them."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import torch

from passerby.build import build_method
from passerby.config import Recipe, as_text
from passerby.data.sources import read_splits
from passerby.errors import BadRecipe
from passerby.method import Method
from passerby.runs import Source
from passerby.training.checkpoint import Position
from passerby.training.loop import Trainer
from passerby.types import Report, Split

TURNS, STEPS = 5, 10
FEWEST, MOST = 4, 10  # epochs: validation has to have some to choose from, and takes time
Recipes = Mapping[str, Recipe]


@dataclass(frozen=True)
class Pace:
    """What training takes on one core while another core trains. step: seconds a batch. prepare:
    seconds before the first. epoch: batches in a whole epoch. recipe: of what, as `mark` says it.
    """

    step: float
    prepare: float
    epoch: int
    recipe: str


def mark(recipe: Recipe) -> str:
    return sha256(as_text(recipe).encode()).hexdigest()[:12]


def budget(pace: Pace, minutes: float, epochs: int) -> tuple[int, int]:
    """Epochs, and batches in each: all that the minutes hold, but for less than one an epoch.

    epochs: the recipe's; taken as 4 to 10, and more where so few whole epochs would end too soon.
    Raises BadRecipe where they hold none.
    """
    held = int((60 * minutes - pace.prepare) / pace.step)
    if held < 1:
        raise BadRecipe(
            f"{minutes:g} minutes hold no step: {pace.prepare:.1f} s go by before the first, which "
            f"takes {pace.step:.1f} s; give more --minutes"
        )
    number = max(min(max(epochs, FEWEST), MOST), ceil(held / pace.epoch))
    number = min(number, held)
    return number, held // number


def kept(
    file: Path, recipes: Recipes, measure: Callable[[Recipes], dict[str, Pace]]
) -> dict[str, Pace]:
    """The pace of each recipe: what the file has of this very recipe, else measured now and added
    to the file. So a comparison that goes on after a break has the batches that it began with.
    """
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    paces = {name: Pace(**entry) for name, entry in told.items()}
    new = {n: r for n, r in recipes.items() if n not in paces or paces[n].recipe != mark(r)}
    if new:
        paces |= measure(new)
        part = file.with_name(file.name + ".part")
        written = {name: asdict(pace) for name, pace in paces.items()}
        part.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        part.replace(file)
    return {name: paces[name] for name in recipes}


def measured(recipes: Recipes) -> dict[str, Pace]:
    """Two processes at once, as two runs will share the machine, each going over all recipes in
    several turns, the second in the opposite order; medians over turns and processes."""
    orders = [list(recipes.items()), list(recipes.items())[::-1]]
    with ProcessPoolExecutor(2, get_context("spawn")) as two:
        one, other = two.map(turns, orders)
    paces = {}
    for name, recipe in recipes.items():
        step = median([*one[name].seconds, *other[name].seconds])
        prepare = mean([one[name].prepare, other[name].prepare])
        paces[name] = Pace(step, prepare, one[name].epoch, mark(recipe))
    return paces


@dataclass
class Times:
    """Of one recipe: seconds a step in each turn, seconds to prepare, batches in an epoch."""

    seconds: list[float]
    prepare: float
    epoch: int


def turns(recipes: Sequence[tuple[str, Recipe]]) -> dict[str, Times]:
    """The recipes' steps in turns; the turn before the first warms up, and reads the photos."""
    one_thread()
    with TemporaryDirectory() as place:
        splits = read_splits(recipes[0][1].data.train, "train", "val")
        made = {name: Stretch(recipe, splits, Path(place) / name) for name, recipe in recipes}
        for turn in range(TURNS + 1):
            for stretch in made.values():
                seconds = stretch.run()
                if turn:
                    stretch.times.seconds.append(seconds)
    return {name: stretch.times for name, stretch in made.items()}


def one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


class Stretch:
    """Some steps of a recipe's training, the same each time, with all that a step of a run does.

    They are of its last epoch, in which no loss waits to be switched on any more.
    """

    def __init__(self, recipe: Recipe, splits: Iterable[Split], folder: Path) -> None:
        self.recipe, (split, val) = recipe, splits
        captions = [caption.text for caption in split.captions]
        torch.manual_seed(recipe.run.seed)
        method = build_method(recipe, captions, len(split.persons))
        began = time.monotonic()
        method.prepare(list(dict.fromkeys([*captions, *(c.text for c in val.captions)])), folder)
        prepare = time.monotonic() - began
        self.source = Source(recipe, split, method)
        self.trainer = Trainer(
            method, recipe.train, recipe.optim, folder, lambda *_: None, unseen, self._hear
        )
        self.times = Times([], prepare, len(self.source.epoch(0, 0)))
        if self.times.epoch < 2:
            raise BadRecipe("an epoch is a single batch, too few to time; draw more persons")
        self.heard: list[float] = []

    def run(self) -> float:
        """Seconds a step, the first left out."""
        self.heard = []
        self.trainer.position = Position(epoch=self.recipe.train.epochs - 1)
        steps = min(STEPS, self.times.epoch)
        self.trainer.run(lambda epoch, start: self.source.epoch(epoch, start, steps), steps)
        return (self.heard[-1] - self.heard[0]) / max(1, len(self.heard) - 1)

    def _hear(self, event: dict[str, Any]) -> None:
        if "loss" in event:
            self.heard.append(event["seconds"])


def unseen(method: Method) -> Report:  # noqa: ARG001 - in the place of validation
    return Report({"rank-1": 0.0})
