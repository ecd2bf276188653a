"""What each part of a method is worth: variants of one drawn recipe, cut to minutes, trained alike.

Two runs at once, a core each; run it again to go on after a break. The best epoch is chosen on
validation, as are a method's own `choices` and the weight of re-ranking; when every run has ended,
the test split speaks once for each (RUNS/NAME/test.json). Differences are of test Rank-1, paired by
query, averaged over seeds; their intervals are bootstraps over persons.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from paired import askers, interval, spoken
from report import finish, machine

from passerby.build import method_settings
from passerby.config import read_recipe
from passerby.data.sources import read_data
from passerby.runs import draw
from passerby.training.log import read_journal
from passerby.types import Split

RECIPES = Path(__file__).parents[1] / "recipes"
RERANKED = "re-ranking by neighbours"
METRICS = ("rank-1", "rank-5", "rank-10", "mAP")
Log = list[dict[str, Any]]
Besides = Callable[[Path, Split], Mapping[str, float]]


@dataclass(frozen=True)
class Ablation:
    """variants: by name its settings, of [method] unless a table is named ("optim.lr"), and the
    variant it is compared with, which stands above it. reranked: the variant that is re-ranked too.
    curves: variants whose validation curve over the method's `choices` is kept. runs: a folder a
    run, and the vectors that all share.
    """

    title: str
    recipe: Path
    epochs: int
    variants: Mapping[str, tuple[Mapping[str, object], str | None]]
    runs: Path
    reranked: str = ""
    curves: Sequence[str] = ()
    seeds: Sequence[int] = (1, 2)

    @property
    def changes(self) -> list[str]:
        """Of the recipe, in every run."""
        return [f"train.epochs={self.epochs}", "train.threads=1", "data.workers=0"]

    def settings(self, variant: str) -> list[str]:
        """What a run of the variant sets, as `passerby train --set` takes it."""
        settings = self.variants[variant][0]
        own = [
            f"{name if '.' in name else f'method.{name}'}={json.dumps(value)}"
            for name, value in settings.items()
        ]
        return [*own, *self.changes]

    def folder(self, variant: str, seed: int) -> Path:
        return self.runs / f"{variant.replace(', ', '-').replace(' ', '-')}-{seed}"

    @property
    def compared(self) -> dict[str, str | None]:
        """Every line of the results, and the one it is compared with."""
        against = {name: other for name, (_, other) in self.variants.items()}
        return against | {RERANKED: self.reranked} if self.reranked else against


def given(doc: str | None) -> argparse.Namespace:
    """The command line of every ablation: runs, out."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def measure(ablation: Ablation, out: Path | None, besides: Besides | None = None) -> None:
    """Trains what is not trained yet, lets the test split speak, prints and keeps the numbers.

    besides: what else is told of a run, by its folder and the validation split; mean of the seeds.
    """
    recipe = read_recipe(ablation.recipe, ablation.changes)
    for variant in ablation.variants:  # what Config refuses is not found after hours
        method_settings(read_recipe(ablation.recipe, ablation.settings(variant)))
    draw(recipe)
    jobs = [(variant, seed) for seed in ablation.seeds for variant in ablation.variants]
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda job: train(ablation, *job), jobs))

    torch.set_num_threads(2)
    val, test = (read_data(recipe.data.train, name) for name in ("val", "test"))
    values = results(ablation, val, test)
    for name in ablation.variants if besides else ():
        told = [besides(ablation.folder(name, seed), val) for seed in ablation.seeds]
        values[name] |= {w: round(float(np.mean([run[w] for run in told])), 2) for w in told[0]}
    finish(
        ablation.title, values, out, machine=machine(),
        recipe=ablation.recipe.name, changes=ablation.changes, seeds=list(ablation.seeds),
        queries=len(test.captions), photos=len(test.photos), persons=len(test.persons),
    )  # fmt: skip


def train(ablation: Ablation, variant: str, seed: int) -> None:
    """One run, in a process with one thread; when it has ended before, nothing is left to do."""
    folder = ablation.folder(variant, seed)
    if (folder / "test.json").exists():
        return
    settings = ablation.settings(variant)
    settings += [f"run.out={folder.parent}", f"run.name={folder.name}", f"run.seed={seed}"]
    settings += [f"run.vectors={ablation.runs / 'vectors'}"]
    command = ["-c", "from passerby.cli import main; main()", "train", str(ablation.recipe)]
    alone([*command, *as_options(settings), "--resume"], folder.name)
    print(f"trained {folder.name}", flush=True)


def as_options(settings: Sequence[str]) -> list[str]:
    """Settings as `passerby train` takes them."""
    return [word for each in settings for word in ("--set", each)]


def alone(command: Sequence[str], name: str, heard: bool = False) -> None:
    """Python in a process of its own with one thread. heard: what it prints is printed.

    Ends this program with the last line of stderr where the process fails.
    """
    ended = subprocess.run(
        [sys.executable, *command], env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdout=None if heard else subprocess.PIPE, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"]
        raise SystemExit(f"{name}: {said[-1]}")


def results(ablation: Ablation, val: Split, test: Split) -> dict[str, dict[str, Any]]:
    """The numbers of each variant: means over its seeds; what was chosen, seed by seed."""
    persons = askers(test)
    top: dict[str, np.ndarray] = {}
    values: dict[str, dict[str, Any]] = {}
    for name, other in ablation.compared.items():
        again = name == RERANKED
        variant = ablation.reranked if again else name
        folders = [ablation.folder(variant, seed) for seed in ablation.seeds]
        told = [spoken(folder, test, val if again else None) for folder in folders]
        first = np.array([run["first"] for run in told])
        top[name] = (first == 1).mean(0)
        own: dict[str, Any] = {
            f"rank-{k}": round(100 * float((first <= k).mean()), 2) for k in (1, 5, 10)
        }
        own["mAP"] = round(100 * float(np.mean([run["ap"] for run in told])), 2)
        if all("trapezoid" in run for run in told):  # runs of before have it not
            mean = float(np.mean([run["trapezoid"] for run in told]))
            own["mAP-trapezoid"] = round(100 * mean, 2)
        if again:
            own |= {key: [run[key] for run in told] for key in ("k", "weight")}
        else:
            own |= training(folders, name in ablation.curves)
        if other is not None:
            own |= {"against": other, "difference": interval(top[name] - top[other], persons)}
        values[name] = own
    return values


def training(folders: Sequence[Path], curve: bool) -> dict[str, Any]:
    """Validation Rank-1, as chosen; minutes of training; the choices and, if asked, their curve."""
    logs = [read_journal(folder / "log.jsonl") for folder in folders]
    states = [json.loads((f / "last" / "state.json").read_text("utf-8")) for f in folders]
    best = [max(event["best"] for event in log if "best" in event) for log in logs]
    minutes = [round(state["seconds"] / 60, 1) for state in states]
    told = [event for log in logs for event in log if "chosen" in event]
    found = choices(told, curve) if told else {}
    if found:
        best = [max(entry["rank-1"] for entry in event["curve"]) for event in told]
    found |= seen(logs)
    return {"validation rank-1": round(float(np.mean(best)), 2), "minutes": minutes, **found}


def seen(logs: Sequence[Log]) -> dict[str, Any]:
    """What a method measured beside its losses: the mean of the last epoch's steps and of seeds."""
    found: dict[str, list[float]] = {}
    for log in logs:
        last = max(event["epoch"] for event in log if "loss" in event)
        for event in log:
            if "loss" in event and event["epoch"] == last:
                for name, value in event.get("seen", {}).items():
                    found.setdefault(name, []).append(value)
    told = {name: round(float(np.mean(values)), 4) for name, values in found.items()}
    return {"seen": told} if told else {}


def choices(told: Log, curve: bool) -> dict[str, Any]:
    """By setting what each seed chose; "curve": validation over the settings, mean of the seeds."""
    found: dict[str, Any] = {name: [e["chosen"][name] for e in told] for name in told[0]["chosen"]}
    if curve:
        # Each seed tried the same settings, in one order.
        tried = list(zip(*(event["curve"] for event in told), strict=True))
        mean = [
            same[0] | {m: round(float(np.mean([e[m] for e in same])), 2) for m in METRICS}
            for same in tried
        ]
        found["curve"] = sorted(mean, key=lambda entry: [entry[name] for name in told[0]["chosen"]])
    return found
