"""Re-rankings take any gallery, refuse bad settings and make a gallery's side once."""

import pytest
import torch

from passerby.errors import BadRecipe
from passerby.ranking import neighbours, rerank
from passerby.ranking.neighbours import places
from passerby.ranking.order import rank
from passerby.ranking.rerank import (
    KINDS,
    Reranker,
    average_expansion,
    k_reciprocal,
    visual_neighbours,
)

FUNCTIONS = [visual_neighbours, k_reciprocal, average_expansion]


def case(queries=3, photos=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(photos, 4, generator=generator)
    scores = torch.rand(queries, photos, generator=generator)
    ids = [f"p{place}" for place in range(photos)]
    return rank([f"q{row}" for row in range(queries)], ids, scores), vectors


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("queries", "photos"), [(1, 1), (1, 7), (3, 1), (0, 5), (2, 30)])
def test_any_number_of_queries_and_photos_is_re_ranked(function, queries, photos) -> None:
    ranking, vectors = case(queries, photos)
    found = function(ranking, vectors)
    assert (found.queries, found.photos) == (ranking.queries, ranking.photos)
    assert found.order.shape == (queries, photos)
    assert torch.equal(found.order.sort(1).values, torch.arange(photos).expand(queries, -1))
    assert found.scores.isfinite().all()
    assert bool((found.scores.diff(dim=1) <= 0).all())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_photos_without_a_direction_and_copies_are_taken(function) -> None:
    ranking, _ = case(photos=30)
    assert function(ranking, torch.zeros(30, 4)).scores.isfinite().all()
    assert function(ranking, torch.ones(30, 4)).scores.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_weight_changes_no_score_and_no_place(kind: str) -> None:
    ranking, vectors = case()
    again = Reranker(kind, 5, KINDS[kind].plain)
    found = again(ranking, vectors)
    assert again.plain
    assert torch.equal(found.scores, ranking.scores)
    assert torch.equal(found.order, ranking.order)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_photos_do_not_change_a_score(kind: str, monkeypatch) -> None:
    ranking, vectors = case(photos=40)
    found = Reranker(kind, 5, 0.5)(ranking, vectors)
    monkeypatch.setattr(neighbours, "ROWS", 7)
    monkeypatch.setattr("passerby.ranking.reciprocal.ROWS", 7)
    again = Reranker(kind, 5, 0.5)(ranking, vectors)
    torch.testing.assert_close(again.scores, found.scores, atol=1e-9, rtol=0)
    assert torch.equal(again.order, found.order)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_was_given_stays_as_it_is(function) -> None:
    ranking, vectors = case()
    before = ranking.order.clone(), ranking.scores.clone(), vectors.clone()
    function(ranking, vectors)
    after = ranking.order, ranking.scores, vectors
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cut_ranking_and_vectors_of_another_gallery_are_no_whole_gallery(function) -> None:
    ranking, vectors = case()
    ids, scores = ranking.photos, torch.rand(3, 20)
    with pytest.raises(ValueError, match="whole gallery"):
        function(rank(ranking.queries, ids, scores, k=5), vectors)
    with pytest.raises(ValueError, match="whole gallery"):
        function(ranking, vectors[:-1])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r, v: visual_neighbours(r, v, k=0), "take 1 photo or more"),
        (lambda r, v: visual_neighbours(r, v, weight=-0.1), "it is 0 or more"),
        (lambda r, v: average_expansion(r, v, k=-1), "take 1 photo or more"),
        (lambda r, v: average_expansion(r, v, weight=float("nan")), "it is 0 or more"),
        (lambda r, v: average_expansion(r, v, weight=float("inf")), "it is 0 or more"),
        (lambda r, v: k_reciprocal(r, v, k1=0), "take 1 photo or more"),
        (lambda r, v: k_reciprocal(r, v, k2=0), "take 1 photo or more"),
        (lambda r, v: k_reciprocal(r, v, weight=1.1), "from 0 to 1"),
        (lambda r, v: k_reciprocal(r, v, weight=-0.1), "from 0 to 1"),
        (lambda *_: Reranker("nieghbours", 5, 0.1), "did you mean 'neighbours'"),
        (lambda *_: Reranker("zzz", 5, 0.1), "there are neighbours, k-reciprocal, expansion"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(call, said: str) -> None:
    with pytest.raises(BadRecipe, match=said) as refused:
        call(*case())
    assert "\n" not in str(refused.value)


def test_a_gallery_is_made_once_for_all_its_blocks_and_anew_for_another(monkeypatch) -> None:
    made = []

    class Counted(KINDS["neighbours"]):
        def __init__(self, *words):
            made.append(words)
            super().__init__(*words)

    monkeypatch.setitem(rerank.KINDS, "neighbours", Counted)
    again = Reranker("neighbours", 5, 0.1)
    (ranking, vectors), (other, others) = case(), case(seed=1)
    for _ in range(3):
        again(ranking, vectors)
    assert len(made) == 1
    found = again(other, others)
    assert len(made) == 2
    torch.testing.assert_close(found.scores, visual_neighbours(other, others, 5, 0.1).scores)


def test_several_weights_are_as_each_alone() -> None:
    ranking, vectors = case()
    together = Reranker("k-reciprocal", 5, 1).weighed(ranking, vectors, [0.9, 0.2])
    for weight, found in zip([0.9, 0.2], together, strict=True):
        alone = k_reciprocal(ranking, vectors, 5, weight=weight)
        assert torch.equal(found.scores, alone.scores)


def test_a_re_ranking_tells_its_settings() -> None:
    assert Reranker("neighbours", 5, 0.1, tuned_on="val").card() == {
        "kind": "neighbours", "k": 5, "weight": 0.1, "tuned_on": "val",
    }  # fmt: skip
    assert Reranker("k-reciprocal", 20, 0.3).card()["k2"] == 6
    assert str(Reranker("expansion", 3, 0.5, tuned_on="val")) == (
        "expansion, k 3, weight 0.5, tuned on val"
    )
    assert "no change" in str(Reranker("k-reciprocal", 20, 1))


def test_of_equal_scores_the_first_columns_are_the_best() -> None:
    scores = torch.tensor([[0.5, 0.9, 0.5, 0.5], [0.1, 0.1, 0.1, 0.1], [1, 2, 3, torch.inf]])
    assert places(scores, 2).tolist() == [[0, 1], [0, 1], [2, 3]]
    assert places(scores, 9).tolist() == [[0, 1, 2, 3]] * 3
