"""Honest evaluation: embed once, rank in blocks, measure, and say how.

Photos are embedded first; captions block by block, as a caption with parts is a hundred vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from passerby.data.batches import photo_batches
from passerby.embedding import device_of, embed_images, embed_texts
from passerby.errors import BadData, BadRecipe
from passerby.method import Method
from passerby.ranking.metrics import Ap, Outcomes, check_ap, outcomes
from passerby.ranking.order import rank
from passerby.ranking.rerank import Reranker
from passerby.ranking.sheet import Sheet
from passerby.reports.intervals import DRAWS
from passerby.reports.made import PHOTO_TO_TEXT, TEXT_TO_PHOTO, Gathered, protocol
from passerby.types import Embeddings, Photo, Ranking, Report, Split

Progress = Callable[[int, int], None]
Rerank = Callable[[Ranking, Tensor], Ranking]
Named = list[tuple[str, str | None]]
Listen = Callable[[int, Ranking, Tensor], None]


@dataclass(frozen=True)
class Block:
    """Some captions of a split and all its photos, embedded, to be compared in one way or in many.

    rows: (Q,) places of the captions in the split. most: photos that are compared at once.
    """

    rows: Tensor
    queries: tuple[str, ...]
    texts: Embeddings
    gallery: tuple[str, ...]
    photos: Embeddings
    most: int

    def ranking(self, method: Method) -> Ranking:
        """Of the whole gallery, by the method's similarity."""
        return rank(self.queries, self.gallery, self.scores(method))

    @torch.inference_mode()
    def scores(self, method: Method) -> Tensor:
        """(Q, P), on the method's device photos block by block, as their parts may not fit there at
        once."""
        device = device_of(method)
        texts = self.texts.to(device)
        starts = range(0, len(self.photos), self.most)
        parts = (self.photos.rows(slice(start, start + self.most)) for start in starts)
        return torch.cat([method.similarity(texts, each.to(device)).cpu() for each in parts], 1)


def evaluate(
    method: Method,
    split: Split,
    *,
    batch: int = 128,
    workers: int = 0,
    block: int = 256,
    rerank: Rerank | None = None,
    ap: Ap = "standard",
    direction: str = TEXT_TO_PHOTO,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Report:
    """Text-to-photo search over a split: every caption is a query, its photos are the gallery.

    block: captions that are embedded, and captions and photos that are compared, at once; no more
    than block x photos scores are ever held. rerank: makes of a block's Ranking and the photos'
    vectors (P, D) another one. ap: with "trapezoid" "mAP-trapezoid" beside "mAP", to compare with
    papers that publish it. direction: "photo-to-text" for every photo as a query and all captions
    as its gallery, without re-ranking. draws: of the bootstrap that gives the intervals; 0 for
    metrics and card alone, without intervals, queries and curves. progress: called with (photos
    embedded, photos). Raises BadData when the split has no captions or no query has a right photo,
    BadRecipe for an unknown direction or `ap`, and for photo-to-text re-ranked.
    """
    if direction not in (TEXT_TO_PHOTO, PHOTO_TO_TEXT):
        raise BadRecipe(
            f"no direction is called {direction!r}; there are {TEXT_TO_PHOTO}, {PHOTO_TO_TEXT}"
        )
    reverse = direction == PHOTO_TO_TEXT
    if reverse and rerank is not None:
        raise BadRecipe("re-ranking is of photos; leave it out of photo-to-text")
    reports = evaluate_each(
        method, split, [] if reverse else [rerank],
        batch=batch, workers=workers, block=block, ap=ap, photo_to_text=reverse, draws=draws,
        progress=progress,
    )  # fmt: skip
    return reports[0]


def evaluate_each(
    method: Method,
    split: Split,
    reranks: Sequence[Rerank | None],
    *,
    batch: int = 128,
    workers: int = 0,
    block: int = 256,
    ap: Ap = "standard",
    photo_to_text: bool = False,
    draws: int = DRAWS,
    listen: Listen | None = None,
    progress: Progress | None = None,
) -> list[Report]:
    """`evaluate` with each of `reranks`, for the work of embedding and comparing once.

    photo_to_text: one report more, the last, of the other direction; its scores wait on disk (4
    bytes a pair of caption and photo). listen: hears, block by block, the place of a report among
    these, its Ranking and which photos are right (Q, P).
    """
    check_ap(ap)
    names: Named = [(caption.id, caption.person) for caption in split.captions]
    gathered = [Gathered(names, curves=draws > 0) for _ in reranks]
    with Sheet(len(split.photos)) as sheet:
        for each, relevant in _judged(method, split, batch, workers, block, progress):
            scores = each.scores(method)
            if photo_to_text:
                sheet.write(each.rows, scores)
            plain = rank(each.queries, each.gallery, scores)
            for place, (again, own) in enumerate(zip(reranks, gathered, strict=True)):
                ranking = plain if again is None else again(plain, each.photos.vector)
                own.add(each.rows, ranking, relevant)
                if listen is not None:
                    listen(place, ranking, relevant)
        reports = [
            own.report(ap=ap, draws=draws, card=_card(method, split, again, ap))
            for own, again in zip(gathered, reranks, strict=True)
        ]
        if photo_to_text:
            reports.append(_reverse(method, split, sheet, block, ap, draws))
    return reports


def _reverse(method: Method, split: Split, sheet: Sheet, block: int, ap: Ap, draws: int) -> Report:
    """Photo-to-text: every photo is a query, the captions of its person are right."""
    photos: Named = [(photo.id, photo.person) for photo in split.photos]
    captions = tuple(caption.id for caption in split.captions)
    own = Gathered(photos, curves=draws > 0)
    asked, about = _persons(split)
    for rows, scores in sheet.columns(block):
        names = [photos[row][0] for row in rows.tolist()]
        own.add(rows, rank(names, captions, scores), asked[rows, None] == about[None])
    return own.report(ap=ap, draws=draws, card=_card(method, split, None, ap, PHOTO_TO_TEXT))


def outcomes_of(
    method: Method,
    split: Split,
    variants: Callable[[Block], Iterable[Ranking]],
    *,
    batch: int = 128,
    workers: int = 0,
    block: int = 256,
    progress: Progress | None = None,
) -> list[Outcomes]:
    """What becomes of the queries, shortest caption first, in each of the Rankings that `variants`
    makes of a Block. Photos and captions are embedded once. Arguments as in `evaluate`."""
    found = [
        [outcomes(ranking, relevant) for ranking in variants(each)]
        for each, relevant in _judged(method, split, batch, workers, block, progress)
    ]
    return [Outcomes.cat(parts) for parts in zip(*found, strict=True)]


def _judged(
    method: Method, split: Split, batch: int, workers: int, block: int, progress: Progress | None
) -> Iterator[tuple[Block, Tensor]]:
    """Blocks of captions, with which photos are right (Q, P)."""
    if not split.captions or not split.photos:
        raise BadData(f"split {split.name!r} has no captions or no photos; choose another split")
    photos = embed_photos(method, split.photos, batch, workers, progress)
    on_photo, in_query = _persons(split)
    for each in blocks(method, split, photos, block):
        yield each, in_query[each.rows, None] == on_photo[None, :]


def _persons(split: Split) -> tuple[Tensor, Tensor]:
    """Numbers of the persons on photos (P,) and in captions (T,): -1 for nobody named on a photo,
    -2 for somebody who is on none."""
    persons = {person: place for place, person in enumerate(split.persons)}
    on_photo = [-1 if photo.person is None else persons[photo.person] for photo in split.photos]
    in_query = [persons.get(caption.person, -2) for caption in split.captions]
    return torch.tensor(on_photo), torch.tensor(in_query)


def embed_photos(
    method: Method,
    photos: tuple[Photo, ...],
    batch: int = 128,
    workers: int = 0,
    progress: Progress | None = None,
) -> Embeddings:
    """Embeddings of all photos, in order."""
    blocks, done = [], 0
    for _, images in photo_batches(photos, method.photo_spec, batch=batch, workers=workers):
        blocks.append(embed_images(method, images))
        done += len(images)
        if progress is not None:
            progress(done, len(photos))
    return Embeddings.cat(blocks)


def blocks(method: Method, split: Split, photos: Embeddings, block: int = 256) -> Iterator[Block]:
    """The split's captions, a block at a time; photos: the split's, embedded.

    The captions of a block are of like length, so that short ones are not padded to long ones.
    """
    gallery = tuple(photo.id for photo in split.photos)
    captions = split.captions
    order = sorted(range(len(captions)), key=lambda place: len(captions[place].text))
    for start in range(0, len(order), block):
        rows = order[start : start + block]
        texts = embed_texts(method, [captions[row].text for row in rows])
        queries = tuple(captions[row].id for row in rows)
        yield Block(torch.tensor(rows), queries, texts, gallery, photos, block)


def _card(
    method: Method, split: Split, rerank: Rerank | None, ap: Ap, direction: str = TEXT_TO_PHOTO
) -> dict[str, Any]:
    """How the numbers were made; whoever calls adds data, seed, commit and recipe."""
    photos: Named = [(photo.id, photo.person) for photo in split.photos]
    captions: Named = [(caption.id, caption.person) for caption in split.captions]
    words = ["every caption of the split", "every photo of the split once"]
    queries, gallery = captions, photos
    if direction == PHOTO_TO_TEXT:
        queries, gallery = photos, captions
        words.reverse()
    told = "none" if rerank is None else _told(rerank)
    kind = None if rerank is None else told["kind"] if isinstance(told, dict) else told
    return {
        "split": split.name,
        "queries": len(queries),
        "photos": len(photos),
        "captions": len(captions),
        "persons": len(split.persons),
        "direction": direction,
        "gallery": words[1],
        "query": words[0],
        "reranking": told,
        "weights": method.fingerprint,
        "protocol": protocol(
            queries,
            gallery,
            direction=direction,
            rerank=kind,
            ap=ap,
            texts=[(caption.id, caption.text) for caption in split.captions],
        ),
    }


def _told(rerank: Rerank) -> Any:
    """A Reranker's settings; of a function of the user's own its name."""
    if isinstance(rerank, Reranker):
        return rerank.card()
    return getattr(rerank, "__name__", type(rerank).__name__)
