"""Pruned photos are gone to the last byte, and nothing goes by accident."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from colours import Colours, PartColours, paint, run, shade
from parted import Parted, drawn, fill, rows

from passerby.errors import BadGallery, BadQuery, Refused
from passerby.gallery.card import read_card, write_card
from passerby.gallery.prune import doomed, prune, size
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store


def pruned(gallery: Path, method: Colours | None = None, **options: object) -> list[str]:
    """What `passerby gallery prune` does; gives the names of the files taken out."""
    fingerprint = (method or Colours()).fingerprint
    with Store.write(gallery, fingerprint, "default") as store:
        going = doomed(store, **options)  # type: ignore[arg-type]
        prune(store, going.rows)
    return sorted(Path(row.path).name for row in going.rows)


def holding(gallery: Path, content: bytes) -> list[str]:
    """The files below a gallery that hold these bytes."""
    return [f.name for f in gallery.rglob("*") if f.is_file() and content in f.read_bytes()]


def refusal(gallery: Path, kind: type[Refused] = BadGallery, **options: object) -> str:
    with pytest.raises(kind) as refused:
        doomed(Store.open(gallery), **options)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_deleted_photo_leaves_no_byte_of_thumbnail_and_vector(
    photos: Path, gallery: Path
) -> None:
    method = PartColours()
    for number in range(40):
        paint(photos / f"{number}.png", shade(number))
    run(gallery, photos, method)
    # Among 46 rows of one file, one is too few for LanceDB to write that file anew.
    with Store.write(gallery, method.fingerprint, "default") as store:
        store.compact()
    row = next(row for row in store.rows() if row.path.endswith("/7.png"))
    whole = store.whole([row.id])
    marks = [
        whole["thumbnail"][0].as_py()[-400:],  # what all JPEGs begin with is not this photo's
        whole["vector"].combine_chunks().flatten().to_numpy().tobytes()[:60],
        row.hash.encode(),
    ]
    assert all(holding(gallery, mark) for mark in marks)
    (photos / "7.png").unlink()
    assert pruned(gallery, method) == ["7.png"]
    assert [holding(gallery, mark) for mark in marks] == [[], [], []]
    left = Searcher(method, Store.open(gallery)).search("red", k=99)
    assert len(left) == len(Store.open(gallery)) == 45
    assert "7.png" not in {hit.path.name for hit in left}
    assert pruned(gallery, method) == []


def test_what_a_changed_photo_was_before_leaves_as_well(photos: Path, gallery: Path) -> None:
    for number in range(40):
        paint(photos / f"{number}.png", shade(number))
    run(gallery, photos)
    with Store.write(gallery, "colours-1", "default") as store:
        store.compact()
    row = next(row for row in store.rows() if row.path.endswith("/7.png"))
    vector = store.whole([row.id])["vector"].combine_chunks().flatten().to_numpy().tobytes()[:60]
    paint(photos / "7.png", shade(900))
    run(gallery, photos)
    assert holding(gallery, vector)
    assert pruned(gallery) == []
    assert holding(gallery, vector) == []


def test_the_rows_that_stay_are_bit_for_bit_as_they_were(gallery: Path) -> None:
    listed = [replace(row, thumbnail=b"picture %d" % row.id) for row in rows(400)]
    store = fill(gallery, Parted(), drawn(400, 3), listed)
    stay = [at for at in range(400) if at % 97]
    before = store.whole(stay).sort_by("id")
    with Store.write(gallery, "parted-1", "default") as writing:
        prune(writing, [row for row in listed if row.id % 97 == 0])
    after = Store.open(gallery).whole(stay).sort_by("id")
    assert len(Store.open(gallery)) == len(stay)
    assert after.select(before.column_names).equals(before)
    assert not any((gallery / "photos.lance" / "_deletions").glob("*"))


def test_blocks_give_each_row_once_in_order_also_beside_dropped_ones(gallery: Path) -> None:
    fill(gallery, Parted(), drawn(400, 3))
    with Store.write(gallery, "parted-1", "default") as store:
        store.drop([0, 7, 150, 399])
    read = [block["id"].to_pylist() for block in Store.open(gallery).blocks(["id", "vector"], 64)]
    assert [len(block) for block in read] == [64] * 6 + [12]
    assert [at for block in read for at in block] == [
        at for at in range(400) if at not in (0, 7, 150, 399)
    ]


def test_pruning_everything_leaves_a_gallery_that_is_empty_and_can_be_filled(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    assert len(pruned(gallery, path=photos)) == 6
    answer = Searcher(Colours(), Store.open(gallery)).answer("red")
    assert answer.hits == ()
    assert "holds no photos" in " ".join(answer.notes)
    assert run(gallery, photos).added == 6


def test_a_folder_that_is_gone_or_empty_may_only_be_unmounted(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    run(gallery, photos)
    photos.rename(tmp_path / "unmounted")
    told = refusal(gallery)
    assert f"none of the 6 photos of {photos}" in told
    assert "--all-missing" in told
    photos.mkdir()
    assert "none of the 6 photos" in refusal(gallery)
    (photos / "readme.txt").touch()
    assert "none of the 6 photos" in refusal(gallery)
    shutil.rmtree(photos)
    (tmp_path / "unmounted").rename(photos)
    assert pruned(gallery) == []
    for gone in (False, True):
        shutil.rmtree(photos / "below")
        if not gone:
            (photos / "below").mkdir()
        assert f"{photos / 'below'}, where 2 photos were, is gone or empty" in refusal(gallery)
        (photos / "below").mkdir(exist_ok=True)
    assert len(Store.open(gallery)) == 6
    assert pruned(gallery, all_missing=True) == ["black.png", "white.png"]


def test_a_folder_behind_a_link_that_leads_nowhere_counts_as_unmounted(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    (photos / "below").rename(tmp_path / "disk")
    (photos / "linked").symlink_to(tmp_path / "disk")
    run(gallery, photos)
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    assert "disk, where 2 photos were, is gone or empty" in refusal(gallery)


def test_an_old_gallery_that_does_not_know_its_folders_is_guarded_as_well(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    assert read_card(gallery).roots == (str(photos),)
    write_card(gallery, replace(read_card(gallery), roots=()))
    for file in photos.rglob("*.png"):
        file.rename(file.with_suffix(".txt"))
    assert "none of the 6 photos" in refusal(gallery)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_photo_in_a_folder_that_may_not_be_entered_is_not_gone(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    (photos / "below").chmod(0)
    try:
        assert pruned(gallery) == []
    finally:
        (photos / "below").chmod(0o755)


def test_photos_older_than_a_date_go_though_their_files_are_there(
    photos: Path, gallery: Path
) -> None:
    days = {"red": 1, "green": 2, "blue": 3}

    def describe(path: Path) -> dict[str, object]:
        day = days.get(path.stem)
        return {"time": day and datetime(2026, 5, day, tzinfo=UTC)}

    run(gallery, photos, describe=describe)
    going = doomed(Store.open(gallery), older_than=datetime(2026, 5, 3, tzinfo=UTC))
    assert sorted(Path(row.path).name for row in going.rows) == ["green.png", "red.png"]
    assert (going.there, going.timeless) == (2, 3)
    assert "take them in again" in going.notes()[1].replace("takes", "take")
    assert pruned(gallery, older_than=datetime(2026, 5, 3)) == ["green.png", "red.png"]
    assert len(Store.open(gallery)) == 4


def test_photos_are_erased_by_path_and_no_other_that_begins_alike(
    photos: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(photos / "below2" / "x.png", "red")
    run(gallery, photos)
    monkeypatch.chdir(photos)
    assert pruned(gallery, path=Path("below")) == ["black.png", "white.png"]
    assert pruned(gallery, path=photos / "red.png") == ["red.png"]
    assert len(Store.open(gallery)) == 4
    assert "--all-missing" in refusal(gallery, BadQuery, path=photos, all_missing=True)


def test_a_reader_whose_version_is_swept_away_asks_the_next_one(
    photos: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(gallery, photos)
    searcher = Searcher(Colours(), Store.open(gallery))
    newest, swept = searcher.store.newest, []

    def late():
        version = newest()
        if not swept:
            (photos / "red.png").unlink()
            swept.append(pruned(gallery))
        return version

    monkeypatch.setattr(searcher.store, "newest", late)
    assert len(searcher.search("red", k=99)) == 5
    assert swept == [["red.png"]]


def test_pruning_waits_for_no_other_writer(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    with (
        Store.write(gallery, "colours-1", "default"),
        pytest.raises(BadGallery, match="being written by"),
    ):
        pruned(gallery)


def test_pruning_makes_the_folder_smaller(gallery: Path) -> None:
    listed = [
        replace(row, thumbnail=np.random.default_rng(row.id).bytes(2000)) for row in rows(300)
    ]
    fill(gallery, Parted(), drawn(300, 3), listed)
    before = size(gallery)
    with Store.write(gallery, "parted-1", "default") as store:
        free = prune(store, listed[:150])
    assert free == before - size(gallery)
    assert size(gallery) < 0.6 * before
