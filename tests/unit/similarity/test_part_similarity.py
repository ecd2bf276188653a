"""One dot product of flat vectors is the sum of cosines of parts, exactly; so is their cosine."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from passerby.similarity.parts import (
    flat_photos,
    flat_texts,
    part_cosines,
    part_similarity,
    reach,
)

TEXTS, PHOTOS, PARTS, DIM = 5, 7, 3, 4
HELD = [(True, True), (True, False), (False, True), (False, False)]  # coarse, fine


def drawn(rows: int, seed: int, coarse: bool = True, fine: bool = True) -> list[Tensor | None]:
    """Raw whole (N, D), coarse (N, 2 D) and fine (N, K, D), of any lengths; in float64."""
    draw = torch.Generator().manual_seed(seed)
    shapes = ((rows, DIM), (rows, 2 * DIM), (rows, PARTS, DIM))
    found = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    found = [each * torch.rand(rows, *[1] * (each.ndim - 1), generator=draw) * 9 for each in found]
    return [found[0], found[1] if coarse else None, found[2] if fine else None]


WEIGHTS = {
    "drawn": torch.rand(TEXTS, PARTS, generator=torch.Generator().manual_seed(3)).double(),
    "even": torch.ones(TEXTS, PARTS).double(),
    "one part alone": torch.eye(PARTS).double()[torch.arange(TEXTS) % PARTS],
}
WEIGHTS = {name: each / each.sum(1, keepdim=True) for name, each in WEIGHTS.items()}


def cos(one: Tensor, other: Tensor) -> float:
    product = sum(a * b for a, b in zip(one.tolist(), other.tolist(), strict=True))
    return product / math.hypot(*one.tolist()) / math.hypot(*other.tolist())


def literal(texts: list, photos: list, weights: Tensor | None = None) -> Tensor:
    """cos(g) + cos(C) + the mean, or the text's weighted sum, of cos(Fk), a pair at a time."""
    rows = []
    for t in range(len(texts[0])):
        row = []
        for p in range(len(photos[0])):
            score = cos(texts[0][t], photos[0][p])
            if texts[1] is not None:
                score += cos(texts[1][t], photos[1][p])
            if texts[2] is not None:
                for k in range(PARTS):
                    own = 1 / PARTS if weights is None else float(weights[t, k])
                    score += own * cos(texts[2][t, k], photos[2][p, k])
            row.append(score)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


def flat(
    coarse: bool, fine: bool, weights: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, float]:
    """Flat texts, flat photos, their literal similarity, and reach."""
    texts, photos = drawn(TEXTS, 1, coarse, fine), drawn(PHOTOS, 2, coarse, fine)
    weighted = weights is not None
    ours = flat_texts(*texts, weights), flat_photos(*photos, weighted=weighted)
    return *ours, literal(texts, photos, weights), reach(coarse, PARTS if fine else 0, weighted)


@pytest.mark.parametrize(("coarse", "fine"), HELD)
def test_the_dot_product_of_flat_vectors_is_the_sum_of_cosines(coarse: bool, fine: bool) -> None:
    texts, photos, told, far = flat(coarse, fine)
    torch.testing.assert_close(texts @ photos.T, told, rtol=0, atol=1e-12)
    found = part_similarity(texts, photos, far)
    torch.testing.assert_close(found, told, rtol=0, atol=1e-12)
    assert found.shape == (TEXTS, PHOTOS)


@pytest.mark.parametrize("coarse", [True, False])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_weighed_it_is_the_sum_that_each_text_weighs(weights: str, coarse: bool) -> None:
    texts, photos, told, far = flat(coarse, True, WEIGHTS[weights])
    torch.testing.assert_close(texts @ photos.T, told, rtol=0, atol=1e-12)
    found = part_similarity(texts, photos, far)
    torch.testing.assert_close(found, told, rtol=0, atol=1e-12)


def test_even_weights_are_the_mean() -> None:
    *_, told, _ = flat(True, True)
    texts, photos, _, far = flat(True, True, WEIGHTS["even"])
    torch.testing.assert_close(part_similarity(texts, photos, far), told, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [None, *WEIGHTS])
def test_photos_in_order_of_cosine_are_in_order_of_similarity_for_each_text(weights) -> None:
    given = None if weights is None else WEIGHTS[weights]
    texts, photos, told, far = flat(True, True, given)
    cosines = normalize(texts, dim=1) @ normalize(photos, dim=1).T
    assert torch.equal(cosines.argsort(1, descending=True), told.argsort(1, descending=True))
    # The bound of the method: not above what is reached, nor below it.
    torch.testing.assert_close(far * cosines, told, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [None, *WEIGHTS])
@pytest.mark.parametrize("coarse", [True, False])
def test_all_vectors_of_a_side_are_of_one_length_and_their_product_is_the_reach(
    coarse: bool, weights: str | None
) -> None:
    given = None if weights is None else WEIGHTS[weights]
    texts, photos, _, far = flat(coarse, True, given)
    units = 1 + coarse
    lengths = (units + (1 if given is None else PARTS)) ** 0.5, (units + 1) ** 0.5
    for vectors, length in zip((texts, photos), lengths, strict=True):
        told = torch.full((len(vectors),), length, dtype=torch.float64)
        torch.testing.assert_close(vectors.norm(dim=1), told, rtol=0, atol=1e-12)
    assert far == pytest.approx(lengths[0] * lengths[1], rel=1e-7)


def test_the_reach_of_each_kind_is_the_greatest_similarity_where_nothing_is_weighed() -> None:
    assert [reach(*held) for held in ((True, 6), (True, 0), (False, 6), (False, 0))] == [3, 2, 2, 1]
    assert reach(True, 6, True) == pytest.approx((8 * 3) ** 0.5)
    assert reach(False, 1, True) == reach(False, 1) == 2


@pytest.mark.parametrize("weights", [None, "drawn"])
def test_vectors_that_a_gallery_made_unit_long_have_the_same_similarity(weights) -> None:
    texts, photos, told, far = flat(True, True, None if weights is None else WEIGHTS[weights])
    stored = normalize(photos, dim=1).float().double()
    found = part_similarity(texts, stored, far)
    torch.testing.assert_close(found, told, rtol=0, atol=1e-6)
    exact = part_similarity(normalize(texts, dim=1), normalize(photos, dim=1), far)
    torch.testing.assert_close(exact, told, rtol=0, atol=1e-12)


def test_what_fills_a_text_up_meets_a_zero_of_every_photo() -> None:
    texts, photos, *_ = flat(True, True, WEIGHTS["drawn"])
    assert texts.shape[1] == photos.shape[1] == DIM + 2 * DIM + PARTS * DIM + 1
    assert not photos[:, -1].any()
    assert (texts[:, -1] > 0).all()
    alone, *_ = flat(True, True, WEIGHTS["one part alone"])
    assert not alone[:, -1].any()
    # Without fine parts there is nothing to weigh, nor to fill up.
    whole, coarse, _ = drawn(TEXTS, 1)
    plain = flat_texts(whole, coarse, None, WEIGHTS["drawn"])
    assert torch.equal(plain, flat_photos(whole, coarse, None, weighted=True))


def test_weights_that_sum_to_1_but_for_rounding_never_give_a_root_of_less_than_0() -> None:
    whole, coarse, fine = (each.float() for each in drawn(3, 1))
    weights = torch.tensor([[1 + 1e-6, 0, 0], [1, 1e-7, 0], [0, 0, 1]])
    assert torch.isfinite(flat_texts(whole, coarse, fine, weights)).all()


def test_gradients_reach_texts_and_weights() -> None:
    whole, coarse, fine = (each.requires_grad_() for each in drawn(TEXTS, 1))
    weights = WEIGHTS["drawn"].clone().requires_grad_()
    photos = flat_photos(*drawn(PHOTOS, 2), weighted=True)
    (flat_texts(whole, coarse, fine, weights) @ photos.T)[0, 0].backward()
    assert all(each.grad[0].any() for each in (whole, coarse, fine, weights))


def test_cosines_of_parts_are_those_of_pairs_part_by_part() -> None:
    texts, photos = drawn(TEXTS, 1)[2], drawn(PHOTOS, 2)[2]
    found = part_cosines(texts, photos)
    told = [
        [[cos(texts[t, k], photos[p, k]) for p in range(PHOTOS)] for t in range(TEXTS)]
        for k in range(PARTS)
    ]
    torch.testing.assert_close(found, torch.tensor(told, dtype=torch.float64), rtol=0, atol=1e-12)


def test_cosines_of_parts_in_half_precision_are_computed_in_fp32() -> None:
    texts, photos = drawn(TEXTS, 1)[2].bfloat16(), drawn(PHOTOS, 2)[2].bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = part_cosines(texts, photos)
    assert found.dtype == torch.float32
    told = part_cosines(texts.double(), photos.double())
    torch.testing.assert_close(found.double(), told, rtol=0, atol=1e-6)
