"""A query: exact shortlist, filters that lose nothing, one stable order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from colours import COLOURS, Colours, PartColours, paint, run

from passerby.embedding import embed_texts
from passerby.errors import BadGallery, BadQuery
from passerby.gallery.metadata import Facts
from passerby.gallery.rows import embeddings_of
from passerby.gallery.search import Answer, Hit, Searcher
from passerby.gallery.store import Store
from passerby.gallery.version import Version
from passerby.method import Method

DAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def searcher(photos: Path, gallery: Path) -> Searcher:
    run(gallery, photos)
    return Searcher(Colours(), Store.open(gallery))


def crowd(folder: Path, seed: int) -> dict[str, Facts]:
    """60 photos of 6 colours (many ties), with a camera and a time for some; facts by name."""
    draw = np.random.default_rng(seed)
    facts: dict[str, Facts] = {}
    for number in range(60):
        name = f"{draw.integers(10**6)}-{number}.png"
        paint(folder / name, list(COLOURS)[draw.integers(6)])
        camera = [None, "c'1", 'c"2', "c3\n"][draw.integers(4)]
        time = DAY + timedelta(microseconds=int(draw.integers(10))) if draw.random() < 0.7 else None
        facts[name] = {"camera": camera, "time": time}
    return facts


@pytest.mark.parametrize("method", [Colours(), PartColours()])
@pytest.mark.parametrize("seed", range(3))
def test_filtered_answers_equal_brute_force_however_many_scores_tie(
    tmp_path: Path, gallery: Path, method: Method, seed: int
) -> None:
    facts = crowd(tmp_path / "photos", seed)
    run(gallery, tmp_path / "photos", method, batch=17, describe=lambda path: facts[path.name])
    store = Store.open(gallery)
    whole = store.whole([row.id for row in store.rows()])
    draw = np.random.default_rng(seed)
    local = isinstance(method, PartColours)  # then the vector alone does not decide the order
    for _ in range(25):
        k, camera = (
            int(draw.integers(1, 70)),
            [None, "c'1", 'c"2', "c3\n", "none"][draw.integers(5)],
        )
        after, before = (
            DAY + timedelta(microseconds=int(n)) for n in (draw.integers(5), 5 + draw.integers(6))
        )
        after, before = (t if draw.random() < 0.5 else None for t in (after, before))
        sentence = " ".join(draw.choice(list(COLOURS), 2))
        passing = [
            at for at, row in enumerate(whole.to_pylist())
            if (camera is None or row["camera"] == camera)
            and (after is None or (row["time"] is not None and row["time"] >= after))
            and (before is None or (row["time"] is not None and row["time"] < before))
        ]  # fmt: skip
        scores = method.similarity(embed_texts(method, [sentence]), embeddings_of(whole).float())
        paths = whole["path"].to_pylist()
        wanted = sorted(passing, key=lambda at: (-round(float(scores[0, at]), 5), paths[at]))[:k]
        searcher = Searcher(method, store, shortlist=200 if local else 3)
        hits = searcher.search(sentence, k, camera, after, before)
        assert [str(hit.path) for hit in hits] == [paths[at] for at in wanted]
        assert [hit.rank for hit in hits] == list(range(1, len(wanted) + 1))


def test_the_right_colour_comes_first_with_its_facts(photos: Path, gallery: Path) -> None:
    told = {"camera": "c1", "time": DAY, "person": "p9"}
    run(gallery, photos, describe=lambda path: told if path.name == "blue.png" else {})
    hit = Searcher(Colours(), Store.open(gallery)).search("blue", k=3)[0]
    assert (hit.rank, hit.path) == (1, photos / "below" / "blue.png") or hit.path.name == "blue.png"
    assert (hit.camera, hit.time, hit.person) == ("c1", DAY, "p9")
    assert hit.score == round(hit.score, 6)
    assert hit.thumbnail[:2] == b"\xff\xd8"


def test_a_photo_without_a_time_fails_a_time_filter(photos: Path, gallery: Path) -> None:
    run(gallery, photos, describe=lambda path: {"time": DAY} if path.name == "red.png" else {})
    searcher = Searcher(Colours(), Store.open(gallery))
    for filters in ({"after": "2026-01-01"}, {"before": "2027-01-01"}):
        assert [hit.path.name for hit in searcher.search("blue", **filters)] == ["red.png"]  # type: ignore[arg-type]


def test_after_is_inclusive_before_is_not_and_offsets_count(photos: Path, gallery: Path) -> None:
    run(gallery, photos, describe=lambda _: {"time": DAY})
    search = Searcher(Colours(), Store.open(gallery)).search
    assert len(search("red", after="2026-05-01")) == 6
    assert len(search("red", before=DAY)) == 0
    assert len(search("red", after="2026-05-01T02:00:00+02:00")) == 6
    assert len(search("red", after=DAY.astimezone(timezone(timedelta(hours=9))))) == 6
    assert len(search("red", before="2026-05-01T00:00:00.000001")) == 6
    assert len(search("red", after="0001-01-01", before="9999-12-31")) == 6


def test_k_beyond_the_gallery_gives_all_and_says_so(searcher: Searcher) -> None:
    answer = searcher.answer("red", k=50)
    assert len(answer.hits) == 6
    assert any("fewer than the 50" in note for note in answer.notes)
    assert searcher.answer("red", k=6).notes == ()


def test_an_unknown_camera_is_said_with_those_that_there_are(photos: Path, gallery: Path) -> None:
    run(gallery, photos, describe=lambda _: {"camera": "door"})
    answer = Searcher(Colours(), Store.open(gallery)).answer("red", camera="dor")
    assert answer.hits == ()
    assert "dor" in answer.notes[0]
    assert "door" in answer.notes[0]


def test_what_the_method_notes_of_a_sentence_is_handed_on(searcher: Searcher) -> None:
    assert "unknown words: zxqv" in searcher.answer("red zxqv").notes


@pytest.mark.parametrize("sentence", ["", "  \n", "...!"])
def test_a_sentence_without_words_is_refused(searcher: Searcher, sentence: str) -> None:
    with pytest.raises(BadQuery, match="describe a person"):
        searcher.search(sentence)


@pytest.mark.parametrize(
    "filters",
    [{"k": 0}, {"after": "yesterday"}, {"before": ""}, {"after": "2026-02", "before": DAY}],
)
def test_a_filter_that_makes_no_sense_is_refused(searcher: Searcher, filters: Facts) -> None:
    with pytest.raises(BadQuery) as refused:
        searcher.search("red", **filters)
    assert "\n" not in str(refused.value)


def test_a_time_window_that_is_the_wrong_way_round_is_refused(searcher: Searcher) -> None:
    with pytest.raises(BadQuery, match="swap"):
        searcher.search("red", after="2026-05-02", before="2026-05-01")


def test_a_gallery_of_another_model_is_refused_by_name(searcher: Searcher) -> None:
    with pytest.raises(BadGallery, match=r"colours-1.*other-mod"):
        Searcher(Colours("other-model"), searcher.store)


def test_a_searcher_sees_what_is_indexed_after_it_was_opened(photos: Path, gallery: Path) -> None:
    with Store.write(gallery, "colours-1", "default"):
        searcher = Searcher(Colours(), Store.open(gallery))
        answer = searcher.answer("red")
        assert (answer.hits, "no photos yet" in answer.notes[0]) == ((), True)
    run(gallery, photos)
    assert len(searcher.search("red")) == 6
    paint(photos / "more.png", (200, 0, 0))
    run(gallery, photos)
    assert len(searcher.search("red")) == 7


def test_a_sentence_with_broken_bytes_is_searched(searcher: Searcher) -> None:
    answer = searcher.answer("red \udcff")
    assert len(answer.hits) == 6
    answer.query.encode("utf-8")


def test_a_record_has_the_promised_fields_and_is_valid_json() -> None:
    hit = Hit(1, Path("/a/caf\udce9.jpg"), 0.5, "c1", DAY, None)
    record = json.loads(json.dumps(Answer("q", (hit,)).record(), ensure_ascii=False).encode())
    assert record["results"] == [
        {
            "rank": 1, "path": "/a/caf\\xe9.jpg", "score": 0.5, "probability": None,
            "camera": "c1", "time": "2026-05-01T00:00:00+00:00", "person": None,
            "path_bytes": "L2EvY2Fm6S5qcGc=",
        }
    ]  # fmt: skip
    assert record["query"] == "q"
    assert record["phrases"] == []


def test_an_answer_tells_which_phrases_were_looked_for(searcher: Searcher, monkeypatch) -> None:
    monkeypatch.setattr(searcher.method, "spans", lambda text: [(2, len(text))])
    told = searcher.answer("a red coat").record()
    assert told["phrases"] == [{"text": "red coat", "start": 2, "end": 10}]


def test_a_version_that_is_swept_away_while_it_is_opened_is_asked_again(
    photos: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(gallery, photos)
    searcher = Searcher(Colours(), Store.open(gallery))
    newest, refused = searcher.store.newest, [True, True]

    def swept() -> Version:
        if refused:
            refused.pop()
            raise BadGallery("its table cannot be read")
        return newest()

    monkeypatch.setattr(searcher.store, "newest", swept)
    assert len(searcher.search("red")) == 6
    refused += [True] * 9
    with pytest.raises(BadGallery, match="cannot be read"):
        searcher.search("red")
