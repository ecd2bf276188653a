"""Metrics equal a slow literal loop over their formulas, the released evaluator's numbers, and
stay what they are under any order of queries and gallery."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from passerby.errors import BadData
from passerby.ranking.metrics import Outcomes, outcomes, summary
from passerby.ranking.order import rank

# tests/fixtures/metrics.*: similarity and persons at random, numbers by IRRA's evaluator.
FIXTURES = Path(__file__).parents[1] / "fixtures"


def measure(similarity, query_person, photo_person, block=7):
    names = [f"p{i}" for i in range(similarity.shape[1])]
    found = []
    for start in range(0, len(similarity), block):
        rows = slice(start, start + block)
        scores = similarity[rows]
        ranking = rank([f"q{i}" for i in range(len(scores))], names, scores)
        found.append(outcomes(ranking, query_person[rows, None] == photo_person[None]))
    return summary(Outcomes.cat(found))


def literal(similarity, query_person, photo_person):
    """Rank-k, mAP and mINP, one query and one photo at a time."""
    hits = {1: 0, 5: 0, 10: 0}
    aps, inps = [], []
    for row, person in zip(similarity.tolist(), query_person.tolist(), strict=True):
        judged = [
            (round(score * 1e6), p == person)
            for score, p in zip(row, photo_person.tolist(), strict=True)
        ]
        judged.sort(key=lambda entry: (-entry[0], entry[1]))
        places = [place for place, (_, right) in enumerate(judged, 1) if right]
        if not places:
            continue
        for k in hits:
            hits[k] += places[0] <= k
        aps.append(sum(n / place for n, place in enumerate(places, 1)) / len(places))
        inps.append(len(places) / places[-1])
    named = {f"rank-{k}": 100 * n / len(aps) for k, n in hits.items()}
    return {**named, "mAP": 100 * sum(aps) / len(aps), "mINP": 100 * sum(inps) / len(inps)}


def random_case(seed, ties):
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.rand(40, 30, generator=generator)
    if ties:
        similarity = (similarity * 5).round() / 5
    persons = [torch.randint(0, 8, (n,), generator=generator) for n in (40, 30)]
    return similarity, *persons


def test_metrics_equal_the_released_evaluator() -> None:
    tensors = load_file(FIXTURES / "metrics.safetensors")
    expected = json.loads((FIXTURES / "metrics.json").read_text())
    found = measure(tensors["similarity"], tensors["query_person"], tensors["photo_person"])
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_equal_a_literal_loop(seed: int, ties: bool) -> None:
    case = random_case(seed, ties)
    assert measure(*case) == pytest.approx(literal(*case), abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_no_permutation_changes_a_metric(seed: int) -> None:
    similarity, query_person, photo_person = random_case(seed, ties=True)
    generator = torch.Generator().manual_seed(seed + 100)
    rows, columns = torch.randperm(40, generator=generator), torch.randperm(30, generator=generator)
    moved = measure(similarity[rows][:, columns], query_person[rows], photo_person[columns])
    assert moved == measure(similarity, query_person, photo_person)


def test_a_photo_stored_twice_does_not_change_rank_1() -> None:
    similarity, query_person, photo_person = random_case(3, ties=False)
    twice = measure(similarity.repeat(1, 2), query_person, photo_person.repeat(2))
    assert twice["rank-1"] == measure(similarity, query_person, photo_person)["rank-1"]


def test_one_score_for_every_photo_earns_nothing() -> None:
    persons = torch.arange(10)
    found = measure(torch.zeros(10, 10), persons, persons)
    assert found["rank-1"] == 0
    assert found["rank-5"] == 0
    assert found["mAP"] == pytest.approx(10.0)


def test_differences_below_a_millionth_are_ties() -> None:
    similarity = torch.tensor([[0.5, 0.5 + 2e-7]])
    found = measure(similarity, torch.tensor([1]), torch.tensor([0, 1]))
    assert found["rank-1"] == 0


def test_a_query_without_a_right_photo_does_not_count() -> None:
    similarity = torch.tensor([[0.9, 0.1], [0.9, 0.1]])
    found = measure(similarity, torch.tensor([0, 5]), torch.tensor([0, 1]))
    assert found["rank-1"] == 100


def test_no_right_photo_at_all_is_refused() -> None:
    with pytest.raises(BadData, match="person ids"):
        measure(torch.rand(2, 2), torch.tensor([5, 6]), torch.tensor([0, 1]))
