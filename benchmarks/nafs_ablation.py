"""What each part of NAFS is worth on drawn people: recipes/nafs-drawn.toml, cut to five minutes.

    python benchmarks/nafs_ablation.py RUNS [--out results/nafs_ablation.json]

Two runs at once, a core each; two seeds a variant; run it again to go on after a break. The best
epoch is chosen on validation, as is the weight of re-ranking; when every run has ended, the test
split speaks once for each (RUNS/NAME/test.json). Differences are of test Rank-1, paired by query,
averaged over seeds; their intervals are bootstraps over persons.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from report import finish, machine

import passerby
from passerby.config import read_recipe
from passerby.data.sources import read_data
from passerby.evaluation import embed_photos, rankings
from passerby.ranking.metrics import outcomes
from passerby.runs import draw
from passerby.training.log import read_journal
from passerby.tuning import tune
from passerby.types import Split

RECIPE = Path(__file__).parents[1] / "recipes" / "nafs-drawn.toml"
EPOCHS, SEEDS = 3, (1, 2)
FIVE_MINUTES = (f"train.epochs={EPOCHS}", "train.threads=1", "data.workers=0")
# name: (settings of [method], the variant it is compared with)
PLAIN = {"parts": 0, "shuffle": "none", "context": False}
VARIANTS: dict[str, tuple[dict[str, object], str | None]] = {
    "global": ({"local_weight": 0.0}, None),
    "stripes": (PLAIN, "global"),
    "shuffle": ({"parts": 0, "context": False}, "stripes"),
    "sub-sentences, separate": ({"context": False}, "shuffle"),
    "sub-sentences, masked": ({"context": False, "text": "masked"}, "shuffle"),
    "context, i2t": ({}, "sub-sentences, separate"),
    "context, t2i": ({"direction": "t2i"}, "context, i2t"),
    "context, both": ({"direction": "both"}, "context, i2t"),
    "l1 targets": ({"target_norm": "l1"}, "context, i2t"),
}
RERANKED, OF = "re-ranking by neighbours", "context, i2t"


def run_name(variant: str, seed: int) -> str:
    return f"{variant.replace(', ', '-').replace(' ', '-')}-{seed}"


def train(runs: Path, variant: str, seed: int) -> None:
    """One run, in a process with one thread; does nothing when it has ended before."""
    name = run_name(variant, seed)
    done = [e for e in read_journal(runs / name / "log.jsonl") if "validation" in e]
    if len(done) >= EPOCHS:
        return
    settings = [f"method.{k}={json.dumps(v)}" for k, v in VARIANTS[variant][0].items()]
    settings += [f"run.out={runs}", f"run.name={name}", f"run.seed={seed}", *FIVE_MINUTES]
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-c", "from passerby.cli import main; main()", "train", str(RECIPE)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*command, *words, "--resume"], env=env, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"{name}: {ended.stderr.strip().splitlines()[-1]}")
    print(f"trained {name}", flush=True)


def spoken(folder: Path, split: Split, rerank: bool, val: Split) -> dict[str, list[float]]:
    """Rank and average precision of each caption of the test split, kept beside the run."""
    file = folder / ("test-reranked.json" if rerank else "test.json")
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    method = passerby.load(folder / "best")
    again = tune(method, val, "neighbours") if rerank else None
    photos = embed_photos(method, split.photos)
    right = torch.tensor([[c.person == p.person for p in split.photos] for c in split.captions])
    first, ap = torch.zeros(len(right)), torch.zeros(len(right), dtype=torch.float64)
    for rows, ranking in rankings(method, split, photos):
        ranking = again(ranking, photos.vector) if again else ranking
        found = outcomes(ranking, right[rows])
        first[rows], ap[rows] = found.first.float(), found.ap
    told = {"first": first.tolist(), "ap": ap.tolist()}
    if again:
        told |= {"k": again.k, "weight": again.weight}
    file.write_text(json.dumps(told), encoding="utf-8")
    return told


def interval(hits: np.ndarray, persons: np.ndarray) -> tuple[float, float, float]:
    """Mean of `hits` (Q,) in percent and its 95 % interval, whole persons drawn again."""
    count = persons.max() + 1
    sums = np.bincount(persons, hits, count)
    asked = np.bincount(persons, minlength=count)
    drawn = np.random.default_rng(0).integers(count, size=(4000, count))
    means = 100 * sums[drawn].sum(1) / asked[drawn].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return round(100 * float(hits.mean()), 2), round(float(low), 2), round(float(high), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    recipe = read_recipe(RECIPE, FIVE_MINUTES)
    draw(recipe)
    jobs = [(variant, seed) for seed in SEEDS for variant in VARIANTS]
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda job: train(given.runs, *job), jobs))

    torch.set_num_threads(2)
    val, test = (read_data(recipe.data.train, name) for name in ("val", "test"))
    places = {person: place for place, person in enumerate(test.persons)}
    persons = np.array([places[caption.person] for caption in test.captions])
    against = {**{name: told[1] for name, told in VARIANTS.items()}, RERANKED: OF}
    top: dict[str, np.ndarray] = {}
    values = {}
    for name, other in against.items():
        folders = [given.runs / run_name(OF if name == RERANKED else name, seed) for seed in SEEDS]
        told = [spoken(folder, test, name == RERANKED, val) for folder in folders]
        first = np.array([run["first"] for run in told])
        top[name] = (first == 1).mean(0)
        values[name] = {f"rank-{k}": round(100 * float((first <= k).mean()), 2) for k in (1, 5, 10)}
        values[name]["mAP"] = round(100 * float(np.mean([run["ap"] for run in told])), 2)
        if name == RERANKED:
            values[name] |= {"k": [t["k"] for t in told], "weight": [t["weight"] for t in told]}
        else:
            logs = [read_journal(folder / "log.jsonl") for folder in folders]
            best = [max(e["best"] for e in log if "best" in e) for log in logs]
            values[name]["validation rank-1"] = round(float(np.mean(best)), 2)
            states = [json.loads((f / "last" / "state.json").read_text("utf-8")) for f in folders]
            values[name]["minutes"] = [round(state["seconds"] / 60, 1) for state in states]
        if other is not None:
            values[name] |= {"against": other}
            values[name]["difference"] = interval(top[name] - top[other], persons)
    finish(
        "NAFS ablation", values, given.out, machine=machine(), recipe=RECIPE.name,
        changes=list(FIVE_MINUTES), seeds=list(SEEDS), queries=len(test.captions),
        photos=len(test.photos), persons=len(test.persons),
    )  # fmt: skip


if __name__ == "__main__":
    main()
