"""When a gallery's index is built, kept, and taken away: as it pays, as was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plain import (
    DIM,
    NEW,
    PHOTOS,
    SENTENCES,
    Plain,
    ask,
    build,
    fill,
    photos_of,
)

from passerby.gallery import indexing
from passerby.gallery.index_card import FILE, forget_index, read_index
from passerby.gallery.indexing import Improved, due, improve
from passerby.gallery.recall import Recall
from passerby.gallery.store import Store


@pytest.fixture
def method() -> Plain:
    return Plain()


@pytest.fixture
def indexed(gallery: Path, method: Plain) -> Path:
    fill(gallery, method, 0, photos_of(5, PHOTOS), compact=True)
    assert build(gallery, method).card.name  # type: ignore[union-attr]
    return gallery


def test_a_build_that_was_killed_leaves_exact_search_and_is_done_again(
    indexed: Path, method: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(indexing, "_chosen", killed)
    with pytest.raises(KeyboardInterrupt):
        build(indexed, method)
    monkeypatch.undo()
    answer = ask(indexed, method)
    assert answer.exact
    assert due(Store.open(indexed), least=10)
    assert build(indexed, method).card.name  # type: ignore[union-attr]
    names = [index.name for index in Store.open(indexed)._open().list_indices()]
    assert len(names) == 3  # none is left of the one before
    assert not ask(indexed, method).exact


def test_a_gallery_grown_by_a_quarter_is_due_again_and_one_half_indexed_is_not_asked(
    indexed: Path, method: Plain
) -> None:
    assert not due(Store.open(indexed), least=10)
    assert not due(Store.open(indexed))  # what was asked for stays, though the gallery is small
    fill(indexed, method, PHOTOS, photos_of(7, NEW), compact=False)
    assert not due(Store.open(indexed), least=10)
    fill(indexed, method, PHOTOS + NEW, photos_of(8, NEW), compact=False)
    assert due(Store.open(indexed), least=10)
    assert not ask(indexed, method).exact
    fill(indexed, method, PHOTOS + 2 * NEW, photos_of(9, PHOTOS), compact=False)
    answer = ask(indexed, method)
    assert answer.exact
    assert any("3,000 of 7,400" in note for note in answer.notes)
    assert build(indexed, method).card.rows == 2 * PHOTOS + 2 * NEW  # type: ignore[union-attr]
    assert not due(Store.open(indexed), least=10)


def test_small_galleries_get_no_index_and_never_takes_one_away(
    indexed: Path, method: Plain, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    fill(small, method, 0, photos_of(6, 500), compact=False)
    assert not due(Store.open(small))
    assert build(small, method, when="auto") == Improved(None)
    assert not (small / FILE).exists()
    assert due(Store.open(indexed), when="never")
    assert "removed" in build(indexed, method, when="never").told
    assert not due(Store.open(indexed), when="never")
    assert ask(indexed, method).exact
    assert "index" in build(indexed, method, when="never").told


def test_an_index_that_misses_the_goal_or_saves_no_time_is_not_kept(
    gallery: Path, method: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(gallery, method, 0, photos_of(5, PHOTOS), compact=True)
    monkeypatch.setattr(indexing, "_SHARES", (0.25,))
    monkeypatch.setattr(indexing, "_REFINE", (1,))
    card = build(gallery, method).card
    assert card is not None
    assert (card.name, card.line.startswith("no index: it finds 0.")) == ("", True)
    assert ask(gallery, method).exact
    monkeypatch.undo()
    monkeypatch.setattr(indexing, "flat_milliseconds", lambda *_: 0.0)
    card = build(gallery, method, when="auto", least=10).card
    assert card is not None
    assert card.line.startswith("no index: it saves too little time")
    answer = ask(gallery, method)
    assert answer.exact
    assert len(answer.notes) == 1  # of unknown words
    assert not due(Store.open(gallery), least=10)  # what was measured once is not tried each time


def test_an_index_pays_at_half_the_time_of_flat_search(
    gallery: Path, method: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(gallery, method, 0, photos_of(5, PHOTOS), compact=True)
    found = Recall(1.0, 1.0, len(SENTENCES), 10.0)
    monkeypatch.setattr(indexing, "measured", lambda *_: found)
    for flat, kept in ((19.9, False), (20.0, True)):
        monkeypatch.setattr(indexing, "flat_milliseconds", lambda *_, flat=flat: flat)
        card = build(gallery, method, when="auto", least=10).card
        assert card is not None
        assert bool(card.name) is kept


def test_what_was_asked_for_with_index_lasts_until_another_is_asked_for(
    indexed: Path, method: Plain
) -> None:
    store = Store.open(indexed)
    for _ in range(2):
        assert build(indexed, method, when="never").card.line == (  # type: ignore[union-attr]
            "no index: --index never was asked for; every vector is compared"
        )
        assert not due(store, least=10)
        assert not due(store, least=10, when="never")
        fill(indexed, method, len(store), photos_of(7, PHOTOS), compact=False)
        store = Store.open(indexed)
        assert not due(store, least=10)
        assert build(indexed, method, when=None).card.asked == "never"  # type: ignore[union-attr]
    assert ask(indexed, method).exact
    assert due(store, when="auto")
    assert due(store, when="always")
    assert build(indexed, method, when="always").card.name  # type: ignore[union-attr]
    fill(indexed, method, len(store), photos_of(8, 2 * PHOTOS), compact=False)
    store = Store.open(indexed)
    assert due(store)
    assert build(indexed, method, when=None).card.name  # type: ignore[union-attr] # though few
    forget_index(indexed)  # as a prune does
    assert due(store)
    assert read_index(indexed).asked == "always"  # type: ignore[union-attr]
    assert due(store, when="auto")
    assert build(indexed, method, when="auto").card is None
    assert not (indexed / FILE).exists()


def test_vectors_that_cannot_be_indexed_and_no_sentences_leave_exact_search(
    gallery: Path, method: Plain, tmp_path: Path
) -> None:
    fill(gallery, method, 0, photos_of(5, 600)[:, :30], compact=False)
    told_of = build(gallery, method).told
    assert (
        told_of == "no index: vectors of 30 numbers are no multiple of 8; every vector is compared"
    )
    other = tmp_path / "other"
    fill(other, method, 0, photos_of(5, 600), compact=False)
    assert build(other, method).told.startswith("no index: 600 photos are too few")
    fill(other, method, 600, photos_of(6, 600), compact=False)
    with Store.write(other, method.fingerprint, "default") as store:
        made = improve(store, np.empty((0, DIM), np.float32), when="always", few=100)
    assert made.told.startswith("no index: there are no sentences")
