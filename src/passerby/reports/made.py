"""Everything that a Report tells, from what became of its queries, whoever ranked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from passerby.ranking.metrics import Ap, Outcomes, outcomes, summary
from passerby.ranking.scores import ScoreCounts
from passerby.reports.intervals import DRAWS, intervals
from passerby.types import Ranking, Report

TEXT_TO_PHOTO, PHOTO_TO_TEXT = "text-to-photo", "photo-to-text"
SEED = 0
FEW = 30  # persons below which an interval is itself uncertain, and said to be

# How a card tells of average precision.
STANDARD = "mean precision at each right photo"
TRAPEZOID = (
    "mAP-trapezoid: mean of the precisions just before and at each right photo, lower than mAP for "
    "the same ranking; to be compared only with papers that use it (IVT, SSAN)"
)
NOT_KNOWN = "not known: as given"
CROWDED = "left out: scores too close together for a curve"
TIES = "scores rounded to 1e-6, wrong photos before right ones"


def report_of(
    found: Outcomes,
    queries: Sequence[str],
    persons: Sequence[str],
    *,
    ap: Ap = "standard",
    counts: ScoreCounts | None = None,
    card: Mapping[str, Any],
    draws: int = DRAWS,
) -> Report:
    """Metrics, intervals, queries, curves and card.

    found: of all queries. queries, persons: their ids and their persons' ids, in the same order.
    counts: of the scores of all pairs, where curves are wanted. card: how the ranking was made,
    with "protocol" as `protocol` makes it; average precision, ties and intervals are told here.
    draws: of the bootstrap; 0 for metrics and card alone. Raises BadData when no query has a
    right photo.
    """
    metrics = summary(found, ap=ap)
    told = {
        "ties": TIES,
        **card,
        "queries_without_right_photo": int((found.right == 0).sum()),
        "ap": f"{STANDARD}; {TRAPEZOID}" if ap == "trapezoid" else STANDARD,
        "tied": ties(found),
    }
    if not draws:
        return Report(metrics, told)
    judged = zip(persons, found.right.tolist(), strict=True)
    told["intervals"] = {
        "level": 95,
        "by": "bootstrap of persons",
        "draws": draws,
        "seed": SEED,
        "persons": len({person for person, right in judged if right}),
    }
    columns = {
        "id": list(queries),
        "person": list(persons),
        "first": found.first.tolist(),
        **{name: _short(getattr(found, name).tolist()) for name in ("ap", "trapezoid", "inp")},
        "right": found.right.tolist(),
    }
    if counts is not None and not counts.clear:
        told["roc"] = CROWDED
    curves = counts.curves() if counts is not None else None
    return Report(metrics, told, intervals(found, persons, draws, SEED, ap), columns, curves)


class Gathered:
    """What is kept of a ranking that comes block by block, its queries in any order.

    queries: (id, person) of each, in the order of the report. curves: whether scores are counted.
    """

    def __init__(self, queries: Sequence[tuple[str, str | None]], *, curves: bool = True) -> None:
        self.queries = queries
        self.rows: list[Tensor] = []
        self.found: list[Outcomes] = []
        self.counts = ScoreCounts() if curves else None

    def add(self, rows: Tensor, ranking: Ranking, relevant: Tensor) -> None:
        """rows: int64 (Q,), which queries these are. relevant: bool (Q, P), as in `outcomes`."""
        self.rows.append(rows)
        self.found.append(outcomes(ranking, relevant))
        if self.counts is not None:
            self.counts.add(ranking.scores, relevant.gather(1, ranking.order))

    def report(self, *, ap: Ap, draws: int, card: Mapping[str, Any]) -> Report:
        """As `report_of`, when all queries were added."""
        found = Outcomes.cat(self.found).rows(torch.cat(self.rows).argsort())
        ids, persons = ([name or "" for name in side] for side in zip(*self.queries, strict=True))
        return report_of(found, ids, persons, ap=ap, counts=self.counts, card=card, draws=draws)


def ties(found: Outcomes) -> dict[str, float]:
    """{"queries": with wrong photos that have the score of a right one, "rank-1 if lucky"}: these
    photos stand before right ones; had they all stood behind, Rank-1 would be the second, in
    percent. Only counted where right photos are."""
    asked = found.right > 0
    lucky = (found.lucky[asked] == 1).double().mean() if bool(asked.any()) else 0.0
    return {"queries": int((found.tied > 0).sum()), "rank-1 if lucky": round(100 * float(lucky), 4)}


def protocol(
    queries: Iterable[tuple[str, str | None]],
    gallery: Iterable[tuple[str, str | None]],
    *,
    direction: str = TEXT_TO_PHOTO,
    rerank: str | None = None,
    ap: Ap = "standard",
    texts: Iterable[tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """What two reports must share to be compared, for a card.

    queries, gallery: (id, person) of each, in any order: told as a sha256. rerank: the kind of
    re-ranking, None without. texts: (id, text) of each caption, where they are known: data sets
    may have the same ids and other words.
    """
    told: dict[str, Any] = {
        "direction": direction,
        "queries": fingerprint(queries),
        "gallery": fingerprint(gallery),
        "rerank": rerank,
        "ap": ap,
    }
    return told if texts is None else {**told, "texts": fingerprint(texts)}


def fingerprint(named: Iterable[tuple[str, str | None]]) -> str:
    """A sha256 over ids with their persons (or texts), in any order."""
    pairs = sorted([name, person or ""] for name, person in named)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def _short(values: Sequence[float]) -> list[float]:
    """Nine digits: a report of 6,156 queries stays below a megabyte."""
    return [round(value, 9) for value in values]
