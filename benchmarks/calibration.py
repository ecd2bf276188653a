"""What the probabilities of a model are worth, on drawn people it never saw and on real ones.

    python benchmarks/calibration.py ROOT [--real ROOT2] [--model M] [--seed N]
        [--out results/calibration.json] [--picture docs/calibration.png]

ROOT is drawn if it is not there, as benchmarks/drawn_people.py draws it. Each caption is a query
of all photos; "short" are sentences of one to three things of these captions. On drawn people
a photo is right when all that is told is true of it. ROOT2 is a folder in the CUHK-PEDES layout,
taken whole; there right is the same person alone, so its figures are a lower bound of what is true.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from drawn_people import PERSONS, PHOTOS, SEED
from PIL import Image, ImageDraw, ImageFont
from report import finish, machine

import passerby
from passerby.calibration import Calibration
from passerby.drawn.world import draw_world
from passerby.fitting.curves import BINS, expected_error, reliability
from passerby.fitting.galleries import BACKGROUND, SHOWN, Judged, best_of
from passerby.fitting.judging import asked, judge

PROBABILITIES = (0.1, 0.25, 0.5, 0.75, 0.9)
EDGE, SIDE = 50, 320  # pixels of the picture: around a diagram, and of its square
COLOURS = {"all photos": (40, 90, 180), "the ten best": (206, 90, 28)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()

    method = passerby.load(given.model)
    if method.calibration is None:
        parser.error(f"{given.model} has no calibration; run passerby calibrate first")
    draw_world(given.root, given.persons, PHOTOS, given.seed, captions=1, val=0, test=given.persons)
    sets = {"drawn": (f"drawn:{given.root}", "test", 0.0)}
    sets["drawn, short"] = (f"drawn:{given.root}", "test", 1.0)
    if given.real is not None:
        sets["real"] = (f"cuhk-pedes:{given.real}", "all", 0.0)
    values: dict[str, Any] = {}
    diagrams: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    for name, (data, split, short) in sets.items():
        whole = asked(data, split, short=short, queries=10**9, photos=10**9)
        judged = judge(method, whole, cameras=False, workers=1)
        found, diagrams[name] = measured(judged, method.calibration)
        values |= {f"{name}: {what}": value for what, value in found.items()}
    if given.picture is not None:
        picture(diagrams, given.picture)
    finish(
        "calibration", values, given.out, weights=method.fingerprint, seed=given.seed,
        bins=BINS, fitted_on=method.calibration.told, thresholds=method.calibration.thresholds,
        right={"drawn": "all that is told is true", "real": "the same person: a lower bound"},
        reliability=diagrams, machine=machine(),
    )  # fmt: skip


def measured(
    judged: Judged, calibration: Calibration
) -> tuple[dict[str, float], dict[str, list[tuple[float, float, float]]]]:
    """Figures by name, and reliability over all pairs and over each query's ten best photos."""
    rng = np.random.default_rng(0)
    told = np.zeros(judged.scores.shape)
    alone: dict[bool, list[bool]] = {True: [], False: []}
    for query, scores in enumerate(judged.scores):
        words = int(judged.words[query])
        background = rng.permutation(scores)[:BACKGROUND]
        told[query] = calibration.probabilities(scores, background, words)
        for there in (True, False):
            best = best_of(judged, query, len(judged.on_photo), there, calibration, rng)
            alone[there].append(best < calibration.threshold(len(judged.on_photo)))
    top = np.argsort(-judged.scores, axis=1, kind="stable")[:, :SHOWN]
    pairs = {
        "all photos": (told.ravel(), judged.right.ravel()),
        "the ten best": tuple(
            np.take_along_axis(each, top, 1).ravel() for each in (told, judged.right)
        ),
    }
    found: dict[str, float] = {"queries": len(judged.scores), "photos": len(judged.on_photo)}
    for name, (likely, right) in pairs.items():
        found[f"expected calibration error of {name}, %"] = 100 * expected_error(likely, right)
        found[f"right of {name}, %"] = 100 * float(right.mean())
        found[f"mean probability of {name}, %"] = 100 * float(likely.mean())
    for least in PROBABILITIES:
        alarms = ((told >= least) & ~judged.right).mean()
        found[f"false alarms per 1,000 photos at {least}"] = 1000 * float(alarms)
        found[f"right photos kept at {least}, %"] = 100 * float(
            (told >= least)[judged.right].mean()
        )
    found["no good match, right person there, %"] = 100 * float(np.mean(alone[True]))
    found["no good match, right photos taken out, %"] = 100 * float(np.mean(alone[False]))
    rounded = {name: round(value, 3) for name, value in found.items()}
    return rounded, {name: reliability(*each) for name, each in pairs.items()}


def picture(diagrams: dict[str, dict[str, list[tuple[float, float, float]]]], file: Path) -> None:
    """A reliability diagram a data set: told probability to the right, share that was right up."""
    width = len(diagrams) * (SIDE + EDGE) + EDGE
    sheet = Image.new("RGB", (width, SIDE + 2 * EDGE + 20), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, (name, curves) in enumerate(diagrams.items()):
        left, top = EDGE + place * (SIDE + EDGE), EDGE

        def at(x: float, y: float, left: int = left, top: int = top) -> tuple[float, float]:
            return left + x * SIDE, top + (1 - y) * SIDE

        pen.text((left, top - 38), name, "black", font)
        pen.rectangle((*at(0, 1), *at(1, 0)), outline=(120, 120, 120))
        pen.line((at(0, 0), at(1, 1)), fill=(190, 190, 190))
        for tick in (0, 0.5, 1):
            pen.text((at(tick, 0)[0] - 8, top + SIDE + 4), f"{tick:g}", "black", font)
            pen.text((left - 26, at(0, tick)[1] - 8), f"{tick:g}", "black", font)
        pen.text((left + 70, top + SIDE + 20), "probability told", "black", font)
        for row, (curve, bins) in enumerate(curves.items()):
            points = [at(said, was) for _, said, was in bins]
            pen.line(points, fill=COLOURS[curve], width=2)
            for x, y in points:
                pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=COLOURS[curve])
            pen.text((left + 8, top + 6 + 16 * row), f"right, of {curve}", COLOURS[curve], font)
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file, optimize=True)


if __name__ == "__main__":
    main()
