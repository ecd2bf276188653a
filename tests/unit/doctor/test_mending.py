"""--fix: what the strict reader refused it reads in the repaired file, and nothing else changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerby.data.sources import read_data
from passerby.doctor.examination import examine, examined
from passerby.doctor.mending import Mended, mend
from passerby.doctor.reading import read_case
from passerby.errors import BadData

Row = dict[str, Any]


def row(person: int, split: str = "train", path: str | None = None, **fields: Any) -> Row:
    return {"split": split, "captions": ["A man."], "file_path": path or f"{person}.png",
            "processed_tokens": [["a", "man"]], "id": person, **fields}  # fmt: skip


def write(root: Path, rows: list[Any]) -> str:
    (root / "imgs").mkdir(parents=True, exist_ok=True)
    for number, entry in enumerate(rows):
        if isinstance(entry, dict) and isinstance(entry.get("file_path"), str):
            Image.new("RGB", (13, 34), (number, 9, 9)).save(root / "imgs" / entry["file_path"])
    (root / "reid_raw.json").write_text(json.dumps(rows), encoding="utf-8")
    return f"cuhk-pedes:{root}"


def fix(spec: str, out: Path) -> Mended:
    case = read_case(spec)
    return mend(case, examined(spec, case), out)


def test_the_repaired_file_is_read_by_the_strict_reader(tmp_path: Path) -> None:
    rows: list[Any] = [
        row(1), row(2, "val"), row(3, "test"),
        row(4), row(5),  # missing, unreadable
        row(6, captions=["One.", " ", "Two."], processed_tokens=[["one"], [], ["two"]]),
        row(7, captions=[""]), row(8, captions=["\x00"]),
        row(9, captions=["A cafÃ© waiter."], source="x"),
        row(1, captions=["A man.", "Again."], processed_tokens=[["a", "man"], ["again"]]),
        "no record", {"id": 5},
    ]  # fmt: skip
    spec = write(tmp_path, rows)
    (tmp_path / "imgs/4.png").unlink()
    (tmp_path / "imgs/5.png").write_bytes(b"")
    before = (tmp_path / "reid_raw.json").read_bytes()
    with pytest.raises(BadData):
        read_data(spec, "all")
    out = tmp_path / "reid_mended.json"
    done = fix(spec, out)
    assert (done.records, done.dropped, done.joined, done.rewritten) == (5, 6, 1, 1)
    assert done.left == ()
    assert (tmp_path / "reid_raw.json").read_bytes() == before
    whole = read_data(f"cuhk-pedes:{out}", "all")
    assert [(caption.id, caption.text) for caption in whole.captions] == [
        ("1.png#0", "A man."), ("1.png#1", "Again."), ("2.png#0", "A man."), ("3.png#0", "A man."),
        ("6.png#0", "One."), ("6.png#1", "Two."), ("9.png#0", "A café waiter."),
    ]  # fmt: skip
    for split in ("train", "val", "test"):
        assert read_data(f"cuhk-pedes:{out}", split).photos
    written = {entry["id"]: entry for entry in json.loads(out.read_text())}
    assert written[1]["processed_tokens"] == [["a", "man"], ["again"]]
    assert written[6]["processed_tokens"] == [["one"], ["two"]]
    assert written[9]["source"] == "x"
    assert written[2] == rows[1]
    again = {finding.kind for finding in examine(f"cuhk-pedes:{out}").findings}
    assert again <= {"unnamed"}
    assert {file.name for file in tmp_path.iterdir()} == {
        "imgs", "reid_raw.json", "reid_mended.json"
    }  # fmt: skip


TWO = [["a"], ["b"]]


@pytest.mark.parametrize(
    ("first", "again", "tokens"),
    [
        ([["a"]], TWO, TWO),
        ([["a"]], [["a"], ["b"], ["c"]], None),
        ([], [], None),
        (None, TWO, None),
        ([["a"]], None, None),
        ([["a"]], ..., None),
        (..., TWO, None),
        ([["a"], ["x"]], TWO, None),
    ],
)
def test_tokens_of_joined_records_stay_in_step_or_go(
    tmp_path: Path, first: Any, again: Any, tokens: Any
) -> None:
    """`...` stands for no field."""
    rows = [row(1, captions=["A."], processed_tokens=first),
            row(1, captions=["A.", "B."], processed_tokens=again)]  # fmt: skip
    for entry in rows:
        if entry["processed_tokens"] is ...:
            del entry["processed_tokens"]
    done = fix(write(tmp_path, rows).replace("cuhk", "icfg") + "/reid_raw.json", tmp_path / "out")
    (written,) = json.loads((tmp_path / "out").read_text())
    assert done.joined == 1
    assert written["captions"] == ["A.", "B."]
    assert written.get("processed_tokens") == tokens
    assert "processed_tokens" not in written or tokens


def test_tokens_that_are_not_in_step_go_with_a_caption_that_is_dropped(tmp_path: Path) -> None:
    rows = [row(1, captions=["A.", "", "B."], processed_tokens=TWO), row(2, processed_tokens=TWO)]
    fix(write(tmp_path, rows), tmp_path / "out.json")
    one, two = json.loads((tmp_path / "out.json").read_text())
    assert "processed_tokens" not in one
    assert two == rows[1], "left as it is: none of its captions is dropped"


def test_no_file_of_the_user_is_written_over(tmp_path: Path) -> None:
    spec = write(tmp_path, [row(1)])
    (tmp_path / "mine.json").write_text("mine")
    (tmp_path / "new.json.part").write_text("mine")
    (tmp_path / "link.json").symlink_to("nowhere")
    for taken in ("mine.json", "link.json"):
        with pytest.raises(BadData, match="give --fix another name, or remove it"):
            fix(spec, tmp_path / taken)
    assert (tmp_path / "link.json").is_symlink()
    fix(spec, tmp_path / "new.json")
    for kept in ("mine.json", "new.json.part"):
        assert (tmp_path / kept).read_text() == "mine"


def test_what_only_a_person_can_decide_is_left_and_said(tmp_path: Path) -> None:
    spec = write(tmp_path, [row(1), row(2, "test"), row(1, "test", "b.png"), row(3, path="2.png")])
    done = fix(spec, tmp_path / "out.json")
    assert set(done.left) == {"person-in-two-splits", "photo-in-two-splits"}
    assert done.records == 4


def test_the_original_and_folders_are_never_written_over(tmp_path: Path) -> None:
    spec = write(tmp_path, [row(1)])
    original = tmp_path / "reid_raw.json"
    before = original.read_bytes()
    (tmp_path / "link.json").symlink_to(original)
    for out in (original, tmp_path / "link.json", tmp_path, tmp_path / "none" / "x.json"):
        with pytest.raises(BadData):
            fix(spec, out)
    assert original.read_bytes() == before
    (tmp_path / "imgs/1.png").unlink()
    with pytest.raises(BadData, match="nothing was written"):
        fix(spec, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_a_csv_is_to_be_mended_by_hand(tmp_path: Path) -> None:
    Image.new("RGB", (13, 34)).save(tmp_path / "a.png")
    (tmp_path / "pairs.csv").write_text("path,person,caption\na.png,x,He\n")
    with pytest.raises(BadData, match="by hand"):
        fix(f"files:{tmp_path / 'pairs.csv'}", tmp_path / "out.json")
