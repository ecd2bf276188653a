"""Pruned photos are gone to the last byte, and nothing goes by accident."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from colours import Colours, PartColours, paint, run, shade
from parted import Parted, drawn, fill, rows

from passerby.embedding import embed_texts
from passerby.errors import BadGallery, BadQuery, Refused
from passerby.gallery.card import read_card, write_card
from passerby.gallery.disk import Changed
from passerby.gallery.export import export
from passerby.gallery.health import check
from passerby.gallery.index_card import read_index
from passerby.gallery.indexing import improve
from passerby.gallery.inventory import inventory
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
    assert f"1 folder is without photos, as a disk that is not mounted: {photos} (6" in told
    assert f"mount it, or take it out with passerby gallery prune {gallery} --path FOLDER" in told
    photos.mkdir()
    assert f"{photos} (6 photos)" in refusal(gallery)
    (photos / "readme.txt").touch()
    assert f"{photos} (6 photos)" in refusal(gallery)
    shutil.rmtree(photos)
    (tmp_path / "unmounted").rename(photos)
    assert pruned(gallery) == []
    for gone in (False, True):
        shutil.rmtree(photos / "below")
        if not gone:
            (photos / "below").mkdir()
        assert f"mounted: {photos / 'below'} (2 photos);" in refusal(gallery)
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
    assert f"{photos / 'linked'} (2 photos, in {tmp_path / 'disk'})" in refusal(gallery)
    assert len(pruned(gallery, path=photos / "linked")) == 2


def test_an_old_gallery_that_does_not_know_its_folders_is_guarded_as_well(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    assert read_card(gallery).roots == (str(photos),)
    write_card(gallery, replace(read_card(gallery), roots=()))
    for file in photos.rglob("*.png"):
        file.rename(file.with_suffix(".txt"))
    assert f"{photos} (6 photos)" in refusal(gallery)


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
        free = prune(store, listed[:150]).freed
    assert free == before - size(gallery)
    assert size(gallery) < 0.6 * before


def test_all_folders_that_may_be_unmounted_are_named_each_disk_once(
    tmp_path: Path, gallery: Path
) -> None:
    for name in ("a/p1/x/1", "a/p1/y/2", "a/p2/3", "b/q/4", "b/5", "c/6", "c/sub/7"):
        paint(tmp_path / f"{name}.png", shade(int(name[-1])))
    for root in "abc":
        run(gallery, tmp_path / root)
    shutil.rmtree(tmp_path / "a/p1/x")  # a disk at a/p1 held both folders
    shutil.rmtree(tmp_path / "a/p1/y")
    shutil.rmtree(tmp_path / "b")  # all of a folder that was indexed, and what is below it
    (tmp_path / "c/6.png").unlink()
    told = refusal(gallery)
    both = f"{tmp_path}/b (2 photos), {tmp_path}/a/p1 (2 photos)"
    assert f"2 folders are without photos, as a disk that is not mounted: {both};" in told
    assert "mount them, or take one out with" in told
    assert "--all-missing takes all of them" in told
    assert pruned(gallery, path=tmp_path / "b") == ["4.png", "5.png"]
    assert f"1 folder is without photos, as a disk that is not mounted: {tmp_path}/a/p1" in refusal(
        gallery
    )
    (tmp_path / "a/p1/back").touch()  # mounted again: the other photos were deleted
    assert pruned(gallery, all_missing=True) == ["1.png", "2.png", "6.png"]


def test_a_path_without_photos_and_an_empty_one_are_refused(
    photos: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(gallery, photos)
    told = refusal(gallery, BadQuery, path=photos / "belov")
    assert f"--path {photos / 'belov'}: {gallery} has no photo there" in told
    monkeypatch.chdir(photos)
    assert "--path is empty" in refusal(gallery, BadQuery, path="")
    assert len(doomed(Store.open(gallery), path=".").rows) == 6


def test_a_folder_without_photos_leaves_the_card(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    run(gallery, photos)
    paint(tmp_path / "photos2" / "x.png", "red")
    run(gallery, tmp_path / "photos2")
    assert len(pruned(gallery, path=photos / "below")) == 2
    assert len(Store.open(gallery).roots) == 2
    assert len(pruned(gallery, path=photos)) == 4
    assert Store.open(gallery).roots == (str(tmp_path / "photos2"),)


def indexed(gallery: Path) -> Path:
    """A gallery of 1200 drawn photos with an index of their vectors."""
    method = Parted()
    fill(gallery, method, drawn(1200, 3))
    queries = embed_texts(method, [f"person {n}" for n in range(20)]).vector.numpy()
    with Store.write(gallery, method.fingerprint, "default") as store:
        store.compact()
        assert improve(store, queries, goal=0.0, few=100, when="always").card is not None
    assert Store.open(gallery).newest().index is not None
    return gallery


def index_files(gallery: Path) -> list[str]:
    folder = gallery / "photos.lance" / "_indices"
    return [file.name for file in folder.rglob("*") if file.is_file()]


def test_a_prune_that_has_nothing_to_take_out_keeps_the_index(gallery: Path) -> None:
    indexed(gallery)
    with Store.write(gallery, "parted-1", "default") as store:
        store.add(store.whole([7]).set_column(0, "id", pa.array([5000], pa.int64())))
        assert not prune(store, []).unindexed
    assert Store.open(gallery).newest().index is not None
    assert index_files(gallery)
    assert Searcher(Parted(), Store.open(gallery)).answer("person 3").hits


@pytest.mark.parametrize(
    "how", ["dropped", "replaced", "replaced and compacted", "dropped by a prune that was killed"]
)
def test_an_index_goes_with_what_it_holds_of_photos_that_go(
    gallery: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerby.gallery.store._KEPT", timedelta(milliseconds=1))
    indexed(gallery)
    with Store.write(gallery, "parted-1", "default") as store:
        row = store.rows()[7]
        vector = store.whole([row.id])["vector"].combine_chunks().flatten().to_numpy().tobytes()
        if how == "replaced":
            other = store.whole([8]).set_column(0, "id", pa.array([7], pa.int64()))
            store.replace(other)
        elif how == "replaced and compacted":
            many = store.whole(range(800, 1199))
            store.replace(many.set_column(0, "id", pa.array(range(399), pa.int64())))
            store.compact()
        elif how != "dropped":
            store.drop([row.id])
        assert index_files(gallery)
    with Store.write(gallery, "parted-1", "default") as store:
        assert prune(store, [row] if how == "dropped" else []).unindexed
        assert not prune(store, []).unindexed
    assert index_files(gallery) == []
    assert holding(gallery, vector) == []
    if "replaced" not in how:
        assert holding(gallery, row.path.encode()) == []
    card = read_index(gallery)
    assert card is None or not card.name
    assert Store.open(gallery).newest().said is None
    assert Searcher(Parted(), Store.open(gallery)).answer("person 3").hits


def test_an_index_that_was_built_after_photos_went_stays_and_finds(gallery: Path) -> None:
    indexed(gallery)
    queries = embed_texts(Parted(), ["person 1", "person 2"]).vector.numpy()
    with Store.write(gallery, "parted-1", "default") as store:
        row = store.rows()[7]
        store.drop([row.id])
        assert improve(store, queries, goal=0.0, few=100, when="always").card is not None
        store.compact()
        assert not prune(store, []).unindexed
    assert holding(gallery, row.path.encode()) == []
    version = Store.open(gallery).newest()
    card = version.index
    assert card is not None
    asked = replace(card, probes=card.partitions, refine=8)
    vector = queries[0] / np.linalg.norm(queries[0])
    found, _ = version.nearest(vector, 20, None, ["id"], index=asked)
    flat, _ = version.nearest(vector, 20, None, ["id"])
    assert set(found["id"].to_pylist()) == set(flat["id"].to_pylist())


def test_few_rows_move_so_that_a_file_is_written_anew_once(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = rows(3000)
    fill(gallery, Parted(), drawn(3000, 3), listed)
    moved = []
    merge = Store._merge
    monkeypatch.setattr(
        Store, "_merge", lambda self, table: (moved.append(len(table)), merge(self, table))
    )
    with Store.write(gallery, "parted-1", "default") as store:
        store.compact()
        prune(store, listed[:1])
    assert 300 <= sum(moved) < 450  # so that room for the largest file once more is enough
    assert holding(gallery, b"hash 0") == []
    assert len(Store.open(gallery)) == 2999


def test_a_foreign_file_among_lances_deletions_is_let_be(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    foreign = gallery / "photos.lance" / "_deletions" / ".DS_Store"
    foreign.parent.mkdir(exist_ok=True)
    foreign.touch()
    assert len(pruned(gallery, path=photos / "below")) == 2
    assert len(Store.open(gallery)) == 4


def test_readers_whose_version_is_swept_away_read_again_or_say_what_to_do(
    photos: Path, gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(gallery, photos)
    names = ["red", "green", "blue", "yellow"]

    def beside(store: Store) -> Store:
        """A prune takes each version away as soon as it is opened."""
        left, opened = [names.pop()], store._open

        def late():
            table = opened()
            if left:
                (photos / f"{left.pop()}.png").unlink()
                pruned(gallery)
            return table

        monkeypatch.setattr(store, "_open", late)
        return store

    assert len(beside(Store.open(gallery)).rows()) == 5
    assert inventory(beside(Store.open(gallery)), "unchanged").photos == 4
    for read in (
        lambda store: export(store, tmp_path / "out.csv"),
        lambda store: check(store, None, fingerprint="colours-1"),
    ):
        with pytest.raises(Changed, match="it changed while it was read; run this again"):
            read(beside(Store.open(gallery)))
    assert [f.name for f in tmp_path.iterdir() if f.suffix in (".csv", ".new")] == []


def test_damage_is_no_change(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    store = Store.open(gallery)
    for file in (gallery / "photos.lance" / "data").iterdir():
        file.unlink()
    with pytest.raises(BadGallery, match="put the gallery back from a copy") as refused:
        store.rows()
    assert not isinstance(refused.value, Changed)
