"""What an answer's scores mean: probabilities, the gallery's background, "no good match"."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from calibrated import Fixed, Standing, fitted, with_calibration
from colours import Colours, paint, run
from parted import Parted, Unbounded, brute, drawn, fill, like, rows

from passerby.embedding import embed_texts
from passerby.gallery import background
from passerby.gallery.answer import Answer, Match, hardly_read, percent
from passerby.gallery.rows import stored, to_table
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store
from passerby.gallery.version import Version
from passerby.types import Embeddings

SENTENCE = "red white"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many photos each read of a background fetched."""
    found: list[int] = []
    original = Version.at

    def at(self: Version, places: np.ndarray, columns: tuple[str, ...]):
        found.append(len(places))
        return original(self, places, columns)

    monkeypatch.setattr(Version, "at", at)
    return found


def told_of(answer: Answer) -> list[float | None]:
    return [hit.probability for hit in answer.hits]


def crowd(gallery: Path, present: bool) -> tuple[Searcher, Standing]:
    """300 photos as unlike the sentence as can be expected; with `present` one that is like it."""
    method = Parted()
    draw = np.random.default_rng(3)
    cosines = [0.95 if present else 0.1, *draw.normal(0, 0.1, 300).clip(-0.2, 0.2)]
    photos = like(embed_texts(method, [SENTENCE]), cosines, [0.0] * 301)
    calibration = with_calibration(method, Standing())
    return Searcher(method, fill(gallery, method, photos)), calibration


def test_a_good_match_is_told_when_the_person_is_there(gallery: Path) -> None:
    searcher, _ = crowd(gallery, present=True)
    answer = searcher.answer(SENTENCE, k=300)
    assert answer.match == Match(answer.hits[0].probability, 0.5)
    assert answer.match.good
    assert answer.hits[0].probability > 0.95 > 0.05 > answer.hits[1].probability
    assert answer.warning is None
    assert not [note for note in answer.notes if "match" in note]
    falls = told_of(answer)
    assert falls == sorted(falls, reverse=True)
    assert len(set(falls)) > 100


@pytest.mark.parametrize("present", [True, False])
def test_what_passerby_calibrate_writes_is_what_a_search_reads(
    gallery: Path, present: bool
) -> None:
    searcher, _ = crowd(gallery, present)
    searcher.method.calibration = fitted()
    answer = searcher.answer(SENTENCE)
    assert answer.match is not None
    assert answer.match.threshold == 0.4
    assert (answer.match.good, answer.warning is None) == (present, present)


def test_no_good_match_is_the_first_note_when_nobody_is_like_that(gallery: Path) -> None:
    searcher, _ = crowd(gallery, present=False)
    answer = searcher.answer(SENTENCE, k=400)
    assert answer.match is not None
    assert not answer.match.good
    assert len(answer.hits) == 301  # found all the same
    assert answer.notes[0] == answer.warning
    assert answer.notes[0].startswith("no good match: ")
    assert percent(answer.match.best) in answer.notes[0]
    assert "50 %" in answer.notes[0]
    assert "\n" not in answer.notes[0]
    assert "fewer than the 400" in answer.notes[1]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("photos", [120, 600])
def test_the_background_is_full_similarities_with_all_photos_of_a_small_gallery(
    gallery: Path, photos: int, exact: bool
) -> None:
    method, there = Unbounded(), drawn(photos, 1)
    calibration = with_calibration(method, Standing())
    searcher = Searcher(method, fill(gallery, method, there), shortlist=7)
    method.blocks.clear()
    answer = searcher.answer(SENTENCE, k=5, exact=exact)
    assert max(method.blocks) <= 256
    scores, asked = calibration.asked[0]
    wanted = [score for _, score in brute(Unbounded(), SENTENCE, there, rows(photos), photos)]
    assert len(asked) == photos
    np.testing.assert_allclose(np.sort(asked)[::-1], wanted, atol=1e-6)
    assert scores.tolist() == [hit.score for hit in answer.hits]
    likely = calibration.probabilities(scores, np.array(wanted))
    np.testing.assert_allclose(told_of(answer), likely, atol=1e-4)
    assert calibration.words[0] == len(SENTENCE.split())
    assert calibration.sizes == [photos], "the best is of all photos that pass the filters"
    assert answer.compared == (photos if exact else 7)  # what is said of the search itself


def test_a_large_gallery_gives_a_sample_that_every_query_and_searcher_shares(
    gallery: Path, monkeypatch: pytest.MonkeyPatch, reads: list[int]
) -> None:
    monkeypatch.setattr(background, "SAMPLE", 50)
    method, there = Parted(), drawn(400, 2)
    calibration = with_calibration(method, Standing())
    store = fill(gallery, method, there)
    every = {score for _, score in brute(Parted(), SENTENCE, there, rows(400), 400)}
    for searcher in (Searcher(method, store), Searcher(method, Store.open(gallery))):
        searcher.search(SENTENCE)
        searcher.search("another")
        searcher.search(SENTENCE)
    first = calibration.asked[0][1]
    assert len(first) == 50
    assert {round(score, 6) for score in first} <= every
    assert len({round(score, 6) for score in first}) == 50
    assert [np.array_equal(first, asked) for _, asked in calibration.asked] == [
        True, False, True, True, False, True,
    ]  # fmt: skip
    assert reads == [50, 50]  # once for each searcher


def test_the_sample_reaches_all_of_the_gallery(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "SAMPLE", 100)
    method = Colours()
    vectors = torch.zeros(800, 2)
    vectors[:, 0], vectors[1::2, 0], vectors[600:, 1] = 1, -1, 1  # two kinds in turns, and an end
    store = fill(gallery, method, Embeddings(vectors))
    version = store.newest()
    taken = background._drawn(version, 800)
    assert len(taken) == 100
    numbers = np.array(taken["vector"].to_pylist())
    assert 30 < (numbers[:, 0] > 0).sum() < 70
    assert 10 < (numbers[:, 1] > 0).sum() < 40


def test_a_gallery_that_grows_or_changes_has_a_new_background(
    gallery: Path, reads: list[int]
) -> None:
    method = Parted()
    calibration = with_calibration(method, Standing())
    searcher = Searcher(method, fill(gallery, method, drawn(60, 4)))
    searcher.search(SENTENCE)
    with Store.write(gallery, method.fingerprint, "default") as store:
        store.add(to_table(rows(30, 1000), stored(drawn(30, 5))))
    searcher.search(SENTENCE)
    searcher.search(SENTENCE)
    with Store.write(gallery, method.fingerprint, "default") as store:
        store.replace(to_table(rows(60), stored(drawn(60, 6))))
    searcher.search(SENTENCE)
    assert reads == [60, 90, 90]
    asked = [set(found.round(6)) for _, found in calibration.asked]
    assert [len(found) for found in asked] == [60, 90, 90, 90]
    assert asked[0] < asked[1] == asked[2]
    assert len(asked[3] & asked[2]) == 30


def test_no_filter_changes_a_photos_probability(gallery: Path, reads: list[int]) -> None:
    method = Parted()
    facts = [{"camera": "door" if at == 41 else f"c{at % 2}"} for at in range(90)]
    calibration = with_calibration(method, Standing())
    listed = rows(90, facts=facts)
    searcher = Searcher(method, fill(gallery, method, drawn(90, 7), listed))
    whole = {hit.path: hit.probability for hit in searcher.search(SENTENCE, k=90)}
    for camera, photos in (("c0", 45), ("c1", 44), ("door", 1)):
        answer = searcher.answer(SENTENCE, 90, camera=camera)
        assert len(answer.hits) == photos
        assert told_of(answer) == [whole[hit.path] for hit in answer.hits]
        assert answer.match == Match(answer.hits[0].probability, 0.5)
    assert {len(asked) for _, asked in calibration.asked} == {90}
    assert reads == [90]
    nobody = searcher.answer(SENTENCE, camera="none")
    assert (nobody.hits, nobody.match, nobody.warning) == ((), None, None)
    assert nobody.record()["match"] is None


def test_a_gallery_of_one_photo_and_an_empty_one_are_answered(tmp_path: Path) -> None:
    method = Colours()
    calibration = with_calibration(method, Standing())
    with Store.write(tmp_path / "empty", method.fingerprint, "default"):
        answer = Searcher(method, Store.open(tmp_path / "empty")).answer("red")
        assert (answer.hits, answer.match) == ((), None)
    paint(tmp_path / "photos" / "red.png", "red")
    run(tmp_path / "one", tmp_path / "photos", method)
    answer = Searcher(method, Store.open(tmp_path / "one")).answer("red")
    assert [len(asked) for _, asked in calibration.asked] == [1]
    assert answer.match == Match(answer.hits[0].probability, 0.5)
    assert answer.warning in answer.notes


def test_a_model_without_calibration_gives_no_probability_and_reads_no_background(
    photos: Path, gallery: Path, reads: list[int]
) -> None:
    run(gallery, photos)
    answer = Searcher(Colours(), Store.open(gallery)).answer("red", k=6)
    assert (answer.match, answer.notes, answer.warning) == (None, (), None)
    assert told_of(answer) == [None] * 6
    record = answer.record()
    assert record["match"] is None
    assert {result["probability"] for result in record["results"]} == {None}
    assert reads == []


def test_a_record_tells_probabilities_and_what_the_best_is_worth(
    photos: Path, gallery: Path
) -> None:
    method = Colours()
    run(gallery, photos, method)
    with_calibration(method, Fixed(0.25, told=(0.20000004, 0.1, 0.0)))
    record = Searcher(method, Store.open(gallery)).answer("red", k=3).record()
    assert json.loads(json.dumps(record)) == record
    assert [result["probability"] for result in record["results"]] == [0.2, 0.1, 0.0]
    assert record["match"] == {"best": 0.2, "good": False, "threshold": 0.25}
    assert record["notes"] == [
        "no good match: all that is said is true of the best photo with a probability of 20 %; "
        "a good match has 25 % or more"
    ]


@pytest.mark.parametrize(
    ("text", "unread", "hardly"),
    [
        ("a zebra on the moon", ["zebra", "moon"], True),
        ("qwerty asdf", ["qwerty", "asdf"], True),
        ("a woman in a red coat with a lanyard", ["lanyard"], False),
        ("a woman in a red coat", [], False),
        ("a red zebra", ["zebra"], True),
        ("a man", [], False),
    ],
)
def test_a_sentence_mostly_unknown_is_hardly_read(text, unread, hardly) -> None:
    assert hardly_read(text, unread) is hardly


def test_a_sentence_that_the_model_hardly_knows_gets_no_probability(gallery: Path) -> None:
    searcher, calibration = crowd(gallery, present=True)
    strange = lambda text: [word for word in text.split() if word == "zebra"]  # noqa: E731
    searcher.method.unread = strange  # type: ignore[method-assign]
    answer = searcher.answer("a zebra", k=3)
    assert answer.match is None
    assert told_of(answer) == [None] * 3
    assert answer.notes[0].startswith("no match percentages")
    assert not calibration.asked
    assert searcher.answer("red white zebra", k=3).match is not None


def test_a_note_says_less_than_in_words() -> None:
    assert "with a probability of less than 1 %; a good match has 50 %" in Match(0.002, 0.5).note


def test_the_threshold_itself_is_a_good_match() -> None:
    assert Match(0.25, 0.25).good
    assert not Match(0.249999, 0.25).good


@pytest.mark.parametrize(
    ("probability", "read"),
    [(None, ""), (0.0, "<1 %"), (0.0099, "<1 %"), (0.01, "1 %"), (0.29, "29 %"), (0.879, "87 %"),
     (0.99, "99 %"), (0.991, ">99 %"), (1.0, ">99 %")],
)  # fmt: skip
def test_percents_are_whole_rounded_down_and_never_none_or_all(
    probability: float | None, read: str
) -> None:
    assert percent(probability) == read


@pytest.mark.parametrize("best", [0.0, 0.004, 0.0999, 0.346, 0.4999])
def test_a_note_never_gives_the_same_percent_for_too_little_and_enough(best: float) -> None:
    for threshold in (best + 1e-6, best + 1e-3, 0.5):
        least = Match(best, threshold).note.split("; a good match has ")[1]
        assert not least.startswith(percent(best))
