"""What every data set promises, whatever its layout; each is made small, quirks included."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerby.data.images import open_photo
from passerby.data.sources import NAMES, read_data
from passerby.errors import BadData
from passerby.types import Split

Rows = list[dict[str, Any]]


def photos_of(root: Path, paths: list[str], imgs: str = "imgs") -> None:
    for path in paths:
        file = root / imgs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (13, 34), (90, 40, 20)).save(file)


def written(root: Path, name: str, rows: Rows, imgs: str = "imgs") -> None:
    root.mkdir(parents=True, exist_ok=True)
    photos_of(root, [row.get("file_path") or row["img_path"] for row in rows], imgs)
    (root / name).write_text(json.dumps(rows), encoding="utf-8")


def cuhk(root: Path) -> str:
    """Ids from 1, all its folders and suffixes, one photo with ten captions, stray blanks."""
    rows: Rows = []
    paths = {"train": "cam_a/000_45.bmp", "val": "CUHK03/843_4.jpg",
             "test": "test_query/p2703_s3526.jpg"}  # fmt: skip
    for number, (split, path) in enumerate(paths.items(), start=1):
        for person in (number, number + 100):
            told = [f"  A  man\nin {n} coats. " for n in range(10 if split == "test" else 2)]
            rows.append({"split": split, "captions": told, "id": person,
                         "file_path": path.replace(".", f"_{person}.", 1),
                         "processed_tokens": [["a", "man"]]})  # fmt: skip
    written(root / "CUHK-PEDES", "reid_raw.json", rows)
    return f"cuhk-pedes:{root}"


def icfg(root: Path) -> str:
    """Ids from 0, no val, one caption a photo, MSMT17 names, one photo listed twice."""
    rows: Rows = [
        {"split": "train" if person < 30 else "test", "captions": [f"Person {person}, photo {n}."],
         "id": person, "file_path": f"{'test' if person % 3 else 'train'}/{person:04}/{n}.jpg"}
        for person in range(40) for n in range(2)
    ]  # fmt: skip
    written(root / "ICFG-PEDES", "ICFG-PEDES.json", [*rows, {**rows[0], "captions": ["Again."]}])
    return f"icfg-pedes:{root}"


def rstp(root: Path) -> str:
    """img_path, a flat folder, no blank after a full stop."""
    rows: Rows = [
        {"id": person, "img_path": f"{person:04}_c{n}_000{n}.jpg", "split": split,
         "captions": ["A man.He walks.", "Black shoes.Blue bag."]}
        for person, split in enumerate(["train", "train", "val", "test", "test"]) for n in range(3)
    ]  # fmt: skip
    written(root / "RSTPReid", "data_captions.json", rows)
    return f"rstpreid:{root / 'RSTPReid'}"


def acsa(root: Path) -> str:
    """CUHK-PEDES with the one photo that ACSA reads from a file of another name."""
    rows: Rows = [
        {"split": split, "captions": ["A man.", "He walks."], "id": n, "file_path": path}
        for n, (split, path) in enumerate([
            ("train", "cam_b/1_0.bmp"), ("val", "CUHK01/0363004.png"),
            ("test", "test_query/p7447_s9899.jpg"),
        ], start=1)
    ]  # fmt: skip
    written(root, "reid_raw.json", rows)
    rows.append({**rows[-1], "file_path": "test_query/p7446_s9899.jpg"})
    (root / "reid_raw.json").write_text(json.dumps(rows), encoding="utf-8")
    return f"cuhk-pedes-acsa:{root}"


def ufine(root: Path) -> str:
    """Two long captions a photo, a folder `images` beside the JSON, no val."""
    rows: Rows = [
        {"split": "train" if n < 20 else "test", "id": n, "file_path": f"images/{n}.jpg",
         "captions": ["A man in a red coat, who walks. " * 12, "He  carries\na bag."]}
        for n in range(1, 25)
    ]  # fmt: skip
    written(root / "UFineBench" / "UFine6926", "UFine6926.json", rows, imgs=".")
    return f"ufine6926:{root}"


def ufine3c(root: Path) -> str:
    """Evaluation only: no split told, a source each, one to several captions."""
    rows: Rows = [
        {"id": n // 2, "file_path": f"images/{n}.jpg", "source": "ICFG",
         "captions": [f"Caption {c}." for c in range(1 + n % 5)]} for n in range(10)
    ]  # fmt: skip
    written(root, "some name.json", rows, imgs=".")
    return f"ufine3c:{root / 'some name.json'}"


def synth(root: Path) -> str:
    """No split told, folders Part1... beside the JSON; attributes and prompts are no captions."""
    rows: Rows = [
        {"id": n, "file_path": f"Part{n % 3}/{n}/1.jpg", "captions": ["A man.", "He walks."],
         "attributes": ["man,black hair,unknown"], "prompt_caption": ["A man with black hair."]}
        for n in range(20)
    ]  # fmt: skip
    written(root / "SYNTH-PEDES", "synthpedes_dataset.json", rows, imgs=".")
    return f"synth-pedes:{root}"


def drawn(root: Path) -> str:
    """Ids as strings, the JSON in the root itself."""
    rows: Rows = [
        {"id": f"person-{n}", "file_path": f"{n}/0.jpg", "split": split, "captions": ["She walks."]}
        for n, split in enumerate(["train", "val", "test"])
    ]
    written(root, "reid_raw.json", rows)
    return f"drawn:{root}"


def files(root: Path) -> str:
    """A CSV with a caption a row, paths relative to it, one absolute."""
    photos_of(root, ["a b.png", "人.png", "c.png"])
    rows = [("imgs/a b.png", "x", "He, in red", "train"), ("imgs/人.png", "y", "She", "val"),
            (str(root / "imgs/c.png"), "z", 'A "nice" hat', "test"),
            ("imgs/a b.png", "x", "A man", "train")]  # fmt: skip
    with (root / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "person", "caption", "split"), *rows])
    return f"files:{root / 'captions.csv'}"


def tars(root: Path) -> str:
    """Two shards, captions as text and as JSON, one of them in a folder below; no split "test"."""
    root.mkdir(parents=True, exist_ok=True)
    drawn_once = io.BytesIO()
    Image.new("RGB", (13, 34), (90, 40, 20)).save(drawn_once, "JPEG")
    told = {"txt": b" He  walks.\n", "json": b'{"captions": ["She.", "A woman\\n in red."]}'}
    for number, (kind, caption) in enumerate(told.items()):
        file = root / f"{number}" / "pairs.tar"
        file.parent.mkdir()
        with tarfile.open(file, "w") as tar:
            for key in range(12):
                for end, content in (("jpg", drawn_once.getvalue()), (kind, caption)):
                    member = tarfile.TarInfo(f"人/{key}.{end}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return f"tars:{root}"


# By design: nobody trains on these, or is tested on them.
LACKING = {"tars": {"test"}, "synth-pedes": {"test"}, "ufine3c": {"train", "val"}}
MAKERS: dict[str, Callable[[Path], str]] = {
    "cuhk-pedes": cuhk, "icfg-pedes": icfg, "rstpreid": rstp, "drawn": drawn, "files": files,
    "tars": tars, "cuhk-pedes-acsa": acsa, "ufine6926": ufine, "ufine3c": ufine3c,
    "synth-pedes": synth,
}  # fmt: skip


@pytest.fixture(params=NAMES)
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return MAKERS[request.param](tmp_path)


@pytest.fixture
def splits(spec: str) -> dict[str, Split]:
    none = dict.fromkeys(lacking(spec), Split("none", (), ()))
    told = ("train", "val", "test", "all")
    return {split: none.get(split) or read_data(spec, split) for split in told}


def lacking(spec: str) -> set[str]:
    return LACKING.get(spec.partition(":")[0], set())


def test_a_split_that_a_data_set_lacks_by_design_is_refused_in_a_line(spec: str) -> None:
    for split in lacking(spec):
        with pytest.raises(BadData, match=f"no split '{split}' here; ask for"):
            read_data(spec, split)


def test_ids_are_unique_and_name_the_photo(spec: str, splits: dict[str, Split]) -> None:
    for name, split in splits.items():
        assert bool(split.photos) is (name not in lacking(spec))
        assert len({photo.id for photo in split.photos}) == len(split.photos)
        assert len({caption.id for caption in split.captions}) == len(split.captions)
        assert all(caption.id.rpartition("#")[0] == caption.photo for caption in split.captions)


def test_captions_point_to_photos_of_the_same_person(splits: dict[str, Split]) -> None:
    for split in splits.values():
        person = {photo.id: photo.person for photo in split.photos}
        assert all(person[caption.photo] == caption.person for caption in split.captions)
        assert {caption.photo for caption in split.captions} == set(person)


def test_no_person_is_in_two_splits_and_the_splits_are_the_whole(splits: dict[str, Split]) -> None:
    parts = [set(splits[name].persons) for name in ("train", "val", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert set.union(*parts) == set(splits["all"].persons)
    for kind in ("photos", "captions"):
        counts = {name: len(getattr(split, kind)) for name, split in splits.items()}
        assert counts["train"] + counts["val"] + counts["test"] == counts["all"]


def test_captions_are_clean_sentences(splits: dict[str, Split]) -> None:
    for caption in splits["all"].captions:
        assert caption.text
        assert caption.text == " ".join(caption.text.split())


def test_every_photo_can_be_read(splits: dict[str, Split]) -> None:
    assert all(open_photo(photo).size == (13, 34) for photo in splits["all"].photos)


def test_reading_twice_gives_the_same(spec: str, splits: dict[str, Split]) -> None:
    assert read_data(spec, "all") == splits["all"]
    for name in {"train", "val", "test"} - lacking(spec):
        assert read_data(spec, name) == splits[name]
