"""What a query asks of a gallery besides its sentence: how many photos, which, in what order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from passerby.errors import BadQuery, shown
from passerby.gallery.answer import Hit
from passerby.gallery.metadata import read_time, utc
from passerby.gallery.names import valid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SORTS = ("score", "time")


@dataclass(frozen=True)
class Wanted:
    """k photos at most, of a camera, taken at `after` or later and earlier than `before`; a photo
    without a time passes neither. Times are datetimes or ISO 8601, UTC when naive.

    exact: compare until the answer is certain. min_score: what a photo must score to be shown.
    sort: "score", best first; "time", earliest first, those without a time last.

    Raises BadQuery for k below 1, a time that is none, a cut-off that is no number, another sort.
    """

    k: int = 10
    camera: str | None = None
    after: datetime | str | None = None
    before: datetime | str | None = None
    exact: bool = False
    min_score: float | None = None
    sort: str = "score"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise BadQuery(f"k is {self.k}; ask for 1 photo or more")
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise BadQuery(f"--min-score {self.min_score} is no number; give one, e.g. 0.3")
        if self.sort not in SORTS:
            raise BadQuery(f"--sort {shown(self.sort)}; it is one of {', '.join(SORTS)}")

    @property
    def where(self) -> str | None:
        """SQL that rows must pass; None when all do. No comparison with a missing time is true."""
        clauses = []
        if self.camera is not None:
            quoted = valid(self.camera).replace("'", "''")
            clauses.append(f"camera = '{quoted}'")
        start, end = _time("after", self.after), _time("before", self.before)
        if start is not None and end is not None and start >= end:
            raise BadQuery(
                f"no time is after {start.isoformat()} and before {end.isoformat()}; swap"
            )
        for sign, time in ((">=", start), ("<", end)):
            if time is not None:
                clauses.append(f"time {sign} {_literal(time)}")
        return " AND ".join(clauses) or None

    def shown(self, best: Sequence[Hit], photos: int) -> tuple[tuple[Hit, ...], list[str]]:
        """Those of the best that reach the cut-off, in the order that is wanted; and what should
        be said of it. photos: how many pass the filters.
        """
        hits, notes = list(best), []
        if self.min_score is not None and best:
            hits = [hit for hit in best if hit.score >= self.min_score]
            if not hits:
                notes.append(
                    f"no photo scores {self.min_score:g} or more; the best scores "
                    f"{best[0].score:.3f}"
                )
            elif len(hits) == len(best) < photos:
                notes.append(
                    f"all {len(hits)} photos shown score {self.min_score:g} or more, and others "
                    "may: ask for more with -k"
                )
        if self.sort == "time":
            hits.sort(key=lambda hit: (hit.time is None, hit.time or _EPOCH))
        return tuple(hits), notes


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
