"""`passerby index` and `passerby search`, with a stand-in model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import typer
from calibrated import Fixed, with_calibration
from colours import Colours, PartColours, paint, shade
from typer.testing import CliRunner, Result

import passerby.build
from passerby.cli.demo import demo
from passerby.cli.index import index
from passerby.cli.search import search
from passerby.errors import Refused

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(index)
app.command()(search)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passerby.build, "load_method", lambda _=None: Colours())
    monkeypatch.setenv("COLUMNS", "200")


def call(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, Refused), result.exception
    return result


def test_a_folder_is_indexed_and_told_in_numbers(photos: Path, gallery: Path) -> None:
    result = call("index", photos, "--gallery", gallery)
    assert result.exit_code == 0
    assert "6 files: 6 new" in result.stdout
    assert "photos/s" in result.stdout
    assert "holds 6 photos" in result.stdout
    assert "6 unchanged" in call("index", photos, "--gallery", gallery).stdout


def test_broken_files_come_last_with_exit_2_or_0_when_skipped(photos: Path, gallery: Path) -> None:
    (photos / "text.jpg").write_text("no photo")
    result = call("index", photos, "--gallery", gallery)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].strip().startswith(str(photos / "text.jpg"))
    assert "6 new, 1 not readable" in result.stdout
    again = call("index", photos, "--gallery", gallery, "--skip-broken")
    assert again.exit_code == 0
    assert "text.jpg" in again.stderr


def test_facts_from_a_csv_and_a_pattern_are_stored_and_found(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    (tmp_path / "facts.csv").write_text("path,time,person,mood\nred.png,2026-05-01,p1,good\n")
    result = call(
        "index", photos, "--gallery", gallery, "--meta", tmp_path / "facts.csv",
        "--pattern", r"(?P<camera>below)",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "mood" in result.stderr
    found = call("search", "red", "--gallery", gallery, "--json", "--after", "2026-01-01")
    assert [r["person"] for r in json.loads(found.stdout)["results"]] == ["p1"]
    found = call("search", "red", "--gallery", gallery, "--json", "--camera", "below")
    assert len(json.loads(found.stdout)["results"]) == 2


@pytest.mark.parametrize("options", [("--meta", "none.csv"), ("--pattern", "(")])
def test_bad_facts_are_refused_before_anything_is_made(
    photos: Path, gallery: Path, options: tuple[str, str]
) -> None:
    assert isinstance(call("index", photos, "--gallery", gallery, *options).exception, Refused)
    assert not gallery.exists()


def test_json_has_the_promised_shape_and_nothing_else_on_stdout(
    photos: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("index", photos, "--gallery", gallery)
    monkeypatch.chdir(photos.parent)
    result = call("search", "red zxqv", "--gallery", "gallery", "-k", "50", "--json")
    found = json.loads(result.stdout)
    assert found["query"] == "red zxqv"
    assert set(found["results"][0]) == {
        "rank", "path", "score", "probability", "camera", "time", "person",
    }  # fmt: skip
    assert (found["match"], found["results"][0]["probability"]) == (None, None)
    assert found["results"][0]["path"] == str(photos / "red.png")
    assert (found["compared"], found["photos"], found["exact"]) == (6, 6, True)
    assert [r["rank"] for r in found["results"]] == [1, 2, 3, 4, 5, 6]
    assert "unknown words: zxqv" in result.stderr
    assert "fewer than the 50" in result.stderr


def test_what_was_compared_is_told_and_exact_compares_until_certain(
    tmp_path: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(230):
        paint(tmp_path / "photos" / f"{number}.png", shade(number), (8, 16))
    monkeypatch.setattr(passerby.build, "load_method", lambda _=None: PartColours())
    call("index", tmp_path / "photos", "--gallery", gallery)
    quick = call("search", "red", "--gallery", gallery, "--json")
    found = json.loads(quick.stdout)
    assert (found["photos"], found["exact"]) == (230, False)
    assert 200 <= found["compared"] < 230
    assert f"note: only the {found['compared']} photos nearest by vector, of 230" in quick.stderr
    exact = call("search", "red", "--gallery", gallery, "--exact", "--json")
    found = json.loads(exact.stdout)
    assert (found["compared"], found["photos"], found["exact"]) == (230, 230, True)
    assert exact.stderr == ""


def test_the_table_shows_any_name_on_one_line_and_whole(tmp_path: Path, gallery: Path) -> None:
    folder = tmp_path / "photos"
    for name in (b"a\nb.png", b"[bold]caf\xe9\x1b[31m.png"):
        path = folder / os.fsdecode(name)
        paint(folder / "plain.png", "red").rename(path)
    call("index", folder, "--gallery", gallery)
    result = call("search", "red", "--gallery", gallery)
    assert result.exit_code == 0
    assert "a\\nb.png" in result.stdout
    assert "[bold]caf\\xe9\\x1b[31m.png" in result.stdout
    assert (
        len(json.loads(call("search", "red", "--gallery", gallery, "--json").stdout)["results"])
        == 2
    )


def test_a_match_column_and_a_note_are_told_when_the_model_is_calibrated(
    photos: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("index", photos, "--gallery", gallery)
    plain = call("search", "red", "--gallery", gallery, "-k", 3)
    assert plain.stdout.split("\n")[0].split() == ["rank", "score", "path"]
    assert "%" not in plain.stdout
    assert plain.stderr == ""
    method = Colours()
    monkeypatch.setattr(passerby.build, "load_method", lambda _=None: method)
    with_calibration(method, Fixed(0.5, told=(0.879, 0.3, 0.001)))
    found = call("search", "red", "--gallery", gallery, "-k", 3)
    lines = found.stdout.splitlines()
    assert lines[0].split() == ["rank", "score", "match", "path"]
    assert [line.split()[2] for line in lines[1:]] == ["87", "30", "<1"]
    assert [line.split()[3] for line in lines[1:]] == ["%"] * 3
    assert found.stderr == ""
    with_calibration(method, Fixed(0.5, told=(0.04,)))
    weak = call("search", "red", "--gallery", gallery, "-k", 1, "--json")
    assert weak.stderr.startswith("note: no good match: ")
    told = json.loads(weak.stdout)
    assert told["match"] == {"best": 0.04, "good": False, "threshold": 0.5}
    assert told["results"][0]["probability"] == 0.04


def test_the_demo_tells_how_good_its_matches_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    method = Colours()
    monkeypatch.setattr(passerby.build, "load_method", lambda _=None: method)
    for told, note in ((0.5, 0), (0.04, 3)):
        with_calibration(method, Fixed(0.2, told=(told, *[0.03] * 9)))
        demo(tmp_path / "demo", 20)
        out = capsys.readouterr().out
        assert out.count("match") == 3 + 2 * note  # a column each, "no good match ... a good match"
        assert out.count("note: no good match") == note
        assert out.count(f"{100 * told:.0f} %") == 3 + note
    method.calibration = None
    demo(tmp_path / "demo", 20)
    assert "match" not in capsys.readouterr().out


def test_a_page_and_a_sheet_are_written(photos: Path, gallery: Path, tmp_path: Path) -> None:
    call("index", photos, "--gallery", gallery)
    page, sheet = tmp_path / "a.html", tmp_path / "a.png"
    result = call("search", "red", "--gallery", gallery, "--html", page, "--sheet", sheet)
    assert result.exit_code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert sheet.read_bytes()[:4] == b"\x89PNG"
    lost = call("search", "red", "--gallery", gallery, "--html", tmp_path / "no" / "a.html")
    assert isinstance(lost.exception, Refused)
    assert "cannot be written" in str(lost.exception)


def test_no_gallery_and_an_empty_sentence_are_refused(photos: Path, gallery: Path) -> None:
    assert "no gallery here" in str(call("search", "red", "--gallery", gallery).exception)
    call("index", photos, "--gallery", gallery)
    assert "no words" in str(call("search", " ", "--gallery", gallery).exception)
