"""Losses of generic pre-training equal slow literal loops over their formulas."""

import math

import pytest
import torch

from passerby.losses.matching import agreement, itc
from passerby.losses.pairing import hard_negatives, itm, mlm

PERSONS = torch.tensor([0, 1, 1, 2, 0, 1])


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def literal_itc(logits: list[list[float]], persons: list[int]) -> float:
    """1.9: soft targets 1 / n by person, mean of both directions."""
    total = 0.0
    for side in (logits, [list(column) for column in zip(*logits, strict=True)]):
        for i, row in enumerate(side):
            mass = math.log(sum(math.exp(x) for x in row))
            same = [j for j, person in enumerate(persons) if person == persons[i]]
            total -= sum((row[j] - mass) / len(same) for j in same) / len(row)
    return total / 2


def test_itc_equals_its_formula() -> None:
    logits = 3 * drawn(6, 6)
    expected = literal_itc(logits.tolist(), PERSONS.tolist())
    assert float(itc(logits, PERSONS)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("unit", [True, False])
def test_agreement_is_products_over_the_temperature(unit: bool) -> None:
    texts, photos = 4 * drawn(3, 5), drawn(2, 5, seed=1)
    found = agreement(texts, photos, torch.tensor(0.2), unit)
    for t, text in enumerate(texts.tolist()):
        for p, photo in enumerate(photos.tolist()):
            product = sum(a * b for a, b in zip(text, photo, strict=True))
            if unit:
                product /= math.hypot(*text) * math.hypot(*photo)
            assert float(found[t, p]) == pytest.approx(product / 0.2, rel=1e-4, abs=1e-5)


def test_agreement_stays_fp32_under_autocast() -> None:
    texts, photos = drawn(3, 768).bfloat16(), drawn(3, 768, seed=1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = agreement(texts, photos, torch.tensor(0.5), unit=False)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, texts.float() @ photos.float().T / 0.5)


def test_hard_negatives_are_other_persons_and_as_often_as_they_are_alike() -> None:
    logits = 2 * drawn(6, 6)
    counts = torch.zeros(6, 6)
    generator = torch.Generator().manual_seed(2)
    for _ in range(4000):
        found = hard_negatives(logits, PERSONS, generator)
        counts[torch.arange(6), found] += 1
    for i, row in enumerate(logits.tolist()):
        mass = sum(math.exp(x) for x in row)
        weights = [
            0.0 if PERSONS[i] == PERSONS[j] else math.exp(x) / mass + 1e-4
            for j, x in enumerate(row)
        ]
        for j, weight in enumerate(weights):
            share = float(counts[i, j]) / 4000
            assert share == pytest.approx(weight / sum(weights), abs=0.03)
            assert weight or not share


def test_a_negative_is_found_however_sure_the_softmax_is() -> None:
    found = hard_negatives(torch.eye(4) * 1e6, torch.arange(4))
    assert found is not None
    assert (found != torch.arange(4)).all()


def test_one_person_has_no_negative() -> None:
    assert hard_negatives(drawn(3, 3), torch.zeros(3)) is None


def test_itm_is_the_cross_entropy_of_right_and_wrong() -> None:
    logits = drawn(6, 2)
    expected = 0.0
    for n, (wrong, right) in enumerate(logits.tolist()):
        mass = math.log(math.exp(wrong) + math.exp(right))
        expected += (mass - (right if n < 2 else wrong)) / 6
    assert float(itm(logits, 2)) == pytest.approx(expected, rel=1e-5)


def test_mlm_is_the_mean_cross_entropy_and_nothing_where_nothing_is_hidden() -> None:
    logits, labels = drawn(4, 9), torch.tensor([0, 8, 3, 3])
    expected = -logits.log_softmax(1)[range(4), labels].mean()
    torch.testing.assert_close(mlm(logits, labels), expected)
    assert float(mlm(logits[:0], labels[:0])) == 0
