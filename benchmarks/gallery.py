"""Large galleries beside FAISS: storing, building, searching, memory, disk, on the same vectors.

    python benchmarks/gallery.py [--rows 100000,1000000] [--dim 512] [--parts 6]
        [--place FOLDER] [--out results/gallery.json]

gallery_drawn.py says how vectors are drawn. A gallery's rows have --parts parts of --dim float16
numbers beside the vector, and a thumbnail of 3 kB. Every step is a process of its own, held to as
many cores as it says, with as many threads: storing and building have all, searching is measured
with one and with two, alike for both. The gallery is read from disk (and the system's cache of
it), one query at a time and each on the newest version, with what a search reads: paths for the 10
nearest, embeddings and parts for a shortlist. FAISS has vectors in memory and answers row numbers.
The index is fitted to one half of the queries and judged by the other.
Needs faiss-cpu, and at a million rows some 30 GB of disk in --place, which is emptied again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gallery_steps import STEPS
from report import finish, machine

GOAL = {"milliseconds": 10.0, "recall": 0.99, "rows": 1_000_000}
CORES = (1, 2)  # of searching


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="100000,1000000")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--parts", type=int, default=6)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--place", type=Path, help="where to work; else the system's place")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(STEPS[given.step](given)))
        return
    told = []
    for rows in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory(dir=given.place) as place:
            told.append(measure(given, rows, Path(place)))
    values: dict[str, Any] = {"galleries": told}
    million = [one for one in told if one["rows"] == GOAL["rows"]]
    if million:
        values["goal of 10 ms at recall 0.99 met"] = {
            f"cores {cores}": met(million[0]["passerby"][f"cores {cores}"]["index"])
            for cores in CORES
        }
    card = {"dim": given.dim, "parts": given.parts, "queries": given.queries}
    finish("gallery", values, given.out, machine=machine(), **card)


def met(index: dict[str, dict[str, float]]) -> bool:
    """Whether the 10 nearest come in time, and enough of them."""
    ten = index["10 nearest"]
    return ten["p50"] <= GOAL["milliseconds"] and ten["recall"] >= GOAL["recall"]


def measure(given: argparse.Namespace, rows: int, place: Path) -> dict[str, Any]:
    """All steps of one gallery; what is no longer needed is removed at once."""
    everyone = os.cpu_count() or 1

    def step(name: str, cores: int) -> dict[str, Any]:
        return run(name, given, rows, place, min(cores, everyone))

    told: dict[str, Any] = {"rows": rows, "drawn": step("draw", everyone)}
    own = {"store": step("store", everyone), "build": step("build", everyone)}
    for cores in CORES:
        own[f"cores {cores}"] = {
            way: step(f"search-{way}", cores) for way in ("index", "flat", "filtered")
        }
    shutil.rmtree(place / "gallery")
    told["passerby"] = own
    told["faiss"] = {}
    for kind in ("flat", "hnsw"):
        theirs = {"build": step(f"faiss-{kind}", everyone)}
        for cores in CORES:
            theirs[f"cores {cores}"] = step(f"faiss-{kind}-search", cores)
        told["faiss"][kind] = theirs
        (place / f"{kind}.faiss").unlink()
    return told


def run(name: str, given: argparse.Namespace, rows: int, place: Path, cores: int) -> dict[str, Any]:
    """What a step tells, in a process that has so many cores and threads."""
    began = time.monotonic()
    print(f"{rows:,} rows, {cores} cores: {name} ...", end=" ", file=sys.stderr, flush=True)
    words = ["--step", name, "--rows", str(rows), "--place", str(place), "--cores", str(cores)]
    words += ["--dim", str(given.dim), "--parts", str(given.parts)]
    words += ["--queries", str(given.queries)]
    held = os.environ | {"OMP_NUM_THREADS": str(cores), "OPENBLAS_NUM_THREADS": str(cores)}
    free = sorted(os.sched_getaffinity(0))[-cores:]
    done = subprocess.run(
        [sys.executable, __file__, *words],
        env=held,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, free),
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{time.monotonic() - began:.0f} s {json.dumps(told)}", file=sys.stderr, flush=True)
    return told


if __name__ == "__main__":
    main()
