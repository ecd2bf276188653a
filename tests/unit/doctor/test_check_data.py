"""passerby check-data: what is printed, and the exit status that a script hangs on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from passerby.cli.check_data import check_data
from passerby.errors import BadData

Row = dict[str, Any]


def row(person: int, split: str, path: str | None = None, **fields: Any) -> Row:
    return {"id": person, "file_path": path or f"{person}.png", "captions": ["A man."],
            "split": split, **fields}  # fmt: skip


def write(root: Path, rows: list[Row], shades: int = 0) -> Path:
    (root / "imgs").mkdir(parents=True)
    for shade, entry in enumerate(rows, start=shades):
        Image.new("RGB", (13, 34), (shade, 9, 9)).save(root / "imgs" / entry["file_path"])
    (root / "reid_raw.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


def check(*words: object) -> Result:
    app = typer.Typer()
    app.command()(check_data)
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write(tmp_path / "sound", [row(1, "train"), row(2, "val"), row(3, "test")])


def test_a_sound_data_set_is_told_calmly_and_exits_with_0(sound: Path) -> None:
    done = check(f"drawn:{sound}")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"{sound}/reid_raw.json: drawn people, of no published size",
        "  train: 1 persons, 1 photos, 1 captions",
        "  val: 1 persons, 1 photos, 1 captions",
        "  test: 1 persons, 1 photos, 1 captions",
        "nothing is wrong",
    ]


def test_counts_that_differ_and_bad_captions_exit_with_0(tmp_path: Path) -> None:
    rows = [row(1, "train", captions=["One.", "Ã©", "w " * 80]), row(2, "test")]
    done = check(f"cuhk-pedes:{write(tmp_path / 'a', rows)}")
    assert done.exit_code == 0
    assert "train: 1 persons, 1 photos, 3 captions (differs: 11,003 persons" in done.stdout
    assert "val: 0 persons" in done.stdout
    assert done.stdout.endswith("\nnothing that must be mended\n")


def test_what_the_reader_refuses_is_starred_and_exits_with_0(tmp_path: Path) -> None:
    rows = [row(1, "train", captions=[""]), row(2, "testing"), row(3, "test"), row(4, "test")]
    root = write(tmp_path / "a", rows)
    Image.open(root / "imgs/3.png").save(root / "imgs/4.png")
    done = check(f"drawn:{root}")
    assert done.exit_code == 0
    marks = [line[0] for line in done.stdout.splitlines() if line[:2] in ("* ", "- ", "! ")]
    assert marks == ["*", "*", "-"], "what stops the reader comes first"
    assert done.stdout.splitlines()[-1] == (
        "passerby will not read it until lines with * are corrected (--fix OUT)"
    )
    rows = [row(1, "train"), row(2, "train", "1.png")]
    told = check(f"drawn:{write(tmp_path / 'b', rows)}").stdout.splitlines()
    assert told[-1].endswith("lines with * are corrected"), "--fix cannot: two persons"


def test_grave_lines_and_refused_ones_are_both_told_at_the_end(sound: Path) -> None:
    rows = json.loads((sound / "reid_raw.json").read_text())
    (sound / "reid_raw.json").write_text(json.dumps([*rows, rows[0]]))
    (sound / "imgs/2.png").unlink()
    done = check(f"drawn:{sound}")
    assert done.exit_code == 1
    assert [line[:12] for line in done.stdout.splitlines()[-2:]] == ["lines with !", "passerby wil"]


def test_grave_findings_are_marked_come_first_and_exit_with_1(sound: Path) -> None:
    (sound / "imgs/extra.png").write_bytes(b"x")
    (sound / "imgs/2.png").unlink()
    done = check(f"drawn:{sound}")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[4] == "! 1 of 3 photos are missing: 2.png"
    assert lines[5].startswith("  put them into imgs/")
    assert lines[6].startswith("- 1 files in imgs/ are in no record")
    assert lines[-1].startswith("lines with !")


def test_fix_says_what_was_done_and_where_to_put_the_file(sound: Path, tmp_path: Path) -> None:
    (sound / "imgs/3.png").unlink()
    beside = check(f"drawn:{sound}", "--fix", sound / "new.json")
    assert beside.exit_code == 1, "of what was examined, not of what was written"
    assert "new.json: 2 records; 1 dropped, 0 joined, 0 captions rewritten" in beside.stdout
    assert f"read it as drawn:{sound}/new.json" in beside.stdout
    assert check(f"drawn:{sound}/new.json").exit_code == 0
    away = check(f"drawn:{sound}", "--fix", tmp_path / "new.json")
    assert f"move it to {sound}/new.json" in away.stdout


def test_fix_refuses_the_original_before_it_reads_a_photo(sound: Path) -> None:
    done = check(f"drawn:{sound}", "--fix", sound / "reid_raw.json")
    assert isinstance(done.exception, BadData)
    assert "another name" in str(done.exception)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_findings_are_told_when_no_record_would_be_left(
    tmp_path: Path, form: tuple[str, ...]
) -> None:
    root = write(tmp_path / "a", [row(1, "train", captions=[""])])
    done = check(f"drawn:{root}", "--fix", root / "new.json", *form)
    assert isinstance(done.exception, BadData)
    assert str(done.exception).endswith("nothing was written; see the lines above")
    assert "1 records have captions that are empty" in done.stdout
    if form:
        assert "fixed" not in json.loads(done.stdout)


def test_json_has_every_finding_and_nothing_else_is_on_stdout(sound: Path) -> None:
    (sound / "imgs/2.png").unlink()
    done = check(f"drawn:{sound}", "--json", "--fix", sound / "new.json", "--against",
                 f"drawn:{sound}")  # fmt: skip
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert told["grave"] is True
    assert told["refused"] is True
    assert told["splits"]["train"]["photos"] == 1
    assert [finding["kind"] for finding in told["findings"]] == ["missing"]
    assert told["findings"][0]["examples"] == ["2.png"]
    assert told["fixed"]["dropped"] == 1
    assert told["shared"]["count"] == 2


def test_pictures_shared_with_another_data_set_are_told_and_not_grave(
    sound: Path, tmp_path: Path
) -> None:
    other = write(tmp_path / "other", [row(7, "test"), row(8, "train"), row(9, "val")])
    done = check(f"drawn:{sound}", "--against", f"cuhk-pedes:{other}")
    assert done.exit_code == 0
    assert "3 pictures of drawn are in cuhk-pedes too" in done.stdout
    assert "1 of train in test" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "nothing is wrong in it alone; mind the pictures that both data sets hold"
    )
    apart = write(tmp_path / "apart", [row(7, "test")], shades=100)
    done = check(f"drawn:{sound}", "--against", f"cuhk-pedes:{apart}")
    assert "no picture of drawn is in cuhk-pedes" in done.stdout
    assert done.stdout.endswith("\nnothing is wrong\n")
