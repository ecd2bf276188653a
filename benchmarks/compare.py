"""All methods on one folder of drawn people, with equal minutes of training: docs/methods/.

    python benchmarks/compare.py RUNS [--out results/compare.json] [--minutes 12]
                                 [--methods twotower,nafs,acsa,ivt,cmr] [--data FOLDER]

RUNS: a folder a run, what steps take (calibration.json) and, without --data, the people that the
recipes draw; run it again to go on after a break. Two runs at once, a core each. Each ends after
as many batches as its minutes hold by the calibration (budget.py); validation between them is not
counted in. Then the test split speaks once for each. Intervals are bootstraps over persons, those
of differences paired by query. Last, on one core: indexing and queries (serving.py).
"""

import argparse
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation import METRICS, RECIPES, alone, as_options, training
from budget import budget, kept, measured
from clocked import minutes
from paired import askers, interval, spoken
from report import finish, machine

from passerby.build import method_settings
from passerby.cli.train import Console
from passerby.config import Recipe, read_recipe
from passerby.data.sources import read_data
from passerby.errors import BadRecipe, Refused
from passerby.runs import draw
from passerby.training.log import read_journal
from passerby.types import Split

METHODS = ("twotower", "nafs", "acsa", "ivt", "cmr")
BASE = "twotower"  # what the others are compared with
CLOCKED = Path(__file__).with_name("clocked.py")


@dataclass(frozen=True)
class Job:
    """A method's run: its recipe and what is set over it."""

    name: str
    recipe: Path
    settings: tuple[str, ...]
    folder: Path

    def train(self) -> None:
        """To its end, or not at all where it has ended before."""
        alone([str(CLOCKED), str(self.recipe), *as_options(self.settings)], self.name, heard=True)
        print(f"trained {self.name}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--methods", type=lambda told: told.split(","), default=METHODS)
    parser.add_argument("--data", type=Path, help="drawn people; else they are drawn in RUNS")
    try:
        compare(parser.parse_args())
    except Refused as refusal:
        sys.exit(f"compare: {refusal}")
    except KeyboardInterrupt:
        sys.exit("compare: stopped; run the same command again to go on")


def compare(given: argparse.Namespace) -> None:
    given.runs.mkdir(parents=True, exist_ok=True)
    people = given.data or given.runs / "people"
    files = {name: RECIPES / f"{name}-drawn.toml" for name in given.methods}
    shared = (f"data.train=drawn:{people}", f"run.out={given.runs}")
    if not given.data:
        drawn({name: read_recipe(file, shared) for name, file in files.items()})
    shared += ("draw.persons=0", "data.workers=0", "train.threads=1", "train.device=cpu")
    own = {name: (*shared, f"run.name={name}") for name in files}
    recipes = {name: read_recipe(file, own[name]) for name, file in files.items()}
    for recipe in recipes.values():  # what Config refuses is not found after an hour
        method_settings(recipe)
    test = read_data(f"drawn:{people}", "test")

    print(f"seconds a step of {', '.join(recipes)}", flush=True)
    paces = kept(given.runs / "calibration.json", recipes, measured)
    jobs = []
    for name, recipe in recipes.items():
        epochs, steps = budget(paces[name], given.minutes, recipe.train.epochs)
        print(f"{name}: {paces[name].step:.3f} s a step, {epochs} epochs of {steps}", flush=True)
        sizes = (f"train.epochs={epochs}", f"train.steps={steps}")
        jobs.append(Job(name, files[name], own[name] + sizes, given.runs / name))
    with ThreadPoolExecutor(2) as two:
        list(two.map(Job.train, jobs))

    print("the test split", flush=True)
    torch.set_num_threads(2)
    values = spoke({job.name: job.folder for job in jobs}, test)
    # LanceDB is not to be there yet when people are drawn: that forks.
    from serving import served

    print("indexing and queries", flush=True)
    costs = served({job.name: job.folder / "best" for job in jobs}, test)
    for job in jobs:
        values[job.name] |= trained(job.folder, recipes[job.name], paces[job.name].prepare)
        values[job.name] |= costs[job.name]
    finish(
        "compare", values, given.out, machine=machine(), minutes=given.minutes, cores=1,
        seed={job.name: recipes[job.name].run.seed for job in jobs},
        recipes=[file.name for file in files.values()], queries=len(test.captions),
        photos=len(test.photos), persons=len(test.persons),
    )  # fmt: skip


def drawn(recipes: Mapping[str, Recipe]) -> None:
    """The people that all the recipes draw. Raises BadRecipe where some draw others."""
    first, *others = recipes
    for other in others:
        if asdict(recipes[other].draw) != asdict(recipes[first].draw):
            raise BadRecipe(
                f"the recipes of {first} and {other} draw other people; make their [draw] alike, "
                "or name people that are drawn with --data"
            )
    console = Console()
    with console:
        draw(recipes[first], console.hear)


def spoke(folders: Mapping[str, Path], test: Split) -> dict[str, dict[str, Any]]:
    """Each metric of the test split, and its difference to the base's: mean and interval."""
    persons, values = askers(test), {}
    told = {name: hits(spoken(folder, test, None)) for name, folder in folders.items()}
    for name, own in told.items():
        values[name] = {metric: interval(own[metric], persons) for metric in METRICS}
        if name != BASE and BASE in told:
            values[name]["difference"] = {
                metric: interval(own[metric] - told[BASE][metric], persons) for metric in METRICS
            }
    return values


def hits(told: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """By metric a number a query, (Q,), whose mean is the metric."""
    first = np.array(told["first"])
    ranks = {f"rank-{k}": (first <= k).astype(float) for k in (1, 5, 10)}
    return ranks | {"mAP": np.array(told["ap"])}


def trained(folder: Path, recipe: Recipe, prepare: float) -> dict[str, Any]:
    """What a run has seen, how long it took, and what validation said and chose. prepare: seconds
    before the first step, as calibrated."""
    journal = read_journal(folder / "log.jsonl")
    seen = sum("loss" in event for event in journal)
    state = json.loads((folder / "last" / "state.json").read_text(encoding="utf-8"))
    return {
        "pairs": seen * recipe.data.batch,
        "epochs": sum("validation" in event for event in journal),
        "best epoch": state["best_epoch"],
        **training([folder], curve=False),
        "minutes": round(prepare / 60 + minutes(folder), 2),
    }


if __name__ == "__main__":
    main()
