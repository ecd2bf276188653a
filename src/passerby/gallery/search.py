"""A query's journey: sentence, shortlist by vector, full similarity, stable order."""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from passerby.embedding import embed_texts
from passerby.errors import BadQuery, shown
from passerby.gallery.compare import Comparison
from passerby.gallery.metadata import read_time, utc
from passerby.gallery.names import to_path, valid
from passerby.gallery.store import Store, require_model
from passerby.gallery.version import ROW, Version
from passerby.method import Method

SHORTLIST = 200  # photos whose full similarity is computed; more when k or `exact` asks for it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Hit:
    """A photo that was found. rank: from 1. score: rounded to 1e-6. time: aware, UTC.

    thumbnail: JPEG bytes, at most 192x128.
    """

    rank: int
    path: Path
    score: float
    camera: str | None = None
    time: datetime | None = None
    person: str | None = None
    thumbnail: bytes = field(default=b"", repr=False, compare=False)

    def among(self, right: Collection[str]) -> bool:
        """Whether the photo's person or path is one of those named."""
        return str(self.path) in right or (self.person is not None and self.person in right)

    def record(self) -> dict[str, Any]:
        """Fields for JSON. A path that is no UTF-8 is escaped, its bytes are in path_bytes."""
        name = os.fsencode(self.path)
        text = name.decode("utf-8", "backslashreplace")
        exact = {} if text == str(self.path) else {"path_bytes": base64.b64encode(name).decode()}
        return {
            "rank": self.rank,
            "path": text,
            "score": self.score,
            "camera": self.camera,
            "time": None if self.time is None else self.time.isoformat(),
            "person": self.person,
            **exact,
        }


@dataclass(frozen=True)
class Answer:
    """What a gallery answers. notes: one line each, of what the user should know.

    photos: how many pass the filters. compared: those of them whose full similarity was computed.
    exact: whether it is certain that comparing the others as well would change nothing. spans:
    where the phrases stand that photos were compared with one by one, query[start:end].
    """

    query: str
    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    compared: int = 0
    photos: int = 0
    exact: bool = True
    spans: tuple[tuple[int, int], ...] = ()

    def record(self) -> dict[str, Any]:
        """{"query", "results": [{"rank", "path", "score", "camera", "time", "person"}], "notes",
        "compared", "photos", "exact", "phrases": [{"text", "start", "end"}]}
        """
        return {
            "query": self.query,
            "results": [hit.record() for hit in self.hits],
            "notes": list(self.notes),
            "compared": self.compared,
            "photos": self.photos,
            "exact": self.exact,
            "phrases": [
                {"text": self.query[start:end], "start": start, "end": end}
                for start, end in self.spans
            ],
        }


class Searcher:
    """A method and the gallery that it made. Each query sees the newest whole version.

    Raises BadGallery when another model made the gallery.
    """

    def __init__(self, method: Method, store: Store, shortlist: int = SHORTLIST) -> None:
        require_model(store.path, store, method.fingerprint, "")
        self.method, self.store, self.shortlist = method, store, shortlist

    def search(
        self,
        sentence: str,
        k: int = 10,
        camera: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """The k photos most like the sentence, best first; see `answer`."""
        return list(self.answer(sentence, k, camera, after, before, exact).hits)

    def answer(
        self,
        sentence: str,
        k: int = 10,
        camera: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        exact: bool = False,
    ) -> Answer:
        """The k photos most like the sentence among those of a camera, taken at `after` or later
        and earlier than `before`; a photo without a time passes neither. All, when k is more.

        Compared in full are the `shortlist` nearest by vector; with `exact` more, until the rest
        is certain to change nothing (docs/why/exact-search.md). Times are datetimes or ISO 8601,
        UTC when naive. Equal scores are in order of path. Raises BadQuery for an empty sentence, k
        below 1, a time that is none.
        """
        sentence = valid(sentence)
        if not any(letter.isalnum() for letter in sentence):
            raise BadQuery(
                "the sentence has no words; describe a person, e.g. 'a woman in a red coat'"
            )
        if k < 1:
            raise BadQuery(f"k is {k}; ask for 1 photo or more")
        where = _where(camera, after, before)
        version = self.store.newest()
        text = embed_texts(self.method, [sentence])
        found = Comparison(self.method, version, text, where, max(self.shortlist, k))
        k_there = min(k, found.photos)
        while exact and not found.certain(k_there):
            found.go_on()
        hits = _hits(version, found.best(k_there)) if k_there else ()
        certain = found.certain(k_there)
        notes = self.method.notes(sentence)
        if len(hits) < k:
            notes = [*notes, _few(version, len(hits), k, camera, where is not None)]
        if not certain:
            notes = [*notes, _partly(found)]
        spans = tuple(self.method.spans(sentence))
        return Answer(sentence, hits, tuple(notes), found.compared, found.photos, certain, spans)


def _hits(version: Version, best: Sequence[tuple[int, float]]) -> tuple[Hit, ...]:
    """Row numbers and scores, best first, with what a user sees of the photos."""
    columns = ["path", "camera", "time", "person", "thumbnail"]
    found = version.take(np.array([row for row, _ in best], np.uint64), columns)
    records = {record[ROW]: record for record in found.to_pylist()}
    return tuple(
        Hit(
            place,
            to_path(records[row]["path"]),
            round(score, 6),
            records[row]["camera"],
            records[row]["time"],
            records[row]["person"],
            records[row]["thumbnail"],
        )
        for place, (row, score) in enumerate(best, start=1)
    )


def _few(version: Version, found: int, k: int, camera: str | None, filtered: bool) -> str:
    total = version.count()
    if total == 0:
        return "the gallery holds no photos yet; run passerby index to fill it"
    if not filtered:
        return f"the gallery holds {found} photos, fewer than the {k} asked for: all are shown"
    note = f"{found} of {total} photos pass the filters, fewer than the {k} asked for"
    if camera is not None and camera not in (there := version.cameras()):
        names = ", ".join(map(shown, there[:10])) + (", ..." if len(there) > 10 else "")
        note += f"; no photo is of camera {shown(camera)} (there are: {names or 'none'})"
    return note


def _partly(found: Comparison) -> str:
    return (
        f"only the {found.compared:,} photos nearest by vector, of {found.photos:,}, were compared "
        "in full; --exact compares until the answer is certain"
    )


def _where(
    camera: str | None, after: datetime | str | None, before: datetime | str | None
) -> str | None:
    """SQL that rows must pass; None when all do. A comparison with a missing time is not true."""
    clauses = []
    if camera is not None:
        quoted = valid(camera).replace("'", "''")
        clauses.append(f"camera = '{quoted}'")
    start, end = _time("after", after), _time("before", before)
    if start is not None and end is not None and start >= end:
        raise BadQuery(f"no time is after {start.isoformat()} and before {end.isoformat()}; swap")
    for sign, time in ((">=", start), ("<", end)):
        if time is not None:
            clauses.append(f"time {sign} {_literal(time)}")
    return " AND ".join(clauses) or None


def _literal(time: datetime) -> str:
    # A timestamp literal would be in nanoseconds, which end in the year 2262.
    past = time - _EPOCH
    micros = (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds
    return f"arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')"


def _time(name: str, time: datetime | str | None) -> datetime | None:
    try:
        return None if time is None else read_time(time) if isinstance(time, str) else utc(time)
    except ValueError:
        raise BadQuery(
            f"--{name} {shown(str(time))!r} is not a time; write ISO 8601, e.g. "
            "2026-05-01T13:45:00Z (UTC when no offset is given)"
        ) from None
