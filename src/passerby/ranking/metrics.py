"""Rank-k, R-Sum, mAP (in two definitions) and mINP from full rankings, block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

from passerby.errors import BadData, BadRecipe
from passerby.ranking.order import settle
from passerby.types import Ranking

Ap = Literal["standard", "trapezoid"]
APS: tuple[Ap, ...] = ("standard", "trapezoid")
KS = (1, 5, 10)  # of Rank-k, and what R-Sum adds up


@dataclass(frozen=True)
class Outcomes:
    """What became of each query, (Q,) each.

    first: rank (from 1) of the first right photo, 0 where the gallery holds none. ap: average
    precision, mean over right photos of (right so far / rank). trapezoid: the same with the mean of
    that precision and the one just before the photo (1 at rank 1), as Market-1501's evaluator, SSAN
    and IVT; never above ap. inp: right photos / rank of the last of them (Ye et al. 2021). right:
    number of right photos. tied: number of wrong photos that have the score of a right one. lucky:
    `first`, had right photos come first among equal scores.
    """

    first: Tensor
    ap: Tensor
    trapezoid: Tensor
    inp: Tensor
    right: Tensor
    tied: Tensor
    lucky: Tensor

    @staticmethod
    def cat(blocks: Iterable[Outcomes]) -> Outcomes:
        rows = list(blocks)
        names = [field.name for field in fields(Outcomes)]
        return Outcomes(*(torch.cat([getattr(row, name) for row in rows]) for name in names))

    def rows(self, index: Tensor) -> Outcomes:
        """The queries that `index` picks, in its order."""
        return Outcomes(*(getattr(self, field.name)[index] for field in fields(Outcomes)))


def outcomes(ranking: Ranking, relevant: Tensor, *, lucky: bool = False) -> Outcomes:
    """How each query fares in a ranking of the whole gallery.

    relevant: bool (Q, P), by the gallery's positions. Among equal scores wrong photos count first,
    so that a model which gives every photo one score gains nothing from the gallery's order; lucky:
    right photos first instead, the most that any order of the gallery could give.
    """
    _, scores, hits = judged(ranking, relevant, lucky=lucky)
    places = torch.arange(1, hits.shape[1] + 1, dtype=torch.float64)
    count = hits.sum(1)
    some = count.clamp(min=1).double()
    precision = hits.cumsum(1).double() / places
    ap = (precision * hits).sum(1) / some
    before = (hits.cumsum(1) - 1) / (places - 1)  # where a right photo stands
    before[:, :1] = 1
    trapezoid = (ap + before.mul_(hits).sum(1) / some) / 2
    last = (hits * places).amax(1).clamp(min=1)
    best = hits.to(torch.uint8).argmax(1)
    first = torch.where(count > 0, best + 1, 0)
    above = (scores > scores.gather(1, best[:, None])).sum(1)
    luck = torch.where(count > 0, above + 1, 0)
    inp = count.double() / last
    return Outcomes(first, ap, trapezoid, inp, count, _tied(scores, hits), luck)


def judged(
    ranking: Ranking, relevant: Tensor, *, lucky: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """The order (Q, P) that metrics count in, its scores, and where it is right; see `outcomes`."""
    if ranking.order.shape != relevant.shape:
        raise ValueError("metrics need a ranking of the whole gallery")
    right = relevant.gather(1, ranking.order)
    # A stable sort by (score, wrong before right): first by rightness, then by score.
    by_right = torch.sort(right.to(torch.uint8), dim=1, stable=True, descending=lucky).indices
    scores = settle(ranking.scores).gather(1, by_right)
    scores, again = torch.sort(scores, dim=1, descending=True, stable=True)
    order = by_right.gather(1, again)
    return ranking.order.gather(1, order), scores, right.gather(1, order)


def _tied(scores: Tensor, hits: Tensor) -> Tensor:
    """(Q,): wrong photos in a run of equal scores that holds a right one; descending scores."""
    level = scores[:, 1:] == scores[:, :-1]
    mixed = level & (hits[:, 1:] != hits[:, :-1])
    tied = torch.zeros(len(scores), dtype=torch.int64)
    for row in mixed.any(1).nonzero()[:, 0].tolist():  # hardly any
        runs = torch.cat([torch.zeros(1, dtype=torch.int64), (~level[row]).cumsum(0)])
        with_right = torch.zeros(int(runs[-1]) + 1, dtype=torch.bool)
        with_right[runs[hits[row]]] = True
        tied[row] = (with_right[runs] & ~hits[row]).sum()
    return tied


def check_ap(ap: str) -> Ap:
    """Raises BadRecipe for an unknown definition of average precision."""
    for known in APS:
        if ap == known:
            return known
    raise BadRecipe(f"no average precision is called {ap!r}; there are {', '.join(APS)}")


def summary(found: Outcomes, ks: tuple[int, ...] = KS, ap: Ap = "standard") -> dict[str, float]:
    """Rank-k, R-Sum (the sum of these), mAP and mINP in percent over the queries that have a right
    photo.

    ap: with "trapezoid" "mAP-trapezoid" too, beside "mAP" and never in its place: the two are not
    comparable. Raises BadData when no query has a right photo.
    """
    asked = found.right > 0
    if not bool(asked.any()):
        raise BadData("no query has a right photo in this gallery; check the person ids")
    first = found.first[asked]
    share = {f"rank-{k}": (first <= k).double().mean() for k in ks}
    share["R-Sum"] = torch.stack(list(share.values())).sum()
    share["mAP"] = found.ap[asked].mean()
    if ap == "trapezoid":
        share["mAP-trapezoid"] = found.trapezoid[asked].mean()
    share["mINP"] = found.inp[asked].mean()
    return {name: round(float(value) * 100, 4) for name, value in share.items()}
