"""One order for search and evaluation: equal scores keep the gallery's order."""

import pytest
import torch

from passerby.ranking.order import RESOLUTION, rank, settle

PHOTOS = ["a", "b", "c", "d"]


def ranked(*scores: float, k: int | None = None) -> list[str]:
    ranking = rank(["q"], PHOTOS, torch.tensor([scores]), k)
    return [photo for photo, _ in ranking.top(0, len(PHOTOS))]


def test_the_best_photo_comes_first() -> None:
    assert ranked(0.1, 0.9, -0.5, 0.4) == ["b", "d", "a", "c"]


def test_equal_scores_keep_the_order_of_the_gallery() -> None:
    assert ranked(0.5, 0.7, 0.5, 0.7) == ["b", "d", "a", "c"]
    assert ranked(0, 0, 0, 0) == PHOTOS


def test_a_difference_of_rounding_is_a_tie_and_a_larger_one_is_not() -> None:
    assert ranked(0.3, 0.3 + RESOLUTION / 5, 0.1, 0.2) == ["a", "b", "d", "c"]
    assert ranked(0.3, 0.3 + RESOLUTION * 2, 0.1, 0.2) == ["b", "a", "d", "c"]


def test_many_ties_in_a_large_gallery_keep_its_order() -> None:
    scores = (torch.arange(5000) % 3).float()[None]
    order = rank(["q"], list(map(str, range(5000))), scores).order[0]
    expected = sorted(range(5000), key=lambda place: (-(place % 3), place))
    assert order.tolist() == expected


@pytest.mark.parametrize(("k", "shown"), [(1, 1), (3, 3), (4, 4), (99, 4), (None, 4)])
def test_k_cuts_the_ranking_and_never_lengthens_it(k: int | None, shown: int) -> None:
    ranking = rank(["q", "r"], PHOTOS, torch.rand(2, 4), k)
    assert ranking.order.shape == ranking.scores.shape == (2, shown)
    assert ranking.photos == tuple(PHOTOS)


def test_the_first_k_are_those_of_the_whole_ranking() -> None:
    scores = (torch.rand(20, 4, generator=torch.Generator().manual_seed(0)) * 4).round()
    whole = rank([str(n) for n in range(20)], PHOTOS, scores)
    cut = rank([str(n) for n in range(20)], PHOTOS, scores, 2)
    assert torch.equal(cut.order, whole.order[:, :2])


def test_each_query_is_ranked_as_if_alone() -> None:
    scores = torch.rand(7, 4, generator=torch.Generator().manual_seed(1))
    together = rank([str(n) for n in range(7)], PHOTOS, scores)
    for row in range(7):
        assert torch.equal(rank(["q"], PHOTOS, scores[row : row + 1]).order[0], together.order[row])


def test_scores_are_settled_to_a_millionth_whatever_their_type() -> None:
    exact = torch.tensor([0.1234564, -0.1234564, 1.0], dtype=torch.float64)
    expected = torch.tensor([0.123456, -0.123456, 1.0], dtype=torch.float64)
    torch.testing.assert_close(settle(exact), expected, atol=1e-12, rtol=0)
    assert settle(exact.float()).dtype == torch.float64
    assert torch.equal(settle(exact.float()), settle(exact))
    assert torch.equal(settle(settle(exact)), settle(exact))


def test_the_scores_that_were_given_stay_as_they_are() -> None:
    scores = torch.tensor([[0.1234567, 0.7]])
    before = scores.clone()
    rank(["q"], ["a", "b"], scores)
    assert torch.equal(scores, before)
