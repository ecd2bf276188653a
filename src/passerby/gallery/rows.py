"""A photo's row: the Arrow columns of a gallery, and embeddings as they are stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.nn.functional import normalize

from passerby.errors import BadModel
from passerby.types import Embeddings

Arrays = dict[str, np.ndarray]  # stored form of embeddings: vector f32, parts f16, mask u8


@dataclass(frozen=True)
class Row:
    """A photo in a gallery, without its embedding.

    id: stays with the photo when it moves or changes. path: as `names.to_text` gives it. hash:
    BLAKE2b of the file's bytes. size: bytes of the file. modified: nanoseconds since 1970.
    width, height: pixels, upright. time: aware. thumbnail: JPEG.
    """

    id: int
    path: str
    hash: str
    size: int
    modified: int
    width: int = 0
    height: int = 0
    camera: str | None = None
    time: datetime | None = None
    person: str | None = None
    thumbnail: bytes = b""


NAMES = tuple(field.name for field in fields(Row))
FACTS = tuple(name for name in NAMES if name not in ("width", "height", "thumbnail"))
_COLUMNS = {
    "id": pa.int64(),
    "path": pa.string(),
    "hash": pa.string(),
    "size": pa.int64(),
    "modified": pa.int64(),
    "width": pa.int32(),
    "height": pa.int32(),
    "camera": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "person": pa.string(),
    "thumbnail": pa.binary(),
}
_STORED = {"vector": np.float32, "mask": np.uint8}  # all else is np.float16


def stored(embeddings: Embeddings) -> Arrays:
    """What a gallery keeps: unit vectors (N, D) in float32, parts and values in float16.

    Raises BadModel for numbers that are not finite in that form: a query would meet them as NaN.
    """
    named = embeddings.tensors() | {"vector": normalize(embeddings.vector.float(), dim=1)}
    with np.errstate(over="ignore"):  # refused below
        arrays = {
            name: tensor.cpu().numpy().astype(_STORED.get(name, np.float16))
            for name, tensor in named.items()
        }
    bad = next((name for name, array in arrays.items() if not np.isfinite(array).all()), None)
    if bad is not None:
        raise BadModel(
            f"the model gives {bad} of photos that are not finite, or beyond 65504, the most that "
            "a gallery's float16 holds; load another checkpoint, or scale what the method gives"
        )
    return arrays


def to_table(rows: Sequence[Row], arrays: Arrays) -> pa.Table:
    """N rows and their N embeddings as one Arrow table."""
    columns: dict[str, Any] = {
        name: pa.array([getattr(row, name) for row in rows], kind)
        for name, kind in _COLUMNS.items()
    }
    kinds = [pa.field(name, kind) for name, kind in _COLUMNS.items()]
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array).reshape(len(array), -1)
        column = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])
        shape = json.dumps(array.shape[1:])
        kinds.append(pa.field(name, column.type, metadata={"shape": shape}))
        columns[name] = column
    return pa.table(columns, schema=pa.schema(kinds))


def embedded(schema: pa.Schema) -> tuple[str, ...]:
    """The columns of a table that hold embeddings."""
    return tuple(field.name for field in schema if b"shape" in (field.metadata or {}))


def arrays_of(table: pa.Table) -> Arrays:
    """The embeddings of a table, bit for bit as they were stored."""
    found = {}
    for name in embedded(table.schema):
        shape = json.loads(table.schema.field(name).metadata[b"shape"])
        flat = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        found[name] = flat.reshape(len(table), *shape)
    return found


def embeddings_of(table: pa.Table) -> Embeddings:
    """The embeddings of a table in float64, so that rounding cannot part equal photos."""
    return Embeddings(
        **{
            name: torch.from_numpy(array.astype(bool if name == "mask" else np.float64))
            for name, array in arrays_of(table).items()
        }
    )


def rows_of(table: pa.Table) -> list[Row]:
    """The rows of a table, with those columns that it has."""
    return [Row(**record) for record in table.select(_present(table)).to_pylist()]


def _present(table: pa.Table) -> list[str]:
    return [name for name in NAMES if name in table.column_names]
