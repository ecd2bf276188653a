"""The benchmarks' JSON: CUHK-PEDES, ICFG-PEDES, RSTPReid and all that share their layout.

A list of records {id, file_path or img_path, captions, split}; paths are relative to `imgs/` beside
the JSON. Ids may be any whole numbers or strings, captions any number, with stray blanks.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from passerby.data.records import SPLITS, Record, carve_val, tidy, whole
from passerby.errors import BadData, shown

PATH_FIELDS = ("file_path", "img_path")
OLDER_RELEASE = "caption_all.json"


@dataclass(frozen=True)
class Layout:
    """How a benchmark lies on disk.

    repeats: a photo may be listed twice (ICFG-PEDES does it once in train); its captions are
    joined. carve_val: the file has no validation split, so a tenth of the training persons is it.
    """

    annotations: str
    folder: str
    repeats: bool = False
    carve_val: bool = False


LAYOUTS = {
    "cuhk-pedes": Layout("reid_raw.json", "CUHK-PEDES"),
    "icfg-pedes": Layout("ICFG-PEDES.json", "ICFG-PEDES", repeats=True, carve_val=True),
    "rstpreid": Layout("data_captions.json", "RSTPReid"),
    "drawn": Layout("reid_raw.json", "drawn"),
}


def read_pedes(name: str, root: Path) -> list[Record]:
    """All records of a benchmark, in the file's order.

    name: a key of LAYOUTS. root: the folder of the JSON, its parent, or the JSON itself.

    Raises BadData when the file is missing, is the older release, or says something wrong.
    """
    layout = LAYOUTS[name]
    annotations = _find(name, layout, root)
    rows = _rows(annotations)
    records = [_record(row, n, annotations) for n, row in enumerate(rows, start=1)]
    records = _once_each(records, annotations, layout.repeats)
    if layout.carve_val and not any(record.split == "val" for record in records):
        records = carve_val(name, records)
    return records


def _find(name: str, layout: Layout, root: Path) -> Path:
    """The annotation file in, below or at `root`."""
    if root.is_file():
        if root.name == OLDER_RELEASE:
            _refuse_older(root)
        return root
    if not root.is_dir():
        raise BadData(f"{name}: no such folder {shown(root)}; give the one that holds "
                      f"{layout.annotations} and imgs/, or its parent")  # fmt: skip
    for folder in (root, root / layout.folder):
        if (folder / layout.annotations).is_file():
            return folder / layout.annotations
    below = sorted(root.glob(f"*/{layout.annotations}"))
    if len(below) == 1:
        return below[0]
    if len(below) > 1:
        raise BadData(f"{name}: {shown(root)} holds {len(below)} folders with {layout.annotations}"
                      f"; give one of them, such as {shown(below[0].parent)}")  # fmt: skip
    for older in (root / OLDER_RELEASE, root / layout.folder / OLDER_RELEASE):
        if layout.annotations == "reid_raw.json" and older.is_file():
            _refuse_older(older)
    raise BadData(f"{name}: no {layout.annotations} in {shown(root)} or a folder in it; put it "
                  "there as the benchmark has it, the photos in imgs/ beside it")  # fmt: skip


def _refuse_older(path: Path) -> NoReturn:
    raise BadData(
        f"{shown(path)}: the older release of CUHK-PEDES, with other ids and no splits; get "
        "reid_raw.json of the newer one and put it beside imgs/"
    )


def _rows(path: Path) -> list[Any]:
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
    if all(isinstance(row, dict) and row.keys() == {"id", "file_path", "captions"} for row in rows):
        raise BadData(
            f"{shown(path)}: no record tells its split, as in {OLDER_RELEASE}, the older release "
            "of CUHK-PEDES with other ids; get the newer reid_raw.json, or add 'split' to each"
        )
    return rows


def _record(row: Any, number: int, annotations: Path) -> Record:
    """Record `number` (the first is 1) of the file, checked field by field."""

    def wrong(what: str) -> BadData:
        return BadData(f"{shown(annotations)}: record {number} {what}; correct or remove it")

    if not isinstance(row, dict):
        raise wrong("is no object")
    path_field = next((name for name in PATH_FIELDS if name in row), None)
    if path_field is None:
        raise wrong("has no field 'file_path' (or 'img_path')")
    lacking = next((name for name in ("id", "captions", "split") if name not in row), None)
    if lacking is not None:
        raise wrong(f"has no field {lacking!r}")
    path, person, captions, split = row[path_field], row["id"], row["captions"], row["split"]
    if not isinstance(path, str) or not path.strip():
        raise wrong(f"has a {path_field!r} that is no path")
    path = posixpath.normpath(path.strip())
    if not whole(path):
        raise wrong(f"has a {path_field!r} with half of a Unicode letter")
    if path.startswith(("/", "../")) or path in (".", "..") or "\0" in path:
        raise wrong(f"has a {path_field!r} that leaves imgs/")
    if isinstance(person, bool) or not isinstance(person, int | str) or not str(person).strip():
        raise wrong("has an 'id' that is neither a whole number nor a string")
    if not isinstance(captions, list) or not captions:
        raise wrong("has 'captions' that are no list of sentences")
    if not all(isinstance(caption, str) and caption.strip() for caption in captions):
        raise wrong("has a caption that is empty or no string")
    if not all(map(whole, captions)):
        raise wrong("has a caption with half of a Unicode letter")
    if split not in SPLITS:
        raise wrong(f"has the split {split!r}, not {', '.join(SPLITS)}")
    file = annotations.parent / "imgs" / path
    return Record(path, file, str(person).strip(), tuple(tidy(c) for c in captions), split)


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
