"""The curve from scores to probabilities: logistic or isotonic, by what is known of a background.

Curves are compared by log loss on persons that they were not fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from passerby.calibration import FEATURES, Calibration, logistic, middle_and_spread
from passerby.fitting.galleries import Judged, Sample, best_of, draw_sample, sizes_of

MISSED = 0.05  # of the queries whose person is there, the share that may be called "no good match"
FOLDS, BINS, KNOTS = 5, 15, 60
# which of FEATURES a curve reads
CURVES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "score": (0,),
        "score and background": (0, 3, 4),
        "score and words": (0, 1, 2),
        "score, words and background": (0, 1, 2, 3, 4),
    }
)
_RIDGE = 1e-3


def fit(judged: Judged, told: str, seed: int = 0) -> tuple[Calibration, dict[str, float]]:
    """The calibration, and the cross-validated log loss of each curve tried, of which the least was
    taken. told: the data in words.
    """
    blank = _backgrounds(judged, told)
    sample = draw_sample(judged, blank, seed)
    curves = {
        f"{'isotonic' if stairs else 'logistic'} of {name}": (used, stairs)
        for name, used in CURVES.items()
        for stairs in (False, True)
    }
    tried = {name: _crossed(sample, blank, *curve) for name, curve in curves.items()}
    found = curve_of(sample, blank, *curves[min(tried, key=tried.__getitem__)])
    return _with_thresholds(found, judged, seed), tried


def _with_thresholds(found: Calibration, judged: Judged, seed: int) -> Calibration:
    """Where "no good match" begins in galleries of each size, and whom it meets in them."""
    rng = np.random.default_rng(seed)
    queries, photos = judged.scores.shape
    sizes = sizes_of(photos)
    there, gone = (
        np.array(
            [
                [best_of(judged, query, size, each, found, rng) for query in range(queries)]
                for size in sizes
            ]
        )
        for each in (True, False)
    )
    least = np.quantile(there, MISSED, axis=1)
    missed, caught = (float((best < least[:, None]).mean()) for best in (there, gone))
    thresholds = tuple((float(s), float(t)) for s, t in zip(sizes, least, strict=True))
    return replace(found, thresholds=thresholds, missed=missed, caught=caught)


def _backgrounds(judged: Judged, told: str) -> Calibration:
    """What validation's backgrounds look like, with a curve that says nothing yet.

    A background of few photos is off by chance, and queries differ: the ratio of the two variances
    is how many photos the usual background is worth (empirical Bayes).
    """
    rows = np.concatenate([judged.scores, *judged.others])
    pairs = np.array([middle_and_spread(row) for row in rows])
    middle, spread = map(float, pairs.mean(axis=0))
    spread = max(spread, 1e-6)
    vary = np.maximum(pairs.var(axis=0), 1e-4 * spread**2)
    usual = float(np.exp(np.log(judged.words).mean()))
    few, many = np.quantile(judged.words, (0.05, 0.95))
    few, many = min(few, usual), max(many, usual)
    return Calibration(
        middle=middle, spread=spread,
        middle_worth=float(spread**2 / vary[0]),  # the variance of a mean
        spread_worth=float(0.5 * spread**2 / vary[1]),  # of a standard deviation
        words=(float(few), usual, float(many)),
        intercept=0.0, steepness=(0.0, 0.0, 0.0, 0.0, 0.0),
        thresholds=((1.0, 0.0),), missed=0.0, caught=0.0,
        rate=float(judged.right.mean()), told=told,
    )  # fmt: skip


def curve_of(
    sample: Sample, blank: Calibration, used: tuple[int, ...], stairs: bool
) -> Calibration:
    """A logistic curve of the features that are `used`; with `stairs` isotonic regression on it."""
    intercept, steepness = _logistic_fit(sample, used)
    if not _rising(blank, steepness):
        # the words are left out, then the score: it says nothing
        fewer = tuple(place for place in used if place != 2) if 2 in used else ()
        return curve_of(sample, blank, fewer, stairs and bool(fewer))
    a, b, c, d, e = steepness
    found = replace(blank, intercept=intercept, steepness=(a, b, c, d, e))
    if not stairs:
        return found
    odds = intercept + sample.features @ np.array(steepness)
    return replace(found, knots=_isotonic_fit(odds, sample, blank.rate))


def _rising(blank: Calibration, steepness: list[float]) -> bool:
    few, usual, many = blank.words
    return all(steepness[0] + steepness[2] * math.log(n / usual) >= 0 for n in (few, many))


def _logistic_fit(sample: Sample, used: tuple[int, ...]) -> tuple[float, list[float]]:
    """Intercept and steepness by Newton's method for the weighted log loss."""
    right, weights = sample.right.astype(np.float64), sample.weights / sample.weights.sum()
    rate = float(np.clip(weights @ right, 1e-6, 1 - 1e-6))
    design = np.column_stack([np.ones(len(right)), sample.features[:, list(used)]])
    beta = np.zeros(1 + len(used))
    beta[0] = math.log(rate / (1 - rate))
    ridge = np.diag([0.0, *[_RIDGE * rate] * len(used)])
    for _ in range(100):
        likely = logistic(design @ beta)
        slope = design.T @ (weights * (likely - right)) + ridge @ beta
        bend = (design * (weights * likely * (1 - likely))[:, None]).T @ design + ridge
        step = np.linalg.solve(bend + 1e-12 * np.eye(len(beta)), slope)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    steepness = np.zeros(len(FEATURES))
    steepness[list(used)] = beta[1:]
    return float(beta[0]), steepness.tolist()


def _isotonic_fit(odds: np.ndarray, sample: Sample, rate: float) -> tuple[tuple[float, float], ...]:
    """Pool adjacent violators, over bins that hold equal shares of what is uncertain."""
    order = np.argsort(odds, kind="stable")
    odds, right = odds[order], sample.right[order]
    weights = sample.weights[order] * (len(odds) / sample.weights.sum())
    likely = logistic(odds)
    unsure = np.cumsum(weights * (likely * (1 - likely) + 1e-6))
    bins = np.minimum((unsure / unsure[-1] * KNOTS).astype(int), KNOTS - 1)
    blocks: list[np.ndarray] = []  # weight, weight of right photos, weighted odds
    for each in np.unique(bins):
        here, mass = bins == each, weights[bins == each]
        blocks.append(np.array([mass.sum(), mass @ right[here], mass @ odds[here]]))
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    mass, hits, places = np.array(blocks).T
    # a block of wrong photos alone is no proof that none is right, nor one of right photos alone
    shares = np.maximum.accumulate((hits + rate) / (mass + 1))
    corrected = np.log(shares) - np.log1p(-shares)
    knots: list[tuple[float, float]] = []
    for place, value in zip((places / mass).tolist(), corrected.tolist(), strict=True):
        if not knots or place > knots[-1][0]:
            knots.append((place, value))
    return tuple(knots)


def _crossed(sample: Sample, blank: Calibration, used: tuple[int, ...], stairs: bool) -> float:
    """Weighted log loss on persons that a fold leaves out, over all folds."""
    persons, place = np.unique(sample.person, return_inverse=True)
    fold = (np.random.default_rng(1).permutation(len(persons)) % FOLDS)[place]
    total = 0.0
    for number in range(FOLDS):
        found = curve_of(sample.rows(fold != number), blank, used, stairs)
        out = sample.rows(fold == number)
        likely = np.clip(found.of_features(out.features), 1e-7, 1 - 1e-7)
        total -= float(out.weights @ np.where(out.right, np.log(likely), np.log1p(-likely)))
    return total / float(sample.weights.sum())


def expected_error(likely: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al., 2015) of bins of equal mass: the mean distance
    between a bin's mean probability and its share of right pairs, 0 to 1.
    """
    return sum(mass * abs(said - was) for mass, said, was in reliability(likely, right, bins))


def reliability(
    likely: np.ndarray, right: np.ndarray, bins: int = BINS
) -> list[tuple[float, float, float]]:
    """Of each bin its share of the pairs, mean probability and share of right pairs."""
    order = np.argsort(likely, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [(len(p) / len(order), float(likely[p].mean()), float(right[p].mean())) for p in parts]
