"""A data set examined: every finding in one pass over its records and its photos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from passerby.doctor.findings import Entry, Finding, Findings
from passerby.doctor.garble import garbled, repaired
from passerby.doctor.pictures import NAMED, Progress, duplicates, look, on_disk, unnamed
from passerby.doctor.published import OLDER, RELEASES, counts, other_ids
from passerby.doctor.reading import Case, read_case
from passerby.errors import shown

# CLIP reads 77 tokens, two of which frame the caption; English has about 5 tokens to 4 words, stops
# and commas among them. Captions of so many words may be cut.
MANY_WORDS = 60
BY_HAND = "correct them by hand, or drop them with --fix OUT"


def examine(spec: str, progress: Progress | None = None) -> Findings:
    """What is wrong with the data set `NAME:ROOT`, a benchmark or `files:CSV`.

    progress: told (photos read, photos in all). Raises BadData where there is no file, no list of
    records in it, a CSV that the reader refuses, or shards.
    """
    return examined(spec, read_case(spec), progress)


def examined(spec: str, case: Case, progress: Progress | None = None) -> Findings:
    """As `examine`, of records that are read already."""
    records = [entry.record for entry in case.entries]
    seen = look(case.entries, progress)
    found = [
        *_of_release(case),
        *on_disk(seen, len({record.path for record in records}), case.name),
        *_of_persons(case.entries),
        *_listed_again(case),
        *duplicates(case.entries, seen.pictures),
        *_of_fields(case),
        *_of_captions(case.entries),
        *unnamed(case.named, case.photos),
    ]
    return Findings(
        spec=spec,
        file=str(case.file),
        release=OLDER if case.older else RELEASES[case.name],
        counts=counts(case.name, records),
        findings=tuple(sorted(found, key=lambda told: (not told.grave, not told.refused))),
        entries=case.entries,
        pictures=seen.pictures,
    )


def _of_release(case: Case) -> list[Finding]:
    if case.older:
        return [Finding(
            "older-release", len(case.entries), "ids of another release: no record tells its "
            "split, and persons are numbered otherwise than in reid_raw.json",
            "get reid_raw.json; the ids of one must never be mixed with those of the other",
            grave=True, left=True, refused=True,
        )]  # fmt: skip
    if case.unsplit:
        return [Finding(
            "no-splits", len(case.entries), "no record tells its split", "add 'split' to each",
            left=True, refused=True,
        )]  # fmt: skip
    strange = other_ids(case.name, [entry.record for entry in case.entries])
    return [strange] if strange else []


def _of_persons(entries: Sequence[Entry]) -> list[Finding]:
    """Persons in two splits."""
    homes: dict[str, dict[str | None, str]] = defaultdict(dict)
    for entry in entries:
        homes[entry.record.person].setdefault(entry.record.split, entry.record.path)
    torn = [
        f"{shown(person)} ({', '.join(f'{split}: {shown(path)}' for split, path in home.items())})"
        for person, home in homes.items() if len(home) > 1
    ]  # fmt: skip
    if not torn:
        return []
    remedy = "move all photos of a person into one split; which one a machine cannot tell"
    text = f"{len(torn):,} persons are in two splits"
    kind = "person-in-two-splits"
    return [
        Finding(kind, len(torn), text, remedy, tuple(torn[:NAMED]),
                grave=True, left=True, refused=True)
    ]  # fmt: skip


def _listed_again(case: Case) -> list[Finding]:
    """Photos in several records: of one person and split, or of several."""
    places: dict[str, list[Entry]] = defaultdict(list)
    for entry in case.entries:
        places[entry.record.path].append(entry)
    again, persons, splits = [], [], []
    for path, listed in places.items():
        if len(listed) < 2:
            continue
        line = f"{shown(path)} (records {', '.join(str(entry.number) for entry in listed)})"
        if len({entry.record.split for entry in listed}) > 1:
            splits.append(line)
        elif len({entry.record.person for entry in listed}) > 1:
            persons.append(line)
        else:
            again.append(line)
    by_hand = "keep one record a photo; which one a machine cannot tell"
    join = "join their captions with --fix OUT"
    if case.repeats:
        join = "nothing must be done; their captions are joined as they are read"
    kinds = (
        ("photo-in-two-splits", splits, "listed in two splits", by_hand),
        ("photo-of-two-persons", persons, "listed as two persons", by_hand),
        ("listed-twice", again, "listed more than once", join),
    )
    return [
        Finding(kind, len(lines), f"{len(lines):,} photos are {told}", remedy,
                tuple(lines[:NAMED]), grave=lines is splits, left=lines is not again,
                refused=lines is not again or not case.repeats)
        for kind, lines, told, remedy in kinds if lines
    ]  # fmt: skip


def _of_fields(case: Case) -> list[Finding]:
    """Records that are none, and those whose captions are empty."""
    found = []
    if case.wrong:
        lines = tuple(shown(f"record {number} {what}") for number, what in case.wrong[:NAMED])
        text = f"{len(case.wrong):,} records cannot be read"
        found.append(Finding("wrong-records", len(case.wrong), text, BY_HAND, lines, refused=True))
    if case.empty:
        lines = tuple(f"record {number} ({shown(path)})" for number, path in case.empty[:NAMED])
        text = f"{len(case.empty):,} records have captions that are empty or no text"
        found.append(Finding("empty-captions", len(case.empty), text, BY_HAND, lines, refused=True))
    return found


def _of_captions(entries: Sequence[Entry]) -> list[Finding]:
    told = [(entry, text) for entry in entries for text in entry.raw]
    found = []
    damaged = [(entry, text) for entry, text in told if garbled(text)]
    if damaged:
        whole = sum(not garbled(repaired(text)) for _, text in damaged)
        text = f"{len(damaged):,} captions have damaged letters, {whole:,} of which can be undone"
        lines = tuple(f"{shown(e.record.path)} {_around(text)!r}" for e, text in damaged[:NAMED])
        remedy = "undo them with --fix OUT"
        if whole < len(damaged):
            remedy += "; lost letters (\ufffd) are to be written anew by hand"
        found.append(Finding("garbled-captions", len(damaged), text, remedy, lines))
    long = [entry for entry, text in told if len(text.split()) > MANY_WORDS]
    if long:
        text = f"{len(long):,} captions have more than {MANY_WORDS} words"
        remedy = "nothing must be done; CLIP reads 77 tokens and cuts what follows"
        lines = tuple(dict.fromkeys(shown(entry.record.path) for entry in long[: 2 * NAMED]))
        found.append(Finding("long-captions", len(long), text, remedy, lines[:NAMED]))
    return found


def _around(text: str) -> str:
    """The word where the damage begins."""
    word = next((word for word in text.split(" ") if garbled(word)), text)
    return shown(word[:30])
