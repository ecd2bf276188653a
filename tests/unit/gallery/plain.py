"""A stand-in method with vectors alone, and galleries large enough for an index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from parted import Parted
from torch import Tensor
from torch.nn.functional import normalize

from passerby.embedding import embed_texts
from passerby.gallery.indexing import Improved, improve
from passerby.gallery.rows import Row, stored, to_table
from passerby.gallery.search import Answer, Searcher
from passerby.gallery.store import Store
from passerby.types import Embeddings, Texts

PHOTOS, DIM, NEW = 3000, 32, 700
START = datetime(2026, 5, 1, tzinfo=UTC)
SENTENCES = [f"person {number}" for number in range(40)]


class Plain(Parted):
    """Vectors alone, compared by cosine."""

    def encode_texts(self, texts: Texts) -> Embeddings:
        return Embeddings(torch.stack([photos_of(int(seed), 1)[0] for seed in texts.ids[:, 0]]))

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return normalize(texts.vector, dim=1) @ normalize(photos.vector, dim=1).T

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines


def photos_of(seed: int, n: int) -> Tensor:
    return torch.randn(n, DIM, generator=torch.Generator().manual_seed(seed))


def table_of(first: int, vectors: Tensor) -> object:
    rows = [
        Row(
            at,
            f"/photos/{at * 7919 % 100003:06}.png",
            f"hash {at}",
            1,
            1,
            camera=None if at % 11 == 0 else "rare" if at % 100 == 0 else f"c{at % 3}",
            time=START + timedelta(minutes=at),
        )
        for at in range(first, first + len(vectors))
    ]
    return to_table(rows, stored(Embeddings(vectors)))


def fill(gallery: Path, method: Plain, first: int, vectors: Tensor, *, compact: bool) -> None:
    with Store.write(gallery, method.fingerprint, "default") as store:
        for start in range(0, len(vectors), 500):
            store.add(table_of(first + start, vectors[start : start + 500]))
        if compact:
            store.compact()


def queries_of(method: Plain, sentences: Sequence[str] = SENTENCES) -> np.ndarray:
    return embed_texts(method, list(sentences)).vector.numpy()


def build(gallery: Path, method: Plain, **options: object) -> Improved:
    options = {"when": "always", "few": 100, **options}
    with Store.write(gallery, method.fingerprint, "default") as store:
        return improve(store, queries_of(method), **options)  # type: ignore[arg-type]


def ask(gallery: Path, method: Plain, sentence: str = SENTENCES[0], **options: object) -> Answer:
    return Searcher(method, Store.open(gallery)).answer(sentence, **options)  # type: ignore[arg-type]
