"""A gallery's index: kept when it is measured to find what flat search finds, and said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from parted import Parted, as_stored, drawn, told
from torch import Tensor
from torch.nn.functional import normalize

from passerby.embedding import embed_texts
from passerby.gallery import indexing
from passerby.gallery.index_card import FILE, IndexCard, read_index, write_index
from passerby.gallery.indexing import Improved, due, improve
from passerby.gallery.recall import measured, nearest_cosines
from passerby.gallery.rows import Row, stored, to_table
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store
from passerby.types import Embeddings, Texts

PHOTOS, DIM, NEW = 3000, 32, 700
START = datetime(2026, 5, 1, tzinfo=UTC)
SENTENCES = [f"person {number}" for number in range(40)]


class Plain(Parted):
    """Vectors alone, compared by cosine."""

    def encode_texts(self, texts: Texts) -> Embeddings:
        return Embeddings(torch.stack([_drawn(int(seed), 1)[0] for seed in texts.ids[:, 0]]))

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return normalize(texts.vector, dim=1) @ normalize(photos.vector, dim=1).T

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines


def _drawn(seed: int, n: int) -> Tensor:
    return torch.randn(n, DIM, generator=torch.Generator().manual_seed(seed))


def _table(first: int, vectors: Tensor) -> object:
    rows = [
        Row(
            at,
            f"/photos/{at * 7919 % 100003:06}.png",
            f"hash {at}",
            1,
            1,
            camera=None if at % 11 == 0 else "rare" if at % 100 == 0 else f"c{at % 3}",
            time=START + timedelta(minutes=at),
        )
        for at in range(first, first + len(vectors))
    ]
    return to_table(rows, stored(Embeddings(vectors)))


def _fill(gallery: Path, method: Plain, first: int, vectors: Tensor, *, compact: bool) -> None:
    with Store.write(gallery, method.fingerprint, "default") as store:
        for start in range(0, len(vectors), 500):
            store.add(_table(first + start, vectors[start : start + 500]))
        if compact:
            store.compact()


def _queries(method: Plain, sentences: Sequence[str] = SENTENCES) -> np.ndarray:
    return embed_texts(method, list(sentences)).vector.numpy()


def _improve(gallery: Path, method: Plain, **options: object) -> Improved:
    options = {"when": "always", "few": 100, **options}
    with Store.write(gallery, method.fingerprint, "default") as store:
        return improve(store, _queries(method), **options)  # type: ignore[arg-type]


@pytest.fixture
def method() -> Plain:
    return Plain()


@pytest.fixture
def indexed(gallery: Path, method: Plain) -> Path:
    _fill(gallery, method, 0, _drawn(5, PHOTOS), compact=True)
    assert _improve(gallery, method).card.name  # type: ignore[union-attr]
    return gallery


def _asked(gallery: Path, method: Plain, sentence: str = SENTENCES[0], **options: object) -> object:
    return Searcher(method, Store.open(gallery)).answer(sentence, **options)  # type: ignore[arg-type]


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
    for query in normalize(torch.from_numpy(_queries(method)), dim=1).numpy():
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
    about, exact = (told(_asked(indexed, method, exact=e)) for e in (False, True))  # type: ignore[arg-type]
    scores = dict(exact)
    assert all(scores.get(path, score) == score for path, score in about)
    assert about == sorted(about, key=lambda pair: (-pair[1], pair[0]))


def test_new_photos_are_found_before_the_index_holds_them(indexed: Path, method: Plain) -> None:
    best = torch.from_numpy(_queries(method, ["someone new"]))
    _fill(indexed, method, PHOTOS, best, compact=False)  # as a killed ingest leaves it
    answer = _asked(indexed, method, "someone new")
    assert not answer.exact  # type: ignore[attr-defined]
    assert answer.hits[0].score == 1  # type: ignore[attr-defined]
    with Store.write(indexed, method.fingerprint, "default") as store:
        store.compact()
    answer = _asked(indexed, method, "someone new")
    assert not answer.exact  # type: ignore[attr-defined]
    assert answer.hits[0].score == 1  # type: ignore[attr-defined]


def test_deleted_and_changed_photos_never_come_back(indexed: Path, method: Plain) -> None:
    before = [hit.path for hit in _asked(indexed, method, k=3).hits]  # type: ignore[attr-defined]
    ids = {row.path: row.id for row in Store.open(indexed).rows()}
    gone, changed = ids[str(before[0])], ids[str(before[1])]
    away = -torch.from_numpy(_queries(method, SENTENCES[:1]))
    for compact in (False, True):
        with Store.write(indexed, method.fingerprint, "default") as store:
            store.drop([gone])
            store.replace(_table(changed, away))  # type: ignore[arg-type]
            if compact:
                store.compact()
        answer = _asked(indexed, method, k=200)
        assert not answer.exact  # type: ignore[attr-defined]
        paths = [hit.path for hit in answer.hits]  # type: ignore[attr-defined]
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
        about, exact = (_asked(indexed, method, sentence, exact=e, **asked) for e in (False, True))
        assert about.exact is not approximate  # type: ignore[attr-defined]
        assert len(about.hits) == len(exact.hits)  # type: ignore[attr-defined]
        shared += len(set(told(about)) & set(told(exact)))  # type: ignore[arg-type]
        there += len(exact.hits)  # type: ignore[attr-defined]
        if not approximate:
            assert about.hits == exact.hits  # type: ignore[attr-defined]
    assert shared >= 0.97 * there


def test_an_index_that_lists_too_few_gives_way_to_flat_search(
    gallery: Path, method: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(gallery, method, 0, _drawn(5, PHOTOS), compact=True)
    monkeypatch.setattr(indexing, "_ROWS", 64)
    card = _improve(gallery, method).card
    assert card is not None
    write_index(gallery, replace(card, probes=1))  # some 64 photos, of 201
    about, exact = (_asked(gallery, method, k=150, exact=e) for e in (False, True))
    assert about.exact  # type: ignore[attr-defined]
    assert about.hits == exact.hits  # type: ignore[attr-defined]
    # what passes a filter may lie in any partition: all are searched
    about, exact = (_asked(gallery, method, camera="c1", exact=e) for e in (False, True))
    assert not about.exact  # type: ignore[attr-defined]
    assert any("without filters" in note for note in about.notes)  # type: ignore[attr-defined]
    assert len(set(told(about)) & set(told(exact))) >= 9  # type: ignore[arg-type]


def test_photos_as_near_as_the_last_of_the_list_all_come_with_it(
    gallery: Path, method: Plain
) -> None:
    same = torch.from_numpy(_queries(method, ["twins"])).expand(300, -1)
    _fill(gallery, method, 0, torch.cat([_drawn(5, PHOTOS), same]), compact=True)
    assert _improve(gallery, method).card.name  # type: ignore[union-attr]
    answer = _asked(gallery, method, "twins", k=5)
    assert answer.exact  # type: ignore[attr-defined]
    paths = [str(hit.path) for hit in answer.hits]  # type: ignore[attr-defined]
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
        answer = _asked(indexed, method)
        assert answer.exact  # type: ignore[attr-defined]
        assert any("damaged" in note for note in answer.notes)  # type: ignore[attr-defined]
        assert due(Store.open(indexed), least=10)
    other = tmp_path / "other"
    _fill(other, method, 0, _drawn(6, 500), compact=False)
    (other / FILE).write_text(whole, encoding="ascii")
    answer = _asked(other, method)
    assert answer.exact  # type: ignore[attr-defined]
    assert any("is not there" in note for note in answer.notes)  # type: ignore[attr-defined]


def test_a_build_that_was_killed_leaves_exact_search_and_is_done_again(
    indexed: Path, method: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(indexing, "_chosen", killed)
    with pytest.raises(KeyboardInterrupt):
        _improve(indexed, method)
    monkeypatch.undo()
    answer = _asked(indexed, method)
    assert answer.exact  # type: ignore[attr-defined]
    assert due(Store.open(indexed), least=10)
    assert _improve(indexed, method).card.name  # type: ignore[union-attr]
    names = [index.name for index in Store.open(indexed)._open().list_indices()]
    assert len(names) == 3  # none is left of the one before
    assert not _asked(indexed, method).exact  # type: ignore[attr-defined]


def test_a_gallery_grown_by_a_quarter_is_due_again_and_one_half_indexed_is_not_asked(
    indexed: Path, method: Plain
) -> None:
    assert not due(Store.open(indexed), least=10)
    assert not due(Store.open(indexed))  # what was asked for stays, though the gallery is small
    _fill(indexed, method, PHOTOS, _drawn(7, NEW), compact=False)
    assert not due(Store.open(indexed), least=10)
    _fill(indexed, method, PHOTOS + NEW, _drawn(8, NEW), compact=False)
    assert due(Store.open(indexed), least=10)
    assert not _asked(indexed, method).exact  # type: ignore[attr-defined]
    _fill(indexed, method, PHOTOS + 2 * NEW, _drawn(9, PHOTOS), compact=False)
    answer = _asked(indexed, method)
    assert answer.exact  # type: ignore[attr-defined]
    assert any("3,000 of 7,400" in note for note in answer.notes)  # type: ignore[attr-defined]
    assert _improve(indexed, method).card.rows == 2 * PHOTOS + 2 * NEW  # type: ignore[union-attr]
    assert not due(Store.open(indexed), least=10)


def test_small_galleries_get_no_index_and_never_takes_one_away(
    indexed: Path, method: Plain, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    _fill(small, method, 0, _drawn(6, 500), compact=False)
    assert not due(Store.open(small))
    assert _improve(small, method, when="auto") == Improved(None)
    assert not (small / FILE).exists()
    assert due(Store.open(indexed), when="never")
    assert "removed" in _improve(indexed, method, when="never").told
    assert not due(Store.open(indexed), when="never")
    assert _asked(indexed, method).exact  # type: ignore[attr-defined]
    assert _improve(indexed, method, when="never") == Improved(None)


def test_an_index_that_misses_the_goal_or_saves_no_time_is_not_kept(
    gallery: Path, method: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(gallery, method, 0, _drawn(5, PHOTOS), compact=True)
    monkeypatch.setattr(indexing, "_SHARES", (0.25,))
    monkeypatch.setattr(indexing, "_REFINE", (1,))
    card = _improve(gallery, method).card
    assert card is not None
    assert (card.name, card.line.startswith("no index: it finds 0.")) == ("", True)
    assert _asked(gallery, method).exact  # type: ignore[attr-defined]
    monkeypatch.undo()
    monkeypatch.setattr(indexing, "flat_milliseconds", lambda *_: 0.0)
    card = _improve(gallery, method, when="auto", least=10).card
    assert card is not None
    assert card.line.startswith("no index: it saves no time")
    answer = _asked(gallery, method)
    assert answer.exact  # type: ignore[attr-defined]
    assert len(answer.notes) == 1  # type: ignore[attr-defined] # of unknown words
    assert not due(Store.open(gallery), least=10)  # what was measured once is not tried each time


def test_vectors_that_cannot_be_indexed_and_no_sentences_leave_exact_search(
    gallery: Path, method: Plain, tmp_path: Path
) -> None:
    _fill(gallery, method, 0, _drawn(5, 600)[:, :30], compact=False)
    told_of = _improve(gallery, method).told
    assert (
        told_of == "no index: vectors of 30 numbers are no multiple of 8; every vector is compared"
    )
    other = tmp_path / "other"
    _fill(other, method, 0, _drawn(5, 600), compact=False)
    assert _improve(other, method).told.startswith("no index: 600 photos are too few")
    _fill(other, method, 600, _drawn(6, 600), compact=False)
    with Store.write(other, method.fingerprint, "default") as store:
        made = improve(store, np.empty((0, DIM), np.float32), when="always", few=100)
    assert made.told.startswith("no index: there are no sentences")


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
    queries = normalize(torch.from_numpy(_queries(method)), dim=1)
    cosines = queries @ normalize(_drawn(5, PHOTOS), dim=1).T
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
