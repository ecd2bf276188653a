"""A gallery on disk: one LanceDB table with whole rows, and a card that names the model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa

from passerby.errors import BadGallery, shown
from passerby.gallery import lock
from passerby.gallery.disk import refusing
from passerby.gallery.names import valid
from passerby.gallery.rows import FACTS, Row, rows_of
from passerby.gallery.version import Version

SCHEMA = 1  # raised when a gallery's columns or card change their meaning
CARD, TABLE = "gallery.json", "photos"
# Versions that a reader may still be on are kept for this long; readers move to the newest one at
# each query.
_KEPT = timedelta(hours=1)


@dataclass(frozen=True)
class Card:
    """What a gallery says of itself. model_folder: "default" or an absolute path. filled: whether
    photos have been stored, so that a table that is gone is no empty gallery.
    """

    schema: int
    fingerprint: str
    model_folder: str
    filled: bool = False


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
        return cls(folder, _read_card(folder))

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
                there = _read_card(folder) if (folder / CARD).exists() else None
                if there is not None:
                    require_model(folder, there, fingerprint, model_folder)
                    card = replace(card, filled=there.filled)
                if there != card:  # a new gallery, or its model has moved
                    _write_card(folder, card)
            yield cls(folder, card)

    def __len__(self) -> int:
        with refusing(self.path):
            return 0 if self._table is None else int(self._table.count_rows())

    def newest(self) -> Version:
        """The newest whole version, on a handle of its own: nothing moves it."""
        return Version(self.path, self._open())

    def rows(self) -> list[Row]:
        """Every row, without thumbnail and pixel size."""
        return rows_of(self._scan(list(FACTS))) if len(self) else []

    def whole(self, ids: Sequence[int]) -> pa.Table:
        """All columns of the rows with these ids, in any order."""
        with refusing(self.path):
            return self._table.search().where(f"id IN ({', '.join(map(str, ids))})").to_arrow()

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
                self._card = replace(self._card, filled=True)
                _write_card(self.path, self._card)

    def replace(self, table: pa.Table) -> None:
        """Puts rows in the place of those with the same ids: all of them or none."""
        with refusing(self.path):
            self._table.merge_insert("id").when_matched_update_all().execute(table)

    def compact(self) -> None:
        """Joins the small files that batches leave, and drops what nobody reads any more."""
        if self._table is not None:
            with refusing(self.path):
                # Files of a batch that was cut short are nobody's: the lock says that no other
                # writer is at work.
                self._table.optimize(cleanup_older_than=_KEPT, delete_unverified=True)

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
        with refusing(self.path):
            return self._table.search().select(columns).limit(None).to_arrow()


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


def _read_card(folder: Path) -> Card:
    where = shown(folder)
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
        card = json.loads(text)
        schema = int(card["schema"])
        if schema != SCHEMA:
            raise BadGallery(
                f"{where}: a gallery of version {schema}, this passerby reads version {SCHEMA}; "
                f"{'upgrade passerby' if schema > SCHEMA else 'index the photos again'}"
            )
        told = (str(card["fingerprint"]), str(card["model_folder"]), card.get("filled") is True)
        return Card(schema, *told)
    except (FileNotFoundError, NotADirectoryError):
        raise BadGallery(
            f"{where}: no gallery here; make one with: passerby index FOLDER --gallery {where}"
        ) from None
    except OSError as error:
        raise BadGallery(f"{where}: cannot be read ({error.strerror}); allow reading it") from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise BadGallery(
            f"{where}: its {CARD} is damaged; put it back from a copy, or index the photos again "
            "into another folder"
        ) from None


def _write_card(folder: Path, card: Card) -> None:
    """Whole or not at all: written beside, flushed, renamed."""
    beside = folder / (CARD + ".new")
    with beside.open("w", encoding="ascii") as file:
        json.dump(asdict(card), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / CARD)
