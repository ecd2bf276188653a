"""k-reciprocal encodings of photos, and how much a query's overlaps with each.

"Re-ranking Person Re-identification with k-reciprocal Encoding" (Zhong et al. 2017), section 3,
adapted to sentences: a sentence stands in no photo's list of neighbours, so reciprocity is asked of
photos only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from passerby.ranking.neighbours import ROWS, best, nearest, places, similarities


@dataclass(frozen=True)
class Lists:
    """A list of photos for each photo, end to end. start, size: int64 (P,). photos: int64 (E,).
    weights: float64 (E,)."""

    start: Tensor
    size: Tensor
    photos: Tensor
    weights: Tensor

    @staticmethod
    def of(rows: Tensor, photos: Tensor, weights: Tensor, count: int) -> Lists:
        """Entries (row, photo, weight), rows ascending, of `count` rows."""
        size = torch.bincount(rows, minlength=count)
        return Lists(size.cumsum(0) - size, size, photos, weights)

    def entries(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Which of `rows` each entry of their lists is for, and its place in `photos`."""
        size = self.size[rows]
        which = torch.repeat_interleave(torch.arange(len(rows)), size)
        begin = self.start[rows] - (size.cumsum(0) - size)
        return which, torch.arange(len(which)) + begin[which]

    def turned(self) -> Lists:
        """For each photo the rows whose lists it is in."""
        rows = torch.repeat_interleave(torch.arange(len(self.size)), self.size)
        order = torch.argsort(self.photos, stable=True)
        return Lists.of(self.photos[order], rows[order], self.weights[order], len(self.size))


class Reciprocal:
    """The photos' side: made once a gallery from unit vectors (P, D), for any number of queries.

    N(i, k) is photo i and its k most similar photos, R(i, k) those j of N(i, k) that have i in
    N(j, k). R* adds to R(i, k1) each R(j, k1 / 2), j in R(i, k1), that lies in it to two thirds;
    k1 / 2 is rounded up. An encoding weighs the photos of R* by e^(similarity - greatest
    similarity), as sentences are all further from photos than photos are from each other; then it
    is the mean of those of the k2 nearest, itself among them.
    """

    def __init__(self, unit: Tensor, k1: int, k2: int) -> None:
        self.k1, self.k2 = k1, k2
        near, close, mates = nearest(unit, k1 + 1, (k1 + 1) // 2 + 1, k2)
        self.half = _mutual(close)
        self.plain = _lists(self._encoded(unit, _mutual(near)), len(unit))
        mean = (self._sum(rows) / rows.shape[1] for rows in mates.split(ROWS))
        self.by_photo = _lists(mean, len(unit)).turned()
        self.total = self.plain.weights.new_zeros(len(unit))
        self.total.index_add_(0, self.by_photo.photos, self.by_photo.weights)

    def overlaps(self, scores: Tensor) -> Tensor:
        """(Q, P) in [0, 1]: the Jaccard overlap (equation 10) of each query's encoding and each
        photo's. scores: (Q, P), settled.

        A query's R(q, k1) is its k1 best photos; the k2 nearest are itself and its k2 - 1 best.
        """
        chosen = self._expanded(best(scores, self.k1))
        weights = torch.exp(scores - scores.amax(1, keepdim=True)) * chosen
        if self.k2 > 1:
            mates = places(scores, self.k2 - 1)
            weights = (weights + self._sum(mates)) / (1 + mates.shape[1])
        found = torch.empty_like(weights)
        for row, encoding in enumerate(weights):
            found[row] = self._overlap(encoding)
        return found

    def _overlap(self, weights: Tensor) -> Tensor:
        columns = weights.nonzero()[:, 0]
        which, at = self.by_photo.entries(columns)
        common = torch.minimum(weights[columns][which], self.by_photo.weights[at])
        shared = torch.zeros_like(weights).index_add_(0, self.by_photo.photos[at], common)
        # the sum of maxima is both sums without the sum of minima
        return shared / (weights.sum() + self.total - shared)

    def _encoded(self, unit: Tensor, mutual: Lists) -> Iterator[Tensor]:
        """The photos' encodings (rows, P) before those of neighbours are averaged in."""
        for rows, cosines in similarities(unit):
            chosen = torch.zeros_like(cosines, dtype=torch.bool)
            which, at = mutual.entries(torch.arange(rows.start, rows.stop))
            chosen[which, mutual.photos[at]] = True
            yield torch.exp(cosines.clamp(max=1) - 1) * self._expanded(chosen)

    def _expanded(self, chosen: Tensor) -> Tensor:
        """R* (N, P) of the sets R in bool (N, P): equation 4."""
        row, photo = chosen.nonzero().unbind(1)
        which, at = self.half.entries(photo)
        inside = chosen[row[which], self.half.photos[at]]
        overlap = torch.bincount(which[inside], minlength=len(row))
        taken = (3 * overlap >= 2 * self.half.size[photo])[which]
        grown = chosen.clone()
        grown[row[which[taken]], self.half.photos[at[taken]]] = True
        return grown

    def _sum(self, mates: Tensor) -> Tensor:
        """(N, P) sums of the plain encodings of the photos in each row of `mates` (N, k)."""
        which, at = self.plain.entries(mates.flatten())
        summed = self.plain.weights.new_zeros(len(mates), len(self.plain.size))
        row = which // mates.shape[1]
        return summed.index_put_((row, self.plain.photos[at]), self.plain.weights[at], True)


def _mutual(near: Tensor) -> Lists:
    """Of the neighbours (P, k) of each photo those that have it among theirs."""
    count, k = near.shape
    rows, photos = torch.arange(count).repeat_interleave(k), near.flatten()
    both = torch.isin(rows * count + photos, photos * count + rows)
    return Lists.of(rows[both], photos[both], torch.ones(int(both.sum())).double(), count)


def _lists(blocks: Iterable[Tensor], count: int) -> Lists:
    """What is not 0 in the rows of a (P, P) matrix, which comes in blocks of rows."""
    rows, photos, weights, done = [], [], [], 0
    for block in blocks:
        row, photo = block.nonzero().unbind(1)
        rows.append(row + done)
        photos.append(photo)
        weights.append(block[row, photo])
        done += len(block)
    return Lists.of(torch.cat(rows), torch.cat(photos), torch.cat(weights), count)
