"""Rank-k, mAP (in two definitions) and mINP from full rankings, block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from passerby.errors import BadData
from passerby.ranking.order import settle
from passerby.types import Ranking


@dataclass(frozen=True)
class Outcomes:
    """What became of each query, (Q,) each.

    first: rank (from 1) of the first right photo, 0 where the gallery holds none. ap: average
    precision, mean over right photos of (right so far / rank). trapezoid: the same with the mean of
    that precision and the one just before the photo (1 at rank 1), as Market-1501's evaluator, SSAN
    and IVT; never above ap. inp: right photos / rank of the last of them (Ye et al. 2021). right:
    number of right photos.
    """

    first: Tensor
    ap: Tensor
    trapezoid: Tensor
    inp: Tensor
    right: Tensor

    @staticmethod
    def cat(blocks: Iterable[Outcomes]) -> Outcomes:
        rows = list(blocks)
        names = [field.name for field in fields(Outcomes)]
        return Outcomes(*(torch.cat([getattr(row, name) for row in rows]) for name in names))


def outcomes(ranking: Ranking, relevant: Tensor) -> Outcomes:
    """How each query fares in a ranking of the whole gallery.

    relevant: bool (Q, P), by the gallery's positions. Among equal scores wrong photos count first,
    so that a model which gives every photo one score gains nothing from the gallery's order.
    """
    if ranking.order.shape != relevant.shape:
        raise ValueError("metrics need a ranking of the whole gallery")
    right = relevant.gather(1, ranking.order)
    # A stable sort by (score, wrong before right): first by rightness, then by score.
    wrong_first = torch.sort(right.to(torch.uint8), dim=1, stable=True).indices
    scores = settle(ranking.scores).gather(1, wrong_first)
    again = torch.sort(scores, dim=1, descending=True, stable=True).indices
    hits = right.gather(1, wrong_first).gather(1, again)

    places = torch.arange(1, hits.shape[1] + 1, dtype=torch.float64)
    count = hits.sum(1)
    some = count.clamp(min=1).double()
    precision = hits.cumsum(1).double() / places
    ap = (precision * hits).sum(1) / some
    before = (hits.cumsum(1) - 1) / (places - 1)  # where a right photo stands
    before[:, :1] = 1
    trapezoid = (ap + before.mul_(hits).sum(1) / some) / 2
    last = (hits * places).amax(1).clamp(min=1)
    first = torch.where(count > 0, hits.to(torch.uint8).argmax(1) + 1, 0)
    return Outcomes(first, ap, trapezoid, count.double() / last, count)


def summary(
    found: Outcomes, ks: tuple[int, ...] = (1, 5, 10), trapezoid: bool = False
) -> dict[str, float]:
    """Rank-k, mAP and mINP in percent over the queries that have a right photo.

    trapezoid: "mAP-trapezoid" too, beside "mAP" and never in its place: the two are not comparable.
    Raises BadData when no query has a right photo.
    """
    asked = found.right > 0
    if not bool(asked.any()):
        raise BadData("no query has a right photo in this gallery; check the person ids")
    first = found.first[asked]
    share = {f"rank-{k}": (first <= k).double().mean() for k in ks}
    share["mAP"] = found.ap[asked].mean()
    if trapezoid:
        share["mAP-trapezoid"] = found.trapezoid[asked].mean()
    share["mINP"] = found.inp[asked].mean()
    return {name: round(float(value) * 100, 4) for name, value in share.items()}
