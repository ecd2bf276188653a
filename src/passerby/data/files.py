"""The user's own pairs: a CSV with the columns path, person, caption and, if wanted, split."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from passerby.data.records import SPLITS, Record, tidy, whole
from passerby.errors import BadData, shown

COLUMNS = ("path", "person", "caption")


def read_files(table: Path) -> list[Record]:
    """One record a photo, in the order in which photos are met; a row is one caption.

    Paths are relative to the CSV's folder. Other columns are left alone.

    Raises BadData, naming the row (the header is row 1), for what is missing or contradicts itself.
    """
    photos: dict[str, Record] = {}
    for number, row in _rows(table):
        record = _record(row, number, table)
        known = photos.get(record.path)
        if known is None:
            photos[record.path] = record
            continue
        if (known.person, known.split) != (record.person, record.split):
            raise BadData(
                f"{shown(table)}: row {number} gives photo {shown(record.path)} another person or "
                "split than a row above; correct one of them"
            )
        captions = known.captions + record.captions
        photos[record.path] = Record(known.path, known.file, known.person, captions, known.split)
    if not photos:
        raise BadData(f"{shown(table)}: no rows below the header; add {', '.join(COLUMNS)}")
    return list(photos.values())


def _rows(table: Path) -> list[tuple[int, dict[str, str | None]]]:
    """(row number, cells by column) of the file."""
    try:
        # A path's bytes may be no UTF-8: they survive as surrogates, which captions may not hold.
        with table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            lacking = [name for name in COLUMNS if name not in reader.fieldnames]
            if lacking:
                there = ", ".join(map(shown, reader.fieldnames)) or "none"
                raise BadData(f"{shown(table)}: no column {lacking[0]!r} (there are: {there}); the "
                              f"first row names {', '.join(COLUMNS)}, split by commas")  # fmt: skip
            return list(enumerate(reader, start=2))
    except FileNotFoundError:
        raise BadData(f"{shown(table)}: no such file; give a CSV of {', '.join(COLUMNS)}") from None
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadData(f"{shown(table)}: cannot be read as CSV ({reason}); correct it") from error


def _record(row: dict[str, str | None], number: int, table: Path) -> Record:
    def wrong(what: str) -> BadData:
        return BadData(f"{shown(table)}: row {number} {what}; correct or remove it")

    path, person, caption = ((row[name] or "").strip() for name in COLUMNS)
    for name, value in zip(COLUMNS, (path, person, caption), strict=True):
        if not value:
            raise wrong(f"has no {name}")
    for name, value in (("person", person), ("caption", caption)):
        if not whole(value):
            raise wrong(f"has a {name} that is not UTF-8")
    if row.get(None):  # type: ignore[call-overload]
        raise wrong("has more cells than the header (a caption with a comma stands in quotes)")
    split = (row["split"] or "").strip().lower() if "split" in row else None
    if split is not None and split not in SPLITS:
        raise wrong(f"has the split {split!r}, not {', '.join(SPLITS)}")
    path = os.path.normpath(path)
    return Record(path, table.parent / path, person, (tidy(caption),), split)
