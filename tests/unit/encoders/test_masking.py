"""Which tokens a training step does without."""

from collections import Counter

import pytest
import torch

from passerby.encoders.masking import Masking
from passerby.errors import BadRecipe

LENGTHS = torch.tensor([3, 12, 30, 1])
MASK = (torch.arange(30) < LENGTHS[:, None]).long()


def draws(masking: Masking, mask=MASK, seed=0):
    return masking.draws(mask, torch.Generator().manual_seed(seed))


def all_kinds():
    return [
        Masking(0.4, mode, draw, pads)
        for mode in ("drop", "mask")
        for draw in ("call", "sample")
        for pads in (True, False)
    ]


@pytest.mark.parametrize("masking", all_kinds(), ids=str)
def test_the_first_token_always_stays_and_never_more_than_the_share_goes(masking) -> None:
    most = int(0.4 * 30) if masking.pads else (0.4 * LENGTHS).long()
    seen = torch.zeros(30, dtype=torch.long)
    for seed in range(60):
        gone = draws(masking, seed=seed)
        assert gone.dtype == torch.bool
        assert not gone[:, 0].any()
        assert (gone.sum(1) <= most).all()
        seen += gone.sum(0)
    assert (seen[1:] > 0).all()


def test_one_draw_a_call_is_the_same_in_each_row_that_has_the_places() -> None:
    assert draws(Masking(0.5, pads=True)).shape == (1, 30)
    apart = draws(Masking(0.5, draw="sample", pads=True), torch.ones(40, 30))
    assert apart.shape == (40, 30)
    assert len(apart.unique(dim=0)) > 20
    alike = draws(Masking(0.5), torch.ones(40, 30))
    assert len(alike.unique(dim=0)) == 1


def test_pads_never_go_unless_they_count_as_tokens() -> None:
    for draw in ("call", "sample"):
        for seed in range(40):
            assert not (draws(Masking(0.9, draw=draw), seed=seed) & (MASK == 0)).any()
    released = sum(draws(Masking(0.4, pads=True), seed=s)[0, 12:].sum() for s in range(40))
    assert released > 0


def test_how_many_go_is_uniform_from_none_to_the_share() -> None:
    found = Counter(
        int(draws(Masking(0.2, pads=True), torch.ones(1, 25), seed).sum()) for seed in range(1200)
    )
    assert set(found) == set(range(6))  # 0 .. 0.2 x 25, both ends included
    assert min(found.values()) > 140


def test_draws_are_the_generator_s_alone() -> None:
    before = torch.get_rng_state()
    first, again = (draws(Masking(0.5, draw="sample"), seed=7) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())


def test_a_ratio_of_zero_draws_nothing_at_all() -> None:
    assert draws(Masking(0.0)) is None


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 1.5, float("nan")])
def test_a_ratio_outside_zero_to_one_is_refused(ratio) -> None:
    with pytest.raises(BadRecipe, match="from 0 to below 1"):
        Masking(ratio)


@pytest.mark.parametrize("settings", [{"mode": "replace"}, {"draw": "batch"}])
def test_unknown_words_are_refused_with_the_known(settings) -> None:
    with pytest.raises(BadRecipe, match="drop, mask, drawn by call or sample"):
        Masking(0.2, **settings)
