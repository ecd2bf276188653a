"""A cut-off, an order by time, a photo in the place of a sentence, photos copied out."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from calibrated import Fixed, with_calibration
from colours import Colours, PartColours, paint, run, shade
from PIL import Image

from passerby.errors import BadPhoto, BadQuery
from passerby.gallery.copies import copy_out
from passerby.gallery.page import write_page
from passerby.gallery.rows import arrays_of
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store


def searcher(gallery: Path, method: Colours | None = None) -> Searcher:
    return Searcher(method or Colours(), Store.open(gallery))


def names(answer) -> list[str]:
    return [hit.path.stem for hit in answer.hits]


def test_a_cut_off_leaves_what_scores_as_much_and_says_so_when_nothing_does(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    asking = searcher(gallery)
    every = asking.answer("red", k=6)
    third = every.hits[2].score
    cut = asking.answer("red", k=6, min_score=third)
    assert cut.hits == every.hits[:3]
    assert cut.notes == ()
    few = asking.answer("red", k=500, min_score=third)
    assert few.hits == every.hits[:3]
    assert few.notes == ("the gallery holds 6 photos, fewer than the 500 asked for",)
    more = asking.answer("red", k=2, min_score=third)
    assert more.hits == every.hits[:2]
    assert "ask for more with -k" in " ".join(more.notes)
    none = asking.answer("red", k=6, min_score=1.5)
    assert none.hits == ()
    best = f"{every.hits[0].score:.3f}"
    assert none.notes == (f"none of the 6 photos scores 1.5 or more; the best scores {best}",)
    assert asking.answer("red", min_score=1.5).notes == none.notes


def _shades(gallery: Path, folder: Path, method: Colours) -> Searcher:
    """A gallery of photos that were taken in another order than they are alike."""

    def describe(path: Path) -> dict[str, object]:
        return {"time": datetime(2026, 5, 1, int(path.stem) * 7 % 24, tzinfo=UTC)}

    for number in range(60):
        paint(folder / f"{number:02}.png", shade(number), (8, 16))
    run(gallery, folder, method, describe=describe)
    return Searcher(method, Store.open(gallery), shortlist=3)


def test_all_that_pass_a_cut_off_are_shown_in_order_of_time_where_nobody_says_how_many(
    tmp_path: Path, gallery: Path
) -> None:
    asking = _shades(gallery, tmp_path / "photos", Colours())
    every = asking.answer("red", k=60)
    least = every.hits[39].score
    passing = [hit for hit in every.hits if hit.score >= least]
    cut = asking.answer("red", min_score=least)
    assert list(cut.hits) == passing
    assert cut.exact
    assert f"{len(passing)} of the 60 photos score {least:g} or more" in cut.notes
    by_time = asking.search("red", min_score=least, sort="time")
    assert {hit.path for hit in by_time} == {hit.path for hit in passing}
    timed = [hit.time for hit in by_time if hit.time is not None]
    assert timed == sorted(timed)
    assert len(asking.search("red", k=12, min_score=least, sort="time")) == 12
    assert len(asking.search("red", sort="time")) == 10
    alike = asking.like(tmp_path / "photos" / "07.png", min_score=0.5)
    assert len(alike.hits) > 10
    assert alike.hits == asking.like(tmp_path / "photos" / "07.png", k=60, min_score=0.5).hits


def test_of_more_photos_than_are_shown_the_best_are_and_it_is_said(
    tmp_path: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = _shades(gallery, tmp_path / "photos", Colours())
    monkeypatch.setattr("passerby.gallery.wanted.MOST", 20)
    best = asking.answer("red", k=20)
    cut = asking.answer("red", min_score=-1)
    assert cut.hits == best.hits
    assert cut.exact
    assert "more than 20 of the 60 photos score -1 or more: the best 20 are shown" in cut.notes[-1]
    exactly = asking.answer("red", min_score=best.hits[19].score)
    assert exactly.hits == best.hits
    assert "20 of the 60 photos score" in exactly.notes[-1]


def test_a_cut_off_says_what_it_does_not_know_of_photos_that_were_not_compared(
    tmp_path: Path, gallery: Path
) -> None:
    asking = _shades(gallery, tmp_path / "photos", PartColours())
    every = asking.answer("red", k=60)
    least, best = every.hits[19].score, every.hits[0].score
    cut = asking.answer("red", min_score=least)
    assert (cut.exact, cut.compared) == (False, 3)
    shown = sum(hit.score >= least for hit in asking.answer("red", k=3).hits)
    assert f"{shown} of the 3 photos compared score" in cut.notes[-1]
    none = asking.answer("red", min_score=best + 1)
    assert "none of the 3 photos compared scores" in none.notes[-1]
    exact = asking.answer("red", min_score=least, exact=True)
    assert exact.hits == every.hits[:20]
    assert exact.exact


def test_a_cut_off_does_not_change_what_the_best_photo_is_worth(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    asking = searcher(gallery)
    with_calibration(asking.method, Fixed(0.5, told=(0.9, 0.3, 0.1)))
    plain = asking.answer("red", k=3)
    cut = asking.answer("red", k=3, min_score=plain.hits[1].score)
    assert cut.match == plain.match
    assert cut.hits == plain.hits[:2]


def test_photos_are_ordered_by_time_among_the_best_and_those_without_come_last(
    photos: Path, gallery: Path
) -> None:
    days = {"red": 3, "yellow": 1, "blue": 2}

    def describe(path: Path) -> dict[str, object]:
        day = days.get(path.stem)
        return {"time": day and datetime(2026, 5, day, tzinfo=UTC)}

    run(gallery, photos, describe=describe)
    asking = searcher(gallery)
    best = asking.answer("red", k=4)
    sorted_ = asking.answer("red", k=4, sort="time")
    assert {hit.path for hit in sorted_.hits} == {hit.path for hit in best.hits}
    timed = [name for name in ("yellow", "blue", "red") if name in names(best)]
    assert names(sorted_)[: len(timed)] == timed
    assert all(hit.time is None for hit in sorted_.hits[len(timed) :])
    ranks = {hit.path: hit.rank for hit in best.hits}
    assert all(hit.rank == ranks[hit.path] for hit in sorted_.hits)
    assert len(timed) >= 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sort": "colour"}, "one of score, time"),
        ({"min_score": float("nan")}, "is no number"),
        ({"k": 0}, "1 photo or more"),
    ],
)
def test_what_cannot_be_wanted_is_refused(
    photos: Path, gallery: Path, options: dict[str, object], said: str
) -> None:
    run(gallery, photos)
    for ask in (searcher(gallery).answer, searcher(gallery).like):
        with pytest.raises(BadQuery, match=said):
            ask(str(photos / "red.png"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Colours, PartColours])
def test_photos_like_a_photo_are_ordered_by_the_cosine_of_their_vectors(
    tmp_path: Path, gallery: Path, kind: type[Colours]
) -> None:
    for number in range(60):
        paint(tmp_path / "photos" / f"{number:02}.png", shade(number), (8, 16))
    run(gallery, tmp_path / "photos", kind())
    store = Store.open(gallery)
    table = store.whole([row.id for row in store.rows()])
    vectors = arrays_of(table)["vector"].astype(np.float64)
    paths = table["path"].to_pylist()
    scores = vectors @ vectors[paths.index(str(tmp_path / "photos" / "07.png"))]
    order = sorted(range(60), key=lambda at: (-round(float(scores[at]), 6), paths[at]))
    method = kind()
    answer = searcher(gallery, method).like(tmp_path / "photos" / "07.png", k=20)
    assert [str(hit.path) for hit in answer.hits] == [paths[at] for at in order[:20]]
    assert np.allclose([h.score for h in answer.hits], scores[order[:20]], rtol=0, atol=2e-6)
    assert answer.hits[0].path.name == "07.png"
    assert answer.exact
    assert method.embedded == 0  # the stored vector was taken
    assert "compared by their vectors" in answer.notes[0]
    assert "its stored vector was taken" in answer.notes[1]
    assert answer.match is None
    assert answer.record()["like"] == str(tmp_path / "photos" / "07.png")


def test_a_photo_from_elsewhere_is_embedded_and_a_copy_is_known_by_its_content(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    run(gallery, photos)
    method = Colours()
    asking = searcher(gallery, method)
    strange = asking.like(paint(tmp_path / "mine.png", (210, 40, 40)), k=1)
    assert names(strange) == ["red"]
    assert method.embedded == 1
    assert "not in the gallery" in strange.notes[1]
    (tmp_path / "copy.png").write_bytes((photos / "red.png").read_bytes())
    assert asking.like(tmp_path / "copy.png", k=1).hits[0].score == 1
    assert method.embedded == 1
    with pytest.raises(BadPhoto, match="no such file"):
        asking.like(tmp_path / "none.png")


def test_filters_and_cut_off_hold_for_a_photo_as_for_a_sentence(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos, describe=lambda path: {"camera": path.parent.name})
    found = searcher(gallery).like(photos / "red.png", k=6, camera="below")
    assert sorted(names(found)) == ["black", "white"]
    assert names(searcher(gallery).like(photos / "red.png", k=6, min_score=0.999)) == ["red"]


def test_copies_are_the_originals_in_the_order_of_the_answer_with_a_list(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    run(gallery, photos)
    answer = searcher(gallery).answer("red", k=3)
    out = tmp_path / "found" / "here"
    copies = copy_out(answer, out)
    first = answer.hits[0]
    assert copies[0].name == f"01_{first.score:.3f}_red.png"
    assert (out / str(copies[0].name)).read_bytes() == first.path.read_bytes()
    told = json.loads((out / "results.json").read_text())
    assert told["query"] == "red"
    assert [result["copy"] for result in told["results"]] == [copy.name for copy in copies]
    assert told["results"][0]["path"] == str(first.path)
    with (out / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["copy"] for row in table] == [copy.name for copy in copies]
    assert float(table[0]["score"]) == first.score


def test_no_file_of_another_is_overwritten(photos: Path, gallery: Path, tmp_path: Path) -> None:
    run(gallery, photos)
    answer = searcher(gallery).answer("red", k=2)
    out = tmp_path / "found"
    first = copy_out(answer, out)
    (out / str(first[0].name)).write_text("mine")
    (out / "results.csv").write_text("mine")
    again = copy_out(answer, out)
    assert [copy.name for copy in again] == [str(c.name).replace(".png", "-2.png") for c in first]
    assert (out / str(first[0].name)).read_text() == "mine"
    assert (out / "results.csv").read_text() == "mine"
    assert (out / "results-2.csv").exists()
    assert len(list(out.iterdir())) == 8


def test_a_photo_that_is_gone_is_said_and_its_thumbnail_stands_for_nothing(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    run(gallery, photos)
    answer = searcher(gallery).answer("red", k=3)
    answer.hits[0].path.unlink()
    paint(answer.hits[1].path, "blue", (50, 60))
    copies = copy_out(answer, tmp_path / "found")
    assert copies[0].name is None
    assert "not copied: is gone" in copies[0].problem
    assert "changed since it was indexed" in copies[1].problem
    assert (copies[2].name is not None, copies[2].problem) == (True, "")
    assert len(list((tmp_path / "found").glob("0*"))) == 2
    told = json.loads((tmp_path / "found" / "results.json").read_text())["results"]
    assert (told[0]["copy"], told[2]["problem"]) == (None, None)


def test_any_name_can_be_copied(tmp_path: Path, gallery: Path) -> None:
    folder = tmp_path / "photos"
    for name in (b"caf\xe9.png", b"n" * 251 + b".png", b"line\nbreak.png"):
        paint(folder / "plain.png", "red").rename(folder / os.fsdecode(name))
    run(gallery, folder)
    copies = copy_out(searcher(gallery).answer("red", k=3), tmp_path / "found")
    assert all(copy.name for copy in copies)
    assert len(list((tmp_path / "found").glob("*.png"))) == 3
    assert all(Image.open(file) for file in (tmp_path / "found").glob("*.png"))
    json.loads((tmp_path / "found" / "results.json").read_text())


def test_a_folder_that_cannot_be_written_is_refused(
    photos: Path, gallery: Path, tmp_path: Path
) -> None:
    run(gallery, photos)
    (tmp_path / "file").touch()
    with pytest.raises(BadQuery, match="cannot be written"):
        copy_out(searcher(gallery).answer("red", k=1), tmp_path / "file")


def test_an_answer_to_a_photo_makes_a_page(photos: Path, gallery: Path, tmp_path: Path) -> None:
    run(gallery, photos)
    write_page(tmp_path / "a.html", [searcher(gallery).like(photos / "red.png", k=2)])
    page = (tmp_path / "a.html").read_text()
    assert f"photos like {photos / 'red.png'}" in page
    assert "compared by their vectors" in page
