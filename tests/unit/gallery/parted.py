"""A stand-in method with local features, and galleries of drawn embeddings for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from colours import Colours
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from passerby.embedding import embed_texts
from passerby.gallery.rows import Row, stored, to_table
from passerby.gallery.search import Answer
from passerby.gallery.store import Store
from passerby.types import Embeddings, Texts

DIM, PARTS, WIDTH = 8, 3, 4


class Parted(Colours):
    """Cosine plus a local term in [-1, 1]: a photo's parts, weighed by a key of the sentence, as
    their values are like the sentence's. A sentence stands for the numbers that it seeds.
    """

    def __init__(self, fingerprint: str = "parted-1") -> None:
        super().__init__(fingerprint)
        self.blocks: list[int] = []  # photos in each comparison

    def tokenize(self, texts: Sequence[str]) -> Texts:
        return Texts(ids=torch.tensor([[sum(map(ord, text))] for text in texts]))

    def encode_texts(self, texts: Texts) -> Embeddings:
        drawn = [
            torch.randn(DIM + 2 * WIDTH, generator=torch.Generator().manual_seed(int(seed)))
            for seed in texts.ids
        ]
        vector, key, value = torch.stack(drawn).split([DIM, WIDTH, WIDTH], 1)
        return Embeddings(vector, key[:, None], value[:, None])

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        self.blocks.append(len(photos))
        cosines = normalize(texts.vector, dim=1) @ normalize(photos.vector, dim=1).T
        return cosines + self.local(texts, photos)

    def local(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        assert photos.parts is not None
        assert photos.values is not None
        assert photos.mask is not None
        weights = torch.einsum("prd,twd->tpr", photos.parts, texts.parts)
        weights = weights.masked_fill(~photos.mask, -torch.inf).softmax(2)
        alike = cosine_similarity(photos.values[None], texts.values[:, :, None], dim=3)  # type: ignore[index]
        return (weights * alike).sum(2)

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines + 1


class Unbounded(Parted):
    """Says nothing of how the cosine limits its similarity."""

    def bound(self, cosines: Tensor) -> Tensor:
        return torch.full_like(cosines, torch.inf)


def drawn(n: int, seed: int, copies: int = 0) -> Embeddings:
    """n photos, the last `copies` of them with the embeddings of the first."""
    draw = torch.Generator().manual_seed(seed)
    mask = torch.rand(n, PARTS, generator=draw) < 0.7
    mask[:, 0] = True
    photos = Embeddings(
        torch.randn(n, DIM, generator=draw),
        torch.randn(n, PARTS, WIDTH, generator=draw),
        torch.randn(n, PARTS, WIDTH, generator=draw),
        mask,
    )
    return photos.rows(torch.arange(n) % (n - copies))


def like(
    text: Embeddings, cosines: Sequence[float], locals_: Sequence[float], seed: int = 0
) -> Embeddings:
    """Photos with these cosines and these local terms with a text."""
    assert text.values is not None
    draw, n = torch.Generator().manual_seed(seed), len(cosines)
    values = _at(text.values[0], locals_, draw)[:, None].expand(-1, PARTS, -1)
    mask = torch.ones(n, PARTS, dtype=torch.bool)
    return Embeddings(_at(text.vector, cosines, draw), torch.zeros(n, PARTS, WIDTH), values, mask)


def _at(of: Tensor, cosines: Sequence[float], draw: torch.Generator) -> Tensor:
    """Unit vectors with these cosines with one vector (1, D)."""
    unit, near = normalize(of, dim=1), torch.tensor(cosines)[:, None]
    other = torch.randn(len(cosines), of.shape[1], generator=draw)
    other = normalize(other - (other @ unit.T) * unit, dim=1)
    return near * unit + (1 - near**2).sqrt() * other


def rows(n: int, first: int = 0, facts: Sequence[dict[str, Any]] | None = None) -> list[Row]:
    """Rows whose paths are in another order than they were stored in."""
    told = facts or [{}] * n
    return [
        Row(at, f"/photos/{at * 7919 % 100003:06}.png", f"hash {at}", 1, 1, **told[at - first])
        for at in range(first, first + n)
    ]


def fill(
    gallery: Path, method: Colours, photos: Embeddings, listed: Sequence[Row] | None = None
) -> Store:
    """A gallery of these photos, stored in several pieces, open to read."""
    listed = rows(len(photos)) if listed is None else listed
    arrays = stored(photos)
    with Store.write(gallery, method.fingerprint, "default") as store:
        for start in range(0, len(listed), 90):
            piece = slice(start, start + 90)
            store.add(to_table(listed[piece], {n: a[piece] for n, a in arrays.items()}))
    return Store.open(gallery)


def as_stored(photos: Embeddings) -> Embeddings:
    """Unit vectors, parts and values rounded to float16; in float64."""
    return Embeddings(
        normalize(photos.vector, dim=1).double(),
        photos.parts.half().double(),
        photos.values.half().double(),
        photos.mask,
    )


def brute(
    method: Parted, sentence: str, photos: Embeddings, listed: Sequence[Row], k: int
) -> list[tuple[str, float]]:
    """Every photo compared, literally: path and score of the k best, ties in order of path."""
    text = embed_texts(method, [sentence])
    text = Embeddings(text.vector.double(), text.parts.double(), text.values.double())
    scores = [round(float(s), 6) for s in method.similarity(text, as_stored(photos))[0]]
    pairs = zip([row.path for row in listed], scores, strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]


def told(answer: Answer) -> list[tuple[str, float]]:
    return [(str(hit.path), hit.score) for hit in answer.hits]


def same(found: list[tuple[str, float]], wanted: list[tuple[str, float]]) -> bool:
    paths = [path for path, _ in found] == [path for path, _ in wanted]
    return paths and np.allclose([s for _, s in found], [s for _, s in wanted], rtol=0, atol=1e-6)
