"""Rows of a matrix that say the same: photos that are in a gallery twice, constant vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from passerby.reports.arrays import Arrays

AHEAD = 8  # rows after a row, in the order of their projections, that it is compared with
CLOSE = {"features": 1e-3, "scores": 1e-4}  # a distance, by length: halves are rounded coarsely
LEVELS = 10  # different scores of a photo, fewer of which tell it from no other


@dataclass(frozen=True)
class Copies:
    """Gallery rows that are there before, (P,) bool each.

    named: under the name of an earlier row of the same person. equal: with its numbers. torn: under
    the name of a row of another person. shared: with the numbers of a row of another person.
    """

    named: Tensor
    equal: Tensor
    torn: Tensor
    shared: Tensor

    @property
    def dropped(self) -> Tensor:
        return self.named | self.equal


def copies(given: Arrays) -> Copies:
    """What is twice in the gallery of `given`."""
    if given.similarity is not None:
        numbers = _scored_alike(given.similarity.T)
    else:
        assert given.photo_features is not None
        numbers = alike(given.photo_features, CLOSE["features"])
    persons = given.photo_persons
    names = given.photo_files or tuple(map(str, range(len(persons))))
    return Copies(
        _again(names, persons), _again(numbers, persons),
        _foreign(names, persons), _foreign(numbers, persons),
    )  # fmt: skip


def _scored_alike(scores: Tensor) -> list[int]:
    """As `alike`, of photos by their scores (P, T), whatever all scores or those of a query are
    offset by. Few queries, scores of 0 and 1, and a tail of one number tell photos apart too
    coarsely: such a photo is its own."""
    least = scores.amin(0)
    tail = scores == least  # perhaps -1e9, beside which all others are one
    above = scores.masked_fill(tail, torch.inf).amin(0)
    above = torch.where(above.isfinite(), above, least)
    near = torch.where(tail, above, scores)
    first = alike(near - near.mean(0), CLOSE["scores"])
    count = Counter(first)
    for place, root in enumerate(first):
        if count[root] > 1 and len(scores[place].unique()) < LEVELS:
            first[place] = place
    return first


def alike(rows: Tensor, close: float) -> list[int]:
    """For each row (N, D) the first that is no further from it than `close` times its length.

    Rows that are near each other have projections on a random line that are: each is compared with
    a few after it in that order. A row of one and the same number says nothing, and is its own.
    """
    line = torch.randn(rows.shape[1], generator=torch.Generator().manual_seed(0)).to(rows.dtype)
    along = rows @ (line / line.norm())
    limit = close * rows.norm(dim=1)
    constant = rows.amax(1) == rows.amin(1)
    order = along.argsort(stable=True)
    first = list(range(len(rows)))

    def root(place: int) -> int:
        while first[place] != place:
            place = first[place]
        return place

    for step in range(1, min(AHEAD, len(rows) - 1) + 1):
        a, b = order[:-step], order[step:]
        near = (along[b] - along[a] <= limit[a]) & ~constant[a] & ~constant[b]
        a, b = a[near], b[near]
        for some, others in zip(a.split(256), b.split(256), strict=True):
            same = (rows[some] - rows[others]).norm(dim=1) <= limit[some]
            for i, j in zip(some[same].tolist(), others[same].tolist(), strict=True):
                low, high = sorted((root(i), root(j)))
                first[high] = low
    return [root(place) for place in range(len(rows))]


def _again(labels: Sequence[object], persons: Sequence[str]) -> Tensor:
    """Whether a label was there before with the same person."""
    seen: set[tuple[object, str]] = set()
    told = []
    for pair in zip(labels, persons, strict=True):
        told.append(pair in seen)
        seen.add(pair)
    return torch.tensor(told)


def _foreign(labels: Sequence[object], persons: Sequence[str]) -> Tensor:
    """Whether a label is there with more than one person."""
    whose: dict[object, set[str]] = {}
    for label, person in zip(labels, persons, strict=True):
        whose.setdefault(label, set()).add(person)
    return torch.tensor([len(whose[label]) > 1 for label in labels])
