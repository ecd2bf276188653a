"""`NAME:ROOT` to a split: the one way in which a data set is named, in commands and recipes."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

from passerby.data.files import read_files
from passerby.data.layouts import IMGS, LAYOUTS
from passerby.data.pedes import read_pedes
from passerby.data.records import ALL, Record, carve_val, choose, to_split
from passerby.data.tars import read_tars
from passerby.errors import BadData, shown
from passerby.types import Split

FILES = "files"
TARS = "tars"
NAMES = (*LAYOUTS, FILES, TARS)
MOST_VAL = 1000  # pairs of a tar; each is ranked against all others after each epoch


def read_data(spec: str, split: str) -> Split:
    """A split of the data set `NAME:ROOT`: `cuhk-pedes:ROOT`, `drawn:ROOT`, `files:captions.csv`,
    `tars:FOLDER`...

    split: "train", "val", "test", or "all", the whole file as one split. A CSV without a column
    `split` has the first two: a tenth of its persons is "val". So have ICFG-PEDES, UFine6926 and
    SYNTH-PEDES, whose files tell no "val": a tenth of their training persons, rounded down.
    UFine3C has "test" alone. ROOT holds the annotation file, is its parent, or that file itself. A
    photo's id is its path as the file tells it, a caption's id `PHOTO#N`.

    `tars:FOLDER` or `tars:FILE.tar` are WebDataset shards of KEY.jpg and KEY.txt or KEY.json, not
    compressed (tars.py). Nobody is named there, each photo is a person; a tenth of the pairs, at
    most 1,000, is "val", and there is no "test".

    Raises BadData in one line that says what to correct or to put where.
    """
    return read_splits(spec, split)[0]


def read_splits(spec: str, *splits: str) -> tuple[Split, ...]:
    """Several splits of a data set, for the work of reading it once; see `read_data`."""
    name, root = parse(spec)
    left_out: tuple[str, ...] = ()
    if name == FILES:
        records = _for_training(read_files(root))
        remedy = "paths are relative to the CSV; correct them"
    elif name == TARS:
        records, left_out = read_tars(root)
        if len(records) < 2 and set(splits) != {ALL}:
            raise BadData(f"{shown(spec)}: one pair alone; add some, to train with and to validate")
        records, remedy = carve_val(TARS, records, least=1, most=MOST_VAL), ""
    else:
        records = read_pedes(name, root)
        usual = LAYOUTS[name].annotations[0]
        remedy = f"put the benchmark's photos into {IMGS}/ beside {usual}"
    return tuple(
        to_split(
            f"{name} {split}",
            choose(records, split, shown(spec), _hint(name, split, records)),
            remedy,
            left_out,
        )
        for split in splits
    )


def _hint(name: str, split: str, records: list[Record]) -> str:
    """What to do where a data set has no split to train or to validate with."""
    layout = LAYOUTS.get(name)
    if split == "train":
        only = "it is for evaluation only: " if layout and layout.evaluation else ""
        return f"; {only}name another data set as data.train"
    if split != "val":
        return ""
    persons = len({record.person for record in records if record.split == "train"})
    few = f"a tenth of {persons} training persons is none: " if layout and layout.carve_val else ""
    return f"; {few}name another data set as data.val"


def _for_training(records: list[Record]) -> list[Record]:
    """Without a column `split`, all persons are to train with but a tenth, chosen by their names,
    to validate with."""
    if any(record.split is not None for record in records):
        return records
    return carve_val(FILES, [replace(record, split="train") for record in records], least=1)


def parse(spec: str) -> tuple[str, Path]:
    """The name and the root of `NAME:ROOT`; BadData says the nearest name for an unknown one."""
    name, colon, root = spec.partition(":")
    if not colon or not root.strip():
        raise BadData(f"{spec!r}: a data set is written NAME:ROOT, such as cuhk-pedes:data/CUHK")
    name = name.strip().lower()
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise BadData(f"{spec!r}: no data set is called {name!r}; {remedy}")
    return name, Path(root).expanduser()
