"""How long a drawn recipe takes from nothing: people drawn, words learnt, model trained.

    python benchmarks/default_training.py [--place NEW-FOLDER] [--out results/default_training.json]
    python benchmarks/default_training.py --recipe nafs-drawn --out results/nafs_drawn.json

Runs `passerby train recipes/default.toml`, or another, in a new folder (kept where --place names
it); three quarters of an hour on 2 cores with nothing beside it. Where the recipe draws people for
a test, the best model is then measured on them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import finish, machine

import passerby
from passerby.config import read_recipe
from passerby.data.sources import read_data
from passerby.evaluation import evaluate
from passerby.training.log import read_journal

RECIPES = Path(__file__).parents[1] / "recipes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--set", action="append", default=[], help="as of passerby train")
    parser.add_argument("--place", type=Path)
    given = parser.parse_args()
    file = RECIPES / f"{given.recipe}.toml"
    recipe = read_recipe(file, given.set)
    command = [str(Path(sys.executable).with_name("passerby")), "train", str(file)]
    command += [word for change in given.set for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as spare:
        place = given.place or Path(spare)
        place.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        subprocess.run(command, cwd=place, check=True)
        minutes = (time.monotonic() - began) / 60
        run = place / recipe.run.out / recipe.run.name
        state = json.loads((run / "last" / "state.json").read_text(encoding="utf-8"))
        journal = read_journal(run / "log.jsonl")
        steps = sum("loss" in event for event in journal)
        last = next(e["validation"] for e in reversed(journal) if "validation" in e)
        chosen = next((e for e in journal if "chosen" in e), {"chosen": {}, "curve": []})
        best = max([state["best"], *(tried["rank-1"] for tried in chosen["curve"])])
        tested = {}
        if recipe.draw.test_persons:
            name, root = recipe.data.train.split(":", 1)
            split = read_data(f"{name}:{place / root}", "test")
            tested = evaluate(passerby.load(run / "best"), split, workers=1, ap="trapezoid").metrics
            tested = {f"test {metric}": value for metric, value in tested.items()}
            tested |= {"queries": len(split.captions), "photos": len(split.photos)}
    values = {
        "minutes in all": round(minutes, 1),
        "minutes of them in training and validation": round(state["seconds"] / 60, 1),
        "epochs": recipe.train.epochs,
        "pairs": steps * recipe.data.batch,
        "validation rank-1": round(best, 2),
        **{f"chosen {name}": value for name, value in chosen["chosen"].items()},
        "best epoch": state["best_epoch"],
        "validation rank-1 of the last epoch": round(last["rank-1"], 2),
        **tested,
    }
    finish(f"{given.recipe} training", values, given.out, machine=machine(), recipe=file.name)


if __name__ == "__main__":
    main()
