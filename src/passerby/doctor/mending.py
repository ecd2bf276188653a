"""A repaired copy of a benchmark's JSON; what only a person can decide is left as it is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from passerby.data.layouts import LAYOUTS
from passerby.doctor.findings import Entry, Findings
from passerby.doctor.garble import repaired
from passerby.doctor.reading import Case
from passerby.errors import BadData, shown

TOKENS = "processed_tokens"  # of CUHK-PEDES and ICFG-PEDES: words of each caption


@dataclass(frozen=True)
class Mended:
    """What was done. left: kinds of findings that the new file still has."""

    file: Path
    records: int
    dropped: int
    joined: int
    rewritten: int
    left: tuple[str, ...]


def check_place(case: Case, out: Path) -> None:
    """Raises BadData where nothing can be mended, or where `out` is there already."""
    if case.name not in LAYOUTS:
        raise BadData(f"--fix writes the JSON of a benchmark; correct {shown(case.file)} by hand")
    if out.is_dir():
        raise BadData(f"{shown(out)}: a folder; give --fix the name of a new JSON file")
    if not out.parent.is_dir():
        raise BadData(f"{shown(out)}: no such folder to write into; make it first")
    if out.exists() and out.samefile(case.file):
        raise BadData(f"{shown(out)}: the file that is examined; give --fix another name")
    if os.path.lexists(out):
        raise BadData(f"{shown(out)}: is there already; give --fix another name, or remove it")


def mend(case: Case, found: Findings, out: Path) -> Mended:
    """Writes the records without those whose photo is missing or unreadable, that cannot be read,
    or that have no caption; photos listed twice joined, letters repaired. Other fields stay.

    Photos listed as two persons or in two splits, and persons in two splits, are left. Raises
    BadData as `check_place`, and when no record would be left.
    """
    check_place(case, out)
    rows: list[dict[str, Any]] = []
    first: dict[tuple[str, str, str | None], dict[str, Any]] = {}
    joined = rewritten = 0
    for entry in case.entries:
        if not entry.raw or entry.record.path not in found.pictures:
            continue
        row, changed = _repaired(case.rows[entry.number - 1], entry)
        if not row["captions"]:
            continue
        rewritten += changed
        key = (entry.record.path, entry.record.person, entry.record.split)
        if key in first:
            _join(first[key], row)
            joined += 1
            continue
        first[key] = row
        rows.append(row)
    if not rows:
        raise BadData(f"{shown(out)}: no record would be left, nothing was written; see the "
                      "lines above")  # fmt: skip
    # Whole or not at all; in a folder of its own, where no file of the user's can be.
    with TemporaryDirectory(prefix=".passerby-", dir=out.parent) as folder:
        half = Path(folder) / out.name
        half.write_text(json.dumps(rows), encoding="utf-8")
        half.replace(out)
    dropped = len(case.rows) - len(rows) - joined
    left = tuple(finding.kind for finding in found.findings if finding.left)
    return Mended(out, len(rows), dropped, joined, rewritten, left)


def _repaired(row: dict[str, Any], entry: Entry) -> tuple[dict[str, Any], int]:
    """A row with its sound captions, and how many of them were rewritten."""
    better = {
        place: repaired(text) for place, text in enumerate(row["captions"]) if text in entry.raw
    }
    kept = [place for place, text in better.items() if text.strip()]
    changed = sum(better[place] != row["captions"][place] for place in kept)
    captions = [better[place] for place in kept]
    new = {**row, "captions": captions}
    tokens = _tokens(row)
    if tokens is not None:
        new[TOKENS] = [tokens[place] for place in kept]
    elif len(captions) < len(row["captions"]):  # whose they are cannot be told
        new.pop(TOKENS, None)
    return new, changed


def _tokens(row: dict[str, Any]) -> list[Any] | None:
    """The entries of `processed_tokens`, where there is one a caption."""
    tokens = row.get(TOKENS)
    sound = isinstance(tokens, list) and len(tokens) == len(row["captions"])
    return tokens if sound else None


def _join(first: dict[str, Any], again: dict[str, Any]) -> None:
    """Captions that the first record lacks are added to it, in place.

    So are their tokens; where either record has none that are sound, the first loses the field.
    """
    texts = again["captions"]
    known = {*first["captions"]}
    new = [n for n, text in enumerate(texts) if text not in known and text not in texts[:n]]
    if not new:
        return
    tokens, more = _tokens(first), _tokens(again)
    first["captions"] += [texts[place] for place in new]
    if tokens is None or more is None:
        first.pop(TOKENS, None)
    else:
        tokens += [more[place] for place in new]
