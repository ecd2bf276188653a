"""benchmarks/metrics.py: both roads give the same numbers, and a number that is off is caught."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import metrics


@pytest.fixture(scope="module")
def roads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    metrics.draw(folder, 60, 130)
    with np.load(folder / "persons.npz") as file:
        persons = (file["asked"], file["shown"])
    mine = metrics.ours(folder, *persons)
    return json.loads(json.dumps(mine)), metrics.literally(folder, *persons)


def test_our_road_and_the_literal_one_agree_in_every_number(roads) -> None:
    mine, textbook = roads
    assert sum(tied > 0 for tied in mine["queries"]["tied"]) > 0
    per_query = len(metrics.COLUMNS) * 130
    assert metrics.hold(mine, textbook) == per_query + 7 + 2 * 7 + 1 + 4 + 61 + 2 * 60


@pytest.mark.parametrize(
    "place",
    [("metrics", "mAP"), ("intervals", "mINP", 0), ("queries", "ap", 3), ("queries", "tied", 0),
     ("curves", "auc"), ("histogram", "wrong", 10)],
)  # fmt: skip
def test_a_number_that_is_off_is_caught(roads, place) -> None:
    mine, textbook = roads
    spoilt = json.loads(json.dumps(mine))
    *way, last = place
    held = spoilt
    for step in way:
        held = held[step]
    held[last] += 1e-3
    with pytest.raises(AssertionError):
        metrics.hold(spoilt, textbook)
