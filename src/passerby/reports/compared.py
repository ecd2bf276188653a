"""Two reports of one protocol, compared query by query; reports of two protocols are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from passerby.errors import BadData, shown
from passerby.reports.intervals import PAIRED_DRAWS, Difference, metric_columns, paired
from passerby.reports.made import FEW, NOT_KNOWN
from passerby.types import Report

# What of a protocol must be equal, how it is told, and what to do about it.
SHARED = {
    "direction": ("direction", "compare two reports of one direction"),
    "rerank": ("re-ranking", "compare plain with plain, or the same re-ranking in both"),
    "queries": ("queries (a fingerprint)", "evaluate both on the same split of the same data"),
    "gallery": ("gallery (a fingerprint)", "evaluate both on the same split of the same data"),
    "texts": ("captions (a fingerprint)", "evaluate both on the same split of the same data"),
    "ap": ("average precision", "evaluate both with the same --ap"),
}
NEEDED = SHARED.keys() - {"texts"}  # which who has features alone does not know
AGAIN = "evaluate that model again, then compare"


@dataclass(frozen=True)
class Row:
    """A metric of both reports in percent, and the difference b - a."""

    metric: str
    a: float
    b: float
    difference: Difference

    @property
    def word(self) -> str:
        """ "A is better", "B is better" or "no difference shown"."""
        if not self.difference.shown:
            return "no difference shown"
        return "B is better" if self.difference.difference > 0 else "A is better"

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        held = {"metric": self.metric, "a": self.a, "b": self.b}
        return {**held, **asdict(self.difference), "word": self.word}


@dataclass(frozen=True)
class Comparison:
    """rows: one a metric. queries, persons: how many were compared, and whose they are. notes: what
    a reader should know, one line each."""

    rows: tuple[Row, ...]
    queries: int
    persons: int
    draws: int
    notes: tuple[str, ...]


def compare(
    a: Report, b: Report, names: tuple[str, str] = ("A", "B"),
    draws: int = PAIRED_DRAWS, seed: int = 0,
) -> Comparison:  # fmt: skip
    """The paired bootstrap by persons of each metric, b against a.

    names: of the reports, for the messages. Raises BadData, naming both values, for reports of
    other protocols; for a report without its queries, or whose metrics are not theirs; for queries
    of fewer than two persons.
    """
    mine, theirs = (_columns(report, name) for report, name in zip((a, b), names, strict=True))
    unlike = _unlike(mine["id"], theirs["id"], names)
    ap = _check_protocols(a.card["protocol"], b.card["protocol"], names, unlike)
    theirs = _in_order(mine, theirs, names, unlike)
    for report, columns, name in zip((a, b), (mine, theirs), names, strict=True):
        _check_metrics(report, columns, ap, name)
    found = paired(mine, theirs, mine["person"], draws, seed, ap)
    counted = {who for who, right in zip(mine["person"], mine["right"], strict=True) if right}
    if not found:
        raise BadData(
            f"{shown(names[0])}: the queries are of {len(counted)} person, and an interval needs "
            "two or more; compare on a larger split"
        )
    rows = tuple(
        Row(metric, a.metrics[metric], b.metrics[metric], difference)
        for metric, difference in found.items()
        if metric in a.metrics and metric in b.metrics
    )
    asked = sum(right > 0 for right in mine["right"])
    return Comparison(rows, asked, len(counted), draws, tuple(_notes(a, b, names, len(counted))))


def _columns(report: Report, name: str) -> Mapping[str, list[Any]]:
    """A report's queries; refused where it has none, or no protocol."""
    protocol = report.card.get("protocol")
    if report.queries is None or not isinstance(protocol, dict) or NEEDED - protocol.keys():
        raise BadData(
            f"{shown(name)}: a report without its single queries (an older one?); {AGAIN}"
        )
    return report.queries


def _check_protocols(
    a: Mapping[str, Any], b: Mapping[str, Any], names: tuple[str, str], unlike: str
) -> str:
    """The definition of average precision that both share. unlike: as `_unlike` tells it."""
    for key, (what, remedy) in SHARED.items():
        if key in a and key in b and a[key] != b[key]:
            told = zip((a, b), names, strict=True)
            said = ", ".join(f"{_said(key, own[key])} in {shown(name)}" for own, name in told)
            said += unlike if key == "queries" else ""
            raise BadData(f"not of one protocol, {what}: {said}; {remedy}")
    return str(a["ap"])


def _unlike(a: list[str], b: list[str], names: tuple[str, str]) -> str:
    """An id of either side that the other has not; empty where their ids are the same."""
    told = []
    for own, other, name in ((a, set(b), names[0]), (b, set(a), names[1])):
        lost = next((query for query in own if query not in other), None)
        told += [] if lost is None else [f"{shown(lost)[:60]!r} in {shown(name)} alone"]
    return f" (names differ: {', '.join(told)})" if told else ""


def _check_metrics(report: Report, columns: Mapping[str, list[Any]], ap: str, name: str) -> None:
    """A file whose metrics are not those of its queries was put together by hand."""
    metrics, values, counted = metric_columns(columns, ap)
    if not counted.any():
        raise BadData(f"{shown(name)}: no query has a right photo; {AGAIN}")
    for metric, value in zip(metrics, 100 * values[counted].mean(0), strict=True):
        told = report.metrics.get(metric, value)
        if abs(told - value) > 1e-3:
            raise BadData(
                f"{shown(name)}: {metric} is {told:.2f}, but {value:.2f} by its queries; {AGAIN}"
            )


def _said(key: str, value: Any) -> str:
    if value is None:
        return "none"
    return shown(str(value))[:12] if key in ("queries", "gallery", "texts") else shown(str(value))


def _in_order(
    a: Mapping[str, list[Any]], b: Mapping[str, list[Any]], names: tuple[str, str], unlike: str
) -> dict[str, list[Any]]:
    """b's columns in the order of a's queries; both tell the same of what does not depend on a
    model, else a file is not what its card says."""
    if unlike:
        raise BadData(
            f"the queries differ: {len(a['id'])} in {shown(names[0])}, {len(b['id'])} in "
            f"{shown(names[1])}{unlike}; {SHARED['queries'][1]}"
        )
    place = {query: n for n, query in enumerate(b["id"])}
    order = [place[query] for query in a["id"]]
    ordered = {name: [column[n] for n in order] for name, column in b.items()}
    for name, what in (("person", "person"), ("right", "number of right photos")):
        for query, one, other in zip(a["id"], a[name], ordered[name], strict=True):
            if one != other:
                raise BadData(
                    f"the {what} of query {shown(query)!r} differs: {shown(str(one))} in "
                    f"{shown(names[0])}, {shown(str(other))} in {shown(names[1])}; "
                    f"{SHARED['gallery'][1]}"
                )
    return ordered


def _notes(a: Report, b: Report, names: tuple[str, str], persons: int) -> list[str]:
    told = [
        "p is of one metric, not corrected for several metrics or comparisons.",
        "It tells of other people with these two models, not of another training seed.",
    ]
    if persons < FEW:
        told.append(f"{persons} persons are few: intervals of so few are too narrow.")
    if a.card.get("weights") is not None and a.card.get("weights") == b.card.get("weights"):
        told.append("Both reports are of the same weights.")
    told += [
        f"{shown(name)} was made of scores as given: whether they are re-ranked is not known."
        for report, name in zip((a, b), names, strict=True)
        if report.card.get("reranking") == NOT_KNOWN
    ]
    ties = [report.card.get("ties") for report in (a, b)]
    if None not in ties and ties[0] != ties[1]:
        pairs = zip(ties, names, strict=True)
        told.append("Ties differ: " + "; ".join(f"{each} in {shown(n)}" for each, n in pairs) + ".")
    unasked = a.card.get("queries_without_right_photo")
    if unasked:
        told.append(f"{unasked} queries have no right photo and do not count.")
    return told
