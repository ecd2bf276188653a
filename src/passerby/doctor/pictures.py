"""The photos of a data set: which are missing, cannot be read, or show the same pixels."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from passerby.data.folder import walk
from passerby.data.images import met, read_photo
from passerby.data.records import Record, missing_of
from passerby.data.sources import FILES
from passerby.doctor.findings import SHOWN, Entry, Finding
from passerby.errors import BadData, BadPhoto, shown

Progress = Callable[[int, int], None]  # photos done, photos in all
THREADS = 2
BLOCK = 256  # photos in the queue at once: few, so that Ctrl-C is heard
NAMED = 10  # examples that a finding keeps, for --json


@dataclass(frozen=True)
class Seen:
    """What the files are: paths that are missing, complaints by path, pixels hashed by path."""

    missing: tuple[str, ...]
    unreadable: dict[str, str]
    pictures: dict[str, bytes]


def look(entries: Sequence[Entry], progress: Progress | None = None) -> Seen:
    """Reads each photo once, as training and search read it: upright, as RGB, in threads."""
    files = {entry.record.path: entry.record.file for entry in entries}
    gone = set(missing_of(files.values()))
    missing = tuple(path for path, file in files.items() if str(file) in gone)
    there = [path for path, file in files.items() if str(file) not in gone]
    unreadable: dict[str, str] = {}
    pictures: dict[str, bytes] = {}
    pool = ThreadPoolExecutor(THREADS)
    try:
        for start in range(0, len(there), BLOCK):
            block = there[start : start + BLOCK]
            told_each = pool.map(_hash, [files[path] for path in block])
            for path, told in zip(block, told_each, strict=True):
                if isinstance(told, bytes):
                    pictures[path] = told
                else:
                    unreadable[path] = told
            if progress is not None:
                progress(len(pictures) + len(unreadable), len(there))
    finally:
        pool.shutdown(cancel_futures=True)
    return Seen(missing, unreadable, pictures)


def _hash(file: Path) -> bytes | str:
    """Of size and decoded pixels, so that a file saved again without loss is equal; or what is
    wrong with the file."""
    try:
        image = read_photo(file)
    except BadPhoto as refusal:
        return met(refusal).removeprefix(f"{shown(file)}: ")
    return hashlib.blake2b(repr(image.size).encode() + image.tobytes(), digest_size=16).digest()


def on_disk(seen: Seen, total: int, name: str) -> list[Finding]:
    """Findings on files that are not there, and on those that are no photos."""
    found = []
    fix = "leave their records out with --fix OUT"
    if name == FILES:
        fix = "remove their rows from the CSV"
    if seen.missing:
        place = "correct their paths" if name == FILES else "put them into imgs/"
        found.append(Finding(
            "missing", len(seen.missing), f"{len(seen.missing):,} of {total:,} photos are missing",
            f"{place}, or {fix}",
            tuple(map(shown, seen.missing[:NAMED])), grave=True, refused=True,
        ))  # fmt: skip
    if seen.unreadable:
        named = [f"{shown(path)} ({told})" for path, told in seen.unreadable.items()]
        found.append(Finding(
            "unreadable", len(named), f"{len(named):,} photos cannot be read",
            f"copy them again, or {fix}", tuple(named[:NAMED]), grave=True,
        ))  # fmt: skip
    return found


def duplicates(entries: Sequence[Entry], pictures: dict[str, bytes]) -> list[Finding]:
    """Photos of one content: across splits, of two persons in a split, of one person."""
    groups: dict[bytes, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        content = pictures.get(entry.record.path)
        if content is not None:
            groups[content].setdefault(entry.record.path, entry)
    across, persons, within = [], [], []
    for group in groups.values():
        if len(group) < 2:
            continue
        records = [entry.record for entry in group.values()]
        line = _equal(records)
        if len({record.split for record in records}) > 1:
            across.append(line)
        elif len({record.person for record in records}) > 1:
            persons.append(line)
        else:
            within.append(line)
    kinds = (
        ("same-picture-in-two-splits", across, "are in two splits (same pixels)",
         "remove their records from one of the splits: a test must not be trained on"),
        ("same-picture-of-two-persons", persons, "are of two persons of a split (same pixels)",
         "find out who is on them; in a test, a right answer counts as wrong"),
        ("same-picture", within, "are there more than once (same pixels)",
         "nothing must be done; each copy is ranked, so a person found once is found often"),
    )  # fmt: skip
    return [
        Finding(kind, len(lines), f"{len(lines):,} pictures {told}", remedy, tuple(lines[:NAMED]),
                grave=lines is across, left=lines is not within)
        for kind, lines, told, remedy in kinds if lines
    ]  # fmt: skip


def _equal(records: Sequence[Record]) -> str:
    """Photos of one content on a line, with split and person; the first of each split are in it."""
    firsts: dict[str | None, Record] = {}
    for record in records:
        firsts.setdefault(record.split, record)
    named = [
        *firsts.values(),
        *(record for record in records if firsts[record.split] is not record),
    ]
    told = [f"{shown(r.path)} ({r.split or 'no split'}, {shown(r.person)})" for r in named[:SHOWN]]
    more = len(records) - SHOWN
    return " = ".join(told) + (f" and {more:,} more" if more > 0 else "")


def unnamed(named: Set[str], photos: Path | None) -> list[Finding]:
    """Photos that lie there but are in no record; named: paths of the records."""
    if photos is None or not photos.is_dir():
        return []
    try:
        there = walk(photos, unreadable=[])
    except BadData:  # no photo at all: all are missing, which is told
        return []
    paths = (file.relative_to(photos).as_posix() for file in there)
    extra = [shown(path) for path in paths if path not in named]
    if not extra:
        return []
    text = f"{len(extra):,} files in {shown(photos.name)}/ are in no record"
    remedy = "nothing must be done; they are not read"
    return [Finding("unnamed", len(extra), text, remedy, tuple(extra[:NAMED]))]
