"""Ranking losses and measures of commonality equal slow literal loops over their formulas."""

import math

import pytest
import torch
from torch import Tensor

from passerby.losses.identity import classified, identity, person_logits, posteriors
from passerby.losses.ranking import cmr, distinctiveness, margins, ranking

# Repeated persons; everybody once; one person; one pair.
BATCHES = ([0, 1, 1, 2, 0, 1, 3], [0, 1, 2, 3, 4, 5], [4, 4, 4], [2])


def uniform(*shape: int, seed: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    drawn = torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return low + (high - low) * drawn


def sided(scores: Tensor) -> list[list[list[list[float]]]]:
    """[side][part][anchor][other]: texts as anchors, then photos."""
    return [scores.tolist(), scores.transpose(1, 2).tolist()]


def literal_cmr(scores, persons, distinct, margin, floor, negatives, positives, draws):
    """The specification's formula, an anchor and a positive at a time: the loss and its gradient.

    draws: for each side, part, anchor and positive; floor(draw n) is the place of the negative
    among n semi-hard ones in the order of their scores.
    """
    loss, slopes = 0.0, torch.zeros_like(scores)
    for side, parts in enumerate(sided(scores)):
        for k, rows in enumerate(parts):
            for i, row in enumerate(rows):
                u = 1.0 if distinct is None else float(distinct[side][k][i])
                asked = max(floor, margin * u)
                alike = [j for j in range(len(row)) if persons[j] == persons[i]]
                chosen = [i] if positives == "pair" else alike
                for place, p in enumerate([i] if positives == "pair" else range(len(row))):
                    hard = [
                        j
                        for j in range(len(row))
                        if persons[j] != persons[i] and 0 < row[j] - row[p] + margin < margin
                    ]
                    if p not in chosen or not hard:
                        continue
                    hard.sort(key=row.__getitem__)
                    draw = float(draws[side, k, i, place])
                    j = hard[-1] if negatives == "hardest" else hard[int(draw * len(hard))]
                    term = asked - row[p] + row[j]
                    if term > 0:
                        loss += term / len(chosen)
                        for column, sign in ((p, -1), (j, 1)):
                            where = (k, i, column) if side == 0 else (k, column, i)
                            slopes[where] += sign / len(chosen)
    return loss, slopes


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("positives", ["pair", "all"])
@pytest.mark.parametrize("negatives", ["random", "hardest"])
@pytest.mark.parametrize("persons", BATCHES, ids=str)
def test_cmr_and_its_gradient_equal_the_formula(persons, negatives, positives, scaled) -> None:
    size, active = len(persons), 0.0
    for seed in range(4):
        scores = uniform(3, size, size, seed=seed, low=0.2, high=0.7).requires_grad_()
        distinct = tuple(uniform(3, size, seed=seed + n, high=0.9) for n in (9, 90))
        distinct = distinct if scaled else None
        columns = 1 if positives == "pair" else size
        draws = torch.rand(2, 3, size, columns, generator=torch.Generator().manual_seed(seed))
        found = cmr(scores, torch.tensor(persons), distinct, 0.25, 0.06, negatives=negatives,
                    positives=positives, generator=torch.Generator().manual_seed(seed))  # fmt: skip
        found.backward()
        loss, slopes = literal_cmr(
            scores.detach(), persons, distinct, 0.25, 0.06, negatives, positives, draws
        )
        assert float(found.detach()) == pytest.approx(loss, rel=1e-12)
        torch.testing.assert_close(scores.grad, slopes, rtol=1e-12, atol=1e-12)
        active += loss
    assert (active > 0) == (len(set(persons)) > 1)


def test_ranking_of_one_matrix_equals_its_formula() -> None:
    persons = BATCHES[0]
    for seed in range(6):
        scores = uniform(7, 7, seed=seed, low=0.2, high=0.6).requires_grad_()
        generator = torch.Generator().manual_seed(seed)
        found = ranking(scores, torch.tensor(persons), generator=generator)
        found.backward()
        draws = torch.rand(2, 1, 7, 1, generator=torch.Generator().manual_seed(seed))
        loss, slopes = literal_cmr(
            scores.detach()[None], persons, None, 0.2, 0.2, "random", "pair", draws
        )
        assert float(found.detach()) == pytest.approx(loss, rel=1e-12)
        torch.testing.assert_close(scores.grad, slopes[0], rtol=1e-12, atol=1e-12)


# The specification's fixture; rows are photos there, texts here.
PHOTO_ROWS = torch.tensor([
    [[0.60, 0.55, 0.10], [0.50, 0.70, 0.20], [0.30, 0.58, 0.65]],
    [[0.40, 0.38, 0.39], [0.36, 0.41, 0.35], [0.37, 0.30, 0.42]],
], dtype=torch.float64)  # fmt: skip
OF_PHOTOS = torch.tensor([[1, 0.5, 0.1], [0.1, 0.1, 0.1]], dtype=torch.float64)
OF_TEXTS = torch.tensor([[0.8, 0.6, 0.2], [0, 0.3, 0.1]], dtype=torch.float64)


@pytest.mark.parametrize(("scale", "expected"), [(None, 0.32), (0.0, 0.10), (1.0, 1.46)])
def test_the_fixture_of_the_specification(scale: float | None, expected: float) -> None:
    texts = OF_TEXTS if scale is None else torch.full_like(OF_TEXTS, scale)
    photos = OF_PHOTOS if scale is None else torch.full_like(OF_PHOTOS, scale)
    scores, persons = PHOTO_ROWS.mT, torch.arange(3)
    found = cmr(scores, persons, (texts, photos), 0.2, 0.05, negatives="hardest")
    assert float(found) == pytest.approx(expected, abs=1e-9)


def test_the_separate_terms_of_the_fixture() -> None:
    terms = torch.tensor([
        [[0.06, 0.00, 0.00], [0.02, 0.03, 0.02]],  # of texts, by part and anchor
        [[0.15, 0.00, 0.00], [0.04, 0.00, 0.00]],  # of photos
    ])  # fmt: skip
    floored = torch.stack([OF_TEXTS, OF_PHOTOS]).clamp(min=0.25)  # 0.2 u is the floor
    for place in torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(3)).tolist():
        alone = torch.zeros_like(floored)  # a margin of 0 asks nothing of the other anchors
        alone[tuple(place)] = floored[tuple(place)]
        texts, photos = alone
        scores = PHOTO_ROWS.mT
        found = cmr(scores, torch.arange(3), (texts, photos), 0.2, 0.0, negatives="hardest")
        assert float(found) == pytest.approx(float(terms[tuple(place)]), abs=1e-6)


@pytest.mark.parametrize("persons", BATCHES, ids=str)
def test_sim_entropy_equals_its_formula(persons: list[int]) -> None:
    size = len(persons)
    scores = uniform(3, size, size, seed=1)
    found = distinctiveness("sim_entropy", scores, torch.tensor(persons), temperature=0.15)
    for side, parts in enumerate(sided(scores)):
        for k, rows in enumerate(parts):
            for i, row in enumerate(rows):
                mass = sum(math.exp(s / 0.15) for s in row)
                p = [math.exp(s / 0.15) / mass for s in row]
                entropy = -sum(x * math.log(x) for x in p)
                u = 1 - entropy / math.log(size) if size > 1 else 1.0
                assert float(found[side][k, i]) == pytest.approx(u, abs=1e-9)


@pytest.mark.parametrize("persons", BATCHES, ids=str)
def test_neighbour_count_equals_its_formula(persons: list[int]) -> None:
    size = len(persons)
    scores = uniform(3, size, size, seed=2)
    found = distinctiveness("neighbour_count", scores, torch.tensor(persons), margin=0.3)
    for side, parts in enumerate(sided(scores)):
        for k, rows in enumerate(parts):
            for i, row in enumerate(rows):
                others = {person for person in persons if person != persons[i]}
                near = 0
                for other in others:
                    of = [row[j] for j in range(size) if persons[j] == other]
                    near += sum(of) / len(of) > row[i] - 0.3
                u = 1 - near / len(others) if others else 1.0
                assert float(found[side][k, i]) == pytest.approx(u, abs=1e-12)


def test_margins_equal_their_formula() -> None:
    u = uniform(2, 5, seed=3)
    for row, there in zip(margins(u, 0.2, 0.05).tolist(), u.tolist(), strict=True):
        assert row == [max(0.05, 0.2 * x) for x in there]


@pytest.mark.parametrize("scale", [0.0, 16.0])
@pytest.mark.parametrize("shared", [False, True])
def test_classifiers_of_parts_equal_their_formulas(shared: bool, scale: float) -> None:
    vectors = uniform(3, 4, 5, seed=4, low=-1).requires_grad_()
    weight = uniform(*(() if shared else (3,)), 6, 5, seed=5, low=-1)
    persons, smoothing = [0, 5, 2, 2], 0.1
    logits = person_logits(vectors, weight, scale)
    own = posteriors(logits, torch.tensor(persons))
    assert logits.shape == (3, 4, 6)
    total = 0.0
    for k in range(3):
        for i, person in enumerate(persons):
            x, row = vectors[k, i].tolist(), []
            for c in range(6):
                w = (weight if shared else weight[k])[c].tolist()
                product = sum(a * b for a, b in zip(x, w, strict=True))
                lengths = math.hypot(*x) * math.hypot(*w)
                row.append(scale * product / lengths if scale else product)
            assert logits[k, i].tolist() == pytest.approx(row, rel=1e-9, abs=1e-12)
            mass = math.log(sum(math.exp(each) for each in row))
            assert float(own[k, i]) == pytest.approx(math.exp(row[person] - mass), rel=1e-9)
            total -= (1 - smoothing) * (row[person] - mass) / 12
            total -= smoothing * sum(each - mass for each in row) / 6 / 12
    loss = classified(logits, torch.tensor(persons), smoothing)
    assert float(loss.detach()) == pytest.approx(total, rel=1e-9)
    whole = identity(vectors, weight, torch.tensor(persons), smoothing, scale)
    assert float(whole.detach()) == float(loss.detach())


@pytest.mark.parametrize("negatives", ["random", "hardest"])
def test_scores_that_are_not_numbers_give_a_loss_that_is_none(negatives: str) -> None:
    """Else a run that diverged would report that nothing is left to learn."""
    persons = torch.arange(4)
    for broken in (torch.full((2, 4, 4), torch.nan), torch.eye(4).repeat(2, 1, 1)):
        broken[0, 1, 1] = torch.nan
        assert ranking(broken, persons, negatives=negatives).isnan()
