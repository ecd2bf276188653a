"""Losses equal slow literal loops over their formulas.

The released NAFS code's own numbers for cmpm, cmpc and local_kl (tests/fixtures/matching.*, random
inputs) are met in test_local_attention.py, with the gradient through all of them.
"""

import math

import pytest
import torch

from passerby.errors import BadRecipe
from passerby.losses.identity import cmpc, identity
from passerby.losses.matching import cmpm, local_kl, sdm


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


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def unit(vector):
    return [x / math.sqrt(dot(vector, vector)) for x in vector]


def literal_divergence(logits, persons, target_norm, columns=None):
    """KL(p || q), one pair at a time; q is the same-person row over its norm. columns: the persons
    of the other side, those of the rows where there are none."""
    columns = persons if columns is None else columns
    total = 0.0
    for row, own in zip(logits, persons, strict=True):
        mass = sum(math.exp(x - max(row)) for x in row)
        positives = columns.count(own)
        size = positives if target_norm == "l1" else math.sqrt(positives)
        for x, person in zip(row, columns, strict=True):
            log_p = x - max(row) - math.log(mass)
            q = 1 / size if person == own else 0.0
            total += math.exp(log_p) * (log_p - math.log(q + 1e-8)) / len(persons)
    return total


def nafs_batch(seed=4):
    generator = torch.Generator().manual_seed(seed)
    texts, photos = torch.randn(2, 6, 5, generator=generator)
    return texts, photos, torch.tensor([0, 1, 1, 2, 0, 0])


@pytest.mark.parametrize("target_norm", ["l1", "l2"])
def test_cmpm_equals_its_formula(target_norm: str) -> None:
    texts, photos, persons = nafs_batch()
    expected = sum(
        literal_divergence(
            [[dot(x, unit(z)) for z in other.tolist()] for x in own.tolist()],
            persons.tolist(),
            target_norm,
        )
        for own, other in ((photos, texts), (texts, photos))
    )
    found = cmpm(texts, photos, persons, target_norm)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("target_norm", ["l1", "l2"])
def test_cmpm_of_other_photos_than_texts_is_a_mean_over_each_sides_own_rows(target_norm) -> None:
    texts, photos, persons = nafs_batch()
    photos, owners = photos[:4], torch.tensor([1, 0, 3, 0])  # of person 3 there is no text
    both = ((photos, owners, texts, persons), (texts, persons, photos, owners))
    expected = sum(
        literal_divergence(
            [[dot(x, unit(z)) for z in other.tolist()] for x in own.tolist()],
            rows.tolist(),
            target_norm,
            columns.tolist(),
        )
        for own, rows, other, columns in both
    )
    found = cmpm(texts, photos, persons, target_norm, photo_persons=owners)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("target_norm", ["l1", "l2"])
def test_cmpm_of_a_persons_own_photos_is_that_of_pairs_in_any_order(target_norm: str) -> None:
    texts, photos, persons = nafs_batch()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    paired = cmpm(texts, photos, persons, target_norm)
    assert torch.equal(paired, cmpm(texts, photos, persons, target_norm, photo_persons=persons))
    turned = cmpm(texts, photos[order], persons, target_norm, photo_persons=persons[order])
    assert float(turned) == pytest.approx(float(paired), rel=1e-5)


@pytest.mark.parametrize("target_norm", ["l1", "l2"])
def test_local_kl_equals_its_formula_in_each_direction(target_norm: str) -> None:
    scores = torch.rand(6, 6, generator=torch.Generator().manual_seed(5))
    persons = nafs_batch()[2]
    rows, columns = (20 * scores).tolist(), (20 * scores.T).tolist()
    expected = {
        "t2i": literal_divergence(rows, persons.tolist(), target_norm),
        "i2t": literal_divergence(columns, persons.tolist(), target_norm),
    }
    expected["both"] = sum(expected.values())
    for direction, number in expected.items():
        found = local_kl(scores, persons, target_norm=target_norm, direction=direction)
        assert float(found) == pytest.approx(number, rel=1e-5)


def test_cmpc_classifies_projections_on_the_other_side() -> None:
    texts, photos, persons = nafs_batch()
    weight = torch.randn(3, 5, generator=torch.Generator().manual_seed(6))
    expected = 0.0
    for own, other in ((texts, photos), (photos, texts)):
        for x, z, person in zip(own.tolist(), other.tolist(), persons.tolist(), strict=True):
            projected = [dot(x, unit(z)) * value for value in unit(z)]
            logits = [dot(projected, unit(row)) for row in weight.tolist()]
            expected += math.log(sum(math.exp(v) for v in logits)) - logits[person]
    found = cmpc(texts, photos, weight, persons)
    assert float(found) == pytest.approx(expected / 6, rel=1e-5)


@pytest.mark.parametrize("positives", [1, 2, 3])
@pytest.mark.parametrize(("target_norm", "share"), [("l2", -0.5), ("l1", 0.0)])
def test_matching_reaches_its_closed_minimum_a_direction(positives, target_norm, share) -> None:
    persons = torch.arange(4).repeat(positives)
    vectors = 100 * torch.eye(4)[persons]
    least = share * math.log(positives)
    found = cmpm(vectors, vectors, persons, target_norm)
    assert float(found) == pytest.approx(2 * least, abs=1e-5)
    scores = 10 * (persons[:, None] == persons).float()
    for direction, times in (("i2t", 1), ("t2i", 1), ("both", 2)):
        found = local_kl(scores, persons, target_norm=target_norm, direction=direction)
        assert float(found) == pytest.approx(times * least, abs=1e-5)


def test_nafs_losses_are_the_same_inside_bf16_autocast() -> None:
    texts, photos, persons = nafs_batch()
    weight, scores = torch.randn(3, 5), texts @ photos.T

    def losses():
        return torch.stack(
            [
                cmpm(texts, photos, persons),
                cmpc(texts, photos, weight, persons),
                local_kl(scores, persons, direction="both"),
            ]
        )

    outside = losses()
    with torch.autocast("cpu", torch.bfloat16):
        inside = losses()
    assert torch.equal(inside, outside)


@pytest.mark.parametrize("pairs", [1, 3])
def test_nafs_losses_and_gradients_stay_finite_at_zero_vectors_and_one_pair(pairs: int) -> None:
    texts, weight = torch.zeros(pairs, 4), torch.ones(3, 4)
    photos, scores = torch.ones(pairs, 4), torch.zeros(pairs, pairs)
    weight[0] = 0
    leaves = [tensor.requires_grad_() for tensor in (texts, weight, photos, scores)]
    persons = torch.zeros(pairs, dtype=torch.int64)
    loss = cmpm(texts, photos, persons) + cmpc(texts, photos, weight, persons)
    loss = loss + local_kl(scores, persons, direction="both")
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)


def test_unknown_targets_and_directions_are_refused() -> None:
    texts, photos, persons = nafs_batch()
    with pytest.raises(BadRecipe, match='"l1" or "l2"'):
        cmpm(texts, photos, persons, "l3")
    with pytest.raises(BadRecipe, match='"l1" or "l2"'):
        local_kl(texts @ photos.T, persons, target_norm="max")
    with pytest.raises(BadRecipe, match='"i2t", "t2i" or "both"'):
        local_kl(texts @ photos.T, persons, direction="up")
