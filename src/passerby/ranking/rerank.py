"""Re-ranking: a Ranking and the gallery's vectors give another Ranking, each query alone.

Photos are compared with photos only, by id: the work is done in the order of their ids, so that no
order of the queries or of the gallery changes a score, equal photos included. (The code released
with NAFS compares numbers of captions with numbers of photos; its gain is the order of the data.)
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize

from passerby.errors import BadRecipe
from passerby.ranking.neighbours import best, nearest, places
from passerby.ranking.order import rank, settle
from passerby.ranking.reciprocal import Reciprocal
from passerby.types import Ranking


def visual_neighbours(
    ranking: Ranking, photos: Tensor, k: int = 5, weight: float = 0.05
) -> Ranking:
    """S + weight * Jaccard overlap of the query's k best photos and the photo's k neighbours, the
    photo itself among them: re-ranking by visual neighbours as NAFS (Gao et al. 2021) means it.

    ranking: of the whole gallery, else ValueError. photos: (P, D), in the order of its photos.
    Raises BadRecipe when k is below 1 or weight below 0.
    """
    return Reranker("neighbours", k, weight)(ranking, photos)


def k_reciprocal(
    ranking: Ranking, photos: Tensor, k1: int = 20, k2: int = 6, weight: float = 0.3
) -> Ranking:
    """(1 - weight) * overlap of k-reciprocal encodings + weight * S (Zhong et al. 2017, eq. 12).

    Each query is alone with the gallery: no other query changes its result. See `Reciprocal`.
    ranking, photos: as in `visual_neighbours`. Raises BadRecipe when k1 or k2 is below 1 or weight
    is not in 0 to 1.
    """
    return Reranker("k-reciprocal", k1, weight, k2)(ranking, photos)


def average_expansion(ranking: Ranking, photos: Tensor, k: int = 5, weight: float = 1.0) -> Ranking:
    """(S + weight * sum of a photo's cosines with the query's k best photos) / (1 + weight * k).

    Average query expansion (Chum et al. 2007): the query's best photos become part of the query.
    ranking, photos and what is raised: as in `visual_neighbours`.
    """
    return Reranker("expansion", k, weight)(ranking, photos)


class Kind(Protocol):
    """What a kind of re-ranking makes of a gallery's unit vectors (P, D), once for all queries."""

    plain: float  # the weight that changes no score

    def term(self, scores: Tensor) -> Tensor:
        """(Q, P), of settled scores (Q, P)."""

    def mixed(self, scores: Tensor, term: Tensor, weight: float) -> Tensor:
        """(Q, P), the new scores."""


class _Neighbours:
    plain = 0.0

    def __init__(self, unit: Tensor, k: int, k2: int) -> None:  # noqa: ARG002
        (self.near,) = nearest(unit, k)

    def term(self, scores: Tensor) -> Tensor:
        k = self.near.shape[1]
        chosen = best(scores, k).double()
        # for each photo the sum, over its neighbours, of the queries that have chosen them
        shared = embedding_bag(self.near, chosen.T.contiguous(), mode="sum").T
        return shared / (2 * k - shared)

    def mixed(self, scores: Tensor, term: Tensor, weight: float) -> Tensor:
        return scores + weight * term


class _KReciprocal:
    plain = 1.0

    def __init__(self, unit: Tensor, k: int, k2: int) -> None:
        self.encodings = Reciprocal(unit, k, k2)

    def term(self, scores: Tensor) -> Tensor:
        return self.encodings.overlaps(scores)

    def mixed(self, scores: Tensor, term: Tensor, weight: float) -> Tensor:
        return (1 - weight) * term + weight * scores


class _Expansion:
    plain = 0.0

    def __init__(self, unit: Tensor, k: int, k2: int) -> None:  # noqa: ARG002
        self.unit, self.k = unit, min(k, len(unit))

    def term(self, scores: Tensor) -> Tensor:
        found = embedding_bag(places(scores, self.k), self.unit, mode="sum")
        return found @ self.unit.T

    def mixed(self, scores: Tensor, term: Tensor, weight: float) -> Tensor:
        return (scores + weight * term) / (1 + weight * self.k)


KINDS: dict[str, type[_Neighbours] | type[_KReciprocal] | type[_Expansion]] = {
    "neighbours": _Neighbours,
    "k-reciprocal": _KReciprocal,
    "expansion": _Expansion,
}


def check_kind(kind: str) -> None:
    """Raises BadRecipe, with the nearest name, when no re-ranking is called so."""
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(KINDS)}"
        raise BadRecipe(f"no re-ranking is called {kind!r}; {remedy}")


@dataclass(frozen=True)
class Reranker:
    """A re-ranking with its settings: `Reranker(kind, k, weight)(ranking, photos)` -> Ranking.

    What it makes of a gallery is kept while `photos` is the same tensor, so that blocks of queries
    share it. k2: of "k-reciprocal" only. tuned_on: the split that chose k and weight, for the card.
    Raises BadRecipe for an unknown kind and for settings out of range.
    """

    kind: str
    k: int
    weight: float
    k2: int = 6
    tuned_on: str | None = None
    _made: list[tuple[tuple[str, ...], Tensor, list[int], Kind]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_kind(self.kind)
        if min(self.k, self.k2) < 1:
            raise BadRecipe(f"{self.kind}: k is {min(self.k, self.k2)}; take 1 photo or more")
        share = self.kind == "k-reciprocal"
        if not 0 <= self.weight <= (1 if share else sys.float_info.max):
            allowed = "from 0 to 1" if share else "0 or more"
            raise BadRecipe(f"{self.kind}: weight is {self.weight:g}; it is {allowed}")

    def __call__(self, ranking: Ranking, photos: Tensor) -> Ranking:
        return next(self.weighed(ranking, photos, [self.weight]))

    def weighed(
        self, ranking: Ranking, photos: Tensor, weights: Sequence[float]
    ) -> Iterator[Ranking]:
        """One Ranking a weight, for the work of one. Raises ValueError for a cut ranking."""
        count = len(ranking.photos)
        if ranking.order.shape[1] != count or len(photos) != count:
            raise ValueError("re-ranking needs a ranking and the vectors of the whole gallery")
        order, kind = self._gallery(ranking.photos, photos)
        scores = torch.empty(ranking.order.shape, dtype=torch.float64)
        scores.scatter_(1, ranking.order, settle(ranking.scores))
        scores = scores[:, order]
        term = kind.term(scores)
        back = torch.empty(count, dtype=torch.int64)
        back[order] = torch.arange(count)
        for weight in weights:
            new = kind.mixed(scores, term, weight)[:, back]
            yield rank(ranking.queries, ranking.photos, new)

    def _gallery(self, ids: tuple[str, ...], photos: Tensor) -> tuple[list[int], Kind]:
        if not self._made or self._made[0][1] is not photos or self._made[0][0] != ids:
            order = sorted(range(len(ids)), key=ids.__getitem__)
            unit = normalize(photos.double(), dim=1)[order]
            self._made[:] = [(ids, photos, order, KINDS[self.kind](unit, self.k, self.k2))]
        return self._made[0][2:]

    @property
    def plain(self) -> bool:
        """Whether the weight is the one that changes no score."""
        return self.weight == KINDS[self.kind].plain

    def card(self) -> dict[str, str | float | None]:
        """What a report's card tells: kind, k, weight and the split that tuned them."""
        told: dict[str, str | float | None] = {"kind": self.kind, "k": self.k}
        if self.kind == "k-reciprocal":
            told["k2"] = self.k2
        return {**told, "weight": self.weight, "tuned_on": self.tuned_on}

    def __str__(self) -> str:
        change = " (no change)" if self.plain else ""
        tuned = f", tuned on {self.tuned_on}" if self.tuned_on else ", not tuned"
        return f"{self.kind}, k {self.k}, weight {self.weight:g}{change}{tuned}"
