"""What a gallery answers: photos in order, and how likely it is that a sentence is true of them."""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from passerby.errors import shown

# said of anybody
_SMALL = frozenset(
    """
    an and are as at by carrying find for has have having he her his holding in is it man me of on
    or person photo picture she that the their them they this to walking wearing wears while who
    with woman
    """.split()  # noqa: SIM905 - a list to read
)
UNJUDGED = (
    "no match percentages: the model does not know most of what the sentence tells; use other words"
)


def hardly_read(text: str, unread: Sequence[str]) -> bool:
    """Whether a sentence says as much that a model does not know as what it knows, or more: a
    probability would then be of another sentence. Words such as "a man wearing" say little.
    """
    words = set(re.findall(r"[^\W\d_]{2,}", text.lower()))
    return bool(unread) and len(words - set(unread) - _SMALL) <= len(unread)


def percent(probability: float | None) -> str:
    """As users read it: "87 %", rounded down; "<1 %" and ">99 %" at the ends; "" for None."""
    if probability is None:
        return ""
    if not 0.01 <= probability <= 0.99:
        return "<1 %" if probability < 0.01 else ">99 %"
    return f"{math.floor(100 * probability + 1e-6)} %"


@dataclass(frozen=True)
class Hit:
    """A photo that was found. rank: from 1. score: rounded to 1e-6. time: aware, UTC.

    thumbnail: JPEG bytes, at most 192x128. probability: that all the sentence tells is true of the
    photo, rounded to 1e-6; it says nothing of who it is. None for a model without calibration.
    hash: BLAKE2b of the file as it was indexed.
    """

    rank: int
    path: Path
    score: float
    camera: str | None = None
    time: datetime | None = None
    person: str | None = None
    thumbnail: bytes = field(default=b"", repr=False, compare=False)
    probability: float | None = None
    hash: str = field(default="", repr=False, compare=False)

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
            "probability": self.probability,
            "camera": self.camera,
            "time": None if self.time is None else self.time.isoformat(),
            "person": self.person,
            **exact,
        }


@dataclass(frozen=True)
class Match:
    """What an answer's best photo is worth. best: its probability. threshold: the least of a good
    match, which the model's calibration chose on validation data.
    """

    best: float
    threshold: float

    @property
    def good(self) -> bool:
        return self.best >= self.threshold

    @property
    def note(self) -> str:
        """One line for an answer without a good match."""
        # Best rounded down and threshold up: the two never read the same.
        least = max(1, math.ceil(100 * self.threshold - 1e-6))
        return (
            "no good match: all that is said is true of the best photo with a probability of "
            f"{percent(self.best).replace('<', 'less than ')}; a good match has {least} % or more"
        )

    def record(self) -> dict[str, Any]:
        return {"best": self.best, "good": self.good, "threshold": self.threshold}


@dataclass(frozen=True)
class Answer:
    """What a gallery answers. notes: one line each, of what the user should know.

    photos: how many pass the filters. compared: those of them whose full similarity was computed.
    exact: whether it is certain that comparing the others as well would change nothing. spans:
    where the phrases stand that photos were compared with one by one, query[start:end]. match:
    whether the best photo is a good match; None without photos, and for a model without
    calibration. like: the photo that was asked with, instead of a sentence; query names it.
    """

    query: str
    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    compared: int = 0
    photos: int = 0
    exact: bool = True
    spans: tuple[tuple[int, int], ...] = ()
    match: Match | None = None
    like: Path | None = None

    @property
    def warning(self) -> str | None:
        """The note that says that no photo is a good match, where that is so."""
        return None if self.match is None or self.match.good else self.match.note

    def record(self) -> dict[str, Any]:
        """{"query", "results": [{"rank", "path", "score", "probability", "camera", "time",
        "person"}], "match": {"best", "good", "threshold"}, "notes", "compared", "photos", "exact",
        "phrases": [{"text", "start", "end"}], "like"}; "match" and "like" are null where they are
        None.
        """
        return {
            "query": self.query,
            "results": [hit.record() for hit in self.hits],
            "match": None if self.match is None else self.match.record(),
            "notes": list(self.notes),
            "compared": self.compared,
            "photos": self.photos,
            "exact": self.exact,
            "phrases": [
                {"text": self.query[start:end], "start": start, "end": end}
                for start, end in self.spans
            ],
            "like": None if self.like is None else shown(self.like),
        }
