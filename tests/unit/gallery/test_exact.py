"""Search in two stages: what was compared is said, `exact` goes on until it is certain."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from colours import Colours
from parted import DIM, Parted, Unbounded, brute, drawn, fill, like, rows, same, told
from torch import Tensor

from passerby.embedding import embed_texts
from passerby.gallery import compare
from passerby.gallery.rows import stored, to_table
from passerby.gallery.search import Answer, Searcher
from passerby.gallery.store import Store
from passerby.gallery.version import Version
from passerby.types import Embeddings, Texts

SENTENCE = "red white"
DAY = datetime(2026, 5, 1, tzinfo=UTC)


def test_the_best_photo_behind_the_shortlist_is_missed_and_said_and_found_when_exact(
    gallery: Path,
) -> None:
    method = Parted()
    cosines = [0.9 - 0.001 * at for at in range(300)] + [0.1]
    photos = like(embed_texts(method, [SENTENCE]), cosines, [-1.0] * 300 + [1.0])
    searcher = Searcher(method, fill(gallery, method, photos))
    best = brute(method, SENTENCE, photos, rows(301), 1)[0]
    quick = searcher.answer(SENTENCE, k=5)
    assert (quick.compared, quick.photos, quick.exact) == (200, 301, False)
    assert best not in told(quick)
    assert [n for n in quick.notes if "200" in n and "301" in n and "--exact" in n]
    exact = searcher.answer(SENTENCE, k=5, exact=True)
    assert (exact.compared, exact.exact, exact.notes) == (301, True, ())
    assert told(exact)[0] == pytest.approx(best)
    assert searcher.search(SENTENCE, 5, exact=True) == list(exact.hits)


def test_a_wide_gap_is_certain_without_comparing_the_rest(gallery: Path) -> None:
    method = Parted()
    photos = like(
        embed_texts(method, [SENTENCE]),
        [0.9] * 5 + [0.3] * 40 + [-0.2] * 300,
        [1.0] * 5 + [0.5] * 340,
    )
    searcher = Searcher(method, fill(gallery, method, photos), shortlist=8)
    for k, exact in ((5, False), (5, True), (1, False)):
        answer = searcher.answer(SENTENCE, k, exact=exact)
        assert (answer.compared, answer.photos, answer.exact) == (45, 345, True)
        assert answer.notes == ()


def test_exact_search_stops_as_soon_as_nothing_can_change(gallery: Path) -> None:
    method = Parted()
    cosines = [0.9] * 5 + [0.89 - 0.01 * at for at in range(150)]
    photos = like(embed_texts(method, [SENTENCE]), cosines, [0.95] * 5 + [-1.0] * 150)
    searcher = Searcher(method, fill(gallery, method, photos), shortlist=5)
    assert not searcher.answer(SENTENCE, 5).exact
    answer = searcher.answer(SENTENCE, 5, exact=True)
    # 0.9 + 0.95 stands above 0.84 + 1, the bound behind the tenth photo
    assert answer.exact
    assert answer.compared == 10 < answer.photos == 155
    assert same(told(answer), brute(method, SENTENCE, photos, rows(155), 5))


@pytest.mark.parametrize(("gap", "certain"), [(1.2e-3, True), (0.8e-3, False)])
def test_an_answer_must_stand_above_the_bound_by_the_rounding_of_parts(
    gallery: Path, gap: float, certain: bool
) -> None:
    method = Parted()
    cosines = [0.5] + [0.5 - gap] * 30
    photos = like(embed_texts(method, [SENTENCE]), cosines, [1.0] + [-1.0] * 30)
    searcher = Searcher(method, fill(gallery, method, photos), shortlist=1)
    assert searcher.answer(SENTENCE, 1).exact is certain


@pytest.mark.parametrize("seed", range(4))
def test_exact_answers_equal_brute_force_whatever_the_shortlist(
    gallery: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "BLOCK", [16, 50, 64, 512][seed])
    draw = np.random.default_rng(seed)
    facts = [
        {"camera": [None, "c'1", "c2"][draw.integers(3)],
         "time": None if draw.random() < 0.3 else DAY + timedelta(hours=int(draw.integers(24)))}
        for _ in range(260)
    ]  # fmt: skip
    listed, photos = rows(260, facts=facts), drawn(260, seed, copies=40)
    method = Parted()
    store = fill(gallery, method, photos, listed)
    early = 0
    for turn in range(20):
        k, camera = int(draw.integers(1, 12)), [None, "c'1", "c2", "none"][draw.integers(4)]
        after, before = (DAY + timedelta(hours=h) if draw.random() < 0.3 else None for h in (3, 20))
        passing = [
            at for at, row in enumerate(listed)
            if (camera is None or row.camera == camera)
            and (after is None or (row.time is not None and row.time >= after))
            and (before is None or (row.time is not None and row.time < before))
        ]  # fmt: skip
        searcher = Searcher(method, store, shortlist=int(draw.choice([1, 3, 40, 200, 999])))
        answer = searcher.answer(f"{SENTENCE} {turn}", k, camera, after, before, exact=True)
        chosen = [listed[at] for at in passing]
        wanted = brute(method, f"{SENTENCE} {turn}", photos.rows(passing), chosen, k)
        assert same(told(answer), wanted)
        assert answer.exact
        assert answer.photos == len(passing)
        early += answer.compared < answer.photos
        quick = searcher.answer(f"{SENTENCE} {turn}", k, camera, after, before)
        assert not quick.exact or told(quick) == told(answer)
    assert early


def test_no_photo_is_compared_twice_and_no_block_is_large(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "BLOCK", 32)
    method = Unbounded()
    store = fill(gallery, method, drawn(300, 1))
    for shortlist, k in ((3, 3), (31, 1), (32, 1), (200, 250)):
        for exact in (False, True):
            method.blocks.clear()
            answer = Searcher(method, store, shortlist).answer(SENTENCE, k, exact=exact)
            assert sum(method.blocks) == answer.compared == (300 if exact else max(shortlist, k))
            assert max(method.blocks) <= 32


def test_a_method_without_a_bound_compares_everything_when_exact(gallery: Path) -> None:
    method, photos = Unbounded(), drawn(250, 2)
    searcher = Searcher(method, fill(gallery, method, photos))
    assert not searcher.answer(SENTENCE, 3).exact
    answer = searcher.answer(SENTENCE, 3, exact=True)
    assert (answer.compared, answer.photos, answer.exact) == (250, 250, True)
    assert same(told(answer), brute(method, SENTENCE, photos, rows(250), 3))


@pytest.mark.parametrize("exact", [False, True])
def test_k_beyond_the_gallery_compares_all_of_it(gallery: Path, exact: bool) -> None:
    method, photos = Unbounded(), drawn(260, 3)
    searcher = Searcher(method, fill(gallery, method, photos))
    answer = searcher.answer(SENTENCE, 10**9, exact=exact)
    assert (answer.compared, answer.photos, answer.exact) == (260, 260, True)
    assert same(told(answer), brute(method, SENTENCE, photos, rows(260), 260))
    none = searcher.answer(SENTENCE, 5, camera="none", exact=exact)
    assert (none.hits, none.compared, none.photos, none.exact) == ((), 0, 0, True)


class Vectors(Colours):
    """The cosine of drawn vectors, which is its own bound."""

    def encode_texts(self, texts: Texts) -> Embeddings:
        assert len(texts) == 1
        return Embeddings(torch.randn(1, DIM, generator=torch.Generator().manual_seed(5)))

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines


def test_vectors_alone_are_always_exact_however_many_tie(gallery: Path) -> None:
    method = Vectors()
    for seed, copies in enumerate((0, 200, 390)):
        place = gallery / str(seed)
        store = fill(place, method, Embeddings(drawn(400, seed, copies).vector))
        for shortlist, k in ((1, 1), (3, 3), (50, 20), (60, 60), (120, 120)):
            for exact in (False, True):
                answer = Searcher(method, store, shortlist).answer(SENTENCE, k, exact=exact)
                assert answer.exact
                assert answer.notes == ()
        assert copies == 390 or answer.compared < 400


class Writing(Unbounded):
    """Rewrites the gallery while a query compares its second block."""

    def __init__(self, gallery: Path) -> None:
        super().__init__()
        self.gallery, self.wrote = gallery, False
        self.meanwhile: list[Callable[[], object]] = []

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        if len(self.blocks) == 1 and not self.wrote:
            self.wrote = True
            with Store.write(self.gallery, self.fingerprint, "default") as store:
                store.add(to_table(rows(50, 1000), stored(drawn(50, 1000))))
                store.replace(to_table(rows(200), stored(drawn(200, 77))))
                store.compact()
            for call in self.meanwhile:
                call()
        return super().similarity(texts, photos)


@pytest.mark.parametrize("k", [20, 220])
@pytest.mark.parametrize("another", [False, True])
def test_a_query_stays_on_one_version_while_the_gallery_is_rewritten(
    gallery: Path, k: int, another: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "BLOCK", 40)
    method, photos = Writing(gallery), drawn(220, 4)
    searcher = Searcher(method, fill(gallery, method, photos), shortlist=20)
    if another:  # query of the same searcher, as a server's other thread asks it
        method.meanwhile.append(lambda: searcher.search("blue"))
    answer = searcher.answer(SENTENCE, k, exact=True)
    assert (answer.compared, answer.photos) == (220, 220)
    assert same(told(answer), brute(Unbounded(), SENTENCE, photos, rows(220), k))
    after = searcher.answer(SENTENCE, 20, exact=True)
    assert (after.photos, after.compared) == (270, 270)
    assert told(after) != told(answer)[:20]


def test_a_record_tells_what_was_compared() -> None:
    record = Answer("q", (), (), compared=200, photos=5000, exact=False).record()
    assert (record["compared"], record["photos"], record["exact"]) == (200, 5000, False)


class Held:
    """Memory of a block, of which LanceDB's columns are views."""

    def __init__(self, table: pa.Table) -> None:
        self.bytes = serialized(table)

    @staticmethod
    def view(table: pa.Table, alive: weakref.WeakSet[Held]) -> pa.Table:
        held = Held(table)
        alive.add(held)
        memory = pa.foreign_buffer(held.bytes.address, held.bytes.size, held)
        return pa.ipc.open_stream(memory).read_all()


def serialized(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_parts_are_let_go_of_block_by_block(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "BLOCK", 16)
    alive: weakref.WeakSet[Held] = weakref.WeakSet()
    most = []

    def take(self: Version, *asked: Any) -> pa.Table:
        gc.collect()
        most.append(len(alive))
        return Held.view(original(self, *asked), alive)

    original = Version.take
    monkeypatch.setattr(Version, "take", take)
    method = Unbounded()
    searcher = Searcher(method, fill(gallery, method, drawn(300, 1)), shortlist=8)
    assert searcher.answer(SENTENCE, exact=True).compared == 300
    assert len(most) > 15
    assert max(most) <= 1
