"""What the test split says of a run, kept query by query, and intervals of paired differences."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

import passerby
from passerby.evaluation import blocks, embed_photos
from passerby.ranking.metrics import outcomes
from passerby.reports.intervals import drawn_means
from passerby.tuning import tune
from passerby.types import Split


def spoken(folder: Path, split: Split, val: Split | None) -> dict[str, Any]:
    """Rank and average precision of each caption of the test split, kept beside the run.

    val: where given, photos are re-ranked, with the k and weight that it chooses.
    """
    file = folder / ("test-reranked.json" if val else "test.json")
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    method = passerby.load(folder / "best")
    again = tune(method, val, "neighbours") if val else None
    photos = embed_photos(method, split.photos)
    right = torch.tensor([[c.person == p.person for p in split.photos] for c in split.captions])
    first = torch.zeros(len(right))
    ap, trapezoid = (torch.zeros(len(right), dtype=torch.float64) for _ in range(2))
    for block in blocks(method, split, photos):
        ranking = block.ranking(method)
        ranking = again(ranking, photos.vector) if again else ranking
        found = outcomes(ranking, right[block.rows])
        first[block.rows], ap[block.rows] = found.first.float(), found.ap
        trapezoid[block.rows] = found.trapezoid
    told: dict[str, Any] = {
        "first": first.tolist(),
        "ap": ap.tolist(),
        "trapezoid": trapezoid.tolist(),
    }
    if again:
        told |= {"k": again.k, "weight": again.weight}
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(told), encoding="utf-8")
    part.replace(file)
    return told


def askers(split: Split) -> np.ndarray:
    """The number of each caption's person, (Q,), as `interval` takes it."""
    places = {person: place for place, person in enumerate(split.persons)}
    return np.array([places[caption.person] for caption in split.captions])


def interval(hits: np.ndarray, persons: np.ndarray) -> tuple[float, float, float]:
    """Mean of `hits` (Q,) in percent and its 95 % interval, whole persons drawn again."""
    count = persons.max() + 1
    sums = np.bincount(persons, hits, count)
    asked = np.bincount(persons, minlength=count)
    means = 100 * np.concatenate(list(drawn_means(sums[:, None], asked, draws=4000, seed=0)))
    low, high = np.quantile(means, (0.025, 0.975))
    return round(100 * float(hits.mean()), 2), round(float(low), 2), round(float(high), 2)
