"""Fitting: noise gets the base rate, perfect scores 0 and 1, and words and backgrounds count."""

from dataclasses import replace

import numpy as np
import pytest

from passerby.errors import BadData
from passerby.fitting.curves import expected_error, fit, reliability
from passerby.fitting.galleries import Judged, best_of, draw_gallery

QUERIES, PHOTOS, PERSONS = 120, 300, 60


def judged(score, words=None, seed: int = 0) -> Judged:
    """120 queries of 60 persons; a twentieth of the pairs is right. score(right, words, rng)."""
    rng = np.random.default_rng(seed)
    persons, on_photo = np.arange(QUERIES) % PERSONS, np.arange(PHOTOS) % PERSONS
    right = (persons[:, None] == on_photo) | (rng.random((QUERIES, PHOTOS)) < 0.035)
    words = np.full(QUERIES, 20) if words is None else words(rng)
    return Judged(score(right, words[:, None], rng), right, persons, on_photo, words)


def probabilities(calibration, given: Judged, words: bool = True) -> np.ndarray:
    rows = zip(given.scores, given.words.tolist(), strict=True)
    return np.stack([calibration.probabilities(s, s, n if words else None) for s, n in rows])


def noise(right, words, rng):
    return rng.normal(size=right.shape)


def perfect(right, words, rng):
    return right + rng.normal(0, 0.05, right.shape)


def halfway(right, words, rng):
    return 2.0 * right + rng.normal(size=right.shape)


def worded(right, words, rng):
    return np.where(right, words / 10, 0.0) + rng.normal(size=right.shape)


def short_or_long(rng):
    return rng.choice([4, 30], QUERIES)


def test_scores_that_are_noise_get_the_base_rate() -> None:
    given = judged(noise)
    found, _ = fit(given, "noise")
    likely = probabilities(found, given)
    assert np.abs(likely - given.right.mean()).max() < 0.05
    assert likely.mean() == pytest.approx(given.right.mean(), abs=0.015)


def test_scores_that_are_perfect_get_nought_and_one() -> None:
    given = judged(perfect)
    found, _ = fit(given, "perfect")
    likely = probabilities(found, judged(perfect, seed=1))
    right = judged(perfect, seed=1).right
    assert likely[right].min() > 0.9
    assert likely[~right].max() < 0.1
    assert found.caught == pytest.approx(1.0, abs=0.01)


def test_scores_turned_upside_down_get_no_falling_curve() -> None:
    given = judged(lambda *each: -halfway(*each))
    found, _ = fit(given, "upside down")
    assert (np.diff(found.probabilities(np.linspace(-4, 4, 50), given.scores[0])) >= 0).all()


def test_probabilities_hold_on_queries_that_were_not_seen() -> None:
    found, tried = fit(judged(halfway), "half")
    fresh = judged(halfway, seed=1)
    likely = probabilities(found, fresh)
    top = np.argsort(-fresh.scores, axis=1)[:, :10]
    shown = [np.take_along_axis(each, top, 1).ravel() for each in (likely, fresh.right)]
    assert expected_error(likely.ravel(), fresh.right.ravel()) < 0.02
    assert expected_error(*shown) < 0.08
    assert len(tried) == 8


def test_few_words_and_many_have_curves_of_their_own() -> None:
    found, tried = fit(judged(worded, short_or_long), "words")
    fresh = judged(worded, short_or_long, seed=1)
    blind, told = (probabilities(found, fresh, words=each).ravel() for each in (False, True))
    right = fresh.right.ravel()
    assert min(tried, key=tried.__getitem__).count("words")
    assert expected_error(told, right) < 0.5 * expected_error(blind, right)


def test_at_most_a_twentieth_of_those_who_are_there_are_missed() -> None:
    found, _ = fit(judged(halfway), "half")
    assert [size for size, _ in found.thresholds] == [50, 200, 300]
    assert all(0 < least < 1 for _, least in found.thresholds)
    assert found.missed <= 0.0501
    other, rng = judged(halfway, seed=7), np.random.default_rng(1)
    for size in (50, 200):
        best = [best_of(other, query, size, True, found, rng) for query in range(QUERIES)]
        assert np.mean(np.array(best) < found.threshold(size)) < 0.15, "as on data not seen"


def test_a_gallery_has_the_person_or_has_not() -> None:
    given, rng = judged(noise), np.random.default_rng(0)
    for query in range(20):
        with_person = draw_gallery(given, query, 50, True, rng)
        without = draw_gallery(given, query, 50, False, rng)
        assert len(set(with_person.tolist())) == len(set(without.tolist())) == 50
        assert given.persons[query] in given.on_photo[with_person]
        assert given.persons[query] not in given.on_photo[without]


def test_too_few_persons_and_pairs_of_one_kind_are_refused() -> None:
    given = judged(noise)
    with pytest.raises(BadData, match="9 persons are too few"):
        replace(given, persons=np.arange(QUERIES) % 9)
    with pytest.raises(BadData, match="every pair is right, or none"):
        replace(given, right=np.zeros_like(given.right))


def test_the_expected_error_is_the_mean_distance_of_bins() -> None:
    likely, right = np.array([0.1] * 10 + [0.9] * 10), np.array([0] * 10 + [1] * 5 + [0] * 5)
    assert expected_error(likely, right, 2) == pytest.approx(0.5 * 0.1 + 0.5 * 0.4)
    assert reliability(likely, right, 2) == [(0.5, pytest.approx(0.1), 0.0),
                                             (0.5, pytest.approx(0.9), 0.5)]  # fmt: skip
    assert expected_error(np.linspace(0, 1, 7), np.ones(7), 1) == pytest.approx(0.5)
