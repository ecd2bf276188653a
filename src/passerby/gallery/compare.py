"""What a query compares in full: the photos nearest by vector, then more until it is certain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn.functional import normalize

from passerby.gallery.index_card import DEPTH
from passerby.gallery.rows import embeddings_of
from passerby.gallery.version import ROW, Version
from passerby.ranking.order import RESOLUTION, rank
from passerby.types import Embeddings

BLOCK = 256  # photos whose parts are in memory at once: about 20 MB of float64 for NAFS
# Cosines closer than this may differ by rounding only: the shortlist is not cut between them.
_SLACK = 1e-5
# What an answer must stand above the bound by. Stored parts are float16: their rounding moves most
# scores by less than this; what is proved is about the scores of stored parts. Vectors are float32,
# there only the rounding of scores counts.
_PARTS_MARGIN = 1e-3


class Compares(Protocol):
    """What a comparison asks of a `Method`."""

    def similarity(self, texts: Embeddings, photos: Embeddings, /) -> Tensor: ...

    def bound(self, cosines: Tensor, /) -> Tensor: ...


class Comparison:
    """One query's photos in order of cosine, the first of them compared in full.

    method: its `similarity` compares, its `bound` says what the others can still reach. version:
    the gallery, in which nothing moves meanwhile. text: Embeddings of one sentence. shortlist: how
    many to begin with; those as near as the last of them come with it.

    Scores are those of the embeddings as they are stored: parts and values rounded to float16. A
    photo is fetched once; of those that are compared only row number, path and score are kept.
    """

    def __init__(
        self,
        method: Compares,
        version: Version,
        text: Embeddings,
        where: str | None,
        shortlist: int,
        exact: bool = False,
    ) -> None:
        self.method, self.version, self.where = method, version, where
        self.exact, self.indexed = exact, False
        self.photos, self.compared = version.count(where), 0
        self._unit = normalize(text.vector, dim=1)[0].numpy()
        self._text = Embeddings(**{n: t if t.dtype == torch.bool else t.double()
                                   for n, t in text.tensors().items()})  # fmt: skip
        embedded = version.embedded()
        self._columns = ("path", *embedded)
        self._margin = RESOLUTION if embedded == ("vector",) else _PARTS_MARGIN
        self._ahead, self._cosines = np.empty(0, np.uint64), np.empty(0, np.float32)
        self._rows: list[np.ndarray] = []
        self._paths: list[str] = []
        self._scores: list[np.ndarray] = []
        if self.photos:
            self._begin(min(shortlist, self.photos))

    def certain(self, k: int) -> bool:
        """Whether no photo that was not compared can be among the k best, or tie with them."""
        if self.compared == self.photos:
            return True
        scores = np.concatenate(self._scores)
        return self.compared >= k and bool(np.partition(scores, -k)[-k] > self.reach)

    @property
    def reach(self) -> float:
        """What a photo that was not compared scores at most; no index proves anything of it."""
        if self.compared == self.photos:
            return -np.inf
        if self.indexed:
            return np.inf
        nearest = torch.tensor([float(self._cosines[0]) + _SLACK / 2], dtype=torch.float64)
        return float(self.method.bound(nearest)) + self._margin

    def go_on(self) -> None:
        """Compares as many photos again as it has, the nearest first; a block at most."""
        if self.compared + len(self._ahead) < self.photos:
            rows, cosines = self.version.cosines(self._unit, self.where)
            self.indexed = False
            new = ~np.isin(rows, np.concatenate(self._rows))
            self._ahead, self._cosines = rows[new], cosines[new]
        self._compare(min(self.compared, BLOCK))

    def best(self, k: int) -> list[tuple[int, float]]:
        """Row number and score, rounded to 1e-6, of the k best; equal scores in order of path."""
        order = sorted(range(self.compared), key=self._paths.__getitem__)
        rows, scores = np.concatenate(self._rows)[order], np.concatenate(self._scores)[order]
        ranking = rank([""], [self._paths[at] for at in order], torch.from_numpy(scores)[None], k)
        best = rows[ranking.order[0].numpy()]
        return list(zip(best.tolist(), ranking.scores[0].tolist(), strict=True))

    def _begin(self, n: int) -> None:
        """Compares the n nearest by vector, and all that are as near as the last of them."""
        limit = n + 1
        while True:
            # A shortlist that fits a block comes with its embeddings: one request, not two.
            columns = self._columns if limit <= BLOCK else ()
            listed, cosines = self._listed(limit, columns)
            near = int((cosines >= cosines[n - 1] - _SLACK).sum())
            if near < limit or near == self.photos:
                break
            # An index's list proves nothing, wherever it is cut; but of many photos that are one
            # and the same, the first in order of path are to be shown.
            if self.indexed and cosines[n // 2] > cosines[n - 1] + _SLACK:
                break
            limit *= 4
        self._ahead, self._cosines = listed[ROW].to_numpy(), cosines
        if columns:
            self._score(listed.slice(0, near))
        else:
            self._compare(near)

    def _listed(self, n: int, columns: Sequence[str]) -> tuple[pa.Table, np.ndarray]:
        """The n nearest photos, or all: from the index where it may be asked and finds as many."""
        asked = self._unit, n, self.where, columns
        self.indexed = not self.exact and self.version.indexed(n, self.photos)
        if self.indexed:
            # asked for as many as it was measured with: asked for fewer, it misses more of them
            whole = self._unit, DEPTH + 1, self.where, columns
            listed, cosines = self.version.nearest(*whole, index=self.version.index)
            if len(listed) == DEPTH + 1:
                return listed.slice(0, n), cosines[:n]
            self.indexed = False
        return self.version.nearest(*asked)

    def _compare(self, n: int) -> None:
        """Compares the next n of those that are listed."""
        for start in range(0, n, BLOCK):
            rows = self._ahead[: min(BLOCK, n - start)]
            self._score(self.version.take(rows, self._columns))

    @torch.inference_mode()
    def scores(self, block: pa.Table) -> np.ndarray:
        """(N,) float64: the full similarity of the text and any N photos with their embeddings."""
        return self.method.similarity(self._text, embeddings_of(block))[0].double().numpy()

    def _score(self, block: pa.Table) -> None:
        """Compares the photos of a block, the next that are listed."""
        scores = self.scores(block)
        # Copied: one Arrow column that is kept would keep all columns of its block in memory.
        self._rows.append(block[ROW].to_numpy())
        self._paths += block["path"].to_pylist()
        self._scores.append(scores)
        self.compared += len(block)
        self._ahead, self._cosines = self._ahead[len(block) :], self._cosines[len(block) :]
