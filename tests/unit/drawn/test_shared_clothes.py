"""How much drawn people share is counted right, and correlated right with what is estimated."""

import sys
from pathlib import Path

import numpy as np
import pytest

from passerby.drawn.facts import PersonFacts
from passerby.drawn.palette import Colour
from passerby.drawn.wardrobe import Garment, draw_wardrobe

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
from dataclasses import replace

from rank_correlation import correlation, interval, quarters, ranks, spearman
from shared_clothes import ENDS, REGIONS, outfits, region_at, shares, worn

RED, BLUE = Colour("red", (200, 20, 20)), Colour("blue", (20, 20, 200))


def person(**changes):
    plain = {
        "hat": None, "hair_colour": "black", "hair_length": "short", "hair_style": "loose",
        "upper": Garment("shirt", RED), "inner": None, "lower": Garment("jeans", BLUE),
        "legwear": None, "shoes": Garment("boots", RED), "bags": (),
    }  # fmt: skip
    return replace(draw_wardrobe(np.random.default_rng(0)), **(plain | changes))


def shared(*people):
    return shares([PersonFacts(n, "train", each, ()) for n, each in enumerate(people)])


def test_a_share_counts_the_persons_who_wear_the_same_region_by_region():
    found = shared(
        person(),
        person(shoes=Garment("boots", BLUE)),
        person(upper=Garment("shirt", Colour("red", (190, 9, 9)), pattern="striped", second=BLUE)),
        person(lower=None, upper=Garment("dress", RED), bags=(Garment("backpack", RED),)),
    )
    table = dict(zip(REGIONS, found.T, strict=True))
    assert table["head"].tolist() == [1, 1, 1, 1]
    assert table["upper"].tolist() == [0.75, 0.75, 0.75, 0.25]  # shades and patterns say nothing
    assert table["lower"].tolist() == [0.75, 0.75, 0.75, 0.25]
    assert table["shoes"].tolist() == [0.75, 0.25, 0.75, 0.75]
    assert table["bag"].tolist() == [0.75, 0.75, 0.75, 0.25]
    assert outfits(found)[0] == pytest.approx((1 * 0.75**4) ** 0.2)


def test_what_nobody_could_tell_makes_no_difference():
    bald = worn(person(hair_length="bald", hair_colour="black"))
    assert bald == worn(person(hair_length="bald", hair_colour="blonde"))
    bags = Garment("backpack", RED), Garment("suitcase", BLUE)
    assert worn(person(bags=bags)) == worn(person(bags=bags[::-1]))
    dress = Garment("dress", RED)
    under = worn(person(upper=Garment("coat", BLUE), inner=dress, lower=None))
    assert under["lower"] == worn(person(upper=dress, lower=None))["lower"]


def test_heights_belong_to_regions_from_head_to_shoes():
    assert [region_at(h) for h in (0.0, 0.25, 0.6, 0.95, 1.0)] == [*ENDS, "shoes"]


def test_rank_correlation_shares_ranks_among_ties():
    # Mean ranks 1.5 1.5 3 4 and 1 3 3 3: their Pearson correlation, by hand 2 / sqrt(4.5 * 3).
    one, other = np.array([5.0, 5, 7, 9]), np.array([0.0, 1, 1, 1])
    assert correlation(one, other) == pytest.approx(2 / (4.5 * 3) ** 0.5)
    assert correlation(one, -np.exp(one)) == pytest.approx(-1)
    assert correlation(one, np.zeros(4)) == 0


def test_weights_count_rows_as_often_as_they_say():
    dice = np.random.default_rng(1)
    one, other = dice.integers(5, size=20) * 1.0, dice.integers(4, size=20) * 1.0
    times = dice.integers(4, size=(3, 20))
    found = spearman(one, other, times.astype(float))
    for row, rho in zip(times, found, strict=True):
        assert rho == pytest.approx(correlation(np.repeat(one, row), np.repeat(other, row)))
    assert ranks(np.array([3.0, 1]), np.array([[1.0, 3]])).tolist() == [[0.875, 0.375]]


def test_an_interval_draws_whole_persons():
    dice = np.random.default_rng(2)
    truth = dice.normal(size=60)
    estimate = truth + dice.normal(size=60)
    alone = interval(estimate, truth, np.arange(60))
    again = interval(np.tile(estimate, 9), np.tile(truth, 9), np.tile(np.arange(60), 9))
    assert again == pytest.approx(alone, abs=0.002)  # nine photos alike of each tell nothing new
    assert alone[1] < alone[0] < alone[2]


def test_quarters_are_of_the_rank_of_the_truth_and_ties_share_one():
    truth = np.array([0.1, 0.1, 0.2, 0.2, 0.9, 0.9, 0.9, 0.9])
    assert quarters(np.arange(8.0), truth) == [0.5, 2.5, None, 5.5]
