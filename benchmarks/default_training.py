"""How long the default model takes from nothing: people drawn, words learnt, model trained.

    python benchmarks/default_training.py [--place NEW-FOLDER] [--out results/default_training.json]

Runs `passerby train recipes/default.toml` in a new folder (kept where --place names it); half an
hour on 2 cores with nothing beside it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import finish, machine

from passerby.config import read_recipe
from passerby.training.log import read_journal

RECIPE = Path(__file__).parents[1] / "recipes" / "default.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--set", action="append", default=[], help="as of passerby train")
    parser.add_argument("--place", type=Path)
    given = parser.parse_args()
    recipe = read_recipe(RECIPE, given.set)
    command = [str(Path(sys.executable).with_name("passerby")), "train", str(RECIPE)]
    command += [word for change in given.set for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as spare:
        place = given.place or Path(spare)
        place.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        subprocess.run(command, cwd=place, check=True)
        minutes = (time.monotonic() - began) / 60
        run = place / recipe.run.out / recipe.run.name
        state = json.loads((run / "last" / "state.json").read_text(encoding="utf-8"))
        steps = sum("loss" in event for event in read_journal(run / "log.jsonl"))
    values = {
        "minutes in all": round(minutes, 1),
        "minutes of them in training and validation": round(state["seconds"] / 60, 1),
        "epochs": recipe.train.epochs,
        "pairs": steps * recipe.data.batch,
        "validation rank-1": round(state["best"], 2),
        "best epoch": state["best_epoch"],
    }
    finish("default training", values, given.out, machine=machine(), recipe=RECIPE.name)


if __name__ == "__main__":
    main()
