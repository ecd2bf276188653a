"""All metrics at the size of CUHK-PEDES, block by block and as textbooks write them: time, memory.

    python benchmarks/metrics.py [--photos 3074] [--captions 6156] [--out results/metrics.json]

Scores are cosines of drawn vectors: persons have a look and about three photos, photos and captions
are it and noise; a twentieth of the photos is there as a copy of another person's, so that scores
tie. They are drawn once and read from a file by three processes of one thread, each measured from
its imports on: our road (blocks of 256 captions), a literal form (literal_metrics.py), and what
`passerby evaluate-embeddings` does, which looks for what is odd besides. Every number of our road
is held to the literal one: 1e-9.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import literal_metrics as literal
import numpy as np
import torch
from report import finish, machine

from passerby.ranking.metrics import Outcomes, outcomes
from passerby.ranking.order import rank
from passerby.ranking.scores import ScoreCounts
from passerby.reports.arrays import arrays
from passerby.reports.judging import judge
from passerby.reports.made import report_of

DIM, EACH, BLOCK, MIB = 768, 3, 256, 1 << 20
NOISE = {"photo": 1.0, "text": 7.0}  # as in ranking.py: Rank-1 as of a fair model
DRAWN = "draw"  # what the others read
ROADS = ("ours", "literal", "evaluate-embeddings")
COLUMNS = ("first", "ap", "trapezoid", "inp", "right", "tied", "lucky")


def draw(folder: Path, photos: int, captions: int) -> None:
    """scores.f32, (captions, photos), and whose each is, in persons.npz."""
    random = np.random.default_rng(0)
    shown, asked = np.arange(photos) // EACH, np.arange(captions) % photos // EACH
    look = random.standard_normal((shown.max() + 1, DIM), dtype=np.float32)
    sides = []
    for whose, noise in ((asked, NOISE["text"]), (shown, NOISE["photo"])):
        side = look[whose] + noise * random.standard_normal((len(whose), DIM), dtype=np.float32)
        sides.append(side / np.linalg.norm(side, axis=1, keepdims=True))
    scores = sides[0] @ sides[1].T
    twins = random.choice(photos, photos // 20 * 2, replace=False).reshape(2, -1)
    scores[:, twins[0]] = scores[:, twins[1]]
    scores.tofile(folder / "scores.f32")
    np.savez(folder / "persons.npz", shown=shown, asked=asked)


def ours(folder: Path, asked: np.ndarray, shown: np.ndarray) -> dict[str, Any]:
    """The road of `evaluate`, with scores from the file in place of a model."""
    photos, found, counts = tuple(map(str, range(len(shown)))), [], ScoreCounts()
    on_photo, about = torch.from_numpy(shown), torch.from_numpy(asked)
    with (folder / "scores.f32").open("rb") as file:
        for start in range(0, len(asked), BLOCK):
            rows = about[start : start + BLOCK]
            read = np.fromfile(file, np.float32, len(rows) * len(shown)).reshape(-1, len(shown))
            scores, relevant = torch.from_numpy(read), rows[:, None] == on_photo
            ranking = rank([""] * len(rows), photos, scores)
            found.append(outcomes(ranking, relevant))
            counts.add(ranking.scores, relevant.gather(1, ranking.order))
    whole = Outcomes.cat(found)
    names = [str(n) for n in range(len(asked))]
    report = report_of(whole, names, list(map(str, asked)), ap="trapezoid", counts=counts, card={})
    assert report.curves is not None
    roc = report.curves["roc"]
    return {
        "queries": {name: getattr(whole, name).tolist() for name in COLUMNS},
        "metrics": report.metrics,
        "intervals": report.intervals,
        "curves": {"auc": roc["auc"], "tpr_at": roc["tpr_at"]},
        "histogram": report.curves["histogram"],
    }


def literally(folder: Path, asked: np.ndarray, shown: np.ndarray) -> dict[str, Any]:
    scores = np.fromfile(folder / "scores.f32", np.float32).reshape(len(asked), len(shown))
    columns = literal.queries(scores, asked, shown)
    curves = literal.curves(scores, asked[:, None] == shown)
    counted = {side: each.tolist() for side, each in curves.pop("histogram").items()}
    return {
        "queries": {name: columns[name].tolist() for name in COLUMNS},
        "metrics": literal.metrics(columns),
        "intervals": literal.intervals(columns, asked),
        "curves": curves,
        "histogram": counted,
    }


def anyones(folder: Path, asked: np.ndarray, shown: np.ndarray) -> dict[str, Any]:
    scores = np.fromfile(folder / "scores.f32", np.float32).reshape(len(asked), len(shown))
    report = judge(arrays(text_ids=asked, image_ids=shown, similarity=scores), ap="trapezoid")
    return {"metrics": report.metrics, "found": [f["name"] for f in report.card["findings"]]}


def travel(road: str, folder: Path) -> None:
    """One road in this process; what it found and what it took goes to ROAD.json."""
    torch.set_num_threads(1)
    with np.load(folder / "persons.npz") as file:
        asked, shown = file["asked"], file["shown"]
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    began = time.process_time()
    told = {"ours": ours, "literal": literally, "evaluate-embeddings": anyones}[road](
        folder, asked, shown
    )
    told["seconds"] = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told["peak"], told["start"] = peak / MIB, start / MIB
    (folder / f"{road}.json").write_text(json.dumps(told), encoding="utf-8")


def hold(mine: dict[str, Any], textbook: dict[str, Any]) -> int:
    """How many numbers were compared; AssertionError where any two differ by 1e-9 or more.

    Metrics, intervals and rates are compared as reports keep them, rounded to 4 and 6 digits;
    queries and histograms as they are.
    """
    compared = 0

    def same(a: Any, b: Any, digits: int | None, what: str) -> None:
        nonlocal compared
        one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        other = other if digits is None else np.round(other, digits)
        assert one.shape == other.shape, what
        assert np.abs(one - other).max() < 1e-9, f"{what}: {np.abs(one - other).max()}"
        compared += one.size

    for name in COLUMNS:
        same(mine["queries"][name], textbook["queries"][name], None, name)
    for part in ("metrics", "intervals"):
        assert set(mine[part]) == set(textbook[part]), part
        for name, value in textbook[part].items():
            same(mine[part][name], value, 4, f"{part}: {name}")
    same(mine["curves"]["auc"], textbook["curves"]["auc"], 6, "auc")
    for rate, share in textbook["curves"]["tpr_at"].items():
        same(mine["curves"]["tpr_at"][rate], share, 6, f"true positives at {rate}")
    same(mine["histogram"]["edges"], textbook["histogram"]["edges"], None, "histogram: edges")
    for side in ("right", "wrong"):
        same(mine["histogram"][side], textbook["histogram"][side], None, f"histogram: {side}")
    return compared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=3074)
    parser.add_argument("--captions", type=int, default=6156)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--road", choices=(DRAWN, *ROADS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.road == DRAWN:
        draw(given.folder, given.photos, given.captions)
        return
    if given.road:
        travel(given.road, given.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = ["--photos", str(given.photos), "--captions", str(given.captions)]
        for road in (DRAWN, *ROADS):  # a child's peak is not below what its parent holds
            command = [sys.executable, __file__, "--road", road, "--folder", name, *sizes]
            subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        told = {road: json.loads((folder / f"{road}.json").read_text()) for road in ROADS}
    mine = told["ours"]
    values: dict[str, Any] = {
        "photos": given.photos,
        "captions": given.captions,
        "numbers compared, none 1e-9 apart": hold(mine, told["literal"]),
        "queries with ties": sum(tied > 0 for tied in mine["queries"]["tied"]),
    }
    for road in ROADS:
        values[f"{road}: CPU seconds"] = round(told[road]["seconds"], 2)
        values[f"{road}: peak memory, MiB"] = round(told[road]["peak"])
        values[f"{road}: of it before, MiB"] = round(told[road]["start"])
    for name, value in mine["metrics"].items():
        low, high = mine["intervals"][name]
        values[name] = f"{value:.2f} [{low:.2f}, {high:.2f}]"
    finish("metrics", values, given.out, machine=machine(), threads=1)


if __name__ == "__main__":
    main()
