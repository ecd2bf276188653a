"""How well a model finds drawn people it never saw, beside a reader who knows their wardrobes.

    python benchmarks/drawn_people.py ROOT [--model M] [--out results/drawn_people.json]

ROOT is drawn if it is not there: 1,000 persons with 2 photos and a caption a photo, all test, from
a seed that no recipe uses.
"""

import argparse
from pathlib import Path

from report import finish, machine

import passerby
from passerby.data.sources import read_data
from passerby.drawn.ceiling import ceiling
from passerby.drawn.world import draw_world
from passerby.evaluation import evaluate

PERSONS, PHOTOS, SEED = 1000, 2, 990_002


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()

    draw_world(given.root, PERSONS, PHOTOS, SEED, captions=1, val=0, test=PERSONS)
    split = read_data(f"drawn:{given.root}", "test")
    method = passerby.load(given.model)
    report = evaluate(method, split, workers=1)
    best = ceiling(given.root, "test")
    values = {**report.metrics, "ceiling rank-1": round(best["rank-1"], 2)}
    values |= {"queries": len(split.captions), "photos": len(split.photos)}
    values["persons"] = len(split.persons)
    finish(
        "drawn people", values, given.out,
        weights=method.fingerprint, seed=SEED, machine=machine(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
