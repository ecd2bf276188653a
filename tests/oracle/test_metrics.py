"""Metrics equal a slow literal loop over their formulas, the released evaluator's numbers, and
stay what they are under any order of queries and gallery."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from passerby.errors import BadData, BadRecipe
from passerby.ranking.metrics import Outcomes, check_ap, outcomes, summary
from passerby.ranking.order import rank

# tests/fixtures/metrics.*: similarity and persons at random, numbers by IRRA's evaluator.
FIXTURES = Path(__file__).parents[1] / "fixtures"


def measure(similarity, query_person, photo_person, block=7, ap="standard"):
    names = [f"p{i}" for i in range(similarity.shape[1])]
    found = []
    for start in range(0, len(similarity), block):
        rows = slice(start, start + block)
        scores = similarity[rows]
        ranking = rank([f"q{i}" for i in range(len(scores))], names, scores)
        found.append(outcomes(ranking, query_person[rows, None] == photo_person[None]))
    return summary(Outcomes.cat(found), ap=ap)


def judged(similarity, query_person, photo_person, lucky=False):
    names = [[f"{side}{n}" for n in range(count)] for side, count in (("q", 40), ("p", 30))]
    relevant = query_person[:, None] == photo_person[None]
    return outcomes(rank(*names, similarity), relevant, lucky=lucky)


def literal(similarity, query_person, photo_person):
    """Rank-k, mAP in both definitions and mINP, one query and one photo at a time."""
    hits = {1: 0, 5: 0, 10: 0}
    aps, areas, inps = [], [], []
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
        areas.append(area(places))
        inps.append(len(places) / places[-1])
    means = {"mAP": aps, "mAP-trapezoid": areas, "mINP": inps}
    named = {f"rank-{k}": 100 * n / len(aps) for k, n in hits.items()}
    named["R-Sum"] = named["rank-1"] + named["rank-5"] + named["rank-10"]
    return named | {name: 100 * sum(found) / len(found) for name, found in means.items()}


def area(places):
    """AP by trapezoids: of the precisions just before and at each right photo the mean."""
    total = 0.0
    for n, place in enumerate(places, 1):
        before = 1.0 if place == 1 else (n - 1) / (place - 1)
        total += (before + n / place) / 2
    return total / len(places)


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
    r_sum = found.pop("R-Sum")
    assert found == pytest.approx(expected, abs=1e-3)
    assert r_sum == pytest.approx(sum(expected[f"rank-{k}"] for k in (1, 5, 10)), abs=1e-3)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_equal_a_literal_loop(seed: int, ties: bool) -> None:
    case = random_case(seed, ties)
    assert measure(*case, ap="trapezoid") == pytest.approx(literal(*case), abs=1e-3)


def test_the_trapezoid_stands_beside_map_only_where_asked() -> None:
    case = random_case(0, ties=False)
    plain, both = measure(*case), measure(*case, ap="trapezoid")
    assert list(both) == ["rank-1", "rank-5", "rank-10", "R-Sum", "mAP", "mAP-trapezoid", "mINP"]
    assert plain == {name: value for name, value in both.items() if name != "mAP-trapezoid"}


def test_the_trapezoid_is_never_above_average_precision_and_both_are_100_at_best() -> None:
    similarity, query_person, photo_person = random_case(1, ties=False)
    relevant = query_person[:, None] == photo_person[None]
    names = [[f"{side}{i}" for i in range(n)] for side, n in (("q", 40), ("p", 30))]
    found = outcomes(rank(*names, similarity), relevant)
    assert (found.trapezoid <= found.ap).all()
    assert (found.trapezoid < found.ap).any()
    best = outcomes(rank(*names, relevant.float()), relevant)
    asked = best.right > 0
    assert (best.ap[asked] == 1).all()
    assert (best.trapezoid[asked] == 1).all()


def test_three_right_photos_at_ranks_2_3_and_6_have_the_trapezoid_worked_by_hand() -> None:
    similarity = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]])
    found = measure(similarity, torch.tensor([1]), torch.tensor([0, 1, 1, 0, 0, 1]), ap="trapezoid")
    worked = (0 / 1 + 1 / 2) / 2 + (1 / 2 + 2 / 3) / 2 + (2 / 5 + 3 / 6) / 2
    assert found["mAP-trapezoid"] == pytest.approx(100 * worked / 3, abs=1e-3)
    assert found["mAP"] == pytest.approx(100 * (1 / 2 + 2 / 3 + 3 / 6) / 3, abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_no_permutation_changes_a_metric(seed: int) -> None:
    similarity, query_person, photo_person = random_case(seed, ties=True)
    generator = torch.Generator().manual_seed(seed + 100)
    rows, columns = torch.randperm(40, generator=generator), torch.randperm(30, generator=generator)
    shuffled = similarity[rows][:, columns], query_person[rows], photo_person[columns]
    still = measure(similarity, query_person, photo_person, ap="trapezoid")
    assert measure(*shuffled, ap="trapezoid") == still


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


@pytest.mark.parametrize("seed", range(5))
def test_ties_and_what_they_are_worth_equal_a_literal_loop(seed: int) -> None:
    similarity, query_person, photo_person = random_case(seed, ties=True)
    found = judged(similarity, query_person, photo_person)
    some = 0
    for n, row in enumerate(similarity.tolist()):
        right = photo_person == query_person[n]
        scores = {score for score, hit in zip(row, right.tolist(), strict=True) if hit}
        pairs = list(zip(row, right.tolist(), strict=True))
        tied = sum(not hit and score in scores for score, hit in pairs)
        assert found.tied[n] == tied
        above = sum(score > max(scores) for score in row) if scores else -1
        assert found.lucky[n] == above + 1
        some += tied > 0
    assert some > 10


@pytest.mark.parametrize("ties", [False, True])
def test_luck_is_right_photos_first_among_equals(ties: bool) -> None:
    case = random_case(7, ties)
    found, best = judged(*case), judged(*case, lucky=True)
    assert torch.equal(best.first, found.lucky)
    assert (best.ap >= found.ap).all()
    assert bool((best.ap > found.ap).any()) is ties
    assert bool(found.tied.any()) is ties


def test_an_unknown_average_precision_is_refused_by_name() -> None:
    with pytest.raises(BadRecipe, match="'trapezium'; there are standard, trapezoid"):
        check_ap("trapezium")
