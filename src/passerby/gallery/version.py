"""One whole version of a gallery, whatever is written meanwhile: what a query reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from passerby.errors import BadGallery, shown
from passerby.gallery.disk import refusing
from passerby.gallery.rows import embedded

ROW = "_rowid"  # LanceDB's number of a row; it names that row in one version only
_BLOCK = 1024  # vectors read at once


class Version:
    """A gallery's rows as they were at one moment.

    path: the gallery's folder. table: LanceDB's, on a handle that nobody else moves; None when
    nothing is stored. `where` is SQL that rows must pass; None lets all pass. Its methods raise
    BadGallery when the disk refuses.
    """

    def __init__(self, path: Path, table: Any | None) -> None:
        self.path, self._table = path, table

    def count(self, where: str | None = None) -> int:
        with refusing(self.path):
            return 0 if self._table is None else int(self._table.count_rows(where))

    @property
    def number(self) -> int:
        """LanceDB's number of this version, from 1; 0 when nothing is stored."""
        with refusing(self.path):
            return 0 if self._table is None else int(self._table.version)

    def cameras(self) -> list[str]:
        """The names of all cameras, sorted."""
        if self._table is None:
            return []
        with refusing(self.path):
            found = self._table.search().select(["camera"]).limit(None).to_arrow()
        return sorted(name for name in found["camera"].unique().to_pylist() if name is not None)

    def embedded(self) -> tuple[str, ...]:
        """The columns that hold embeddings: vector; with local features parts, values, mask."""
        return () if self._table is None else embedded(self._table.schema)

    def nearest(
        self, vector: np.ndarray, n: int, where: str | None, columns: Sequence[str]
    ) -> tuple[pa.Table, np.ndarray]:
        """The n rows nearest to a unit vector (D,): columns with row numbers (ROW), and cosines.

        Exact: every row that passes is compared by its vector. Nearest first; cosines (n,) float32.
        """
        assert self._table is not None
        query = self._table.search(vector, vector_column_name="vector").distance_type("dot")
        query = query.bypass_vector_index().limit(n)
        if where is not None:
            query = query.where(where, prefilter=True)
        with refusing(self.path):
            found = query.select([*columns, "_distance"]).with_row_id(True).to_arrow()
        return found, 1 - found["_distance"].to_numpy()

    def cosines(self, vector: np.ndarray, where: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of all that pass and their cosines with a unit vector (D,), nearest first.

        `nearest` would sort whole vectors: this reads them block by block and keeps none.
        """
        assert self._table is not None
        query = self._table.search().select(["vector"]).with_row_id(True).limit(None)
        rows, cosines = [], []
        with refusing(self.path):
            for block in (query if where is None else query.where(where)).to_batches(_BLOCK):
                flat = block["vector"].flatten().to_numpy(zero_copy_only=False)
                rows.append(block[ROW].to_numpy(zero_copy_only=False).copy())
                cosines.append(flat.reshape(len(block), -1) @ vector)
        order = np.argsort(-np.concatenate(cosines), kind="stable")
        return np.concatenate(rows)[order], np.concatenate(cosines)[order]

    def take(self, rows: np.ndarray, columns: Sequence[str]) -> pa.Table:
        """Columns of rows named by row number, in any order, with these numbers (ROW)."""
        assert self._table is not None
        with refusing(self.path):
            query = self._table.take_row_ids(rows.tolist()).select(list(columns))
            found = query.with_row_id().to_arrow()
        if len(found) != len(rows):  # LanceDB leaves out what it does not know
            raise BadGallery(f"{shown(self.path)}: it changed while it was read; ask again")
        return found

    def at(self, places: np.ndarray, columns: Sequence[str]) -> pa.Table:
        """Columns of the rows at these places, from 0, in the order in which rows are stored."""
        assert self._table is not None
        with refusing(self.path):
            return self._table.take_offsets(places.tolist()).select(list(columns)).to_arrow()
