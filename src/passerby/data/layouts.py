"""How each benchmark lies on disk: the names of its JSON, where its photos are, what it leaves out.

Names marked (guess) are told by no public page; give the JSON itself as ROOT where it has another.
UFine6926, UFine3C: every name is a guess. SYNTH-PEDES: `synthpedes_dataset.json` with the folders
Part1... beside it, as its authors' page shows; the same page writes `ICFG_PEDES.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from passerby.errors import BadData, shown

OLDER_RELEASE = "caption_all.json"
IMGS = "imgs"


@dataclass(frozen=True)
class Layout:
    """How a benchmark lies on disk.

    annotations: names of its JSON, the usual one first. folders: where it may lie below ROOT.
    repeats: a photo may be listed twice (ICFG-PEDES does it once in train); its captions are
    joined. untold: the split of records that tell none. carve_val: without a validation split, a
    tenth of the training persons is it, `most_val` at most. beside: without imgs/, paths are
    relative to the JSON. alias: photos that are read from another file. evaluation: it has no
    training split by design. older: it has an older release, OLDER_RELEASE, of other ids.
    """

    annotations: tuple[str, ...]
    folders: tuple[str, ...]
    repeats: bool = False
    untold: str | None = None
    carve_val: bool = False
    most_val: int | None = None
    beside: bool = False
    alias: Mapping[str, str] = field(default_factory=dict)
    evaluation: bool = False
    older: bool = False


CUHK = ("reid_raw.json",), ("CUHK-PEDES",)
# ACSA reads this one test photo from the file of another name; nobody else does.
ACSA = {"test_query/p7446_s9899.jpg": "test_query/p7447_s9899.jpg"}
LAYOUTS = {
    "cuhk-pedes": Layout(*CUHK, older=True),
    "icfg-pedes": Layout(
        ("ICFG-PEDES.json", "ICFG_PEDES.json"), ("ICFG-PEDES",), repeats=True, carve_val=True
    ),
    "rstpreid": Layout(("data_captions.json",), ("RSTPReid",)),
    "ufine6926": Layout(
        ("UFine6926.json", "ufine6926.json", "data_captions.json", "annotations.json"),
        ("UFine6926", "UFineBench/UFine6926"),
        carve_val=True,
        beside=True,
    ),
    "ufine3c": Layout(
        ("UFine3C.json", "ufine3c.json", "data_captions.json", "annotations.json"),
        ("UFine3C", "UFineBench/UFine3C"),
        untold="test",
        beside=True,
        evaluation=True,
    ),
    # A tenth of its persons would be half a million photos to validate with.
    "synth-pedes": Layout(
        ("synthpedes_dataset.json", "SYNTH-PEDES.json"),
        ("SYNTH-PEDES",),
        untold="train",
        carve_val=True,
        most_val=1000,
        beside=True,
    ),
    "cuhk-pedes-acsa": Layout(*CUHK, alias=ACSA, older=True),
    "drawn": Layout(("reid_raw.json",), ("drawn",)),
}


def find(name: str, root: Path, older: bool = False) -> Path:
    """The annotation file of a benchmark in, below or at `root`.

    older: take the older release of CUHK-PEDES too. Raises BadData where there is none, or several.
    """
    layout = LAYOUTS[name]
    older_names = (OLDER_RELEASE,) if layout.older else ()
    if root.is_file():
        if root.name in older_names and not older:
            _refuse_older(root)
        return root
    usual = layout.annotations[0]
    if not root.is_dir():
        raise BadData(f"{name}: no such folder {shown(root)}; give the one that holds "
                      f"{usual} and {IMGS}/, or its parent")  # fmt: skip
    known = [root, *(root / folder for folder in layout.folders)]
    place = _first(known, layout.annotations)
    if place is not None:
        return place
    below = [file for name in layout.annotations for file in sorted(root.glob(f"*/{name}"))]
    if len(below) == 1:
        return below[0]
    if len(below) > 1:
        raise BadData(f"{name}: {shown(root)} holds {len(below)} folders with {usual}"
                      f"; give one of them, such as {shown(below[0].parent)}")  # fmt: skip
    old = _first(known, older_names)
    if old is not None:
        if not older:
            _refuse_older(old)
        return old
    other = "" if len(layout.annotations) == 1 else ", or give the JSON itself"
    raise BadData(f"{name}: no {' or '.join(layout.annotations)} in {shown(root)} or a folder in "
                  f"it; put it there as the benchmark has it, the photos in {IMGS}/ beside it"
                  f"{other}")  # fmt: skip


def photo_folder(layout: Layout, annotations: Path) -> Path:
    """What the paths in a JSON are relative to."""
    imgs = annotations.parent / IMGS
    return annotations.parent if layout.beside and not imgs.is_dir() else imgs


def _first(folders: list[Path], names: tuple[str, ...]) -> Path | None:
    files = (folder / name for folder in folders for name in names)
    return next((file for file in files if file.is_file()), None)


def _refuse_older(path: Path) -> NoReturn:
    raise BadData(
        f"{shown(path)}: the older release of CUHK-PEDES, with other ids and no splits; get "
        "reid_raw.json of the newer one and put it beside imgs/"
    )
