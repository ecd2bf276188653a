"""ROC, its area and histograms from counts equal literal loops over pairs, in any blocks."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from passerby.ranking import scores as module
from passerby.ranking.scores import ScoreCounts


def random_pairs(seed, count=400):
    """Scores, many of them equal, and which pairs are right."""
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
        inside = values.astype(float).clip(found["edges"][0], found["edges"][-1])
        assert found[name] == np.histogram(inside, found["edges"])[0].tolist()


def test_one_far_score_does_not_press_the_others_into_one_bin() -> None:
    scores, right = random_pairs(3, 40_000)
    scores[0], right[0] = -100, False
    found = counted(scores, right).histogram(60)
    assert found["edges"][0] > -2
    assert sum(found["wrong"]) == sum(~right)


WHOLE = module.MOST
SHAPES = {
    "cosines": lambda s: s,
    "sigmoids near 1": lambda s: 1 / (1 + np.exp(-(8 + 20 * s))),
    "sigmoids nearer to 1": lambda s: 1 / (1 + np.exp(-(9 + 3 * s))),
    "offset by a million": lambda s: s + 1e6,
    "a thousand less distances": lambda s: 1000 - np.exp(-s),
    "tiny": lambda s: s * 1e-6,
    "huge": lambda s: s * 1e6,
    "a tail of -100": lambda s: np.where(s < 0.1, -100, s),
    "a tail of -1e9": lambda s: np.where(s < 0.1, -1e9, s),
    "a tail of -inf": lambda s: np.where(s < 0.1, -np.inf, s),
}


@pytest.mark.parametrize("cells", [WHOLE, 1 << 14])
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_of_any_shape_have_the_curve_of_the_scores_themselves(
    shape: str, cells: int, monkeypatch
) -> None:
    """Not cut in any way. Where scores share cells the curve says how much that may be worth, or
    there is none; with as many cells as scores nothing is lost."""
    monkeypatch.setattr(module, "MOST", cells)
    random = np.random.default_rng(5)
    right = random.random(40_000) < 0.05
    drawn = SHAPES[shape](random.normal(0, 0.1, 40_000) + 0.2 * right)
    counts = counted(drawn, right, 7_000)
    assert len(counts.right) <= cells
    assert (counts.bits > 0) == (cells != WHOLE and not shape.startswith("a tail of"))
    good, bad = drawn[right], np.sort(drawn[~right])
    below = np.searchsorted(bad, good) + np.searchsorted(bad, good, "right")
    auc = below.mean() / 2 / len(bad)
    for side, chosen in (("right", good), ("wrong", bad)):
        assert sum(counts.histogram()[side]) == len(chosen)
    found = counts.roc()
    if shape == "sigmoids near 1" and cells != WHOLE:
        assert not found
        return
    assert counts.crowd == 0 or cells != WHOLE
    slack = counts.crowd / right.sum() + 1e-6
    assert found["auc"] == pytest.approx(auc, abs=slack)
    assert found["within"] == pytest.approx(counts.crowd / right.sum(), rel=0.05)
    assert slack < 0.011
    for rate, share in found["tpr_at"].items():
        if shape.startswith("a tail") and rate == "1e-1":
            continue  # within the tail's one level
        threshold = bad[::-1][int(float(rate) * len(bad))]
        assert share == pytest.approx((good > threshold).mean(), abs=slack)
        assert share <= (good > threshold).mean() + 1e-6


def test_scores_too_close_for_the_cells_have_no_curve_rather_than_a_wrong_one(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 64)
    random = np.random.default_rng(5)
    right = random.random(4000) < 0.1
    close = 1 + 1e-9 * random.random(4000)
    far = np.ldexp(1.0, random.integers(-500, 500, 4000))  # takes the cells, so close ones share
    counts = counted(np.concatenate([close, far]), np.concatenate([right, right]))
    assert counts.crowd >= right.sum()
    assert counts.roc() == {}
    assert sum(counts.histogram()["right"]) == 2 * right.sum()
    equal = counted(np.repeat([1.0, 2.0], 2000), right)  # ties are no loss
    assert equal.crowd == 0
    assert equal.roc()["within"] == 0


def test_no_order_of_blocks_changes_what_cells_hold(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 50)
    random = np.random.default_rng(6)
    drawn, right = random.normal(size=3000), random.random(3000) < 0.2
    whole = counted(drawn, right)
    assert whole.bits > 0
    for block in (1000, 77):
        back = random.permutation(3000)
        again = counted(drawn[back], right[back], block)
        for name in ("bits", "least", "most", "right", "wrong"):
            assert np.array_equal(getattr(again, name), getattr(whole, name))


def test_keys_ascend_with_the_scores_and_turn_back() -> None:
    drawn = np.array(
        [-np.inf, -1e300, -100, -1, -0.5, -1e-9, -0.0, 0.0, 1e-9, 0.5, 0.9, 1, 1e300, np.inf]
    )
    keys = module._keys(drawn)
    assert (np.diff(keys) >= 0).all()
    assert keys[6] == keys[7]
    assert len(set(keys.tolist())) == len(drawn) - 1
    assert np.array_equal(module._scores(keys), drawn)


def test_nan_is_no_score() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ScoreCounts().add(torch.tensor([0.5, torch.nan]), torch.tensor([True, False]))


def test_without_right_or_wrong_pairs_there_is_a_histogram_and_no_curve() -> None:
    assert ScoreCounts().curves()["roc"] == {}
    assert sum(ScoreCounts().histogram()["right"]) == 0
    alone = counted(np.array([0.25], dtype=np.float32), np.array([True]))
    assert alone.roc() == {}
    assert sum(alone.histogram()["right"]) == 1
