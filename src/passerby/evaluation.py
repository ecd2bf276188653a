"""Honest evaluation: embed once, rank in blocks, measure, and say how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from passerby.data.batches import photo_batches
from passerby.embedding import embed_images, embed_texts
from passerby.errors import BadData
from passerby.method import Method
from passerby.ranking.metrics import Outcomes, outcomes, summary
from passerby.ranking.order import rank
from passerby.types import Embeddings, Photo, Ranking, Report, Split

Progress = Callable[[int, int], None]


def evaluate(
    method: Method,
    split: Split,
    *,
    batch: int = 128,
    workers: int = 0,
    block: int = 256,
    progress: Progress | None = None,
) -> Report:
    """Text-to-photo search over a split: every caption is a query, its photos are the gallery.

    block: queries, and photos, that are compared at once; no more than block x photos scores are
    ever held. progress: called with (photos embedded, photos). Raises BadData when the split has
    no captions or no query has a right photo.
    """
    if not split.captions or not split.photos:
        raise BadData(f"split {split.name!r} has no captions or no photos; choose another split")
    photos = embed_photos(method, split.photos, batch, workers, progress)
    texts = embed_texts(method, [caption.text for caption in split.captions])
    persons = {person: place for place, person in enumerate(split.persons)}
    on_photo = torch.tensor([persons[p.person] if p.person else -1 for p in split.photos])
    in_query = torch.tensor([persons.get(caption.person, -2) for caption in split.captions])
    found = Outcomes.cat(
        outcomes(ranking, in_query[rows, None] == on_photo[None, :])
        for rows, ranking in rankings(method, split, texts, photos, block)
    )
    return Report(summary(found), _card(method, split, found))


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


def rankings(
    method: Method, split: Split, texts: Embeddings, photos: Embeddings, block: int = 256
) -> Iterator[tuple[slice, Ranking]]:
    """A Ranking of the whole gallery for each block of queries, with the rows it stands for."""
    ids = [photo.id for photo in split.photos]
    for start in range(0, len(texts), block):
        rows = slice(start, start + block)
        scores = _scores(method, texts.rows(rows), photos, block)
        yield rows, rank([caption.id for caption in split.captions[rows]], ids, scores)


@torch.inference_mode()
def _scores(method: Method, texts: Embeddings, photos: Embeddings, block: int) -> Tensor:
    columns = range(0, len(photos), block)
    return torch.cat(
        [method.similarity(texts, photos.rows(slice(c, c + block))) for c in columns], 1
    )


def _card(method: Method, split: Split, found: Outcomes) -> dict[str, Any]:
    """How the numbers were made; whoever calls adds data, seed, commit and recipe."""
    return {
        "split": split.name,
        "queries": len(split.captions),
        "photos": len(split.photos),
        "persons": len(split.persons),
        "queries_without_right_photo": int((found.right == 0).sum()),
        "gallery": "every photo of the split once",
        "query": "every caption of the split",
        "ap": "mean precision at each right photo",
        "ties": "scores rounded to 1e-6, wrong photos before right ones",
        "reranking": "none",
        "weights": method.fingerprint,
    }
