"""A data set's records, read leniently: a doctor tells of all that the strict reader stops at."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from passerby.data.files import read_files
from passerby.data.layouts import LAYOUTS, find, photo_folder
from passerby.data.pedes import load_rows, no_split_told, parse_record, told_path
from passerby.data.records import Record, whole
from passerby.data.sources import FILES, parse
from passerby.doctor.findings import Entry
from passerby.errors import BadData, shown


@dataclass(frozen=True)
class Case:
    """What is examined. rows: the JSON as it stands, none for a CSV. photos: where photos belong.

    wrong: number and complaint of each record that is none. empty: number and path of each record
    with captions that are empty or no text. unsplit: no record tells its split, though each should.
    """

    name: str
    file: Path
    photos: Path | None
    rows: list[Any]
    entries: tuple[Entry, ...]
    wrong: tuple[tuple[int, str], ...] = ()
    empty: tuple[tuple[int, str], ...] = ()
    unsplit: bool = False

    @property
    def older(self) -> bool:
        """Whether it is the older release of CUHK-PEDES."""
        return self.unsplit and LAYOUTS[self.name].older

    @property
    def repeats(self) -> bool:
        """Whether the strict reader joins records of one photo, person and split."""
        return self.name in LAYOUTS and LAYOUTS[self.name].repeats

    @property
    def named(self) -> set[str]:
        """Paths of all records, of the wrong ones too where they can be read."""
        paths = {entry.record.path for entry in self.entries}
        for number, _ in self.wrong:
            with suppress(ValueError):
                paths.add(told_path(self.rows[number - 1]))
        return paths


def read_case(spec: str) -> Case:
    """The data set `NAME:ROOT`. Raises BadData for what is no list of records at all, a CSV that
    the reader of CSV refuses, and shards."""
    name, root = parse(spec)
    if name == FILES:
        entries = tuple(
            Entry(number, record, record.captions)
            for number, record in enumerate(read_files(root), start=1)
        )
        return Case(name, root, None, [], entries)
    if name not in LAYOUTS:
        raise BadData(f"{shown(spec)}: {name} name no persons to check; check a benchmark or "
                      f"{FILES}:CSV")  # fmt: skip
    return _read_json(name, find(name, root, older=True))


def _read_json(name: str, file: Path) -> Case:
    layout = LAYOUTS[name]
    rows, photos = load_rows(file), photo_folder(layout, file)
    without = layout.untold is None and no_split_told(rows)
    if without:  # a stand-in, so that all else is judged
        layout = replace(layout, untold="test")
    entries: list[Entry] = []
    wrong: list[tuple[int, str]] = []
    empty: list[tuple[int, str]] = []
    for number, row in enumerate(rows, start=1):
        told = row.get("captions") if isinstance(row, dict) else None
        raw = tuple(sentences(told)) if isinstance(told, list) else ()
        try:
            lenient = {**row, "captions": list(raw) or ["-"]} if isinstance(told, list) else row
            record = parse_record(lenient, photos, layout)
        except ValueError as complaint:
            wrong.append((number, str(complaint)))
            continue
        if not told or len(raw) < len(told):
            empty.append((number, record.path))
        entries.append(Entry(number, _as_told(record, raw, without), raw))
    return Case(name, file, photos, rows, tuple(entries), tuple(wrong), tuple(empty), without)


def sentences(captions: list[Any]) -> list[str]:
    """Those that the strict reader takes."""
    return [text for text in captions if isinstance(text, str) and text.strip() and whole(text)]


def _as_told(record: Record, raw: tuple[str, ...], without: bool) -> Record:
    """Without the stand-ins."""
    record = record if raw else replace(record, captions=())
    return replace(record, split=None) if without else record
