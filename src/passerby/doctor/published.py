"""Published sizes of the benchmarks, and which ids their releases have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from passerby.data.layouts import OLDER_RELEASE
from passerby.data.records import ALL, Record
from passerby.doctor.findings import Count, Finding

Numbers = tuple[int, ...]  # each is published somewhere, the usual one first


@dataclass(frozen=True)
class Published:
    """Sizes of a split. Records count as photos, so that one listed twice counts twice."""

    persons: Numbers
    photos: Numbers
    captions: Numbers


def _sizes(persons: int, photos: int | Numbers, captions: int | Numbers) -> Published:
    several = (n if isinstance(n, tuple) else (n,) for n in (persons, photos, captions))
    return Published(*several)


# CUHK-PEDES: totals of 40,206 photos and 13,003 persons in the loaders of SSAN and IRRA; train and
# test in those of IVT and ACSA; the validation split is what the field quotes, seen in no source.
_CUHK = {
    "train": _sizes(11_003, 34_054, 68_126),
    "val": _sizes(1_000, 3_078, 6_158),
    "test": _sizes(1_000, 3_074, 6_156),
}
PUBLISHED: dict[str, Mapping[str, Published]] = {
    "cuhk-pedes": _CUHK,
    "cuhk-pedes-acsa": _CUHK,
    # Loaders of IVT and SSAN; one notes 34,673 distinct photos for 34,674 captions.
    "icfg-pedes": {
        "train": _sizes(3_102, (34_674, 34_673), 34_674),
        "test": _sizes(1_000, 19_848, 19_848),
    },
    # README of the data set; IVT's loader, whose table says 37,004 captions and a comment 37,010.
    "rstpreid": {
        "train": _sizes(3_701, 18_505, (37_010, 37_004)),
        "val": _sizes(200, 1_000, 2_000),
        "test": _sizes(200, 1_000, 2_000),
    },
    # README of UFineBench; it tells no sizes of the splits.
    "ufine6926": {ALL: _sizes(6_926, 26_206, 52_412)},
    "ufine3c": {ALL: _sizes(2_250, 7_446, 37_939)},
    # arXiv 2305.08386.
    "synth-pedes": {ALL: _sizes(312_321, 4_791_711, 12_138_157)},
}
# The first training id; the others follow without gaps, and none is of val or test.
FIRST_ID = {"cuhk-pedes": 1, "cuhk-pedes-acsa": 1, "icfg-pedes": 0}
RELEASES = {
    "cuhk-pedes": "by its shape CUHK-PEDES, the newer release (reid_raw.json)",
    "cuhk-pedes-acsa": "by its shape CUHK-PEDES, the newer release (reid_raw.json); ACSA's alias",
    "icfg-pedes": "ICFG-PEDES",
    "rstpreid": "RSTPReid",
    "ufine6926": "UFine6926",
    "ufine3c": "UFine3C, for evaluation only",
    "synth-pedes": "SYNTH-PEDES",
    "drawn": "drawn people, of no published size",
    "files": "a CSV file of your own, of no published size",
}
OLDER = f"by its shape CUHK-PEDES, the older release ({OLDER_RELEASE})"


def count(records: Sequence[Record], published: Published | None) -> Count:
    """Sizes of some records beside the published ones."""
    found = Count(
        persons=len({record.person for record in records}),
        photos=len(records),
        captions=sum(len(record.captions) for record in records),
    )
    if published is None:
        return found
    differs = [
        f"{getattr(published, kind)[0]:,} {kind}"
        for kind in ("persons", "photos", "captions")
        if getattr(found, kind) not in getattr(published, kind)
    ]
    told = f"differs: {', '.join(differs)} published" if differs else "as published"
    return replace(found, published=told)


def counts(name: str, records: Sequence[Record]) -> dict[str, Count]:
    """Sizes by split as the file tells them; of the whole file where that alone is published."""
    known = PUBLISHED.get(name, {})
    splits: dict[str, list[Record]] = {}
    for record in records:
        splits.setdefault(record.split or "no split", []).append(record)
    usual = [split for split in ("train", "val", "test") if split in splits or split in known]
    found = {
        split: count(splits.get(split, []), known.get(split))
        for split in [*usual, *(split for split in splits if split not in usual)]
    }
    if ALL in known:
        found[ALL] = count(records, known[ALL])
    return found


def other_ids(name: str, records: Sequence[Record]) -> Finding | None:
    """Ids of another release: as many training persons as published, give or take a hundredth, but
    ids beyond theirs. A part of the benchmark, or another data set, is told by its counts."""
    first, known = FIRST_ID.get(name), PUBLISHED.get(name, {}).get("train")
    if first is None or known is None:
        return None
    there: Set[str] = {record.person for record in records if record.split == "train"}
    size = known.persons[0]
    wanted = {str(number) for number in range(first, first + size)}
    strange = sorted(person for person in there if _number(person) not in wanted)
    if abs(len(there) - size) > size // 100 or not strange:
        return None
    return Finding(
        "other-ids",
        len(strange),
        f"ids of another release: {len(strange):,} of {len(there):,} training persons have ids "
        f"beyond {first}..{first + size - 1}",
        "get the published file; numbers measured with these ids are of other persons",
        tuple(strange[:10]),
        grave=True,
        left=True,
    )


def _number(person: str) -> str:
    """An id as the whole number that it is, "0001" as "1"; others as they are."""
    return person.lstrip("0") or "0"
