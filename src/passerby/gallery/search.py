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
from passerby.gallery.best import Best, best_of
from passerby.gallery.compare import Compares, Comparison
from passerby.gallery.disk import TRIES
from passerby.gallery.likeness import BY_VECTOR, NOTE, VectorsAlone, embedding_of
from passerby.gallery.names import valid
from passerby.gallery.store import Store, require_model
from passerby.gallery.version import Version
from passerby.gallery.wanted import Wanted
from passerby.method import Method
from passerby.types import Embeddings

SHORTLIST = 200  # photos whose full similarity is computed; more when k or `exact` asks for it


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
        k: int | None = None,
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
        k: int | None = None,
        camera: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        exact: bool = False,
        min_score: float | None = None,
        sort: str = "score",
    ) -> Answer:
        """The k photos (10, when k is None) most like the sentence among those that `Wanted` lets
        pass; all, when k is more. Of these, the ones that score `min_score` or more; without k, all
        that do, the best 1,000 at most. In the order that `sort` names.

        Compared in full are the `shortlist` nearest by vector; with `exact` more, until the rest
        is certain to change nothing (docs/why/exact-search.md), as without k and with `min_score`
        for a method that compares vectors alone. Equal scores are in order of path.
        With a model that is calibrated photos have a probability, which no filter changes: its
        background is the whole gallery. Raises BadQuery for an empty sentence, and as `Wanted`.
        """
        sentence = valid(sentence)
        if not any(letter.isalnum() for letter in sentence):
            raise BadQuery(
                "the sentence has no words; describe a person, e.g. 'a woman in a red coat'"
            )
        wanted = Wanted(k, camera, after, before, exact, min_score, sort)
        text = embed_texts(self.method, [sentence])

        def ask(version: Version) -> Answer:
            found = self._compared(self.method, version, text, wanted)
            best = best_of(found, wanted)
            hits, match, said = self._judged(found, best.hits, sentence)
            notes = [*said, *self.method.notes(sentence)]
            answer = self._told(sentence, found, replace(best, hits=hits), notes, wanted)
            return replace(answer, spans=tuple(self.method.spans(sentence)), match=match)

        return self._steadily(ask)

    def like(
        self,
        photo: str | Path,
        k: int | None = None,
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
        # what the index finds was measured with sentences: a photo is compared with all
        wanted = replace(wanted, exact=True)

        def ask(version: Version) -> Answer:
            vector, source = embedding_of(self.method, self.store, Path(photo))
            found = self._compared(BY_VECTOR, VectorsAlone(version), vector, wanted)
            query, best = f"photos like {shown(photo)}", best_of(found, wanted)
            answer = self._told(query, found, best, [NOTE, source], wanted)
            return replace(answer, like=Path(photo))

        return self._steadily(ask)

    def _steadily(self, ask: Callable[[Version], Answer]) -> Answer:
        """What is asked of the newest version; of the next one, where a sweep of the gallery took
        that one's files away meanwhile.
        """
        for left in reversed(range(TRIES)):
            number = None  # of the version that is asked; none yet, and its files may be swept too
            try:
                version = self.store.newest()
                number = version.number
                return ask(version)
            except BadGallery:
                if not left or number == self._number():
                    raise
        raise AssertionError  # never reached: the last try returns or raises

    def _number(self) -> int:
        """Of the newest version; -1 where it cannot be read."""
        try:
            return self.store.newest().number
        except BadGallery:
            return -1

    def _compared(
        self, method: Compares, version: Version, text: Embeddings, wanted: Wanted
    ) -> Comparison:
        """What a query begins with. What passes a score may be more than an index was measured to
        find: vectors alone are soon compared.
        """
        many = self.shortlist if wanted.every else max(self.shortlist, wanted.most)
        exact = wanted.exact or (wanted.every and version.embedded() == ("vector",))
        return Comparison(method, version, text, wanted.where, many, exact)

    def _told(
        self,
        query: str,
        found: Comparison,
        best: Best,
        notes: Sequence[str],
        wanted: Wanted,
    ) -> Answer:
        """The answer with the notes that every query has."""
        version, told = found.version, list(notes)
        if found.photos < (1 if wanted.every else wanted.most):
            told.append(_few(version, found.photos, wanted))
        filling = self.store.filling
        if filling is not None:
            told.append(filling.note(version.count()))
        if not best.certain:
            told.append(_partly(found))
        if version.said is not None:
            told.append(version.said)
        answer = Answer(query, best.hits, tuple(told), found.compared, found.photos, best.certain)
        return wanted.shown(answer, more=best.more)

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


def _few(version: Version, found: int, wanted: Wanted) -> str:
    total, camera = version.count(), wanted.camera
    if total == 0:
        return "the gallery holds no photos yet; run passerby index to fill it"
    fewer = "" if wanted.every else f", fewer than the {wanted.most} asked for"
    if wanted.where is None:
        all_ = ": all are shown" if wanted.min_score is None else ""
        return f"the gallery holds {found} photos{fewer}{all_}"
    note = f"{found} of {total} photos pass the filters{fewer}"
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
