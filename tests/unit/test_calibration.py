"""Calibration: probabilities never fall as scores rise; a file is whole or refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from passerby.calibration import FILE, Calibration, read_calibration, write_calibration
from passerby.errors import BadModel

PLAIN = Calibration(
    middle=0.1, spread=0.2, middle_worth=8.0, spread_worth=4.0, intercept=-6.0,
    steepness=(2.0, 0.5, 0.7, -1.0, -0.5),
    words=(5.0, 12.0, 30.0), thresholds=((50.0, 0.1), (200.0, 0.2)),
    missed=0.05, caught=0.6, rate=0.01, told="drawn people",
)  # fmt: skip
STAIRS = replace(PLAIN, knots=((-5.0, -6.0), (0.0, -1.0), (3.0, 2.0)))
RNG = np.random.default_rng(5)


def test_the_threshold_rises_with_the_photos_between_the_sizes_tried() -> None:
    asked = {0: 0.1, 1: 0.1, 50: 0.1, 100: 0.15, 200: 0.2, 1_000_000: 0.2}
    assert {n: PLAIN.threshold(n) for n in asked} == pytest.approx(asked)


@pytest.mark.parametrize("calibration", [PLAIN, STAIRS])
@pytest.mark.parametrize("photos", [0, 1, 2, 30, 1000])
def test_probabilities_never_fall_as_scores_rise(calibration: Calibration, photos: int) -> None:
    scores = np.linspace(-1, 1, 300)
    found = calibration.probabilities(scores, RNG.normal(0.1, 0.2, photos))
    assert found.shape == (300,)
    assert found.min() >= 0
    assert found.max() <= 1
    assert (np.diff(found) >= 0).all()
    assert found[-1] > found[0]


def test_without_a_background_validations_own_is_taken() -> None:
    none = PLAIN.probabilities(np.array([0.7]), np.array([]))
    assert none[0] == pytest.approx(1 / (1 + np.exp(6 - 2.0 * 3)))
    many = RNG.normal(PLAIN.middle, PLAIN.spread, 100_001)
    assert PLAIN.probabilities(np.array([0.7]), many)[0] == pytest.approx(none[0], abs=0.02)


def test_one_photo_that_is_its_own_background_keeps_a_probability() -> None:
    alone = PLAIN.probabilities(np.array([0.7]), np.array([0.7]))[0]
    apart = PLAIN.probabilities(np.array([0.7]), np.array([]))[0]
    assert 0.5 * apart < alone < apart


def test_a_score_among_high_ones_is_worth_less() -> None:
    scores = np.array([0.7])
    low, high = RNG.normal(0.0, 0.2, 500), RNG.normal(0.5, 0.2, 500)
    assert PLAIN.probabilities(scores, low)[0] > 1.5 * PLAIN.probabilities(scores, high)[0]


def test_a_gallery_of_copies_of_one_photo_gives_finite_probabilities() -> None:
    found = PLAIN.probabilities(np.array([0.3, 0.4]), np.full(100_000, 0.4))
    assert np.isfinite(found).all()
    assert found[0] <= found[1]


@pytest.mark.parametrize("calibration", [PLAIN, STAIRS])
def test_a_calibration_survives_its_file(calibration: Calibration, tmp_path) -> None:
    assert read_calibration(tmp_path) is None
    write_calibration(tmp_path, calibration)
    assert read_calibration(tmp_path) == calibration
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def damaged(change) -> str:
    told = {"version": 1, **{k: getattr(STAIRS, k) for k in STAIRS.__dataclass_fields__}}
    return json.dumps({**told, **change})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{", "not JSON"),
        ("[]", "another version"),
        (damaged({"version": 99}), "another version"),
        (json.dumps({"version": 1}), "is missing"),
        (damaged({"extra": 1}), "'extra' is unknown"),
        (damaged({"middle": "low"}), "where a number belongs"),
        (damaged({"spread": float("nan")}), "not finite"),
        (damaged({"spread": 0}), "would fall"),
        (damaged({"steepness": [-1.0, 0, 0, 0, 0]}), "would fall"),
        (damaged({"steepness": [1.0, 0, 9.0, 0, 0]}), "would fall"),
        (damaged({"steepness": [1.0]}), "no 5 numbers"),
        (damaged({"words": [5.0, 4.0, 9.0]}), "do not rise"),
        (damaged({"steepness": 1.0}), "calibration.json"),
        (damaged({"thresholds": [[50, 1.5]]}), "outside 0 to 1"),
        (damaged({"thresholds": []}), "no pair of numbers, or none"),
        (damaged({"thresholds": [[200, 0.1], [50, 0.2]]}), "do not rise from 1"),
        (damaged({"knots": [[0.0, 0.9], [1.0, 0.1]]}), "would fall"),
        (damaged({"knots": [[0.0]]}), "calibration.json"),
        (damaged({"knots": [0.5]}), "calibration.json"),
        (damaged({"told": 3}), "no words"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, text: str, hint: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BadModel, match=hint) as error:
        read_calibration(tmp_path)
    assert "\n" not in str(error.value)
    assert "passerby calibrate" in str(error.value)
