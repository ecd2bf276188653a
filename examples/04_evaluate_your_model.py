"""Measure a model of any repository: save its features, then one command.

    python examples/04_evaluate_your_model.py [--out mine.npz]

The features here are drawn: a person's look and noise. Put your model's in their place; instead of
features, `similarity` (texts x photos) may be saved, after a re-ranking for example. The gallery is
made with a row a caption, as often happens, to show that it is found.
The same on the command line: passerby evaluate-embeddings mine.npz --out mine.json
"""

import argparse
from pathlib import Path

import numpy as np

from passerby.reports.arrays import read_arrays
from passerby.reports.judging import judge

PERSONS, PHOTOS, CAPTIONS, DIM = 100, 3, 2, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("mine.npz"))
    given = parser.parse_args()

    random = np.random.default_rng(0)
    look = random.normal(size=(PERSONS, DIM))
    photos = np.repeat(np.arange(PERSONS), PHOTOS)  # whose photo each is
    of = np.repeat(np.arange(len(photos)), CAPTIONS)  # which photo each caption tells of
    seen = look[photos] + random.normal(size=(len(photos), DIM))
    read = look[photos[of]] + 6 * random.normal(size=(len(of), DIM))
    np.savez(
        given.out,
        text_features=read, text_ids=photos[of],
        image_features=seen[of], image_ids=photos[of],
        image_names=np.array([f"{n}.jpg" for n in of]),
    )  # fmt: skip

    report = judge(read_arrays(given.out))
    for metric, value in report.metrics.items():
        low, high = report.intervals[metric]
        print(f"{metric} {value:.2f} [{low:.2f}, {high:.2f}]")
    for finding in report.card["findings"]:
        print(f"{finding['name']}: {finding['said']}")
    print(f"passerby evaluate-embeddings {given.out} --out {given.out.with_suffix('.json')}")


if __name__ == "__main__":
    main()
