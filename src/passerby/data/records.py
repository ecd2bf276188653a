"""What an annotation file says of one photo, and how such records become a split.

Every reader (benchmarks' JSON, the user's CSV) makes records; what must hold for all of them is
asked here once.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from passerby.errors import BadData, shown
from passerby.types import Caption, Photo, Split

SPLITS = ("train", "val", "test")
ALL = "all"  # the whole file as one split


@dataclass(frozen=True, slots=True)
class Record:
    """One photo: `path` is its id, `file` where it lies; `split` is None where none is told.

    inside: offset and size of its bytes in `file`, where that holds many photos (a tar).
    """

    path: str
    file: Path
    person: str
    captions: tuple[str, ...]
    split: str | None = None
    inside: tuple[int, int] | None = None


def tidy(text: str) -> str:
    """A caption with its stray blanks and newlines made single blanks."""
    return " ".join(text.split())


def whole(text: str) -> bool:
    """Whether a text is Unicode: no byte of another encoding, no half of a letter's code."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def choose(records: Sequence[Record], split: str, source: str, hint: str = "") -> list[Record]:
    """The records of a split, or all of them for "all".

    source: who asks, for the messages; hint: what else helps where the split is not there. Raises
    BadData for a split that is unknown or not in the file, and for a person who is in two splits,
    unless the whole file is asked for.
    """
    if split == ALL:
        return list(records)
    if split not in SPLITS:
        raise BadData(f"{source}: unknown split {split!r}; ask for {', '.join(SPLITS)} or {ALL}")
    _check_disjoint(records, source)
    chosen = [record for record in records if record.split == split]
    if not chosen:
        there = ", ".join(dict.fromkeys(str(record.split) for record in records))
        raise BadData(f"{source}: no split {split!r} here; ask for {there} or {ALL}{hint}")
    return chosen


def carve_val(
    name: str, records: Sequence[Record], least: int = 0, most: int | None = None
) -> list[Record]:
    """A tenth of the training persons, rounded down, but at least `least` and at most `most`,
    becomes "val": those with the lowest sha256 of `NAME:ID`."""

    def place(person: str) -> bytes:
        # A name in a tar may be no UTF-8: its bytes are held as surrogates.
        return hashlib.sha256(f"{name}:{person}".encode(errors="surrogateescape")).digest()

    persons = {record.person for record in records if record.split == "train"}
    tenth = max(len(persons) // 10, least)
    val = set(sorted(persons, key=place)[: tenth if most is None else min(tenth, most)])
    moved = [record.split == "train" and record.person in val for record in records]
    return [
        replace(record, split="val") if move else record
        for record, move in zip(records, moved, strict=True)
    ]


def to_split(
    name: str, records: Sequence[Record], remedy: str, left_out: tuple[str, ...] = ()
) -> Split:
    """A split of these records, in their order. A caption's id is `PHOTO#N`, N from 0.

    remedy: where missing photos have to be put. Raises BadData when photos are missing.
    """
    _check_present([record.file for record in records if record.inside is None], name, remedy)
    photos = [Photo(id=r.path, path=r.file, person=r.person, inside=r.inside) for r in records]
    captions = [
        Caption(id=f"{record.path}#{n}", text=text, photo=record.path, person=record.person)
        for record in records
        for n, text in enumerate(record.captions)
    ]
    return Split(name, tuple(photos), tuple(captions), left_out)


def _check_disjoint(records: Iterable[Record], source: str) -> None:
    home: dict[str, str | None] = {}
    for record in records:
        first = home.setdefault(record.person, record.split)
        if first != record.split:
            raise BadData(
                f"{source}: person {record.person!r} is in both {first} and {record.split}; move "
                f"all photos of a person into one split, or ask for {ALL!r}"
            )


def _check_present(files: Sequence[Path], name: str, remedy: str) -> None:
    missing = missing_of(files)
    if missing:
        raise BadData(
            f"{name}: {len(missing)} of {len(files)} photos are missing, the first is "
            f"{shown(missing[0])}; {remedy}"
        )


def missing_of(files: Iterable[Path]) -> list[str]:
    """The files that are not there. One listing a folder: 40,000 photos in about 0.1 s."""
    folders: dict[str, list[str]] = defaultdict(list)
    for file in files:
        folder, photo = os.path.split(file)
        folders[folder].append(photo)
    missing: list[str] = []
    for folder, photos in folders.items():
        try:
            there = set(os.listdir(folder))  # noqa: PTH208 - names, not paths
        except OSError:
            there = set()
        # A file system may know a name in another case or Unicode form than its listing shows.
        lost = (os.path.join(folder, photo) for photo in photos if photo not in there)  # noqa: PTH118
        missing += [path for path in lost if not os.path.lexists(path)]
    return missing
