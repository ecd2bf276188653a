"""Whole, coarse and fine embeddings: who asks for them, and where each may look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from passerby.encoders.parts import Features, Parts, stripes
from passerby.errors import BadRecipe

WIDE, NARROW, SIZE = 5, 7, (6, 2)
BASE = {"dim": 8, "part_count": 3, "coarse": True, "fine": True, "parts": "learned",
        "decoder": "attention", "heads": 2, "layers": 1, "iterations": 5, "residual": False,
        "fine_queries": "coarse"}  # fmt: skip
MASK = (torch.arange(4) < torch.tensor([4, 2, 1])[:, None]).long()
KINDS = [
    {},
    {"residual": True},
    {"decoder": "slots"},
    {"parts": "stripes"},
    {"fine_queries": "own"},
]


def made(**settings: Any) -> Parts:
    torch.manual_seed(0)
    return Parts(SimpleNamespace(**{**BASE, **settings}), WIDE, NARROW, SIZE)


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def photos(parts: Parts, seed: int = 1) -> Features:
    return parts(parts.photos(drawn(3, WIDE, *SIZE, seed=seed)))


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_stripes_are_of_equal_height_and_each_place_is_in_one(count: int) -> None:
    found = stripes(SIZE, count)
    assert found.shape == (1, count, 12)
    for k in range(count):
        rows = [at // 2 for at in range(12) if found[0, k, at]]
        high = 6 // count
        assert rows == [row for row in range(k * high, (k + 1) * high) for _ in range(2)]


def test_a_number_of_stripes_that_does_not_divide_is_refused_with_those_that_fit() -> None:
    for count, size, fit in (
        (5, (24, 8), "24 rows .* one of 1, 2, 3, 4, 6, 8, 12, 24"),
        (4, (6, 2), "6 rows .* one of 1, 2, 3, 6"),
        (12, (6, 2), "6 rows"),
    ):
        with pytest.raises(BadRecipe, match=f"part_count = {count} .*{fit}") as told:
            stripes(size, count)
        assert "\n" not in str(told.value)
        assert 'parts = "learned"' in str(told.value)
    with pytest.raises(BadRecipe, match="part_count = 4"):
        made(parts="stripes", part_count=4)


def test_learned_parts_and_a_model_without_fine_ones_may_be_of_any_number() -> None:
    assert photos(made(part_count=4)).fine.shape == (3, 4, 8)
    found = photos(made(parts="stripes", part_count=4, fine=False))
    assert found.fine is None
    assert found.coarse.shape == (3, 4, 8)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_a_whole_is_the_maximum_over_places_and_over_words_that_are_there(settings) -> None:
    parts, maps, words = made(**settings), drawn(3, WIDE, *SIZE), drawn(3, 4, NARROW)
    told = [parts.get_submodule("photo")(maps[:, :, r, c]) for r in range(6) for c in range(2)]
    memory = parts.photos(maps)
    torch.testing.assert_close(memory.tokens, torch.stack(told, 1))
    torch.testing.assert_close(memory.whole, torch.stack(told).amax(0))
    read = parts.get_submodule("text")(words)
    found = parts.texts(words, MASK).whole
    for row, length in enumerate((4, 2, 1)):
        assert torch.equal(found[row], read[row, :length].amax(0))


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_pads_change_nothing_however_large(settings) -> None:
    parts, words = made(**settings), drawn(3, 4, NARROW)
    found = parts(parts.texts(words, MASK))
    loud = torch.where(MASK.bool()[..., None], words, 1e3)
    longer = torch.nn.functional.pad(loud, (0, 0, 0, 2), value=-1e3)
    again = parts(parts.texts(longer, torch.nn.functional.pad(MASK, (0, 2))))
    for one, other in zip(found.tensors(), again.tensors(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    short = parts(parts.texts(words[1:2, :2], MASK[1:2, :2]))
    for one, other in zip(found.tensors(), short.tensors(), strict=True):
        torch.testing.assert_close(one[1:2], other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_looks_are_of_each_part_at_each_place_and_stripes_bind_fine_parts_of_photos(
    settings,
) -> None:
    parts = made(**settings)
    of_photos = parts.looks(parts.photos(drawn(3, WIDE, *SIZE)))
    of_texts = parts.looks(parts.texts(drawn(3, 4, NARROW), MASK))
    for found, length in ((of_photos, 12), (of_texts, 4)):
        assert set(found) == {"coarse", "fine"}
        for looks in found.values():
            assert looks.shape == (3, 3, length)
            torch.testing.assert_close(looks.sum(2), torch.ones(3, 3), atol=1e-4, rtol=0)
    outside = ~stripes(SIZE, 3).expand(3, -1, -1)
    assert of_photos["coarse"][outside].any()
    assert bool(of_photos["fine"][outside].any()) == (settings.get("parts") != "stripes")
    for looks in of_texts.values():
        assert not looks[(MASK == 0)[:, None].expand(-1, 3, -1)].any()
        assert (looks[0] > 0).all()


def test_fine_parts_are_asked_for_by_coarse_ones_or_by_tokens_of_their_own() -> None:
    for settings, own in (
        ({}, False),
        ({"fine_queries": "own"}, True),
        ({"coarse": False}, True),
    ):
        parts = made(**settings)
        assert (parts.fine_tokens is not None) is own
        for name, seed in (("coarse_tokens", 5), ("fine_tokens", 6)):
            if getattr(parts, name) is None:
                continue
            before = photos(parts)
            with torch.no_grad():
                getattr(parts, name).add_(drawn(3, 8, seed=seed))
            after = photos(parts)
            of_coarse = name == "coarse_tokens"
            assert torch.allclose(before.fine, after.fine, atol=1e-3) is (of_coarse and own)
            if parts.coarse is not None:
                assert torch.allclose(before.coarse, after.coarse, atol=1e-3) is not of_coarse


def test_both_sides_are_asked_by_the_same_tokens_which_begin_at_right_angles() -> None:
    parts = made(fine_queries="own", decoder="slots")
    for tokens in (parts.coarse_tokens, parts.fine_tokens):
        torch.testing.assert_close(tokens @ tokens.T, torch.eye(3), atol=1e-6, rtol=0)
    for found in (photos(parts), parts(parts.texts(drawn(3, 4, NARROW), MASK))):
        told = torch.autograd.grad(
            sum(each.square().sum() for each in found.tensors()),
            [parts.coarse_tokens, parts.fine_tokens],
        )
        assert all(slope.any() for slope in told)


def test_where_stripes_are_is_no_weight() -> None:
    assert set(made(parts="stripes").state_dict()) == set(made().state_dict())


@pytest.mark.parametrize(("coarse", "fine"), [(True, True), (True, False), (False, True)])
def test_features_are_put_together_again_of_other_tensors(coarse: bool, fine: bool) -> None:
    found = photos(made(coarse=coarse, fine=fine))
    assert (found.coarse is not None, found.fine is not None) == (coarse, fine)
    again = found.again([each + 1 for each in found.tensors()])
    for name in ("whole", "coarse", "fine"):
        own, other = getattr(found, name), getattr(again, name)
        assert (own is None) == (other is None)
        assert own is None or torch.equal(own + 1, other)
