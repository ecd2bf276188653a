"""A query's journey: sentence, shortlist by vector, full similarity, stable order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from passerby.embedding import embed_texts
from passerby.errors import BadGallery, BadQuery, shown
from passerby.gallery.answer import UNJUDGED, Answer, Hit, Match, hardly_read
from passerby.gallery.background import Background
from passerby.gallery.compare import Comparison
from passerby.gallery.likeness import BY_VECTOR, NOTE, VectorsAlone, embedding_of
from passerby.gallery.names import to_path, valid
from passerby.gallery.store import Store, require_model
from passerby.gallery.version import ROW, Version
from passerby.gallery.wanted import Wanted
from passerby.method import Method

SHORTLIST = 200  # photos whose full similarity is computed; more when k or `exact` asks for it
_TRIES = 3  # versions that may be swept away while they are asked


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
        min_score: float | None = None,
        sort: str = "score",
    ) -> list[Hit]:
        """The k photos most like the sentence, best first; see `answer`."""
        told = self.answer(sentence, k, camera, after, before, exact, min_score, sort)
        return list(told.hits)

    def answer(
        self,
        sentence: str,
        k: int = 10,
        camera: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        exact: bool = False,
        min_score: float | None = None,
        sort: str = "score",
    ) -> Answer:
        """The k photos most like the sentence among those that `Wanted` lets pass; all, when k is
        more. Of these, the ones that score `min_score` or more, in the order that `sort` names.

        Compared in full are the `shortlist` nearest by vector; with `exact` more, until the rest
        is certain to change nothing (docs/why/exact-search.md). Equal scores are in order of path.
        With a model that is calibrated photos have a probability, which no filter changes: its
        background is the whole gallery. Raises BadQuery for an empty sentence, and as `Wanted`.
        """
        sentence = valid(sentence)
        if not any(letter.isalnum() for letter in sentence):
            raise BadQuery(
                "the sentence has no words; describe a person, e.g. 'a woman in a red coat'"
            )
        wanted = Wanted(k, camera, after, before, exact, min_score, sort)
        where, text = wanted.where, embed_texts(self.method, [sentence])

        def ask(version: Version) -> Answer:
            many = max(self.shortlist, k)
            found = Comparison(self.method, version, text, where, many, exact)
            hits, certain = _best(found, wanted)
            hits, match, said = self._judged(found, hits, sentence)
            notes = [*said, *self.method.notes(sentence)]
            answer = self._told(sentence, found, certain, hits, notes, wanted)
            return replace(answer, spans=tuple(self.method.spans(sentence)), match=match)

        return self._steadily(ask)

    def like(
        self,
        photo: str | Path,
        k: int = 10,
        camera: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        exact: bool = False,
        min_score: float | None = None,
        sort: str = "score",
    ) -> Answer:
        """The k photos most like a photo, by their vectors: a score is a cosine. As `answer` else.

        The photo's stored vector is taken where the gallery holds its content; then it finds itself
        as well. Raises BadPhoto for a file that cannot be read, BadQuery as `Wanted`.
        """
        wanted = Wanted(k, camera, after, before, exact, min_score, sort)
        where = wanted.where
        vector, source = embedding_of(self.method, self.store, Path(photo))

        def ask(version: Version) -> Answer:
            alone = VectorsAlone(version)
            many = max(self.shortlist, k)
            # what the index finds was measured with sentences: a photo is compared with all
            found = Comparison(BY_VECTOR, alone, vector, where, many, exact=True)
            hits, certain = _best(found, wanted)
            query = f"photos like {shown(photo)}"
            answer = self._told(query, found, certain, hits, [NOTE, source], wanted)
            return replace(answer, like=Path(photo))

        return self._steadily(ask)

    def _steadily(self, ask: Callable[[Version], Answer]) -> Answer:
        """What is asked of the newest version; of the next one, where a sweep of the gallery took
        that one's files away meanwhile.
        """
        for left in reversed(range(_TRIES)):
            version = self.store.newest()
            number = version.number
            try:
                return ask(version)
            except BadGallery:
                if not left or self.store.newest().number == number:
                    raise
        raise AssertionError  # never reached: the last try returns or raises

    def _told(
        self,
        query: str,
        found: Comparison,
        certain: bool,
        hits: tuple[Hit, ...],
        notes: Sequence[str],
        wanted: Wanted,
    ) -> Answer:
        """The answer with the notes that every query has."""
        version, told = found.version, list(notes)
        if len(hits) < wanted.k:
            told.append(_few(version, len(hits), wanted))
        filling = self.store.filling
        if filling is not None:
            told.append(filling.note(version.count()))
        if not certain:
            told.append(_partly(found))
        if version.said is not None:
            told.append(version.said)
        hits, said = wanted.shown(hits, found.photos)
        return Answer(query, hits, (*told, *said), found.compared, found.photos, certain)

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


def _best(found: Comparison, wanted: Wanted) -> tuple[tuple[Hit, ...], bool]:
    """The k best photos, and whether they are certain to be; with `exact` they are."""
    k = min(wanted.k, found.photos)
    while wanted.exact and not found.certain(k):
        found.go_on()
    hits = _hits(found.version, found.best(k)) if k else ()
    return hits, found.certain(k)


def _hits(version: Version, best: Sequence[tuple[int, float]]) -> tuple[Hit, ...]:
    """Row numbers and scores, best first, with what a user sees of the photos."""
    columns = ["path", "camera", "time", "person", "thumbnail", "hash"]
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
            hash=records[row]["hash"],
        )
        for place, (row, score) in enumerate(best, start=1)
    )


def _few(version: Version, found: int, wanted: Wanted) -> str:
    total, k, camera = version.count(), wanted.k, wanted.camera
    if total == 0:
        return "the gallery holds no photos yet; run passerby index to fill it"
    if wanted.where is None:
        return f"the gallery holds {found} photos, fewer than the {k} asked for: all are shown"
    note = f"{found} of {total} photos pass the filters, fewer than the {k} asked for"
    if camera is not None and camera not in (there := version.cameras()):
        names = ", ".join(map(shown, there[:10])) + (", ..." if len(there) > 10 else "")
        note += f"; no photo is of camera {shown(camera)} (there are: {names or 'none'})"
    return note


def _partly(found: Comparison) -> str:
    if found.indexed and found.version.index is not None:
        return found.version.index.note(filtered=found.where is not None)
    return (
        f"only the {found.compared:,} photos nearest by vector, of {found.photos:,}, were compared "
        "in full; --exact compares until the answer is certain"
    )
