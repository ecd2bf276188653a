"""A gallery's rows in a file that other tools read: Parquet, CSV, or NumPy's npz."""

from __future__ import annotations

import base64
import csv
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from passerby.errors import BadGallery, BadQuery, shown
from passerby.gallery.names import to_path
from passerby.gallery.rows import arrays_of
from passerby.gallery.store import Store

FACTS = ("id", "path", "path_bytes", "camera", "time", "person", "hash", "size", "modified",
         "width", "height")  # fmt: skip
_STORED = tuple(name for name in FACTS if name != "path_bytes")
_BLOCK = 1024  # rows in memory at once


def export(store: Store, out: Path) -> int:
    """Writes all rows, in the order in which they are stored, and gives their number.

    .parquet: facts and embeddings, each a list of fixed size whose shape is in its field's
    metadata. .csv: facts. .npz: image_features (N, D) float32 unit vectors, image_names (N,)
    paths, image_ids (N,) persons, "" where none is known. Thumbnails stay behind. A path that is no
    UTF-8 is escaped, its bytes are in path_bytes, in base64.

    Whole or not at all: written beside, then renamed. Raises BadQuery for another ending and a file
    that cannot be written, BadGallery for an empty gallery.
    """
    writers = {".parquet": _parquet, ".csv": _csv, ".npz": _npz}
    write = writers.get(out.suffix.lower())
    if write is None:
        raise BadQuery(f"{shown(out)}: export writes .parquet, .csv or .npz; choose one of them")
    if not len(store):
        raise BadGallery(
            f"{shown(store.path)}: holds no photos to export; run passerby index first"
        )
    beside = out.with_name(out.name + ".new")
    try:
        number = write(store, beside)
        beside.replace(out)
    except OSError as error:
        raise BadQuery(
            f"{shown(out)}: cannot be written ({error.strerror or error}); choose another file"
        ) from None
    finally:
        beside.unlink(missing_ok=True)
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


def _parquet(store: Store, out: Path) -> int:
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


def _csv(store: Store, out: Path) -> int:
    number = 0
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FACTS)
        for block in store.blocks(list(_STORED), _BLOCK):
            for record in _facts(block).to_pylist():
                when = record["time"]
                cells = record | {"time": when and when.isoformat()}
                writer.writerow(["" if cells[n] is None else cells[n] for n in FACTS])
            number += len(block)
    return number


def _npz(store: Store, out: Path) -> int:
    """Vectors go from block to file; names and ids are small."""
    names: list[str] = []
    persons: list[str] = []
    number, width = len(store), store.dimension or 0
    with zipfile.ZipFile(out, "w") as archive:
        with archive.open("image_features.npy", "w", force_zip64=True) as file:
            _header(file, "<f4", (number, width))
            for block in store.blocks(["path", "person", "vector"], _BLOCK):
                file.write(np.ascontiguousarray(arrays_of(block)["vector"], "<f4").tobytes())
                names += [told_path(text)[0] for text in block["path"].to_pylist()]
                persons += [person or "" for person in block["person"].to_pylist()]
        for name, told in (("image_names", names), ("image_ids", persons)):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.save(file, np.array(told, dtype=np.str_), allow_pickle=False)
    if len(names) != number:
        raise BadGallery(f"{shown(store.path)}: it changed while it was read; export it again")
    return number


def _header(file: IO[bytes], kind: str, shape: tuple[int, ...]) -> None:
    told = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(file, told)
