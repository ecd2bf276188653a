"""Anyone's arrays to a Report: measured as our own models are, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import torch
from torch import Tensor

from passerby.errors import BadData, shown
from passerby.ranking.metrics import Ap, Outcomes, outcomes, summary
from passerby.ranking.order import rank, settle
from passerby.ranking.scores import ScoreCounts
from passerby.reports.arrays import Arrays
from passerby.reports.duplicates import copies
from passerby.reports.intervals import DRAWS
from passerby.reports.made import NOT_KNOWN, PHOTO_TO_TEXT, TEXT_TO_PHOTO, TIES, protocol, report_of
from passerby.reports.pitfalls import Tails, findings, suspicious
from passerby.types import Ranking, Report

EXACT = "equal scores, wrong photos before right ones"


def judge(
    given: Arrays,
    *,
    ap: Ap = "standard",
    photo_to_text: bool = False,
    draws: int = DRAWS,
    block: int = 256,
) -> Report:
    """A Report of somebody's features or scores: every text is a query, the photos are the gallery.

    photo_to_text: the other way round. block: queries that are ranked at once. The card's
    "findings" are what `pitfalls` found, each {"name", "count", "said"}; "without_duplicates" the
    metrics without gallery rows that are there before, where there are any; "order_range" what
    ties are worth. Raises BadData when no query has a right photo.
    """
    _check_persons(given)
    asked = given.turned() if photo_to_text else given
    twice = None if photo_to_text else copies(given)
    drop = None if twice is None or not bool(twice.dropped.any()) else ~twice.dropped
    found, lucky, single = [], [], []
    counts, tails = ScoreCounts(), Tails()
    for rows, scores in asked.blocks(block):
        relevant = asked.relevant(rows)
        levels = scores if asked.resolution else steps(scores)
        ranking = rank(asked.texts[rows], asked.photos, levels)
        found.append(outcomes(ranking, relevant))
        lucky.append(_lucky(found[-1], ranking, relevant))
        if drop is not None:
            less = rank(asked.texts[rows], tuple(_kept(asked.photos, drop)), levels[:, drop])
            single.append(outcomes(less, relevant[:, drop]))
        counts.add(settle(scores) if asked.resolution else scores, relevant)
        tails.add(ranking, relevant, scores)
    whole, best = Outcomes.cat(found), Outcomes.cat(lucky)
    alone = None if drop is None else summary(Outcomes.cat(single), ap=ap)
    report = report_of(
        whole, asked.texts, asked.text_persons, ap=ap, counts=counts, draws=draws,
        card=_card(asked, ap, PHOTO_TO_TEXT if photo_to_text else TEXT_TO_PHOTO),
    )  # fmt: skip
    turned = _negated(asked, block) if suspicious(asked, whole, tails) else None
    seen = findings(asked, whole, best, tails, turned, twice, alone)
    extra = {"without_duplicates": alone} if alone else {}
    return report.with_card(
        ties=TIES if asked.resolution else EXACT,
        ap_forms=_forms(whole),
        order_range={"worst": summary(whole), "best": summary(best)},
        findings=[asdict(each) for each in seen],
        **extra,
    )


def steps(scores: Tensor) -> Tensor:
    """float64 (Q, P): each row's scores numbered from the least, equal ones alike.

    A matrix may be of any scale, so that no fixed difference is rounding: only order is kept.
    """
    ascending, order = scores.sort(dim=1)
    new = (ascending[:, 1:] != ascending[:, :-1]).cumsum(1).double()
    return torch.zeros_like(scores).scatter_(1, order[:, 1:], new)


def _lucky(found: Outcomes, ranking: Ranking, relevant: Tensor) -> Outcomes:
    """The outcomes if right photos came first among equal scores; worked out where some are."""
    at = found.tied.nonzero()[:, 0]
    if not len(at):
        return found
    names = tuple(ranking.queries[row] for row in at.tolist())
    some = Ranking(names, ranking.photos, ranking.order[at], ranking.scores[at])
    better = outcomes(some, relevant[at], lucky=True)
    where = torch.arange(len(found.first))
    where[at] = len(where) + torch.arange(len(at))
    return Outcomes.cat([found, better]).rows(where)


def _negated(asked: Arrays, block: int) -> Outcomes:
    """The outcomes if lower scores were better."""
    found = []
    for rows, scores in asked.blocks(block):
        ranking = rank(asked.texts[rows], asked.photos, steps(-scores))
        found.append(outcomes(ranking, asked.relevant(rows)))
    return Outcomes.cat(found)


def _kept(names: tuple[str, ...], keep: Tensor) -> Iterator[str]:
    return (name for name, kept in zip(names, keep.tolist(), strict=True) if kept)


def _check_persons(given: Arrays) -> None:
    """Raises BadData when no text is about a person of whom there is a photo."""
    if set(given.text_persons).isdisjoint(given.photo_persons):
        text, photo = shown(given.text_persons[0]), shown(given.photo_persons[0])
        raise BadData(
            f"no query has a right photo: no person of text_ids (such as {text!r}) is in image_ids "
            f"(such as {photo!r}); give both the same ids of persons"
        )


def _forms(found: Outcomes) -> dict[str, float]:
    """mAP in the definitions that papers print, in percent."""
    asked = found.right > 0
    named = {"standard": found.ap, "trapezoid": found.trapezoid}
    return {name: round(100 * float(each[asked].mean()), 4) for name, each in named.items()}


def _card(asked: Arrays, ap: Ap, direction: str) -> dict[str, object]:
    """How the numbers were made; whoever calls adds the file."""
    queries = zip(asked.texts, asked.text_persons, strict=True)
    gallery = zip(asked.photos, asked.photo_persons, strict=True)
    searched = "captions" if direction == PHOTO_TO_TEXT else "photos"
    return {
        "protocol": protocol(queries, gallery, direction=direction, ap=ap),
        "direction": direction,
        "queries": len(asked.texts),
        searched: len(asked.photos),
        "persons": len(set(asked.photo_persons)),
        "gallery": "as given",
        "query": "as given",
        "scores": asked.compared,
        "reranking": NOT_KNOWN if asked.similarity is not None else "none",
        "notes": list(asked.notes),
    }
