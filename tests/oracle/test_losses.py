"""Losses equal slow literal loops over their formulas."""

import math

import pytest
import torch

from passerby.losses.identity import identity
from passerby.losses.matching import sdm


def literal_sdm(texts, photos, persons, temperature):
    """IRRA's SDM, one pair at a time: KL(p || q), mean over rows, both directions."""
    count = len(persons)
    norm = lambda v: math.sqrt(sum(x * x for x in v))  # noqa: E731
    cosine = [
        [
            sum(a * b for a, b in zip(t, p, strict=True)) / (norm(t) * norm(p)) / temperature
            for p in photos
        ]
        for t in texts
    ]
    total = 0.0
    for logits in (cosine, [list(column) for column in zip(*cosine, strict=True)]):
        for i, row in enumerate(logits):
            top = max(row)
            mass = sum(math.exp(x - top) for x in row)
            same = [persons[i] == persons[j] for j in range(count)]
            for j, x in enumerate(row):
                p = math.exp(x - top) / mass
                q = same[j] / sum(same)
                total += p * (x - top - math.log(mass) - math.log(q + 1e-8)) / count
    return total


@pytest.mark.parametrize("temperature", [0.02, 0.5])
def test_sdm_equals_its_formula(temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    texts, photos = (torch.randn(6, 5, generator=generator, dtype=torch.float64) for _ in "ab")
    persons = torch.tensor([0, 1, 1, 2, 0, 3])
    expected = literal_sdm(texts.tolist(), photos.tolist(), persons.tolist(), temperature)
    found = sdm(texts.float(), photos.float(), persons, temperature)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_sdm_is_nearly_zero_when_right_pairs_stand_alone() -> None:
    vectors = torch.eye(4)
    assert float(sdm(vectors, vectors, torch.arange(4))) == pytest.approx(0, abs=1e-5)


def test_sdm_and_its_gradient_stay_finite_at_zero_vectors_and_one_pair() -> None:
    texts = torch.zeros(1, 4, requires_grad=True)
    loss = sdm(texts, torch.ones(1, 4), torch.zeros(1, dtype=torch.int64))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(texts.grad).all()


def test_sdm_is_the_same_inside_bf16_autocast() -> None:
    generator = torch.Generator().manual_seed(2)
    texts, photos = torch.randn(2, 8, 16, generator=generator)
    persons = torch.arange(8)
    with torch.autocast("cpu", torch.bfloat16):
        inside = sdm(texts, photos, persons)
    assert float(inside) == pytest.approx(float(sdm(texts, photos, persons)), rel=1e-6)


def test_identity_is_the_mean_of_minus_log_probability() -> None:
    generator = torch.Generator().manual_seed(3)
    vectors, weight = torch.randn(5, 4, generator=generator), torch.randn(3, 4, generator=generator)
    persons = torch.tensor([0, 2, 1, 1, 0])
    expected = 0.0
    for vector, person in zip(vectors.tolist(), persons.tolist(), strict=True):
        logits = [sum(a * b for a, b in zip(vector, w, strict=True)) for w in weight.tolist()]
        expected += math.log(sum(math.exp(x) for x in logits)) - logits[person]
    assert float(identity(vectors, weight, persons)) == pytest.approx(expected / 5, rel=1e-5)
