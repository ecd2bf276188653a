"""A gallery on disk: one LanceDB table with whole rows, and a card that names the model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.index import BTree, IvfRq

from passerby.errors import BadGallery, shown
from passerby.gallery import lock
from passerby.gallery.card import CARD, SCHEMA, Card, Filling, read_card, write_card
from passerby.gallery.disk import refusing, steadily
from passerby.gallery.index_card import forget_index, usable
from passerby.gallery.names import valid
from passerby.gallery.rows import FACTS, Row, embedded, rows_of
from passerby.gallery.version import ROW, Version

TABLE = "photos"
_BLOCK = 1024  # rows in memory at once, with all their columns: 20 MB for NAFS
# Versions that a reader may still be on are kept for this long; readers move to the newest one at
# each query.
_KEPT = timedelta(hours=1)
# Share of a file's rows to move out, for LanceDB to write the file anew: it does from a tenth on.
_ENOUGH = 0.12


class Store:
    """A gallery's rows. Any number of readers at a time, each on a whole version; one writer.

    path: its folder. model_folder, fingerprint: the model whose embeddings it holds. A gallery
    whose writer was killed before its first batch is open and empty.
    """

    def __init__(self, path: Path, card: Card) -> None:
        self.path, self._card = path, card
        self.model_folder, self.fingerprint = card.model_folder, card.fingerprint
        self._database = lancedb.connect(str(path))
        self._table: Any = None
        self._table = self._open()

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """To read. Raises BadGallery when there is none, or one of another schema version."""
        folder = _folder(path)
        return cls(folder, read_card(folder))

    @classmethod
    @contextmanager
    def write(cls, path: str | Path, fingerprint: str, model_folder: str) -> Iterator[Store]:
        """To read and write, made when it is not there yet; the writer's lock is held inside.

        Raises BadGallery when another process writes it, another model or version made it, the
        folder holds something else, or no room is left.
        """
        folder = _folder(path)
        card = Card(SCHEMA, fingerprint, model_folder)
        with ExitStack() as held:
            with refusing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if not (folder / CARD).exists():
                    _require_unused(folder)
                held.enter_context(lock.WriterLock(folder))
                there = read_card(folder) if (folder / CARD).exists() else None
                if there is not None:
                    require_model(folder, there, fingerprint, model_folder)
                    card = replace(there, model_folder=model_folder)
                if there != card:  # a new gallery, or its model has moved
                    write_card(folder, card)
            yield cls(folder, card)

    def __len__(self) -> int:
        with refusing(self.path, self._table):
            return 0 if self._table is None else int(self._table.count_rows())

    def newest(self) -> Version:
        """The newest whole version, on a handle of its own: nothing moves it."""
        table = self._open()
        return Version(self.path, table, *usable(self.path, table, self.fingerprint))

    def rows(self) -> list[Row]:
        """Every row of the newest version, without thumbnail and pixel size."""
        return steadily(lambda: rows_of(self._scan(list(FACTS))))

    def whole(self, ids: Sequence[int]) -> pa.Table:
        """All columns of the rows with these ids, in any order."""

        def read() -> pa.Table:
            table = self._open()
            with refusing(self.path, table):
                return table.search().where(f"id IN ({', '.join(map(str, ids))})").to_arrow()

        return steadily(read)

    def blocks(self, columns: Sequence[str], n: int) -> Iterator[pa.Table]:
        """Columns of all rows of the newest version, n rows at a time, in the order in which they
        are stored. Taken by place: a scan would read ahead of a slow reader, up to 2 GB.
        """
        version = self.newest()
        photos = version.count()
        for start in range(0, photos, n):
            yield version.at(np.arange(start, min(start + n, photos)), columns)

    @property
    def embedded(self) -> tuple[str, ...]:
        """The columns that hold embeddings: vector; with local features parts, values, mask."""
        return () if self._table is None else embedded(self._table.schema)

    @property
    def row_bytes(self) -> int:
        """Bytes of a photo's embeddings."""
        if self._table is None:
            return 0
        kinds = [self._table.schema.field(name).type for name in self.embedded]
        return sum(kind.list_size * kind.value_type.bit_width // 8 for kind in kinds)

    def like(self, content: str) -> pa.Table:
        """The embedding columns of a photo with this content hash: one row, or none."""
        table = self._open()
        with refusing(self.path, table):
            if table is None:
                return pa.table({})
            query = table.search().where(f"hash = '{content}'").limit(1)
            return query.select(list(embedded(table.schema))).to_arrow()

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that were indexed, as `names.to_text` gives them."""
        return self._card.roots

    @property
    def filling(self) -> Filling | None:
        """From which gallery this one is being filled, as its card says now."""
        return read_card(self.path).filling

    @property
    def dimension(self) -> int | None:
        """Numbers in a vector; None while the gallery is empty."""
        return None if self._table is None else self._table.schema.field("vector").type.list_size

    def add(self, table: pa.Table) -> None:
        """Appends new photos (their ids and paths are not here yet): all of them or none."""
        with refusing(self.path):
            if self._table is None:
                self._table = self._database.create_table(TABLE, schema=table.schema)
            self._table.add(table)
            if not self._card.filled:
                self.note(filled=True)

    def note(self, **told: Any) -> None:
        """Sets fields of the card: filled, roots, filling, index_clean."""
        card = replace(self._card, **told)
        if card != self._card:
            with refusing(self.path):
                write_card(self.path, card)
            self._card = card

    def replace(self, table: pa.Table) -> None:
        """Puts rows in the place of those with the same ids: all of them or none."""
        self.note(index_clean=False)
        with refusing(self.path):
            self._merge(table)

    def compact(self) -> None:
        """Joins the small files that batches leave, and drops what nobody reads any more."""
        if self._table is not None:
            with refusing(self.path):
                # Files of a batch that was cut short are nobody's: the lock says that no other
                # writer is at work.
                self._table.optimize(cleanup_older_than=_KEPT, delete_unverified=True)

    def drop(self, ids: Sequence[int]) -> None:
        """Takes rows out of the newest version; `sweep` takes their bytes off the disk."""
        if len(ids):
            self.note(index_clean=False)
        with refusing(self.path):
            for start in range(0, len(ids), 10_000):
                some = ", ".join(map(str, ids[start : start + 10_000]))
                self._table.delete(f"id IN ({some})")

    def forget_roots(self) -> None:
        """Takes the folders off the card of which no photo is left."""
        paths = self._scan(["path"])["path"] if self._table is not None else pa.array([], "string")
        inside = (pc.any(pc.starts_with(paths, root.rstrip("/") + "/")) for root in self.roots)
        kept = [root for root, any_ in zip(self.roots, inside, strict=True) if any_.as_py()]
        self.note(roots=tuple(kept))

    def sweep(self) -> bool:
        """Leaves no byte on the disk of rows that were dropped or replaced, nor of older versions,
        also when a sweep before it was cut short. A reader in the middle of a query asks again.

        An index of vectors that may hold those of such rows goes too; gives whether one went.
        LanceDB leaves a row's bytes in its file until a tenth of the file's rows are dropped: of
        such a file others move out, so that it is written anew, one file at a time.
        """
        if self._table is None:
            return False
        with refusing(self.path):
            indexed = bool(self._table.list_indices())
            went = indexed and not self._card.index_clean
            if went:
                forget_index(self.path)
                self.drop_indexes()
            self._forget()
            for share in (_ENOUGH, 1.0):  # all of them, should LanceDB keep a file nevertheless
                for _ in range(len(self._beside_dropped())):
                    self._rewrite(share)
        return went

    def _rewrite(self, share: float) -> None:
        """Moves a share of the rows out of the first file that holds dropped ones as well."""
        for rows in self._beside_dropped()[:1]:
            moving = rows[: int(share * len(rows)) + 1]
            for start in range(0, len(moving), _BLOCK):
                piece = moving[start : start + _BLOCK]
                self._merge(self._table.take_row_ids(piece.tolist()).to_arrow())
            self._forget()

    def _merge(self, table: pa.Table) -> None:
        self._table.merge_insert("id").when_matched_update_all().execute(table)

    def build_index(self, name: str, partitions: int, bits: int) -> None:
        """An IVF_RQ index of that name over the vectors, and others over what filters read."""
        self.note(index_clean=True)
        vectors = IvfRq(distance_type="dot", num_partitions=partitions, num_bits=bits)
        with refusing(self.path):
            self._table.create_index("vector", config=vectors, name=name)
            for column in ("camera", "time"):
                self._table.create_index(column, config=BTree(), name=f"{column}-{name}")

    def drop_indexes(self) -> None:
        """From here on every vector is compared; `compact` takes the indexes off the disk."""
        if self._table is not None:
            with refusing(self.path):
                for index in self._table.list_indices():
                    self._table.drop_index(index.name)

    def _forget(self) -> None:
        """Joins small files, and drops every version but the newest."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # readers ask again
            self._table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)

    def _beside_dropped(self) -> list[np.ndarray]:
        """Numbers of the rows in each file that holds dropped rows as well."""
        files = (self.path / f"{TABLE}.lance" / "_deletions").glob("*")
        names = [file.name.split("-")[0] for file in files]  # "4-8-1722...arrow": piece 4
        pieces = {int(name) for name in names if name.isdecimal()}  # else no file of LanceDB's
        if not pieces:
            return []
        found = self._table.search().select(["id"]).with_row_id(True).limit(None).to_arrow()
        rows = found[ROW].to_numpy()
        return [rows[rows >> 32 == piece] for piece in sorted(pieces)]

    def _open(self) -> Any:
        """LanceDB's table in its newest version; None when there is none and need not be."""
        # no table: nothing is stored yet, or its making was cut short
        with refusing(self.path), suppress(ValueError):
            return self._database.open_table(TABLE)
        if self._card.filled or self._table is not None:
            raise BadGallery(
                f"{shown(self.path)}: its photos are gone, only {CARD} is left; put the gallery "
                "back from a copy, or index the photos again into another folder"
            )
        return None

    def _scan(self, columns: list[str]) -> pa.Table:
        """Columns of all rows of the newest version; no columns where nothing is stored."""
        table = self._open()
        if table is None:
            return pa.table({})
        with refusing(self.path, table):
            return table.search().select(columns).limit(None).to_arrow()


def require_model(path: Path, card: Card | Store, fingerprint: str, model_folder: str) -> None:
    """Raises BadGallery when the gallery was made by a model of another fingerprint."""
    if card.fingerprint != fingerprint:
        raise BadGallery(
            f"{shown(path)}: made by model {_model(card.model_folder, card.fingerprint)}, not by "
            f"{_model(model_folder, fingerprint)}; search it with its own model, or index the "
            "photos again with --model into another gallery"
        )


def _model(folder: str, fingerprint: str) -> str:
    return shown(f"{folder} ({fingerprint[:12]})" if folder else fingerprint[:12])


def _folder(path: str | Path) -> Path:
    folder = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would rename what users typed
    name = str(folder)
    if valid(name) != name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise BadGallery(  # LanceDB opens no such path; photos may have any name
            f"{shown(folder)}: a gallery's path must be UTF-8 on one line; choose another"
        )
    if os.path.exists(folder) and not os.path.isdir(folder):  # noqa: PTH110, PTH112 - never raise
        raise BadGallery(f"{shown(folder)}: a file, not a gallery's folder; choose another")
    return folder


def _require_unused(folder: Path) -> None:
    """A folder where a gallery may begin: empty, or left by a writer that was cut short."""
    others = {entry.name for entry in folder.iterdir()} - {lock.NAME, CARD, CARD + ".new"}
    if others:
        raise BadGallery(
            f"{shown(folder)}: holds other files ({shown(min(others))}) and no gallery; choose an "
            "empty or a new folder"
        )
