"""Rank lists as one HTML page that needs nothing else: light and dark, worst first.

Each thumbnail is in the page once, as a style that rows name. The first rows are written as HTML;
the others are data, of which the page's script makes rows as one scrolls.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

from passerby.errors import shown
from passerby.reports.drawing import drawings
from passerby.types import Report

TOP = 10  # photos of a query that are shown
WRITTEN = 50  # queries that are there without JavaScript
MOST = 10_000  # queries of a page
ROOM = 20 << 20  # characters of thumbnails that a page may hold
_KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"RIFF": "webp"}
_FORM = """<form id="form" hidden><label>order <select name="order">
<option value="worst">worst first</option><option value="margin">smallest margin first</option>
<option value="id">by query</option><option value="best">best first</option></select></label>
<label><input type="checkbox" name="only"> failures only</label>
<label><input type="search" name="words" placeholder="words of a query, an id, a person"
 aria-label="words of a query, an id, a person"></label><output name="count"></output></form>"""
_LEGEND = (
    "Framed green ✓: a photo of the person that the sentence tells of; red ✗: of somebody else. "
    "A failure is a query whose first photo is wrong. Margin: the score of the best right photo "
    "less that of the best wrong one, among those shown; the last one's where there is none."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo among a query's first ones. person: as the data set names it. right: hers or his."""

    photo: str
    person: str | None
    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and what came of it.

    hits: its first photos, best first (10 are shown). first: rank (from 1) of the first right
    photo, 0 where the gallery holds none. ap: average precision, 0 to 1. right: right photos in
    the gallery.
    """

    id: str
    text: str
    person: str
    hits: tuple[Shown, ...]
    first: int
    ap: float
    right: int

    @property
    def failed(self) -> bool:
        return self.first > 1


def write_rank_page(
    path: Path,
    queries: Sequence[Asked],
    thumbs: Callable[[str], bytes | None],
    title: str,
    notes: Sequence[str] = (),
    report: Report | None = None,
) -> None:
    """Writes one HTML file, of some 30 MB at most: where there is more, the worst queries.

    thumbs: of a photo's id its thumbnail (JPEG, PNG or WebP), None where it cannot be had; asked
    once a photo. notes: lines on how the numbers were made, of a report `told.lines`. report: its
    metrics are the summary, its curves are drawn.
    """
    worst = sorted(queries, key=lambda query: (-query.first, query.ap, query.id))
    album = _Album(thumbs)
    entries = [_entry(query, album) for query in worst[:MOST] if album.takes(query)]
    failures = sum(query.failed for query in queries)
    unasked = sum(not query.right for query in queries)
    told = [*notes, f"The first photo of {failures} queries is wrong."]
    if unasked and report is None:  # its notes tell of them
        told.append(f"{unasked} queries have no right photo in the gallery and do not count.")
    if len(entries) < len(queries):
        told.append(f"The worst {len(entries)} are shown, as a page with all would be too large.")
    data = _json({"photos": album.names, "queries": entries})
    script = _beside("page.js")
    path.write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">'
        f"<title>{_text(title)}</title><style>{_beside('page.css')}</style></head><body><main>"
        f"<h1>{_text(title)}</h1>"
        + "".join(f'<p class="note">{_text(note)}</p>' for note in [*told, _LEGEND])
        + (_numbers(report) + drawings(report.curves) if report is not None else "")
        + _FORM
        + f'<div id="queries">{"".join(_section(e, album) for e in entries[:WRITTEN])}</div>'
        + _unwritten(len(entries))
        + f'<p id="more"></p><template id="row">{_section(_BLANK, album)}</template></main>'
        f"<style>{''.join(album.styles)}</style>"
        f'<script type="application/json" id="data">{data}</script>'
        f"<script>{script}</script></body></html>\n",
        encoding="utf-8",
    )


class _Album:
    """The photos that a page shows, numbered as they come, with a style for each thumbnail."""

    def __init__(self, thumbs: Callable[[str], bytes | None]) -> None:
        self.thumbs = thumbs
        self.places: dict[str, int] = {}
        self.names: list[tuple[str, str]] = []
        self.styles: list[str] = []
        self.size = 0

    def takes(self, query: Asked) -> bool:
        """Whether there is still room; if so the query's photos are in."""
        if self.size > ROOM:
            return False
        for hit in query.hits[:TOP]:
            if hit.photo not in self.places:
                self.places[hit.photo] = place = len(self.names)
                person = "" if hit.person is None else f"person {hit.person}"
                self.names.append((_line(hit.photo), _line(person)))
                self.styles.append(_style(place, self.thumbs(hit.photo)))
                self.size += len(self.styles[-1])
        return True


def _style(place: int, picture: bytes | None) -> str:
    """Nothing for what is no picture: the photo's frame stays empty."""
    kind = next((k for head, k in _KINDS.items() if (picture or b"").startswith(head)), None)
    if picture is None or kind is None:
        return ""
    data = base64.b64encode(picture).decode("ascii")
    return f".p{place}{{background-image:url(data:image/{kind};base64,{data})}}\n"


_BLANK: dict[str, Any] = {"text": "", "told": "", "failed": False, "hits": [(0, "", False)]}


def _entry(query: Asked, album: _Album) -> dict[str, Any]:
    """A query as the script reads it."""
    margin = _margin(query.hits[:TOP]) if query.right else None
    rank = f"first right photo at rank {query.first}" if query.first else "no right photo"
    told = [rank, f"AP {100 * query.ap:.1f} %", f"{query.right} right in the gallery"]
    told += [] if margin is None else [f"margin {margin:.3f}"]
    told += [f"query {query.id}", f"person {query.person}"]
    return {
        "id": _line(query.id),
        "text": _line(query.text),
        "told": _line(" · ".join(told)),
        "failed": query.failed,
        "margin": margin,
        "hits": [(album.places[h.photo], f"{h.score:.3f}", h.right) for h in query.hits[:TOP]],
    }


def _margin(hits: Sequence[Shown]) -> float:
    """The best right score less the best wrong one; of a missing side the last score shown."""
    if not hits:
        return 0.0
    last = hits[-1].score
    best = {side: max((h.score for h in hits if h.right is side), default=last) for side in _SIDES}
    margin = best[True] - best[False]
    return round(margin, 6) if isfinite(margin) else 0.0


_SIDES = (True, False)


def _section(entry: dict[str, Any], album: _Album) -> str:
    items = "".join(
        _item(rank, photo, score, right, album)
        for rank, (photo, score, right) in enumerate(entry["hits"], 1)
    )
    return (
        f"<section{' class=failed' if entry['failed'] else ''}><h2>{escape(entry['text'])}</h2>"
        f'<p class="told">{escape(entry["told"])}</p><ol>{items}</ol></section>'
    )


def _item(rank: int, photo: int, score: str, right: bool, album: _Album) -> str:
    name, person = map(escape, album.names[photo] if score else ("", ""))
    return (
        f'<li class="{"right" if right else ""}" title="{name}"><i class="p{photo}" role="img" '
        f'aria-label="rank {rank}, {"right" if right else "wrong"}"></i><b>{rank} '
        f"{'✓' if right else '✗'} {score}</b><span>{person}</span><span>{name}</span></li>"
    )


def _unwritten(count: int) -> str:
    if count <= WRITTEN:
        return ""
    return f"<noscript>The {count - WRITTEN} queries after these need JavaScript.</noscript>"


def _numbers(report: Report) -> str:
    """The metrics in percent, each with its interval."""
    told = []
    for name, value in report.metrics.items():
        low, high = report.intervals.get(name, (None, None))
        span = "" if low is None else f" <small>[{low:.1f}, {high:.1f}]</small>"
        told.append(f"<div><dt>{_text(name)}</dt><dd>{value:.2f}{span}</dd></div>")
    return f'<dl class="numbers">{"".join(told)}</dl>'


def _line(text: str) -> str:
    """On one line, controls escaped: captions hold newlines, ids bytes that are no UTF-8."""
    return shown(" ".join(text.split()))


def _text(text: str) -> str:
    return escape(_line(text))


def _json(data: object) -> str:
    """ASCII in which nothing ends the element that it stands in."""
    told = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """What the page may load: pictures that are in it, and run: this very script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    allowed = f"script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"
    return f"default-src 'none'; {allowed}"
