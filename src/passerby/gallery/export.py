"""A gallery's rows in a file that other tools read: Parquet, CSV, or NumPy's npz."""

from __future__ import annotations

import base64
import csv
import io
import os
import secrets
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from passerby.errors import BadGallery, BadQuery, shown
from passerby.gallery.files import placed
from passerby.gallery.names import to_path
from passerby.gallery.rows import arrays_of
from passerby.gallery.store import Store

FACTS = ("id", "path", "path_bytes", "camera", "time", "person", "hash", "size", "modified",
         "width", "height")  # fmt: skip
_STORED = tuple(name for name in FACTS if name != "path_bytes")
_BLOCK = 1024  # rows in memory at once
_MOST = 4_000_000_000  # bytes of names in an .npz: whoever loads it has them in memory


def export(store: Store, out: Path) -> int:
    """Writes all rows, in the order in which they are stored, and gives their number.

    .parquet: facts and embeddings, each a list of fixed size whose shape is in its field's
    metadata. .csv: facts. .npz: image_features (N, D) float32 unit vectors, image_names (N,)
    paths, image_ids (N,) persons, "" where none is known. Thumbnails stay behind. A path that is no
    UTF-8 is escaped, its bytes are in path_bytes, in base64.

    Whole or not at all: written beside, then renamed. Raises BadQuery for another ending, a file
    that is there already or cannot be written, one in the gallery's own folder, and names that are
    too long for .npz; BadGallery for an empty gallery.
    """
    writers = {".parquet": _parquet, ".csv": _csv, ".npz": _npz}
    write = writers.get(out.suffix.lower())
    if write is None:
        raise BadQuery(f"{shown(out)}: export writes .parquet, .csv or .npz; choose one of them")
    placed(out, store.path, ())
    if os.path.lexists(out):
        raise BadQuery(f"{shown(out)}: is there already; remove it, or choose another file")
    if not len(store):
        raise BadGallery(
            f"{shown(store.path)}: holds no photos to export; run passerby index first"
        )
    beside = out.with_name(f".passerby-{secrets.token_hex(8)}.new")
    try:
        with beside.open("xb") as file:
            number = write(store, file)
        beside.replace(out)
    except OSError as error:
        reason = error.strerror or (os.strerror(error.errno) if error.errno else "writing failed")
        raise BadQuery(f"{shown(out)}: cannot be written ({reason}); choose another file") from None
    finally:
        with suppress(OSError):
            beside.unlink()
    return number


def told_path(text: str) -> tuple[str, str]:
    """A stored path as UTF-8, and its bytes in base64 where that is not all; else ""."""
    path = to_path(text)
    name = os.fsencode(path)
    readable = name.decode("utf-8", "backslashreplace")
    return readable, "" if readable == str(path) else base64.b64encode(name).decode()


def _facts(block: pa.Table) -> pa.Table:
    paths = [told_path(text) for text in block["path"].to_pylist()]
    columns: dict[str, Any] = {name: block[name] for name in _STORED}
    columns["path"] = pa.array([path for path, _ in paths], pa.string())
    columns["path_bytes"] = pa.array([exact or None for _, exact in paths], pa.string())
    return pa.table({name: columns[name] for name in FACTS})


def _parquet(store: Store, out: IO[bytes]) -> int:
    number, writer = 0, None
    try:
        for block in store.blocks([*_STORED, *store.embedded], _BLOCK):
            table = _facts(block)
            for name in store.embedded:
                table = table.append_column(block.schema.field(name), block[name])
            writer = writer or pq.ParquetWriter(out, table.schema)
            writer.write_table(table)
            number += len(block)
    finally:
        if writer is not None:
            writer.close()
    return number


def _csv(store: Store, out: IO[bytes]) -> int:
    number = 0
    with io.TextIOWrapper(out, encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FACTS)
        for block in store.blocks(list(_STORED), _BLOCK):
            for record in _facts(block).to_pylist():
                when = record["time"]
                cells = record | {"time": when and when.isoformat()}
                writer.writerow(["" if cells[n] is None else cells[n] for n in FACTS])
            number += len(block)
    return number


def _npz(store: Store, out: IO[bytes]) -> int:
    """Vectors go from block to file; names and ids are kept meanwhile, and padded as NumPy has them
    when they are written.
    """
    names: list[str] = []
    persons: list[str] = []
    number, width = len(store), store.dimension or 0
    with zipfile.ZipFile(out, "w") as archive:
        with _array(archive, "image_features", "<f4", (number, width)) as file:
            for block in store.blocks(["path", "person", "vector"], _BLOCK):
                file.write(np.ascontiguousarray(arrays_of(block)["vector"], "<f4").tobytes())
                names += [told_path(text)[0] for text in block["path"].to_pylist()]
                persons += [person or "" for person in block["person"].to_pylist()]
                _require_short(names[-len(block) :], number)
                _require_short(persons[-len(block) :], number)
        for name, told in (("image_names", names), ("image_ids", persons)):
            kind = f"<U{max(1, *map(len, told))}" if told else "<U1"
            with _array(archive, name, kind, (number,)) as file:
                for start in range(0, len(told), _BLOCK):
                    file.write(np.array(told[start : start + _BLOCK], kind).tobytes())
    if len(names) != number:
        raise BadGallery(f"{shown(store.path)}: it changed while it was read; export it again")
    return number


def _require_short(told: Sequence[str], number: int) -> None:
    """Raises BadQuery where so many names take too much memory, in NumPy each as wide as the
    longest.
    """
    longest = max(map(len, told), default=0)
    if 4 * longest * number > _MOST:
        raise BadQuery(
            f"a name of {longest} letters: in .npz all {number} names are as wide, "
            f"{4 * longest * number / 1e9:.0f} GB; export .parquet"
        )


@contextmanager
def _array(
    archive: zipfile.ZipFile, name: str, kind: str, shape: tuple[int, ...]
) -> Iterator[IO[bytes]]:
    """An array of the archive, to write its numbers or letters to. Letters are packed: most of what
    NumPy stores of them is padding.
    """
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED if "U" in kind else zipfile.ZIP_STORED
    with archive.open(entry, "w", force_zip64=True) as file:
        told = {"descr": kind, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, told)
        yield file
