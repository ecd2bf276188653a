"""What a report says in words, a line each, beside its table."""

from __future__ import annotations

from passerby.reports.made import FEW, PHOTO_TO_TEXT
from passerby.types import Report


def lines(report: Report) -> list[str]:
    """What was asked; queries without a right photo; ties; a curve left out; few persons."""
    card = report.card
    told = [_asked(report)]
    unasked = card.get("queries_without_right_photo")
    if unasked:
        right = "caption" if card.get("direction") == PHOTO_TO_TEXT else "photo"
        told.append(f"{unasked} queries have no right {right} and do not count")
    tied = card.get("tied", {})
    if tied.get("queries"):
        told.append(
            f"{tied['queries']} queries have wrong answers with the score of a right one; these "
            f"count first: Rank-1 is {report.metrics['rank-1']:.2f}, and would be "
            f"{tied['rank-1 if lucky']:.2f} if all were lucky"
        )
    if "roc" in card:
        told.append(f"ROC curve {card['roc']}")
    if "intervals" in card:
        told.append(_sure(card["intervals"]["persons"]))
    return told


def cell(report: Report, metric: str, digits: int = 2) -> str:
    """ "55.50 [53.10, 57.90]", or the number alone where there is no interval."""
    value = f"{report.metrics[metric]:.{digits}f}"
    if metric not in report.intervals:
        return value
    low, high = report.intervals[metric]
    return f"{value} [{low:.{digits}f}, {high:.{digits}f}]"


def _asked(report: Report) -> str:
    card = report.card
    if card.get("direction") == PHOTO_TO_TEXT:
        return f"{card['queries']} photos as queries, {card['captions']} captions searched"
    return f"{card['queries']} queries, {card['photos']} photos, {card['persons']} persons"


def _sure(persons: int) -> str:
    if persons < 2:
        return "no intervals: all queries are of one person, and persons are what is drawn again"
    few = "; so few that they are too narrow" if persons < FEW else ""
    return f"[low, high]: 95 % intervals, by drawing the {persons} persons again{few}"
