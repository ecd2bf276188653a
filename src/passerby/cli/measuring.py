"""A data set measured for `passerby evaluate`: every report that was asked for, written at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from passerby.evaluation import Rerank
    from passerby.method import Method
    from passerby.ranking.metrics import Ap
    from passerby.ranking.rerank import Reranker
    from passerby.types import Report, Split


@dataclass(frozen=True)
class Asking:
    """What is measured of every data set."""

    split: str
    rerank: str | None
    ap: Ap
    photo_to_text: bool
    batch: int
    workers: int


@dataclass(frozen=True)
class Place:
    """A data set's short name, what cards tell of the making, and where its numbers go."""

    name: str
    made: dict[str, Any]
    out: Path | None
    html: Path | None


class Made(NamedTuple):
    """kind: of re-ranking, "photo-to-text", or None for plain numbers. title: what a table of other
    than plain numbers is called. out: its file."""

    kind: str | None
    title: str
    report: Report
    out: Path | None


@dataclass(frozen=True)
class Measured:
    """domain: as `reports.domains` says it. reports: plain first. told: lines about the data set,
    beside those about each report."""

    name: str
    domain: str
    reports: list[Made]
    told: list[str]


def measure(
    method: Method, split: Split, val: Split | None, asking: Asking, place: Place
) -> Measured:
    """Plain, then re-ranked as `val` tunes it, then photo-to-text, as far as asked for."""
    from passerby.cli.evaluate import beside
    from passerby.cli.meter import Meter
    from passerby.cli.rank_lists import RankLists
    from passerby.errors import shown
    from passerby.evaluation import evaluate_each
    from passerby.reports.domains import domain
    from passerby.reports.made import PHOTO_TO_TEXT
    from passerby.reports.told import lines

    reranks: list[Rerank | None] = [None]
    kinds: list[tuple[str | None, str]] = [(None, "")]
    if val is not None and asking.rerank is not None:
        tuned = _tuned(method, val, asking)
        reranks.append(tuned)
        kinds.append((tuned.kind, "re-ranked: " + str(tuned)))
    turned = asking.photo_to_text
    lists = RankLists(split) if place.html is not None else None
    with Meter("embedding") as meter:
        reports = evaluate_each(
            method, split, reranks,
            batch=asking.batch, workers=asking.workers, ap=asking.ap,
            photo_to_text=turned,
            listen=None if lists is None else lists.hear, progress=meter.hear,
        )  # fmt: skip
    kinds += [(PHOTO_TO_TEXT, "photo-to-text: every photo asks, captions answer")] * turned
    left_out = [*split.left_out, *method.left_out([caption.text for caption in split.captions])]
    where = domain(place.made["trained_on"], place.made["data"])
    made = []
    for (kind, title), report in zip(kinds, reports, strict=True):
        path = place.out if kind is None else beside(place.out, kind)
        report = report.with_card(**place.made, domain=where, left_out=left_out)
        if path is not None:
            report.write(path)
        made.append(Made(kind, title, report, path))
    told = [_domain(place.made["trained_on"], where), *left_out]
    if turned and asking.rerank is not None:
        told.append("photo-to-text is not re-ranked: re-ranking compares photos of the gallery")
    if lists is not None and place.html is not None:
        title = f"{place.made['model']} on {place.made['data']} {asking.split}"
        lists.write(place.html, reports[0], title, [*lines(reports[0]), *told])
        told.append(f"page: {shown(place.html)}")
    return Measured(place.name, where, made, told)


def _tuned(method: Method, val: Split, asking: Asking) -> Reranker:
    from passerby.cli.meter import Meter
    from passerby.tuning import tune

    with Meter("embedding val") as meter:
        tuned = tune(
            method, val, str(asking.rerank),
            batch=asking.batch, workers=asking.workers, progress=meter.hear,
        )  # fmt: skip
    return replace(tuned, tuned_on="val")


def _domain(trained: str | None, where: str) -> str:
    if trained is None:
        return "trained on: not known, as no recipe.json lies beside the model"
    return f"trained on {trained}: {where}"
