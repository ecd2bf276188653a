"""A gallery for another model is filled from one that serves all the while."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from colours import Colours, PartColours, paint, run

from passerby.errors import BadGallery
from passerby.gallery.card import Filling
from passerby.gallery.prune import doomed, prune
from passerby.gallery.refill import Refilled, refill, source_of
from passerby.gallery.rows import arrays_of
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store

NEW = "colours-2"


class Cut(Exception):  # noqa: N818 - a run that is ended from outside
    """A run that was cut short."""


def again(gallery: Path, source: Path, method: Colours | None = None, **options) -> Refilled:
    method = method or Colours(NEW)
    with Store.write(gallery, method.fingerprint, "/models/new") as store:
        return refill(method, store, source_of(Store.open(source)), **options)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


def facts(path: Path) -> dict[str, object]:
    return {
        "camera": path.parent.name,
        "person": path.stem,
        "time": datetime(2026, 5, 1, 12, tzinfo=UTC),
    }


def state(gallery: Path) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in sorted(gallery.rglob("*")) if f.is_file()}


def test_photos_and_facts_come_over_and_the_old_gallery_is_only_read(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos, describe=facts)
    before = state(gallery)
    method = PartColours(NEW)
    done = again(new, gallery, method)
    assert (done.summary.added, done.summary.embedded, method.embedded) == (6, 6, 6)
    assert (done.gone, done.changed) == ((), ())
    assert state(gallery) == before
    old, rows = Store.open(gallery).rows(), Store.open(new).rows()

    def told(rows):
        return {(r.path, r.hash, r.camera, r.time, r.person) for r in rows}

    assert told(rows) == told(old)
    whole = Store.open(new).whole([row.id for row in rows])
    assert set(arrays_of(whole)) == {"vector", "parts", "values", "mask"}
    assert all(whole["thumbnail"].to_pylist())
    assert Store.open(new).roots == (str(photos),)
    assert Store.open(new).model_folder == "/models/new"


def test_what_is_gone_is_left_out_and_what_changed_is_taken_as_it_is_now(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos)
    (photos / "red.png").unlink()
    paint(photos / "blue.png", "yellow", (30, 50))
    (photos / "green.png").write_text("no photo")
    done = again(new, gallery)
    assert done.gone == (photos / "red.png",)
    assert done.changed == (photos / "blue.png",)
    assert [path for path, _ in done.summary.broken] == [photos / "green.png"]
    best = Searcher(Colours(NEW), Store.open(new)).search("yellow", k=2)
    assert {hit.path.name for hit in best} == {"blue.png", "yellow.png"}
    assert len(Store.open(new)) == 4
    assert not done.complete
    done = again(new, gallery)  # told again by the next run, and nothing is embedded
    assert (done.changed, done.summary.embedded) == ((photos / "blue.png",), 0)


def test_a_run_that_was_cut_short_says_so_and_the_next_one_goes_on(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos)

    def cut(done: int, total: int, embedded: int) -> None:
        if done == 4:
            raise Cut

    with pytest.raises(Cut):
        again(new, gallery, batch=2, progress=cut)
    searcher = Searcher(Colours(NEW), Store.open(new))
    note = f"being filled from {gallery}: 4 of 6 photos are there"
    assert note in " ".join(searcher.answer("red", k=3).notes)
    assert len(Searcher(Colours(), Store.open(gallery)).search("red")) == 6
    method = Colours(NEW)
    assert again(new, gallery, method).summary.added == 2
    assert method.embedded == 2
    assert not any("being filled" in note for note in searcher.answer("red", k=3).notes)
    assert len(Store.open(new)) == 6


def test_the_new_gallery_is_one_as_any_other_afterwards(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos)
    again(new, gallery)
    paint(photos / "more.png", "red")
    method = Colours(NEW)
    summary = run(new, photos, method)
    assert (summary.added, summary.unchanged) == (1, 6)
    assert Store.open(new).filling is None


def test_names_that_are_no_utf8_come_over(tmp_path: Path, gallery: Path, new: Path) -> None:
    for name in (b"caf\xe9.png", b"back\\slash.png", b"new\nline.png"):
        paint(tmp_path / "photos" / "plain.png", "red").rename(
            tmp_path / "photos" / os.fsdecode(name)
        )
    run(gallery, tmp_path / "photos")
    assert again(new, gallery).summary.added == 3
    assert {row.path for row in Store.open(new).rows()} == {
        row.path for row in Store.open(gallery).rows()
    }


def test_what_cannot_be_filled_is_refused_in_one_line(
    photos: Path, gallery: Path, new: Path
) -> None:
    with Store.write(gallery, "colours-1", "default"):
        pass
    with pytest.raises(BadGallery, match="holds no photos to index again"):
        source_of(Store.open(gallery))
    run(gallery, photos)
    with pytest.raises(BadGallery, match="names the gallery itself"):
        again(gallery, gallery, Colours())
    shutil.move(photos, photos.parent / "unmounted")
    with pytest.raises(BadGallery, match=r"photos \(6 photos\); mount it, or take it out"):
        source_of(Store.open(gallery))
    assert not new.exists()


def test_a_photo_that_could_not_be_stored_leaves_the_gallery_unfinished(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos)
    whole = (photos / "green.png").read_bytes()
    (photos / "green.png").write_text("no photo")
    done = again(new, gallery)
    assert (done.complete, len(done.summary.broken)) == (False, 1)
    assert done.verdict.startswith("not complete: 1 of 6 photos could not be stored; ")
    assert f"{gallery} has them still" in done.verdict
    filling = Store.open(new).filling
    assert filling is not None
    assert "5 of 6 photos are there" in filling.note(5)
    (photos / "green.png").write_bytes(whole)
    done = again(new, gallery)
    assert done.complete
    assert done.verdict == f"complete: 6 photos; search it with --gallery {new}"
    assert Store.open(new).filling is None
    (photos / "green.png").write_text("no photo at all")
    assert not again(new, gallery).complete
    done = again(new, gallery, skip_broken=True)
    assert done.complete
    assert "complete: 6 photos (1 of 6 photos could not be stored)" in done.verdict
    assert Store.open(new).filling is None


def test_another_photo_in_the_place_of_one_does_not_get_its_facts(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos, describe=facts)
    paint(photos / "red.png", "red", (30, 50))  # another photo than the source knows
    shutil.copy(photos / "blue.png", photos / "green.png")  # one that it knows, as blue
    for _ in range(2):
        assert again(new, gallery).changed == (photos / "green.png", photos / "red.png")
        told = {Path(row.path).stem: (row.person, row.camera) for row in Store.open(new).rows()}
        assert told["red"] == (None, None)
        assert told["green"] == ("blue", "photos")
        assert told["blue"] == ("blue", "photos")
        assert told["black"] == ("black", "below")


def test_copies_keep_each_the_facts_of_its_own_path(
    tmp_path: Path, gallery: Path, new: Path
) -> None:
    folder = tmp_path / "photos"
    paint(folder / "a.png", "red")
    shutil.copy(folder / "a.png", folder / "b.png")
    run(gallery, folder, describe=facts)
    again(new, gallery)
    assert {Path(row.path).stem: row.person for row in Store.open(new).rows()} == {
        "a": "a",
        "b": "b",
    }


def test_a_source_that_is_being_filled_itself_and_photos_that_it_lost_are_told(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos)
    assert again(new, gallery).notes == ()
    with Store.write(gallery, "colours-1", "default") as store:
        store.note(filling=Filling("/older", 9))
        prune(store, doomed(store, path=photos / "below").rows)
    notes = again(new, gallery).notes
    assert f"{gallery} is itself being filled from /older" in notes[0]
    assert f"2 photos in {new} and not in {gallery}" in notes[1]
    assert len(Store.open(new)) == 6


def test_the_note_of_a_gallery_whose_source_is_gone_says_so(
    photos: Path, gallery: Path, new: Path
) -> None:
    run(gallery, photos)
    (photos / "green.png").write_text("no photo")
    again(new, gallery)
    shutil.rmtree(gallery)
    notes = " ".join(Searcher(Colours(NEW), Store.open(new)).answer("red").notes)
    assert f"was being filled from {gallery}, which is not there any more: 5 of 6" in notes
    assert f"search {gallery}" not in notes
