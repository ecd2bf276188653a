"""Judged pairs, and a sample of what users would meet: photos of galleries of several sizes.

For each query galleries are drawn with the right persons in them and without. Of each the ten best
photos and some of the others are kept, weighted so that the ten best, which users see, count as
much as all photos do. The weights depend on scores alone, so they favour no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from passerby.calibration import Calibration
from passerby.errors import BadData

SIZES = (50, 200, 1000, 4000)  # photos of galleries; as many as the photos can fill
SHOWN = 10  # photos of an answer that users see
BACKGROUND = 1000  # photos of a gallery whose scores are a query's background, at most
LEAST_PERSONS = 10
MOST_QUERIES = 800
_OTHERS = 30  # photos kept of a gallery besides the ten best
_AS_IS = 0.5  # share of galleries whose photos are as the data has them, where others are given


@dataclass(frozen=True)
class Judged:
    """Q queries against P photos. scores: (Q, P). right: bool (Q, P), whether what is told is true
    of the photo. persons: who each query was written of, (Q,); on_photo: who is on each photo,
    (P,). words: how many each query has, (Q,).

    others: scores (Q, P) with the same photos as other cameras would have taken them.
    """

    scores: np.ndarray
    right: np.ndarray
    persons: np.ndarray
    on_photo: np.ndarray
    words: np.ndarray
    others: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        """Raises BadData when there is too little to fit on."""
        count = len(np.unique(self.persons))
        if count < LEAST_PERSONS:
            raise BadData(
                f"queries of {count} persons are too few to calibrate with; give {LEAST_PERSONS} "
                "or more, such as another --split"
            )
        if not self.right.any() or self.right.all():
            raise BadData("every pair is right, or none; calibrating needs both: take other data")


@dataclass(frozen=True)
class Sample:
    """N photos of galleries. features: (N, 5), see Calibration. right, weights: (N,). person: (N,),
    who the query was written of.
    """

    features: np.ndarray
    right: np.ndarray
    weights: np.ndarray
    person: np.ndarray

    def rows(self, kept: np.ndarray) -> Sample:
        """The photos that `kept`, bool (N,), picks."""
        own = (self.features, self.right, self.weights, self.person)
        return Sample(*(each[kept] for each in own))


def sizes_of(photos: int) -> list[int]:
    """SIZES that so many photos can fill."""
    return sorted({min(size, photos) for size in SIZES})


def draw_sample(judged: Judged, blank: Calibration, seed: int = 0) -> Sample:
    """Galleries drawn for each query, at most MOST_QUERIES; `blank` tells features."""
    rng = np.random.default_rng(seed)
    queries, photos = judged.scores.shape
    parts = [
        _kept(judged, blank, int(query), gallery, rng)
        for query in rng.permutation(queries)[:MOST_QUERIES]
        for size in sizes_of(photos)
        for there in (True, False)
        if len(gallery := draw_gallery(judged, int(query), size, there, rng))
    ]
    features, right, weights, person = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Sample(features, right, weights, person)


def best_of(
    judged: Judged,
    query: int,
    size: int,
    there: bool,
    calibration: Calibration,
    rng: np.random.Generator,
) -> float:
    """Probability of a query's best photo in a gallery of at most `size` photos, one of them of its
    person, or (not `there`) none of that person and none that is right; 0 where none is left.
    """
    gallery = draw_gallery(judged, query, size, there, rng)
    if not there:
        gallery = gallery[~judged.right[query, gallery]]
    if not len(gallery):
        return 0.0
    scores = judged.scores[query, gallery]
    background = rng.permutation(scores)[:BACKGROUND]
    best = scores.max(keepdims=True)
    return float(calibration.probabilities(best, background, int(judged.words[query]))[0])


def draw_gallery(
    judged: Judged, query: int, size: int, there: bool, rng: np.random.Generator
) -> np.ndarray:
    """Places of at most `size` photos: one of the query's person and chance ones, and (not `there`)
    none of that person, so that few or none are right.
    """
    own = judged.on_photo == judged.persons[query]
    if not there:
        return rng.permutation(np.flatnonzero(~own))[:size]
    one = rng.permutation(np.flatnonzero(own))[:1]
    photos = rng.permutation(len(own))
    return np.concatenate([one, photos[~np.isin(photos, one)]])[:size]


def _kept(
    judged: Judged, blank: Calibration, query: int, gallery: np.ndarray, rng: np.random.Generator
) -> Sequence[np.ndarray]:
    """What a Sample holds of one gallery. Weights sum to 1: half is shared by all photos, half by
    the best.
    """
    scores = judged.scores[query, gallery]
    if judged.others and rng.random() > _AS_IS:
        scores = judged.others[rng.integers(len(judged.others))][query, gallery]
    order = np.argsort(-scores, kind="stable")
    best, rest = order[:SHOWN], order[SHOWN:]
    some = rng.permutation(rest)[:_OTHERS]
    each = 0.5 / len(order)
    weights = np.full(len(best) + len(some), 0.5 / len(best) + each)
    if len(some):
        weights[len(best) :] = each * len(rest) / len(some)
    rows = np.concatenate([best, some])
    background = rng.permutation(scores)[:BACKGROUND]
    features = blank.features(scores[rows], background, int(judged.words[query]))
    person = np.full(len(rows), judged.persons[query])
    return features, judged.right[query, gallery[rows]], weights, person
