"""Which files of a folder are photos."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from passerby.data.folder import walk
from passerby.errors import BadData


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_photos_are_found_at_any_depth_in_one_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a/c.jpeg", "a/d/e.PnG", "a.webp", "f.tif", "g.TIFF", "h.bmp", "i.gif")
    touch(tmp_path, "notes.txt", "jpg", "a/video.mp4")
    found = [str(path.relative_to(tmp_path)) for path in walk(tmp_path)]
    assert found == [
        "a.webp",
        "a/c.jpeg",
        "a/d/e.PnG",
        "b.JPG",
        "f.tif",
        "g.TIFF",
        "h.bmp",
        "i.gif",
    ]


def test_hidden_files_and_folders_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, ".cache/a.jpg", "._b.jpg", "c.jpg")
    assert walk(tmp_path) == [tmp_path / "c.jpg"]
    assert len(walk(tmp_path / ".cache")) == 1, "a hidden folder that is asked for is walked"


def test_links_in_a_circle_end_and_no_photo_comes_twice(tmp_path: Path) -> None:
    touch(tmp_path, "z/a.jpg", "z/deep/b.jpg")
    (tmp_path / "z/deep/up").symlink_to(tmp_path)
    (tmp_path / "another").symlink_to(tmp_path / "z")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    found = [str(path.relative_to(tmp_path)) for path in walk(tmp_path)]
    assert found == ["self.jpg", "z/a.jpg", "z/deep/b.jpg"]


def test_a_linked_folder_outside_is_walked(tmp_path: Path) -> None:
    touch(tmp_path, "outside/a.jpg")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/link").symlink_to(tmp_path / "outside")
    assert walk(tmp_path / "inside") == [tmp_path / "inside/link/a.jpg"]


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    names = [b"\xff.jpg", b"a b.jpg", b"new\nline.jpg", "人.jpg".encode()]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    assert {os.fsencode(path.name) for path in walk(tmp_path)} == set(names)


def test_no_folder_a_file_and_no_photos_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "text\n/notes.txt")
    cases = {
        tmp_path / "none": "no such folder",
        tmp_path / "a.jpg": "a file, not a folder",
        tmp_path / "text\n": "no photos",
        Path("a\0b"): "no such folder",
    }
    for folder, wanted in cases.items():
        with pytest.raises(BadData, match=wanted) as caught:
            walk(folder)
        assert str(caught.value).isprintable()
        assert ";" in str(caught.value)


def test_a_folder_that_may_not_be_listed_is_refused_or_reported(tmp_path: Path) -> None:
    touch(tmp_path, "open/a.jpg", "shut/b.jpg")
    (tmp_path / "shut").chmod(0)
    tmp_path.chmod(0o755)
    child = os.fork()  # root lists everything: the child becomes nobody
    if child == 0:
        code = 1
        try:
            os.chdir(tmp_path)
            if os.getuid() == 0:
                os.setuid(65534)
            shut: list[Path] = []
            found = walk(Path(), shut)
            try:
                walk(Path())
            except BadData as refused:
                told = "may not be listed" in str(refused)
                code = 0 if told and found == [Path("open/a.jpg")] and shut == [Path("shut")] else 2
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    (tmp_path / "shut").chmod(0o755)
    assert status == 0
