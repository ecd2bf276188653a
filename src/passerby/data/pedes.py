"""The benchmarks' JSON: CUHK-PEDES, ICFG-PEDES, RSTPReid and all that share their layout.

A list of records {id, file_path or img_path, captions, split}; paths are relative to `imgs/` beside
the JSON (layouts.py). Ids may be any whole numbers or strings, captions any number, with stray
blanks. Other fields are left alone: `processed_tokens`, the `source` of UFine3C, `attributes` and
`prompt_caption` of SYNTH-PEDES, which are no captions.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from passerby.data.layouts import LAYOUTS, OLDER_RELEASE, Layout, find, photo_folder
from passerby.data.records import SPLITS, Record, carve_val, tidy, whole
from passerby.errors import BadData, shown

PATH_FIELDS = ("file_path", "img_path")


def read_pedes(name: str, root: Path) -> list[Record]:
    """All records of a benchmark, in the file's order.

    name: a key of LAYOUTS. root: the folder of the JSON, its parent, or the JSON itself.

    Raises BadData when the file is missing, is the older release, or says something wrong.
    """
    layout = LAYOUTS[name]
    annotations = find(name, root)
    rows = load_rows(annotations)
    _check_splits_told(rows, layout, annotations)
    photos = photo_folder(layout, annotations)
    records = []
    for number, row in enumerate(rows, start=1):
        try:
            records.append(parse_record(row, photos, layout))
        except ValueError as wrong:
            raise BadData(
                f"{shown(annotations)}: record {number} {wrong}; correct or remove it"
            ) from None
    records = _once_each(records, annotations, layout.repeats)
    if layout.carve_val and not any(record.split == "val" for record in records):
        records = carve_val(name, records, most=layout.most_val)
    return records


def load_rows(path: Path) -> list[Any]:
    """The list in a JSON file, its entries unjudged. Raises BadData where there is none."""
    try:
        rows = json.loads(path.read_bytes().decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadData(f"{shown(path)}: not JSON (line {error.lineno}: {error.msg}); copy the file "
                      "again") from error  # fmt: skip
    except (ValueError, RecursionError):  # no UTF-8, a number of 5,000 digits
        raise BadData(f"{shown(path)}: not a JSON file in UTF-8; copy it again") from None
    except OSError as error:
        raise BadData(f"{shown(path)}: cannot be read ({error.strerror}); check it") from error
    if not isinstance(rows, list):
        raise BadData(f"{shown(path)}: holds no list of records; give the benchmark's own file")
    if not rows:
        raise BadData(f"{shown(path)}: an empty list; give the benchmark's own file")
    return rows


def no_split_told(rows: Sequence[Any]) -> bool:
    """Whether all rows are records but none tells its split, as in the older CUHK-PEDES."""
    return all(
        isinstance(row, dict)
        and {"id", "captions"} <= row.keys()
        and not row.keys().isdisjoint(PATH_FIELDS)
        and "split" not in row
        for row in rows
    )


def _check_splits_told(rows: Sequence[Any], layout: Layout, annotations: Path) -> None:
    if layout.untold is not None or not no_split_told(rows):
        return
    told = ";"
    if layout.older:
        told = (
            f", as in {OLDER_RELEASE}, the older release of CUHK-PEDES with other ids; get the "
            "newer reid_raw.json, or"
        )
    raise BadData(f"{shown(annotations)}: no record tells its split{told} add 'split' to each")


def parse_record(row: Any, photos: Path, layout: Layout) -> Record:
    """An entry of the file, checked field by field; photos: what its path is relative to.

    Raises ValueError, whose text is what is wrong with it: "has no field 'id'".
    """
    path = told_path(row)
    told = row if layout.untold is None else {"split": layout.untold, **row}
    lacking = next((name for name in ("id", "captions", "split") if name not in told), None)
    if lacking is not None:
        raise ValueError(f"has no field {lacking!r}")
    person, captions, split = row["id"], row["captions"], told["split"]
    if isinstance(person, bool) or not isinstance(person, int | str) or not str(person).strip():
        raise ValueError("has an 'id' that is neither a whole number nor a string")
    if not whole(str(person)):
        raise ValueError("has an 'id' with half of a Unicode letter")
    if not isinstance(captions, list) or not captions:
        raise ValueError("has 'captions' that are no list of sentences")
    if not all(isinstance(caption, str) and caption.strip() for caption in captions):
        raise ValueError("has a caption that is empty or no string")
    if not all(map(whole, captions)):
        raise ValueError("has a caption with half of a Unicode letter")
    if split not in SPLITS:
        raise ValueError(f"has the split {split!r}, not {', '.join(SPLITS)}")
    file = photos / layout.alias.get(path, path)
    return Record(path, file, str(person).strip(), tuple(tidy(c) for c in captions), split)


def told_path(row: Any) -> str:
    """The path of an entry alone, relative to the photos. Raises ValueError as `parse_record`."""
    if not isinstance(row, dict):
        raise ValueError("is no object")
    field = next((name for name in PATH_FIELDS if name in row), None)
    if field is None:
        raise ValueError("has no field 'file_path' (or 'img_path')")
    told = row[field]
    if not isinstance(told, str) or not told.strip():
        raise ValueError(f"has a {field!r} that is no path")
    path = posixpath.normpath(told.strip())
    if not whole(path):
        raise ValueError(f"has a {field!r} with half of a Unicode letter")
    if path.startswith(("/", "../")) or path in (".", "..") or "\0" in path:
        raise ValueError(f"has a {field!r} that leaves imgs/")
    return path


def _once_each(records: Sequence[Record], annotations: Path, repeats: bool) -> list[Record]:
    """One record a photo; the captions of a photo that is listed again are joined or refused."""
    first: dict[str, tuple[int, Record]] = {}
    for number, record in enumerate(records, start=1):
        if record.path not in first:
            first[record.path] = (number, record)
            continue
        place, known = first[record.path]
        if not repeats or (known.person, known.split) != (record.person, record.split):
            raise BadData(
                f"{shown(annotations)}: records {place} and {number} are both of photo "
                f"{shown(record.path)}; keep one record a photo"
            )
        joined = tuple(dict.fromkeys(known.captions + record.captions))
        first[record.path] = (place, replace(known, captions=joined))
    return [record for _, record in first.values()]
