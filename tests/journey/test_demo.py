"""The demo does the whole job and ends with the commands for a user's own folder."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def test_the_demo_draws_indexes_answers_and_shows_the_way(
    passerby_cli, default_model: Path, tmp_path: Path
) -> None:
    done = passerby_cli("demo", "--out", tmp_path / "demo", "--persons", 20)
    assert done.code == 0, done.err
    assert done.out.count("rank") >= 3
    assert "passerby index FOLDER --gallery G" in done.out
    assert "passerby search " in done.out
    page = (tmp_path / "demo" / "page.html").read_text(encoding="utf-8")
    assert page.count("<section") == 3
    assert "data:image/jpeg" in page
    with Image.open(tmp_path / "demo" / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert min(sheet.size) > 300
    again = passerby_cli("demo", "--out", tmp_path / "demo", "--persons", 20)
    assert again.code == 0, again.err
    assert "photos/s" not in again.out  # nothing is new


def test_the_version_is_told(passerby_cli) -> None:
    import passerby

    assert passerby.__version__ in passerby_cli("--version").out
