"""Camera, time and person of photos: from a CSV file, or from their paths by a pattern."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from passerby.errors import BadData, shown
from passerby.gallery.names import valid

FIELDS = ("camera", "time", "person")
Facts = dict[str, Any]  # those of FIELDS that are told; time is aware


def read_time(text: str) -> datetime:
    """ISO 8601 to an aware time in UTC; without an offset it is UTC. Raises ValueError."""
    return utc(datetime.fromisoformat(text.strip()))


def utc(time: datetime) -> datetime:
    """An aware time in UTC; a naive one is UTC. Raises ValueError outside the years 1-9999."""
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error


class Metadata:
    """What a CSV file and a pattern tell of the photos under a folder.

    Called with a photo's path, it gives the facts to set. A cell of the CSV goes before the
    pattern; an empty cell of a column that is there clears the fact, unless the pattern tells it.
    Raises BadData, in one line that names the row, for a file or a pattern that cannot be used.
    """

    def __init__(self, folder: Path, table: Path | None = None, pattern: str | None = None) -> None:
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - the walk keeps links as well
        self._table_path = table
        self._pattern = None if pattern is None else _compile(pattern)
        self._ignored: list[str] = []
        self._told: dict[str, Facts] = {} if table is None else self._read(table)

    def __call__(self, path: Path) -> Facts:
        told = self._told.get(os.fspath(path), {})
        guessed = {} if self._pattern is None else self._guess(path)
        return {**told, **guessed, **{name: v for name, v in told.items() if v is not None}}

    def notes(self, paths: Sequence[Path]) -> list[str]:
        """What a user should know: columns and rows that say nothing, paths that do not match."""
        notes = []
        if self._ignored:
            names = ", ".join(map(shown, self._ignored))
            notes.append(f"{_shown(self._table_path)}: columns not used: {names}")
        lost = sorted(set(self._told) - {os.fspath(path) for path in paths})
        if lost:
            more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
            names = ", ".join(map(shown, lost[:3]))
            notes.append(
                f"{_shown(self._table_path)}: no such photo in {shown(self.folder)}: {names}{more}"
            )
        if self._pattern is not None:
            missed = sum(self._match(path) is None for path in paths)
            if missed:
                notes.append(f"--pattern does not match {missed} of {len(paths)} paths")
        return notes

    def _match(self, path: Path) -> re.Match[str] | None:
        assert self._pattern is not None
        return self._pattern.search(os.path.relpath(path, self.folder))

    def _guess(self, path: Path) -> Facts:
        met = self._match(path)
        if met is None:
            return {}
        found = {name: text for name, text in met.groupdict().items() if text}
        where = f"--pattern on {shown(path)}"
        return {
            name: _fact(name, text, where, "narrow the pattern") for name, text in found.items()
        }

    def _read(self, table: Path) -> dict[str, Facts]:
        rows = _rows(table)
        header = [name.strip().lower() for name in next(rows, (0, []))[1]]
        if "path" not in header or not set(header) & set(FIELDS):
            raise BadData(
                f"{shown(table)}: its first line is not a header with path and some of "
                f"{', '.join(FIELDS)}; write one, e.g. path,camera,time,person"
            )
        twice = next((name for name in header if name and header.count(name) > 1), None)
        if twice is not None:
            raise BadData(f"{shown(table)}: two columns are named {shown(twice)}; keep one")
        self._ignored = [name for name in header if name not in ("path", *FIELDS)]
        told: dict[str, Facts] = {}
        for number, cells in rows:
            named = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            where = f"{shown(table)}: row {number}"
            if any(cell.strip() for cell in cells[len(header) :]):
                raise BadData(
                    f"{where}: more cells than the header; put what holds a comma in quotes"
                )
            if not named.get("path"):
                raise BadData(f"{where}: no path; write one or remove the row")
            path = os.path.normpath(self.folder / named["path"])
            if path in told:
                raise BadData(f"{where}: {shown(named['path'])} is there twice; keep one row")
            told[path] = {
                name: _fact(name, named.get(name, ""), where) for name in FIELDS if name in header
            }
        return told


def _rows(table: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each line that is not blank; names that are no UTF-8 survive."""
    try:
        with table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, cells
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadData(f"{shown(table)}: cannot be read ({reason}); give a CSV file") from None


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadData(
            f"--pattern {shown(pattern)[:200]}: {error}; correct the expression"
        ) from None
    wrong = sorted(set(compiled.groupindex) - set(FIELDS))
    if wrong or not compiled.groupindex:
        what = f"group {wrong[0]!r} is not known" if wrong else "it has no named group"
        raise BadData(
            f"--pattern {shown(pattern)}: {what}; name groups camera, time or person, e.g. "
            r"(?P<camera>c\d+)"
        )
    return compiled


def _fact(
    name: str, text: str, where: str, otherwise: str = "leave it out"
) -> str | datetime | None:
    if not text:
        return None
    if name != "time":
        return valid(text)
    try:
        return read_time(text)
    except ValueError:
        raise BadData(
            f"{where}: time {shown(text)!r} is not ISO 8601; write e.g. 2026-05-01T13:45:00Z, or "
            f"{otherwise}"
        ) from None


def _shown(path: Path | None) -> str:
    return "" if path is None else shown(path)
