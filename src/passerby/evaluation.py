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
from passerby.errors import BadData
from passerby.method import Method
from passerby.ranking.metrics import Outcomes, outcomes, summary
from passerby.ranking.order import rank
from passerby.ranking.rerank import Reranker
from passerby.types import Embeddings, Photo, Ranking, Report, Split

Progress = Callable[[int, int], None]
Rerank = Callable[[Ranking, Tensor], Ranking]

# How a card tells of average precision.
STANDARD = "mean precision at each right photo"
TRAPEZOID = (
    "mAP-trapezoid: mean of the precisions just before and at each right photo, lower than mAP for "
    "the same ranking; to be compared only with papers that use it (IVT, SSAN)"
)


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
        scores = _scores(method, self.texts, self.photos, self.most)
        return rank(self.queries, self.gallery, scores)


def evaluate(
    method: Method,
    split: Split,
    *,
    batch: int = 128,
    workers: int = 0,
    block: int = 256,
    rerank: Rerank | None = None,
    trapezoid: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Text-to-photo search over a split: every caption is a query, its photos are the gallery.

    block: captions that are embedded, and captions and photos that are compared, at once; no more
    than block x photos scores are ever held. rerank: makes of a block's Ranking and the photos'
    vectors (P, D) another one. trapezoid: "mAP-trapezoid" beside "mAP", to compare with papers that
    publish it. progress: called with (photos embedded, photos). Raises BadData when the split has
    no captions or no query has a right photo.
    """
    reports = evaluate_each(
        method, split, [rerank],
        batch=batch, workers=workers, block=block, trapezoid=trapezoid, progress=progress,
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
    trapezoid: bool = False,
    progress: Progress | None = None,
) -> list[Report]:
    """`evaluate` with each of `reranks`, for the work of embedding and comparing once."""

    def variants(block: Block) -> Iterator[Ranking]:
        ranking = block.ranking(method)
        for again in reranks:
            yield ranking if again is None else again(ranking, block.photos.vector)

    found = outcomes_of(
        method, split, variants, batch=batch, workers=workers, block=block, progress=progress
    )
    return [
        Report(summary(each, trapezoid=trapezoid), _card(method, split, each, again, trapezoid))
        for each, again in zip(found, reranks, strict=True)
    ]


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
    if not split.captions or not split.photos:
        raise BadData(f"split {split.name!r} has no captions or no photos; choose another split")
    photos = embed_photos(method, split.photos, batch, workers, progress)
    persons = {person: place for place, person in enumerate(split.persons)}
    on_photo = torch.tensor([persons[p.person] if p.person else -1 for p in split.photos])
    in_query = torch.tensor([persons.get(caption.person, -2) for caption in split.captions])
    found = []
    for each in blocks(method, split, photos, block):
        relevant = in_query[each.rows, None] == on_photo[None, :]
        found.append([outcomes(ranking, relevant) for ranking in variants(each)])
    return [Outcomes.cat(parts) for parts in zip(*found, strict=True)]


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


@torch.inference_mode()
def _scores(method: Method, texts: Embeddings, photos: Embeddings, block: int) -> Tensor:
    """On the method's device, photos block by block, as their parts may not fit there at once."""
    device = device_of(method)
    texts = texts.to(device)
    parts = (photos.rows(slice(c, c + block)) for c in range(0, len(photos), block))
    return torch.cat([method.similarity(texts, each.to(device)).cpu() for each in parts], 1)


def _card(
    method: Method, split: Split, found: Outcomes, rerank: Rerank | None, trapezoid: bool
) -> dict[str, Any]:
    """How the numbers were made; whoever calls adds data, seed, commit and recipe."""
    return {
        "split": split.name,
        "queries": len(split.captions),
        "photos": len(split.photos),
        "persons": len(split.persons),
        "queries_without_right_photo": int((found.right == 0).sum()),
        "gallery": "every photo of the split once",
        "query": "every caption of the split",
        "ap": f"{STANDARD}; {TRAPEZOID}" if trapezoid else STANDARD,
        "ties": "scores rounded to 1e-6, wrong photos before right ones",
        "reranking": "none" if rerank is None else _told(rerank),
        "weights": method.fingerprint,
    }


def _told(rerank: Rerank) -> Any:
    """A Reranker's settings; of a function of the user's own its name."""
    if isinstance(rerank, Reranker):
        return rerank.card()
    return getattr(rerank, "__name__", type(rerank).__name__)
