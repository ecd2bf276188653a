"""A gallery's index: kept when it is measured to find what flat search finds, and said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from parted import Parted, as_stored, drawn, told
from plain import (
    PHOTOS,
    SENTENCES,
    START,
    Plain,
    ask,
    build,
    fill,
    photos_of,
    queries_of,
    table_of,
)
from torch.nn.functional import normalize

from passerby.embedding import embed_texts
from passerby.gallery import indexing
from passerby.gallery.index_card import FILE, IndexCard, read_index, write_index
from passerby.gallery.indexing import due, improve
from passerby.gallery.recall import measured, nearest_cosines
from passerby.gallery.rows import Row, stored, to_table
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store
from passerby.types import Embeddings


@pytest.fixture
def method() -> Plain:
    return Plain()


@pytest.fixture
def indexed(gallery: Path, method: Plain) -> Path:
    fill(gallery, method, 0, photos_of(5, PHOTOS), compact=True)
    assert build(gallery, method).card.name  # type: ignore[union-attr]
    return gallery


def test_an_index_is_kept_with_what_it_was_measured_to_find(indexed: Path, method: Plain) -> None:
    card = read_index(indexed)
    assert card is not None
    assert (card.rows, card.queries, card.goal) == (PHOTOS, len(SENTENCES), 0.99)
    assert card.fingerprint == method.fingerprint
    assert 0.99 <= min(card.recall, card.deep) <= max(card.recall, card.deep) <= 1
    assert card.milliseconds > 0
    assert card.flat_milliseconds > 0
    assert "recall@10" in card.line
    # measured again by hand: shares of the ids that flat search finds
    version, both = Store.open(indexed).newest(), []
    for query in normalize(torch.from_numpy(queries_of(method)), dim=1).numpy():
        found = [
            set(version.nearest(query, 201, None, ("id",), index=index)[0]["id"].to_pylist()[:10])
            for index in (version.index, None)
        ]
        both.append(len(found[0] & found[1]) / 10)
    assert np.isclose(np.mean(both), card.recall)


def test_answers_by_the_index_say_so_and_exact_ones_compare_all(
    indexed: Path, method: Plain
) -> None:
    searcher = Searcher(method, Store.open(indexed))
    card = read_index(indexed)
    shared = 0
    for sentence in SENTENCES:
        about, exact = searcher.answer(sentence), searcher.answer(sentence, exact=True)
        assert not about.exact
        assert card is not None
        assert card.note(filtered=False) in about.notes
        assert exact.exact
        assert not any("approximate" in note for note in exact.notes)
        shared += len(set(told(about)) & set(told(exact)))
    assert shared >= 0.99 * 10 * len(SENTENCES)


def test_scores_and_order_are_those_of_flat_search(indexed: Path, method: Plain) -> None:
    about, exact = (told(ask(indexed, method, exact=e)) for e in (False, True))  # type: ignore[arg-type]
    scores = dict(exact)
    assert all(scores.get(path, score) == score for path, score in about)
    assert about == sorted(about, key=lambda pair: (-pair[1], pair[0]))


def test_new_photos_are_found_before_the_index_holds_them(indexed: Path, method: Plain) -> None:
    best = torch.from_numpy(queries_of(method, ["someone new"]))
    fill(indexed, method, PHOTOS, best, compact=False)  # as a killed ingest leaves it
    answer = ask(indexed, method, "someone new")
    assert not answer.exact
    assert answer.hits[0].score == 1
    with Store.write(indexed, method.fingerprint, "default") as store:
        store.compact()
    answer = ask(indexed, method, "someone new")
    assert not answer.exact
    assert answer.hits[0].score == 1


def test_deleted_and_changed_photos_never_come_back(indexed: Path, method: Plain) -> None:
    before = [hit.path for hit in ask(indexed, method, k=3).hits]
    ids = {row.path: row.id for row in Store.open(indexed).rows()}
    gone, changed = ids[str(before[0])], ids[str(before[1])]
    away = -torch.from_numpy(queries_of(method, SENTENCES[:1]))
    for compact in (False, True):
        with Store.write(indexed, method.fingerprint, "default") as store:
            store.drop([gone])
            store.replace(table_of(changed, away))  # type: ignore[arg-type]
            if compact:
                store.compact()
        answer = ask(indexed, method, k=200)
        assert not answer.exact
        paths = [hit.path for hit in answer.hits]
        assert before[2] == paths[0]
        assert not {before[0], before[1]} & set(paths)


@pytest.mark.parametrize(
    ("asked", "approximate"),
    [
        ({"camera": "c1"}, True),
        ({"after": START + timedelta(minutes=1500)}, True),
        ({"camera": "rare"}, False),  # few pass: all are compared
        ({"camera": "nowhere"}, False),
        ({"k": 201}, False),  # more than was measured
    ],
)
def test_filters_leave_what_passes_and_few_photos_are_all_compared(
    indexed: Path, method: Plain, asked: dict[str, object], approximate: bool
) -> None:
    shared = there = 0
    for sentence in SENTENCES[:10]:
        about, exact = (ask(indexed, method, sentence, exact=e, **asked) for e in (False, True))
        assert about.exact is not approximate
        assert len(about.hits) == len(exact.hits)
        shared += len(set(told(about)) & set(told(exact)))  # type: ignore[arg-type]
        there += len(exact.hits)
        if not approximate:
            assert about.hits == exact.hits
    assert shared >= 0.97 * there


def test_an_index_that_lists_too_few_gives_way_to_flat_search(
    gallery: Path, method: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(gallery, method, 0, photos_of(5, PHOTOS), compact=True)
    monkeypatch.setattr(indexing, "_ROWS", 64)
    card = build(gallery, method).card
    assert card is not None
    write_index(gallery, replace(card, probes=1))  # some 64 photos, of 201
    about, exact = (ask(gallery, method, k=150, exact=e) for e in (False, True))
    assert about.exact
    assert about.hits == exact.hits
    # what passes a filter may lie in any partition: all are searched
    about, exact = (ask(gallery, method, camera="c1", exact=e) for e in (False, True))
    assert not about.exact
    assert any("without filters" in note for note in about.notes)
    assert len(set(told(about)) & set(told(exact))) >= 9  # type: ignore[arg-type]


def test_photos_as_near_as_the_last_of_the_list_all_come_with_it(
    gallery: Path, method: Plain
) -> None:
    same = torch.from_numpy(queries_of(method, ["twins"])).expand(300, -1)
    fill(gallery, method, 0, torch.cat([photos_of(5, PHOTOS), same]), compact=True)
    assert build(gallery, method).card.name  # type: ignore[union-attr]
    answer = ask(gallery, method, "twins", k=5)
    assert answer.exact
    paths = [str(hit.path) for hit in answer.hits]
    numbers = range(PHOTOS, PHOTOS + 300)
    assert paths == sorted(f"/photos/{at * 7919 % 100003:06}.png" for at in numbers)[:5]


def test_a_damaged_card_or_another_gallerys_means_exact_search_and_is_said(
    indexed: Path, method: Plain, tmp_path: Path
) -> None:
    whole = (indexed / FILE).read_text(encoding="ascii")
    told_of = json.loads(whole)
    for bad in (
        whole[:100],
        "[]",
        json.dumps(told_of | {"probes": "9"}),
        json.dumps(told_of | {"probes": 0}),
        json.dumps({k: v for k, v in told_of.items() if k != "refine"}),
    ):
        (indexed / FILE).write_text(bad, encoding="ascii")
        answer = ask(indexed, method)
        assert answer.exact
        assert any("damaged" in note for note in answer.notes)
        assert due(Store.open(indexed), least=10)
    other = tmp_path / "other"
    fill(other, method, 0, photos_of(6, 500), compact=False)
    (other / FILE).write_text(whole, encoding="ascii")
    answer = ask(other, method)
    assert answer.exact
    assert any("is not there" in note for note in answer.notes)


def test_a_shortlist_shorter_than_was_measured_finds_as_much(indexed: Path, method: Plain) -> None:
    store = Store.open(indexed)
    short, whole = (Searcher(method, store, shortlist=n) for n in (10, 200))
    for sentence in SENTENCES:
        assert not short.answer(sentence).exact
        assert told(short.answer(sentence)) == told(whole.answer(sentence))


def test_all_that_pass_a_cut_off_are_found_whatever_the_index_lists(
    indexed: Path, method: Plain
) -> None:
    every = ask(indexed, method, k=PHOTOS)
    least = every.hits[399].score
    cut = ask(indexed, method, min_score=least)
    assert cut.exact
    assert cut.hits == every.hits[:400]
    assert not ask(indexed, method, k=10, min_score=least).exact


def test_photos_of_parts_are_listed_by_the_index_and_compared_in_full(gallery: Path) -> None:
    method, photos = Parted(), drawn(2000, 3)
    rows = [Row(at, f"/photos/{at:05}.png", f"hash {at}", 1, 1) for at in range(2000)]
    queries = embed_texts(method, SENTENCES)
    with Store.write(gallery, method.fingerprint, "default") as store:
        store.add(to_table(rows, stored(photos)))
        assert improve(store, queries.vector.numpy(), when="always", few=100).card.name  # type: ignore[union-attr]
    searcher = Searcher(method, Store.open(gallery))
    answer = searcher.answer(SENTENCES[0])
    assert (answer.exact, answer.compared) == (False, 200)
    whole = method.similarity(
        Embeddings(**{n: t[:1].double() for n, t in queries.tensors().items()}), as_stored(photos)
    )[0]
    places = {row.path: at for at, row in enumerate(rows)}
    assert all(abs(whole[places[str(h.path)]] - h.score) < 1e-6 for h in answer.hits)
    exact = searcher.answer(SENTENCES[0], exact=True)
    assert exact.exact
    assert exact.hits[0].score == pytest.approx(float(whole.max()), abs=1e-6)


def test_flat_truth_is_that_of_all_photos_at_once(indexed: Path, method: Plain) -> None:
    queries = normalize(torch.from_numpy(queries_of(method)), dim=1)
    cosines = queries @ normalize(photos_of(5, PHOTOS), dim=1).T
    store = Store.open(indexed)
    truth = nearest_cosines(store, queries.numpy(), 200)
    assert np.allclose(truth, cosines.sort(descending=True).values[:, :200], atol=1e-6)
    card = read_index(indexed)
    assert isinstance(card, IndexCard)
    assert measured(store.newest(), replace(card, probes=1), queries.numpy(), truth, 1.0) is None


def test_a_photo_is_compared_with_all(indexed: Path, method: Plain) -> None:
    from passerby.gallery.compare import Comparison
    from passerby.gallery.likeness import BY_VECTOR, VectorsAlone

    version = Store.open(indexed).newest()
    text = embed_texts(method, SENTENCES[:1])
    assert Comparison(method, version, text, None, 200).indexed
    assert not Comparison(BY_VECTOR, VectorsAlone(version), text, None, 200, exact=True).indexed
