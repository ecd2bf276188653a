"""ROC, its area and histograms from counts equal literal loops over pairs, in any blocks."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from passerby.ranking.scores import KEYS, ScoreCounts, _keys, _values


def random_pairs(seed, count=400):
    """Scores on a grid that the counts keep exactly, and which pairs are right."""
    random = np.random.default_rng(seed)
    right = random.random(count) < 0.2
    scores = np.round((random.normal(0, 0.3, count) + 0.3 * right) * 64) / 64
    return scores.astype(np.float32), right


def counted(scores, right, block=None):
    counts = ScoreCounts()
    step = block or len(scores)
    for start in range(0, len(scores), step):
        counts.add(scores[start : start + step], right[start : start + step])
    return counts


def literal_curve(scores, right):
    """(false, true positive rate) of every threshold, the highest first, none taken before."""
    curve = [(0.0, 0.0)]
    for least in sorted(set(scores.tolist()), reverse=True):
        taken = [hit for score, hit in zip(scores, right, strict=True) if score >= least]
        false = sum(not hit for hit in taken) / sum(~right)
        curve.append((false, sum(taken) / sum(right)))
    return curve


@pytest.mark.parametrize("seed", range(4))
def test_the_roc_and_its_area_equal_literal_loops(seed: int) -> None:
    scores, right = random_pairs(seed)
    found = counted(scores, right).roc()
    won = [
        float(one > other) + float(one == other) / 2
        for one in scores[right] for other in scores[~right]
    ]  # fmt: skip
    assert found["auc"] == pytest.approx(sum(won) / len(won), abs=1e-6)
    curve = literal_curve(scores, right)
    for rate, share in found["tpr_at"].items():
        expected = max(true for false, true in curve if false <= float(rate))
        assert share == pytest.approx(expected, abs=1e-6)
    assert list(found["tpr_at"]) == ["1e-4", "1e-3", "1e-2", "1e-1"]
    for rate, share in found["points"]:
        expected = max(true for false, true in curve if false <= rate * (1 + 1e-5))
        assert share == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_at_the_equal_error_rate_both_errors_are_equal(seed: int) -> None:
    scores, right = random_pairs(seed)
    eer = counted(scores, right).roc()["eer"]
    curve = literal_curve(scores, right)
    for (false, true), (later, more) in pairwise(curve):
        if false <= 1 - true and later >= 1 - more:
            part = (1 - true - false) / ((later - false) + (more - true))
            assert eer == pytest.approx(false + part * (later - false), abs=1e-6)
            break
    else:
        pytest.fail("the curve never crosses")


@pytest.mark.parametrize("block", [1, 7, 64])
def test_neither_blocks_nor_their_order_change_a_count(block: int) -> None:
    scores, right = random_pairs(1)
    whole = counted(scores, right).curves()
    assert counted(scores, right, block).curves() == whole
    back = np.random.default_rng(0).permutation(len(scores))
    assert counted(scores[back], right[back], block).curves() == whole


def test_histograms_count_every_pair_and_say_where() -> None:
    scores, right = random_pairs(2)
    found = counted(scores, right).histogram(20)
    assert len(found["edges"]) == 21
    for name, values in (("right", scores[right]), ("wrong", scores[~right])):
        assert sum(found[name]) == len(values)
        near = _values()[_keys(values)]  # within 1/2048 of the scores, see below
        inside = near.clip(found["edges"][0], found["edges"][-1])
        assert found[name] == np.histogram(inside, found["edges"])[0].tolist()


def test_one_far_score_does_not_press_the_others_into_one_bin() -> None:
    scores, right = random_pairs(3, 40_000)
    scores[0], right[0] = -100, False
    found = counted(scores, right).histogram(60)
    assert found["edges"][0] > -2
    assert sum(found["wrong"]) == sum(~right)


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_scores_of_any_scale_have_the_same_curve(scale: float) -> None:
    random = np.random.default_rng(5)
    right = random.random(3000) < 0.1
    scores = random.random(3000) + 0.2 * right
    found = counted((scores * scale).astype(np.float32), right)
    won = (scores[right][:, None] > scores[~right][None]).mean()
    assert found.auc == pytest.approx(won, abs=1e-3)


def test_keys_ascend_with_the_scores_and_values_lie_in_their_keys() -> None:
    scores = np.array(
        [-np.inf, -1e30, -100, -1, -0.5, -1e-9, -0.0, 0.0, 1e-9, 0.5, 0.9, 1, 7, 1e30, np.inf],
        dtype=np.float32,
    )
    keys = _keys(scores)
    assert (np.diff(keys) >= 0).all()
    assert keys[6] == keys[7]
    assert len(set(keys.tolist())) == len(scores) - 1
    assert keys.min() >= 0
    assert keys.max() < KEYS
    finite = slice(1, -1)
    near = _values()[keys[finite]]
    assert np.allclose(near, scores[finite], rtol=1 / 2048, atol=1e-38)


def test_nan_is_no_score() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ScoreCounts().add(torch.tensor([0.5, torch.nan]), torch.tensor([True, False]))


def test_without_right_or_wrong_pairs_there_is_a_histogram_and_no_curve() -> None:
    assert ScoreCounts().curves()["roc"] == {}
    assert sum(ScoreCounts().histogram()["right"]) == 0
    alone = counted(np.array([0.25], dtype=np.float32), np.array([True]))
    assert alone.roc() == {}
    assert sum(alone.histogram()["right"]) == 1
