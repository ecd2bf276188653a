"""What a query asks of a gallery besides its sentence: how many photos, which, in what order."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from passerby.errors import BadQuery, shown
from passerby.gallery.answer import Answer
from passerby.gallery.metadata import read_time, utc
from passerby.gallery.names import valid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SORTS = ("score", "time")
K = 10  # photos that are shown where nobody says how many
MOST = 1_000  # and of what passes a cut-off: each with its thumbnail, 3 kB


@dataclass(frozen=True)
class Wanted:
    """k photos at most, of a camera, taken at `after` or later and earlier than `before`; a photo
    without a time passes neither. Times are datetimes or ISO 8601, UTC when naive.

    exact: compare until the answer is certain. min_score: what a photo must score to be shown.
    k: None for K, and with `min_score` for all that pass it, the MOST best of them at most.
    sort: "score", best first; "time", earliest first, those without a time last.

    Raises BadQuery for k below 1, a time that is none, a cut-off that is no number, another sort.
    """

    k: int | None = None
    camera: str | None = None
    after: datetime | str | None = None
    before: datetime | str | None = None
    exact: bool = False
    min_score: float | None = None
    sort: str = "score"

    def __post_init__(self) -> None:
        if self.k is not None and self.k < 1:
            raise BadQuery(f"k is {self.k}; ask for 1 photo or more")
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise BadQuery(f"--min-score {self.min_score} is no number; give one, e.g. 0.3")
        if self.sort not in SORTS:
            raise BadQuery(f"--sort {shown(self.sort)}; it is one of {', '.join(SORTS)}")
        _ = self.where

    @property
    def every(self) -> bool:
        """Whether all photos that pass the cut-off are wanted."""
        return self.k is None and self.min_score is not None

    @property
    def most(self) -> int:
        """How many photos are shown at most."""
        return self.k or (MOST if self.every else K)

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

    def passes(self, score: float) -> bool:
        """Whether a photo of this score is shown."""
        return self.min_score is None or round(score, 6) >= self.min_score

    def shown(self, answer: Answer, *, more: bool) -> Answer:
        """The answer with those of its hits that pass the cut-off, in the order that is wanted; and
        what should be said of it. Of an answer's hits the best photo is one, whatever it scores.
        more: whether more photos pass than it has.
        """
        hits, notes = [hit for hit in answer.hits if self.passes(hit.score)], list(answer.notes)
        if self.min_score is not None and answer.hits:
            notes += self._cut(answer, len(hits), more)
        if self.sort == "time":
            hits.sort(key=lambda hit: (hit.time is None, hit.time or _EPOCH))
        return replace(answer, hits=tuple(hits), notes=tuple(notes))

    def _cut(self, answer: Answer, passed: int, more: bool) -> list[str]:
        """What should be said of a cut-off."""
        if answer.exact:
            among = f"the {answer.photos:,} photos" + (
                " that pass the filters" if self.where else ""
            )
        else:
            among = f"the {answer.compared:,} photos compared"
        least = f"{self.min_score:g} or more"
        if not passed:
            best = answer.hits[0].score
            return [f"none of {among} scores {least}; the best scores {best:.3f}"]
        if self.every and more:
            return [f"more than {passed:,} of {among} score {least}: the best {passed:,} are "
                    "shown; give a greater --min-score, or say how many with -k"]  # fmt: skip
        if self.every:
            return [f"{passed:,} of {among} score{'s' if passed == 1 else ''} {least}"]
        if passed == self.k and passed < answer.photos:
            return [f"all {passed} photos shown score {least}, and others may: ask for more with "
                    "-k, or for all of them without -k"]  # fmt: skip
        return []


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
