"""A query's journey: sentence, shortlist by vector, full similarity, stable order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from passerby.embedding import embed_texts
from passerby.errors import BadQuery, shown
from passerby.gallery.answer import UNJUDGED, Answer, Hit, Match, hardly_read
from passerby.gallery.background import Background
from passerby.gallery.compare import Comparison
from passerby.gallery.metadata import read_time, utc
from passerby.gallery.names import to_path, valid
from passerby.gallery.store import Store, require_model
from passerby.gallery.version import ROW, Version
from passerby.method import Method

SHORTLIST = 200  # photos whose full similarity is computed; more when k or `exact` asks for it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Searcher:
    """A method and the gallery that it made. Each query sees the newest whole version.

    Raises BadGallery when another model made the gallery.
    """

    def __init__(self, method: Method, store: Store, shortlist: int = SHORTLIST) -> None:
        require_model(store.path, store, method.fingerprint, "")
        self.method, self.store, self.shortlist = method, store, shortlist
        self._background = Background()

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
        UTC when naive. Equal scores are in order of path. With a model that is calibrated photos
        have a probability, which no filter changes: its background is the whole gallery. Raises
        BadQuery for an empty sentence, k below 1, a time that is none.
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
        hits, match, said = self._judged(found, hits, sentence)
        notes = [*said, *self.method.notes(sentence)]
        if len(hits) < k:
            notes = [*notes, _few(version, len(hits), k, camera, where is not None)]
        if not certain:
            notes = [*notes, _partly(found)]
        spans = tuple(self.method.spans(sentence))
        told = found.compared, found.photos, certain, spans, match
        return Answer(sentence, hits, tuple(notes), *told)

    def _judged(
        self, found: Comparison, hits: tuple[Hit, ...], sentence: str
    ) -> tuple[tuple[Hit, ...], Match | None, list[str]]:
        """The hits with their probabilities, where the model is calibrated and knows the words;
        what the best is worth; and what should be said of it.
        """
        calibration = self.method.calibration
        if calibration is None or not hits:
            return hits, None, []
        if hardly_read(sentence, self.method.unread(sentence)):
            return hits, None, [UNJUDGED]
        scores, background = np.array([hit.score for hit in hits]), self._background.scores(found)
        likely = calibration.probabilities(scores, background, len(sentence.split()))
        rounded = [round(p, 6) for p in likely.tolist()]
        judged = (replace(hit, probability=p) for hit, p in zip(hits, rounded, strict=True))
        match = Match(rounded[0], calibration.threshold(found.photos))
        return tuple(judged), match, [] if match.good else [match.note]


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
