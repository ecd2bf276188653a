"""What an index does with new, known, moved, copied and changed photos."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from colours import COLOURS, Colours, PartColours, paint, run, shade, stored_paths
from PIL import Image

from passerby.errors import BadData
from passerby.gallery.metadata import Metadata
from passerby.gallery.rows import arrays_of
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store


def rows(gallery: Path) -> dict[str, object]:
    return {Path(row.path).name: row for row in Store.open(gallery).rows()}


def test_every_photo_of_a_folder_and_below_is_stored_once(photos: Path, gallery: Path) -> None:
    summary = run(gallery, photos, batch=4)
    assert (summary.found, summary.added, summary.embedded) == (6, 6, 6)
    assert stored_paths(gallery) == sorted(
        os.path.relpath(p, photos) for p in photos.rglob("*.png")
    )
    store = Store.open(gallery)
    whole = store.whole([row.id for row in store.rows()])
    assert np.allclose(np.linalg.norm(arrays_of(whole)["vector"], axis=1), 1, atol=1e-6)
    assert set(whole["width"].to_pylist()) == {20}
    assert set(whole["height"].to_pylist()) == {40}
    assert all(thumbnail[:2] == b"\xff\xd8" for thumbnail in whole["thumbnail"].to_pylist())


def test_an_unchanged_folder_is_not_embedded_again(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    method = Colours()
    summary = run(gallery, photos, method)
    assert (summary.unchanged, summary.added, method.embedded) == (6, 0, 0)


def test_a_touched_photo_is_known_by_its_content(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    os.utime(photos / "red.png", ns=(1, 1))
    method = Colours()
    assert (run(gallery, photos, method).unchanged, method.embedded) == (6, 0)
    assert rows(gallery)["red.png"].modified == 1  # type: ignore[attr-defined]


def test_a_moved_photo_is_recognised_by_its_content(photos: Path, gallery: Path) -> None:
    told = {"camera": "c1", "person": "p7"}
    run(gallery, photos, describe=lambda _: told)
    before = rows(gallery)["red.png"]
    shutil.move(photos / "red.png", photos / "below" / "crimson.png")
    method = Colours()
    summary = run(gallery, photos, method)
    assert (summary.moved, summary.added, summary.vanished, method.embedded) == (1, 0, 0, 0)
    after = rows(gallery)["crimson.png"]
    assert after.id == before.id  # type: ignore[attr-defined]
    assert (after.camera, after.person) == ("c1", "p7")  # type: ignore[attr-defined]
    assert len(stored_paths(gallery)) == 6
    hit = Searcher(method, Store.open(gallery)).search("red", k=1)[0]
    assert (hit.path.name, len(hit.thumbnail) > 100) == ("crimson.png", True)


def test_a_copy_is_a_row_of_its_own_with_the_same_embedding(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    shutil.copy(photos / "red.png", photos / "zzz.png")
    method = Colours()
    summary = run(gallery, photos, method)
    assert (summary.added, summary.copied, summary.moved, method.embedded) == (1, 1, 0, 0)
    first, second = Searcher(method, Store.open(gallery)).search("red", k=2)
    assert [first.path.name, second.path.name] == ["red.png", "zzz.png"]
    assert (first.score, first.thumbnail) == (second.score, second.thumbnail)


def test_equal_photos_of_one_run_are_embedded_once(tmp_path: Path, gallery: Path) -> None:
    for number in range(9):
        paint(tmp_path / "photos" / f"{number}.png", "blue")
    method = Colours()
    assert run(gallery, tmp_path / "photos", method, batch=4).added == 9
    assert method.embedded == 1


def test_a_changed_photo_is_embedded_again(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    paint(photos / "red.png", (90, 90, 200))
    method = Colours()
    summary = run(gallery, photos, method)
    assert (summary.changed, summary.unchanged, method.embedded) == (1, 5, 1)
    assert len(stored_paths(gallery)) == 6


@pytest.mark.parametrize("batch", [1, 64])
def test_photos_that_swapped_names_swap_embeddings(photos: Path, gallery: Path, batch: int) -> None:
    run(gallery, photos)
    (photos / "red.png").rename(photos / "aside")
    (photos / "blue.png").rename(photos / "red.png")
    (photos / "aside").rename(photos / "blue.png")
    summary = run(gallery, photos, batch=batch)
    assert (summary.changed, len(stored_paths(gallery))) == (2, 6)
    searcher = Searcher(Colours(), Store.open(gallery))
    assert searcher.search("red", k=1)[0].path.name == "blue.png"
    assert searcher.search("blue", k=1)[0].path.name == "red.png"


def test_facts_go_with_the_photo_and_not_with_its_name(photos: Path, gallery: Path) -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    run(gallery, photos, describe=lambda path: {"person": path.stem, "time": noon})
    (photos / "red.png").rename(photos / "aside")
    (photos / "blue.png").rename(photos / "red.png")
    (photos / "aside").rename(photos / "blue.png")
    paint(photos / "green.png", (90, 90, 200))
    run(gallery, photos)
    told = {name: (row.person, row.time) for name, row in rows(gallery).items()}  # type: ignore[attr-defined]
    assert told["red.png"] == ("blue", noon)
    assert told["blue.png"] == ("red", noon)
    assert told["green.png"] == (None, None)  # another photo, of which nothing was told


@pytest.mark.parametrize("seed", range(4))
def test_any_history_of_a_folder_ends_as_if_indexed_at_once(tmp_path: Path, seed: int) -> None:
    folder, gallery = tmp_path / "photos", tmp_path / "gallery"
    draw = np.random.default_rng(seed)
    for number in range(12):
        paint(folder / f"{number}.png", shade(number))
    for _ in range(4):
        run(gallery, folder, PartColours(), batch=int(draw.integers(1, 6)))
        for _ in range(8):
            one, other = (folder / f"{n}.png" for n in draw.integers(0, 16, 2))
            act = draw.integers(4)
            if act == 0:
                paint(one, shade(int(draw.integers(20))))
            elif one.exists() and other != one:
                (shutil.copy if act == 1 else shutil.move)(one, other)
    run(gallery, folder, PartColours(), batch=3)
    run(tmp_path / "fresh", folder, PartColours())
    found, wanted = (_by_path(place, folder) for place in (gallery, tmp_path / "fresh"))
    assert found == wanted
    paths = [row.path for row in Store.open(gallery).rows()]
    assert len(set(paths)) == len(paths)


def _by_path(gallery: Path, folder: Path) -> dict[str, tuple[object, ...]]:
    store = Store.open(gallery)
    table = store.whole([row.id for row in store.rows()])
    arrays = arrays_of(table)
    return {
        record["path"]: (
            record["hash"], record["width"], record["thumbnail"],
            *(array[at].tobytes() for array in arrays.values()),
        )
        for at, record in enumerate(table.to_pylist())
        if Path(record["path"]).exists()
    }  # fmt: skip


def test_photos_that_vanished_stay_and_are_counted(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    (photos / "red.png").unlink()
    assert run(gallery, photos).vanished == 1
    assert len(stored_paths(gallery)) == 6


def test_facts_are_updated_without_embedding_and_kept_when_not_told(
    photos: Path, gallery: Path
) -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    run(gallery, photos)
    method = Colours()
    told = {"camera": "c2", "time": noon}
    assert run(gallery, photos, method, describe=lambda _: told).updated == 6
    assert run(gallery, photos, method, describe=lambda _: told).unchanged == 6
    run(gallery, photos, method, describe=lambda _: {"person": "p1"})
    run(gallery, photos, method)
    row = rows(gallery)["red.png"]
    assert (row.camera, row.time, row.person) == ("c2", noon, "p1")  # type: ignore[attr-defined]
    assert method.embedded == 0


def test_two_folders_share_a_gallery(tmp_path: Path, gallery: Path) -> None:
    paint(tmp_path / "one" / "a.png", "red")
    paint(tmp_path / "two" / "b.png", "blue")
    run(gallery, tmp_path / "one")
    assert run(gallery, tmp_path / "two").vanished == 0
    assert len(Store.open(gallery)) == 2


def test_a_folder_without_photos_is_refused_and_makes_nothing(
    tmp_path: Path, gallery: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="no photos"):
        run(gallery, tmp_path / "empty")


def test_broken_files_are_listed_and_the_good_ones_stored(photos: Path, gallery: Path) -> None:
    (photos / "text.jpg").write_text("not a photo")
    whole = paint(photos / "cut.png", "green", (300, 300)).read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    summary = run(gallery, photos)
    assert sorted(path.name for path, _ in summary.broken) == ["cut.png", "text.jpg"]
    assert all("\n" not in reason and str(path) in reason for path, reason in summary.broken)
    assert (summary.added, len(stored_paths(gallery))) == (6, 6)
    paint(photos / "text.jpg", "green")
    assert run(gallery, photos).added == 1


def test_a_pipe_with_a_photos_name_is_listed_and_not_waited_for(
    photos: Path, gallery: Path
) -> None:
    os.mkfifo(photos / "pipe.jpg")
    (photos / "zero.jpg").symlink_to("/dev/zero")
    summary = run(gallery, photos)
    assert sorted(path.name for path, _ in summary.broken) == ["pipe.jpg", "zero.jpg"]
    assert all("not a file" in reason for _, reason in summary.broken)
    assert summary.added == 6


def test_a_name_whose_time_is_no_time_is_listed_and_the_rest_is_stored(
    tmp_path: Path, gallery: Path
) -> None:
    for name in ("c1_20260432T120000", "c1_20260501T120000", "c2_20260501T120001"):
        paint(tmp_path / "photos" / f"{name}.png", "red")
    told = Metadata(tmp_path / "photos", None, r"(?P<camera>c\d)_(?P<time>\w+)")
    summary = run(gallery, tmp_path / "photos", describe=told)
    assert [path.stem for path, _ in summary.broken] == ["c1_20260432T120000"]
    assert "is not ISO 8601" in summary.broken[0][1]
    assert (summary.added, len(stored_paths(gallery))) == (2, 2)


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"a\nb.png", b"a b.png", "雨\\x.png".encode()])
def test_any_file_name_is_stored_found_and_known_again(
    tmp_path: Path, gallery: Path, name: bytes
) -> None:
    folder = tmp_path / "photos"
    path = folder / os.fsdecode(name)
    paint(folder / "plain.png", "red").rename(path)
    run(gallery, folder)
    assert run(gallery, folder).unchanged == 1
    assert Searcher(Colours(), Store.open(gallery)).search("red")[0].path == path


def test_a_large_photo_keeps_its_size_and_gets_a_small_thumbnail(
    tmp_path: Path, gallery: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (900, 300), COLOURS["red"]).save(folder / "a.jpg", exif=exif)
    run(gallery, folder)
    store = Store.open(gallery)
    record = store.whole([store.rows()[0].id]).to_pylist()[0]
    assert (record["width"], record["height"]) == (300, 900)
    assert len(record["thumbnail"]) < 5000


def test_progress_tells_files_and_embedded_photos(photos: Path, gallery: Path) -> None:
    heard: list[tuple[int, int, int]] = []
    run(gallery, photos, batch=2, progress=lambda *told: heard.append(told))
    assert heard[-1] == (6, 6, 6)
    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)


def test_a_method_with_parts_is_stored_whole(photos: Path, gallery: Path) -> None:
    method = PartColours()
    run(gallery, photos, method)
    store = Store.open(gallery)
    arrays = arrays_of(store.whole([row.id for row in store.rows()]))
    shapes = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    assert shapes == {
        "vector": ("float32", (6, 25)),
        "parts": ("float16", (6, 4, 6)),
        "values": ("float16", (6, 4, 6)),
        "mask": ("uint8", (6, 4)),
    }
