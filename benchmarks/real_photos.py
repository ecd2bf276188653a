"""How well a model finds real people: any folder in the CUHK-PEDES layout, taken whole.

    python benchmarks/real_photos.py ROOT [--model M] [--out results/real_photos.json]

Every photo of the file is in the gallery, every caption is a query, whatever its split says. The
last line is one JSON object: rank-1, rank-5, rank-10, mAP in percent and photos_per_second.
"""

import argparse
import time
from pathlib import Path

from report import finish, machine

import passerby
from passerby.data.sources import read_data
from passerby.evaluation import embed_photos, evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()

    split = read_data(f"cuhk-pedes:{given.root}", "all")
    method = passerby.load(given.model)
    embed_photos(method, split.photos)  # warm: the first batch pays for allocations
    began = time.monotonic()
    embed_photos(method, split.photos)
    seconds = time.monotonic() - began
    report = evaluate(method, split)
    values = {name: report.metrics[name] for name in ("rank-1", "rank-5", "rank-10", "mAP")}
    values["photos_per_second"] = round(len(split.photos) / seconds, 1)
    values |= {"queries": len(split.captions), "photos": len(split.photos)}
    values["chance rank-1"] = round(100 / len(split.photos), 2)
    finish("real photos", values, given.out, weights=method.fingerprint, machine=machine())


if __name__ == "__main__":
    main()
