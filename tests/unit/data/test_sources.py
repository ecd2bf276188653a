"""`NAME:ROOT`: where a data set is looked for, and what is refused in which words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerby.data.sources import read_data
from passerby.errors import BadData

Row = dict[str, Any]


def row(person: Any, split: str = "test", path: str | None = None, **fields: Any) -> Row:
    return {"id": person, "file_path": path or f"{person}.jpg", "captions": ["A man in red."],
            "split": split, **fields}  # fmt: skip


def write(root: Path, content: Any, name: str = "reid_raw.json", photos: bool = True) -> Path:
    (root / "imgs").mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (root / name).write_text(text, encoding="utf-8")
    for entry in content if photos and isinstance(content, list) else ():
        path = isinstance(entry, dict) and (entry.get("file_path") or entry.get("img_path"))
        if isinstance(path, str) and not path.startswith(("/", "..")):
            Image.new("RGB", (8, 16)).save(root / "imgs" / path)
    return root


def refusal(spec: str, split: str = "test") -> str:
    with pytest.raises(BadData) as caught:
        read_data(spec, split)
    line = str(caught.value)
    assert line.isprintable()
    assert ";" in line or ": " in line
    return line


def test_the_root_holds_the_json_or_is_its_parent_or_is_the_json(tmp_path: Path) -> None:
    root = write(tmp_path / "any name", [row(1)])
    wanted = read_data(f"cuhk-pedes:{root}", "test")
    for other in (tmp_path, root / "reid_raw.json", f"{root}/"):
        assert read_data(f"cuhk-pedes:{other}", "test") == wanted
    assert wanted.photos[0].path == root / "imgs/1.jpg"
    write(tmp_path / "second", [row(1)])
    assert "2 folders" in refusal(f"cuhk-pedes:{tmp_path}")
    write(tmp_path / "CUHK-PEDES", [row(2)])
    assert read_data(f"cuhk-pedes:{tmp_path}", "test").persons == ("2",)


def test_a_folder_without_the_data_says_what_to_put_where(tmp_path: Path) -> None:
    assert "no such folder" in refusal(f"drawn:{tmp_path}/none")
    line = refusal(f"rstpreid:{tmp_path}")
    assert "data_captions.json" in line
    assert "imgs/" in line
    write(tmp_path / "x\ny", [row(1)], photos=False)
    refusal(f"cuhk-pedes:{tmp_path}/x\ny")


def test_an_unknown_name_gets_the_nearest_one() -> None:
    assert "'cuhk-pedes'" in refusal("cuhk-pede:x")
    assert "'icfg-pedes'" in refusal("ICFG_PEDES:x")
    assert "there are cuhk-pedes" in refusal("zzz:x")
    assert "NAME:ROOT" in refusal("/data/CUHK")
    assert "NAME:ROOT" in refusal("drawn:")


def test_the_older_release_is_recognised_by_name_and_by_shape(tmp_path: Path) -> None:
    older = [{"id": 1, "file_path": "1.jpg", "captions": ["A man."]}]
    write(tmp_path, older, "caption_all.json")
    for spec in (tmp_path, tmp_path / "caption_all.json"):
        assert "older release" in refusal(f"cuhk-pedes:{spec}")
    write(tmp_path, older)
    assert "caption_all.json" in refusal(f"cuhk-pedes:{tmp_path}")


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "not"),
        ({"images": []}, "no list"),
        ([], "empty list"),
        ([row(1), "x"], "record 2 is no object"),
        ([row(1), {"id": 1, "captions": [], "split": "test"}], "record 2 has no field 'file_path'"),
        ([{"file_path": "a.jpg", "captions": ["x"], "split": "test"}], "1 has no field 'id'"),
        ([{"id": 1, "file_path": "a.jpg", "split": "test"}], "no field 'captions'"),
        ([row(1), {"id": 2, "file_path": "b.jpg", "captions": ["x"]}], "2 has no field 'split'"),
        ([row(1, captions="A man.")], "no list"),
        ([row(1, captions=[])], "no list"),
        ([row(1, captions=["ok", " \n"])], "empty or no string"),
        ([row(1, captions=[["a"]])], "empty or no string"),
        ([row(1, captions=["a man \ud83d"])], "half of a Unicode letter"),
        ([row(1, path="\ud83d/a.jpg")], "half of a Unicode letter"),
        ("[" + "9" * 5000 + "]", "not a JSON file"),
        ([row(1.5)], "neither a whole number nor a string"),
        ([row(None)], "neither"),
        ([row(True)], "neither"),
        ([row(" ")], "neither"),
        ([row(1, "testing")], "'testing'"),
        ([row(1, ["test"])], "not train, val, test"),
        ([row(1, path=7)], "no path"),
        ([row(1, path="../../etc/passwd")], "leaves imgs/"),
        ([row(1, path="/etc/passwd")], "leaves imgs/"),
        ([row(1), row(2, path="./1.jpg")], "records 1 and 2 are both of photo 1.jpg"),
        ([row(1), row(1, "train", path="b.jpg")], "person '1' is in both test and train"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_by_record_and_field(
    tmp_path: Path, content: Any, wanted: str
) -> None:
    write(tmp_path, content, photos=False)
    assert wanted in refusal(f"cuhk-pedes:{tmp_path}")


def test_bytes_that_are_no_utf_8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "reid_raw.json").write_bytes(b'[{"id": "\xff"}]')
    assert "UTF-8" in refusal(f"drawn:{tmp_path}")


def test_the_whole_file_is_one_split_even_where_persons_cross(tmp_path: Path) -> None:
    write(tmp_path, [row(1), row(1, "train", path="b.jpg"), row("x y", "val", path="c.jpg")])
    whole = read_data(f"cuhk-pedes:{tmp_path}", "all")
    assert len(whole.photos) == 3
    assert whole.persons == ("1", "x y")


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    write(tmp_path, [row(1)])
    assert "ask for test or all" in refusal(f"cuhk-pedes:{tmp_path}", "val")
    assert "unknown split 'tset'" in refusal(f"cuhk-pedes:{tmp_path}", "tset")


def test_missing_photos_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    write(tmp_path, [row(1), row(2), row(3), row(4, "train")])
    (tmp_path / "imgs/2.jpg").unlink()
    (tmp_path / "imgs/4.jpg").unlink()
    line = refusal(f"cuhk-pedes:{tmp_path}")
    assert "1 of 3 photos are missing" in line
    assert "imgs/2.jpg" in line
    for number in (1, 3):
        (tmp_path / f"imgs/{number}.jpg").unlink()
    (tmp_path / "imgs").rmdir()
    assert "3 of 3" in refusal(f"cuhk-pedes:{tmp_path}")


def test_icfg_gets_the_published_validation_split(tmp_path: Path) -> None:
    """The tenth of the training persons with the lowest sha256 of "icfg-pedes:ID"."""
    rows = [row(n, "train") for n in range(37)] + [row(99, "test")]
    write(tmp_path, rows, "ICFG-PEDES.json")
    val = read_data(f"icfg-pedes:{tmp_path}", "val").persons
    ordered = sorted(
        map(str, range(37)), key=lambda n: hashlib.sha256(f"icfg-pedes:{n}".encode()).digest()
    )
    assert set(val) == set(ordered[:3])
    assert set(read_data(f"icfg-pedes:{tmp_path}", "train").persons) == set(ordered[3:])
    assert read_data(f"icfg-pedes:{tmp_path}", "test").persons == ("99",)


def test_a_photo_listed_twice_in_icfg_keeps_the_captions_of_both(tmp_path: Path) -> None:
    rows = [row(1), row(1, captions=["A man in blue."]), row(2)]
    write(tmp_path, rows, "ICFG-PEDES.json")
    split = read_data(f"icfg-pedes:{tmp_path}", "test")
    assert [caption.id for caption in split.captions] == ["1.jpg#0", "1.jpg#1", "2.jpg#0"]
    write(tmp_path, [row(1), row(2, path="1.jpg")], "ICFG-PEDES.json")
    assert "both of photo" in refusal(f"icfg-pedes:{tmp_path}")


def table(root: Path, text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    (root / "captions.csv").write_bytes(data)
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 16)).save(root / name)
    return f"files:{root / 'captions.csv'}"


def test_a_csv_of_pairs_is_read_with_a_byte_order_mark_and_any_case(tmp_path: Path) -> None:
    spec = table(
        tmp_path, '\ufeffPath, Person,CAPTION,note\r\na.jpg,7,"He\n walks",x\r\nb.jpg,8,She\r\n'
    )
    split = read_data(spec, "all")
    assert [caption.text for caption in split.captions] == ["He walks", "She"]
    assert split.persons == ("7", "8")
    train, val = read_data(spec, "train"), read_data(spec, "val")
    assert sorted(train.persons + val.persons) == ["7", "8"]  # a tenth, but at least one person
    assert "no split 'test' here; ask for" in refusal(spec, "test")


def test_a_csv_path_may_hold_any_bytes(tmp_path: Path) -> None:
    spec = table(tmp_path, b"path,person,caption\n\xff.jpg,1,He\n")
    assert "xff" in refusal(spec, "all"), "missing, and named in one line"
    (tmp_path / "a.jpg").rename(tmp_path / "\udcff.jpg")
    assert read_data(spec, "all").photos[0].path.exists()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "no column 'path'"),
        ("path;person;caption\n", "there are: path;person;caption"),
        ("path,person,captions\n", "no column 'caption'"),
        ("path,person,caption\n", "no rows"),
        ("path,person,caption\na.jpg,1,He\nb.jpg,,She\n", "row 3 has no person"),
        ("path,person,caption\na.jpg,1\n", "row 2 has no caption"),
        ("path,person,caption\na.jpg,1,He\na.jpg,2,He\n", "row 3 gives photo a.jpg another person"),
        ("path,person,caption,split\na.jpg,1,He,dev\n", "row 2 has the split 'dev'"),
        ("path,person,caption,split\na.jpg,1,He,\n", "row 2 has the split ''"),
        (b"path,person,caption\na.jpg,1,caf\xe9\n", "has a caption that is not UTF-8"),
        (b"path,person,caption\na.jpg,\xe9,man\n", "has a person that is not UTF-8"),
        ("path,person,caption\na.jpg,1,a man, in red\n", "row 2 has more cells than the header"),
        ('path,person,caption\na.jpg,1,"He\n', "cannot be read as CSV"),
        ("path,person,caption\na.jpg,1,He\nc.jpg,1,He\n", "1 of 2 photos are missing"),
    ],
)
def test_a_wrong_csv_is_refused_by_row(tmp_path: Path, text: str | bytes, wanted: str) -> None:
    assert wanted in refusal(table(tmp_path, text), "all")


def test_a_missing_csv_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(f"files:{tmp_path}/none.csv")
    assert "cannot be read" in refusal(f"files:{tmp_path}")
