"""Facts from a CSV and from paths."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from passerby.errors import BadData
from passerby.gallery.metadata import Metadata

FOLDER = Path("/photos")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def table(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "facts.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_a_csv_names_photos_relative_to_the_folder_or_absolute(tmp_path: Path) -> None:
    text = "path,camera,time,person\na.jpg,c1,2026-05-01T12:00:00,p1\n/photos/sub/b.jpg,c2,,\n"
    told = Metadata(FOLDER, table(tmp_path, text))
    assert told(FOLDER / "a.jpg") == {"camera": "c1", "time": NOON, "person": "p1"}
    assert told(FOLDER / "sub" / "b.jpg") == {"camera": "c2", "time": None, "person": None}
    assert told(FOLDER / "c.jpg") == {}


@pytest.mark.parametrize(
    "time", ["2026-05-01T12:00:00Z", "2026-05-01 14:00+02:00", "20260501T120000", "2026-05-01T12"]
)
def test_times_are_iso_8601_and_utc_when_naive(tmp_path: Path, time: str) -> None:
    told = Metadata(FOLDER, table(tmp_path, f"path,time\na.jpg,{time}\n"))
    assert told(FOLDER / "a.jpg") == {"time": NOON}


def test_a_csv_of_a_spreadsheet_or_with_odd_names_is_read(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbfPath, Camera\r\n"a\nb.jpg","door, left"\r\ncaf\xe9.jpg,c\xe9\r\n\r\n'
    told = Metadata(FOLDER, table(tmp_path, text))
    assert told(FOLDER / "a\nb.jpg") == {"camera": "door, left"}
    assert told(FOLDER / os.fsdecode(b"caf\xe9.jpg")) == {"camera": "c\\xe9"}


def test_unknown_columns_and_paths_are_said(tmp_path: Path) -> None:
    text = "path,camera,weather\na.jpg,c1,rain\nlost.jpg,c1,sun\n"
    notes = Metadata(FOLDER, table(tmp_path, text)).notes([FOLDER / "a.jpg"])
    assert len(notes) == 2
    assert "weather" in notes[0]
    assert "lost.jpg" in notes[1]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("path,time\na.jpg,2026-05-01\nb.jpg,noonish\n", "row 3: time 'noonish' is not ISO 8601"),
        ("path,camera\na.jpg,c1\n./a.jpg,c2\n", "row 3: ./a.jpg is there twice"),
        ("path,camera\n,c1\n", "row 2: no path"),
        ('path,camera\na.jpg,"c1\nb.jpg,c2\n', "cannot be read"),
        ("path,camera,person\na.jpg,c1,p1,p2\n", "row 2: more cells than the header"),
        ("file,camera\na.jpg,c1\n", "path,camera,time,person"),
        ("path\na.jpg\n", "path,camera,time,person"),
        ("path,camera,camera\na.jpg,c1,c2\n", "two columns"),
        ("", "header"),
        (b"\xff\xfep\0a\0t\0h\0", "header"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused_with_row_and_remedy(
    tmp_path: Path, text: str | bytes, part: str
) -> None:
    with pytest.raises(BadData) as refused:
        Metadata(FOLDER, table(tmp_path, text))
    assert part in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_csv_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(BadData, match="cannot be read"):
            Metadata(FOLDER, path)


def test_a_pattern_reads_facts_from_the_path_below_the_folder() -> None:
    told = Metadata(FOLDER, pattern=r"(?P<camera>c\d)/(?P<person>\d+)_(?P<time>[^_.]+)?")
    assert told(FOLDER / "c3" / "0042_20260501T120000.jpg") == {
        "camera": "c3", "person": "0042", "time": NOON,
    }  # fmt: skip
    assert told(FOLDER / "c3" / "7_.jpg") == {"camera": "c3", "person": "7"}
    assert told(FOLDER / "other.jpg") == {}
    assert "1 of 2" in told.notes([FOLDER / "other.jpg", FOLDER / "c1" / "1_.jpg"])[0]


def test_a_cell_goes_before_the_pattern_and_an_empty_one_does_not(tmp_path: Path) -> None:
    text = "path,camera,person\nc1/a.jpg,door,\nc1/b.jpg,,\n"
    told = Metadata(FOLDER, table(tmp_path, text), r"(?P<camera>c\d)")
    assert told(FOLDER / "c1" / "a.jpg") == {"camera": "door", "person": None}
    assert told(FOLDER / "c1" / "b.jpg") == {"camera": "c1", "person": None}


@pytest.mark.parametrize(
    "pattern",
    ["(", "no groups", "(plain)", r"(?P<lens>\d)", "(?P<camera>a{99999999999})", "(" * 5000],
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(BadData) as refused:
        Metadata(FOLDER, pattern=pattern)
    assert str(refused.value).startswith("--pattern")


def test_a_time_in_a_path_that_is_no_time_is_refused_with_the_path() -> None:
    told = Metadata(FOLDER, pattern=r"(?P<time>\w+)\.jpg")
    with pytest.raises(BadData, match=r"/photos/noon\.jpg: time 'noon'"):
        told(FOLDER / "noon.jpg")
