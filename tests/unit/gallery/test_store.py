"""A gallery on disk: one writer, a card that is checked, nothing lost when the disk is full."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import sys
import threading
from pathlib import Path

import pytest
from colours import Colours, paint, run, shade, stored_paths

from passerby.errors import BadGallery
from passerby.gallery.lock import WriterLock
from passerby.gallery.search import Searcher
from passerby.gallery.store import CARD, Store


def refusal(kind: type[Exception], call: object) -> str:
    with pytest.raises(kind) as refused:
        call()  # type: ignore[operator]
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_second_writer_is_refused_and_told_who_the_first_is(photos: Path, gallery: Path) -> None:
    with Store.write(gallery, "colours-1", "default"):
        told = refusal(BadGallery, lambda: run(gallery, photos))
        assert f"process {os.getpid()} on " in told
        assert Path(sys.argv[0]).name in told
    assert run(gallery, photos).added == 6


def test_the_lock_of_a_dead_holder_is_free(tmp_path: Path, holding) -> None:
    with holding(WriterLock, tmp_path) as child:
        told = refusal(BadGallery, lambda: WriterLock(tmp_path).__enter__())
        assert f"process {child} on " in told
    with WriterLock(tmp_path):
        assert json.loads((tmp_path / "lock").read_bytes())["pid"] == os.getpid()
    assert (tmp_path / "lock").read_bytes() == b""


def test_a_lock_that_cannot_be_signed_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            WriterLock(tmp_path).__enter__()
    with WriterLock(tmp_path):
        pass


@pytest.mark.parametrize("kind", ["*.lance", "*.manifest"])
@pytest.mark.parametrize("content", [None, b"", b"x" * 5000])
def test_a_damaged_table_is_refused_with_the_remedy(
    photos: Path, gallery: Path, kind: str, content: bytes | None
) -> None:
    run(gallery, photos)
    damaged = [file for file in (gallery / "photos.lance").rglob(kind) if file.is_file()]
    for file in damaged:
        file.unlink()
        if content is not None:
            file.write_bytes(content)
    assert damaged
    told = refusal(BadGallery, lambda: Searcher(Colours(), Store.open(gallery)).search("red"))
    gone = kind == "*.manifest" and content is None
    assert ("its photos are gone" if gone else "its table cannot be read") in told
    assert "index the photos again" in told


def test_a_place_that_only_sounds_like_the_table_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "surveillance").touch()
    with pytest.raises(NotADirectoryError):
        Store.write(tmp_path / "surveillance" / "gallery", "colours-1", "default").__enter__()


def test_a_gallery_whose_table_is_gone_is_not_taken_for_an_empty_one(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    shutil.rmtree(gallery / "photos.lance")
    assert "its photos are gone" in refusal(BadGallery, lambda: Store.open(gallery))
    assert "its photos are gone" in refusal(BadGallery, lambda: run(gallery, photos))


def test_a_holder_who_has_not_signed_yet_still_holds(tmp_path: Path) -> None:
    with WriterLock(tmp_path):
        (tmp_path / "lock").write_bytes(b"")
        assert "another process" in refusal(BadGallery, lambda: WriterLock(tmp_path).__enter__())


def test_readers_work_while_a_writer_holds_the_lock(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    with Store.write(gallery, "colours-1", "default"):
        readers = [Searcher(Colours(), Store.open(gallery)) for _ in range(3)]
        assert all(len(reader.search("red", k=6)) == 6 for reader in readers)


def test_what_is_no_gallery_is_refused(tmp_path: Path) -> None:
    assert "passerby index" in refusal(BadGallery, lambda: Store.open(tmp_path / "none"))
    assert "passerby index" in refusal(BadGallery, lambda: Store.open(tmp_path))
    (tmp_path / "notes.txt").write_text("mine")
    assert "a file" in refusal(BadGallery, lambda: Store.open(tmp_path / "notes.txt"))
    told = refusal(BadGallery, lambda: Store.write(tmp_path, "f", "default").__enter__())
    assert "notes.txt" in told
    for name in (os.fsdecode(b"/g\xff"), "/new\nline"):
        assert "UTF-8 on one line" in refusal(BadGallery, lambda name=name: Store.open(name))  # type: ignore[misc]


def test_a_gallery_of_another_version_is_refused(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    card = json.loads((gallery / CARD).read_text())
    (gallery / CARD).write_text(json.dumps(card | {"schema": 99}))
    assert "upgrade passerby" in refusal(BadGallery, lambda: Store.open(gallery))
    assert "upgrade passerby" in refusal(BadGallery, lambda: run(gallery, photos))
    (gallery / CARD).write_text(json.dumps(card | {"schema": 0}))
    assert "index the photos again" in refusal(BadGallery, lambda: Store.open(gallery))
    (gallery / CARD).write_text("{")
    assert "damaged" in refusal(BadGallery, lambda: Store.open(gallery))
    (gallery / CARD).write_text(json.dumps(card))
    assert len(Store.open(gallery)) == 6


def test_indexing_with_another_model_is_refused_and_loses_nothing(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    told = refusal(BadGallery, lambda: run(gallery, photos, Colours("other-model")))
    assert "colours-1" in told
    assert "other-mod" in told
    assert len(Store.open(gallery)) == 6


def test_a_model_that_moved_is_remembered_at_its_new_place(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    with Store.write(gallery, "colours-1", "/models/new"):
        pass
    assert Store.open(gallery).model_folder == "/models/new"


def test_a_half_made_table_counts_as_empty_and_is_completed(photos: Path, gallery: Path) -> None:
    with Store.write(gallery, "colours-1", "default"):
        pass
    (gallery / "photos.lance" / "data").mkdir(parents=True)
    (gallery / "photos.lance" / "data" / "half.lance").write_bytes(b"half a file")
    (gallery / (CARD + ".new")).write_text("{")
    assert len(Store.open(gallery)) == 0
    assert run(gallery, photos).added == 6


@pytest.mark.parametrize("name", ["with blank", "雨", "100%25", "a#b?c", "~{*}"])
def test_a_gallery_may_have_any_utf8_name(photos: Path, tmp_path: Path, name: str) -> None:
    run(tmp_path / name, photos)
    assert len(Store.open(tmp_path / name)) == 6
    assert (tmp_path / name / CARD).exists()
    assert (tmp_path / name / "photos.lance").exists()


def _index_until_full(gallery: Path, folder: Path, limit: int, out: Path) -> None:
    free = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, free[1]))
    try:
        run(gallery, folder, batch=40)
    except BadGallery as refused:
        resource.setrlimit(resource.RLIMIT_FSIZE, free)
        out.write_text(str(refused))


@pytest.mark.parametrize("limit", [10, 4000, 20_000])
def test_a_full_disk_is_one_line_and_loses_nothing(
    tmp_path: Path, gallery: Path, limit: int
) -> None:
    for number in range(60):
        paint(tmp_path / "photos" / f"{number:02}.png", shade(number))
    few = tmp_path / "photos" / "few"
    paint(few / "x.png", "red")
    if limit > 10:
        run(gallery, few)
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["torch", "lancedb"])
    said = tmp_path / "said"
    child = forked.Process(
        target=_index_until_full, args=(gallery, tmp_path / "photos", limit, said)
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert "no room left" in said.read_text()
    assert "\n" not in said.read_text()
    if limit > 10:
        assert "few/x.png" in stored_paths(gallery)
    run(gallery, tmp_path / "photos")
    assert len(stored_paths(gallery)) == 61


def test_a_reader_sees_whole_versions_while_the_gallery_is_rewritten(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    searcher, answers, ended = Searcher(Colours(), Store.open(gallery)), [], threading.Event()

    def read() -> None:
        while not ended.is_set():
            answers.append([hit.path.name for hit in searcher.search("red", k=99)])

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(6):
        for number in range(10):
            paint(photos / f"{number}.png", shade(100 * turn + number))
        run(gallery, photos, batch=3)
    ended.set()
    reader.join()
    assert len(answers) > 5
    assert all(len(names) == len(set(names)) >= 6 for names in answers)
    assert len(searcher.search("red", k=99)) == 16
