"""One whole version of a gallery, whatever is written meanwhile: what a query reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from passerby.errors import BadGallery, shown
from passerby.gallery.disk import refusing
from passerby.gallery.index_card import DEPTH, IndexCard
from passerby.gallery.rows import embedded

ROW = "_rowid"  # LanceDB's number of a row; it names that row in one version only
_BLOCK = 1024  # vectors read at once


class Version:
    """A gallery's rows as they were at one moment.

    path: the gallery's folder. table: LanceDB's, on a handle that nobody else moves; None when
    nothing is stored. index: the card of its vector index; None when there is none to use, and
    `said` tells why where there should be one. `where` is SQL that rows must pass; None lets all
    pass. Its methods raise BadGallery when the disk refuses.
    """

    def __init__(
        self,
        path: Path,
        table: Any | None,
        index: IndexCard | None = None,
        said: str | None = None,
    ) -> None:
        self.path, self._table, self.index, self.said = path, table, index, said

    def count(self, where: str | None = None) -> int:
        with refusing(self.path, self._table):
            return 0 if self._table is None else int(self._table.count_rows(where))

    @property
    def number(self) -> int:
        """LanceDB's number of this version, from 1; 0 when nothing is stored."""
        with refusing(self.path, self._table):
            return 0 if self._table is None else int(self._table.version)

    def cameras(self) -> list[str]:
        """The names of all cameras, sorted."""
        if self._table is None:
            return []
        with refusing(self.path, self._table):
            found = self._table.search().select(["camera"]).limit(None).to_arrow()
        return sorted(name for name in found["camera"].unique().to_pylist() if name is not None)

    def embedded(self) -> tuple[str, ...]:
        """The columns that hold embeddings: vector; with local features parts, values, mask."""
        return () if self._table is None else embedded(self._table.schema)

    def indexed(self, n: int, among: int) -> bool:
        """Whether the index may be asked for the n nearest of so many photos that pass: what it
        finds was measured to DEPTH places (and the next), and few photos are soon compared.
        """
        return self.index is not None and n <= DEPTH + 1 and among > max(n, self.index.few)

    def nearest(
        self,
        vector: np.ndarray,
        n: int,
        where: str | None,
        columns: Sequence[str],
        *,
        index: IndexCard | None = None,
    ) -> tuple[pa.Table, np.ndarray]:
        """The n rows nearest to a unit vector (D,): columns with row numbers (ROW), and cosines.

        Exact: every row that passes is compared by its vector. With the index (this version's) most
        of them, the cosines are exact too, and rows that it does not hold yet are all compared; it
        may find fewer than n. Nearest first; cosines (n,) float32.
        """
        assert self._table is not None
        query = self._table.search(vector, vector_column_name="vector").distance_type("dot")
        if index is None:
            query = query.bypass_vector_index()
        else:
            # What was measured is the whole gallery: what passes a filter may lie in any partition.
            probes = index.probes if where is None else index.partitions
            query = query.nprobes(probes).refine_factor(index.refine)
        query = query.limit(n)
        if where is not None:
            query = query.where(where, prefilter=True)
        with refusing(self.path, self._table):
            found = query.select([*columns, "_distance"]).with_row_id(True).to_arrow()
        return found, 1 - found["_distance"].to_numpy()

    def cosines(self, vector: np.ndarray, where: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of all that pass and their cosines with a unit vector (D,), nearest first.

        `nearest` would sort whole vectors: this reads them block by block and keeps none.
        """
        assert self._table is not None
        query = self._table.search().select(["vector"]).with_row_id(True).limit(None)
        rows, cosines = [], []
        with refusing(self.path, self._table):
            for block in (query if where is None else query.where(where)).to_batches(_BLOCK):
                flat = block["vector"].flatten().to_numpy(zero_copy_only=False)
                rows.append(block[ROW].to_numpy(zero_copy_only=False).copy())
                cosines.append(flat.reshape(len(block), -1) @ vector)
        order = np.argsort(-np.concatenate(cosines), kind="stable")
        return np.concatenate(rows)[order], np.concatenate(cosines)[order]

    def take(self, rows: np.ndarray, columns: Sequence[str]) -> pa.Table:
        """Columns of rows named by row number, in any order, with these numbers (ROW)."""
        assert self._table is not None
        with refusing(self.path, self._table):
            query = self._table.take_row_ids(rows.tolist()).select(list(columns))
            found = query.with_row_id().to_arrow()
        if len(found) != len(rows):  # LanceDB leaves out what it does not know
            raise BadGallery(f"{shown(self.path)}: it changed while it was read; ask again")
        return found

    def at(self, places: np.ndarray, columns: Sequence[str]) -> pa.Table:
        """Columns of the rows at these places, from 0, in the order in which rows are stored."""
        assert self._table is not None
        with refusing(self.path, self._table):
            return self._table.take_offsets(places.tolist()).select(list(columns)).to_arrow()
