"""Diversity is the mean cosine of two different parts, whatever their lengths."""

from __future__ import annotations

import math

import pytest
import torch

from passerby.errors import BadRecipe
from passerby.losses.diversity import FORMS, diversity


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def literal(parts: torch.Tensor, form: str) -> float:
    """A zero part has a cosine of 0 with all."""
    means = []
    for row in parts.tolist():
        cosines = []
        for a, one in enumerate(row):
            for b, other in enumerate(row):
                if a != b:
                    product = sum(x * y for x, y in zip(one, other, strict=True))
                    lengths = math.hypot(*one) * math.hypot(*other)
                    cosine = product / lengths if lengths else 0.0
                    cosines.append(max(cosine, 0.0) if form == "overlap" else cosine)
        means.append(sum(cosines) / len(cosines))
    return sum(means) / len(means)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(4, 3, 5), (1, 2, 3), (3, 6, 2), (2, 8, 16)], ids=str)
def test_it_equals_a_loop_over_pairs_of_parts(shape: tuple[int, int, int], form: str) -> None:
    parts = drawn(*shape)
    assert float(diversity(parts, form)) == pytest.approx(literal(parts, form), abs=1e-12)
    assert float(diversity(parts * 7, form)) == pytest.approx(literal(parts, form), abs=1e-12)


def test_overlap_leaves_parts_at_right_angles_alone_where_the_mean_drives_them_on() -> None:
    for form, moves in (("overlap", False), ("mean", True)):
        parts = torch.eye(4)[None].repeat(2, 1, 1).requires_grad_()
        diversity(parts, form).backward()
        assert parts.grad.any() == moves
    with pytest.raises(BadRecipe, match="'means' is unknown; it is one of overlap, mean"):
        diversity(torch.eye(4)[None], "means")


@pytest.mark.parametrize("form", FORMS)
def test_a_part_of_zeros_counts_as_0_with_a_finite_gradient(form: str) -> None:
    parts = drawn(3, 4, 5)
    parts[0, 1] = 0
    parts[2] = 0
    parts.requires_grad_()
    loss = diversity(parts, form)
    assert float(loss.detach()) == pytest.approx(literal(parts.detach(), form), abs=1e-12)
    loss.backward()
    assert parts.grad.isfinite().all()
    assert parts.grad[0].any()


@pytest.mark.parametrize("form", FORMS)
def test_its_gradient_is_that_of_the_loop(form: str) -> None:
    parts = drawn(2, 3, 4).requires_grad_()
    diversity(parts, form).backward()
    step = 1e-6
    for place in torch.cartesian_prod(*(torch.arange(n) for n in parts.shape)).tolist():
        ends = []
        for sign in (1, -1):
            moved = parts.detach().clone()
            moved[tuple(place)] += sign * step
            ends.append(literal(moved, form))
        slope = (ends[0] - ends[1]) / 2 / step
        assert float(parts.grad[tuple(place)]) == pytest.approx(slope, abs=1e-7)


def test_parts_that_are_alike_give_1_opposed_ones_less_and_one_alone_0() -> None:
    one = drawn(2, 1, 4)
    assert float(diversity(one.expand(-1, 5, -1))) == pytest.approx(1)
    assert float(diversity(torch.cat([one, -one], 1), "mean")) == pytest.approx(-1)
    assert float(diversity(torch.cat([one, -one], 1))) == 0
    assert float(diversity(torch.eye(4)[None])) == 0
    alone = drawn(2, 1, 4).requires_grad_()
    loss = diversity(alone)
    loss.backward()
    assert float(loss.detach()) == 0
    assert not alone.grad.any()


def test_half_precision_is_raised() -> None:
    parts = drawn(3, 4, 5).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = diversity(parts)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(literal(parts.double(), "overlap"), abs=1e-6)
