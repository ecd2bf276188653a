"""What holds of margin ranking whatever the scores: the invariants of the specification."""

import pytest
import torch
from torch import Tensor

from passerby.errors import BadRecipe
from passerby.losses.identity import identity, person_logits, posteriors
from passerby.losses.ranking import COMMONALITIES, cmr, distinctiveness, margins, ranking

PERSONS = torch.tensor([0, 1, 1, 2, 0, 3, 4, 4])
SIZE, PARTS = len(PERSONS), 3
EITHER = pytest.mark.parametrize("positives", ["pair", "all"])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(*shape: int, seed: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=seeded(seed))


def some_scores(seed: int) -> Tensor:
    return drawn(PARTS, SIZE, SIZE, seed=seed, low=0.3, high=0.7)


def some_distinct(seed: int) -> tuple[Tensor, Tensor]:
    texts, photos = drawn(2, PARTS, SIZE, seed=seed)
    return texts, photos


def slopes(scores: Tensor, persons: Tensor = PERSONS, distinct=None, **settings) -> Tensor:
    leaf = scores.clone().requires_grad_()
    cmr(leaf, persons, distinct, **settings).backward()
    return leaf.grad


@EITHER
@pytest.mark.parametrize("negatives", ["random", "hardest"])
def test_full_distinctiveness_or_a_floor_at_the_margin_is_plain_ranking(negatives, positives):
    ones = torch.ones(PARTS, SIZE)
    for seed in range(20):
        scores = some_scores(seed)

        def told(loss, *args, at=seed):
            return loss(*args, negatives=negatives, positives=positives, generator=seeded(at))

        plain = told(ranking, scores, PERSONS, 0.2)
        assert plain > 0
        for distinct, floor in (((ones, ones), 0.05), (None, 0.05), (some_distinct(seed), 0.2)):
            assert told(cmr, scores, PERSONS, distinct, 0.2, floor).equal(plain)
        assert told(cmr, scores, PERSONS, some_distinct(seed), 0.2, 0.05) < plain


def test_ranking_of_parts_is_the_sum_of_their_rankings() -> None:
    scores = some_scores(0)
    whole = ranking(scores, PERSONS, negatives="hardest")
    each = [ranking(part, PERSONS, negatives="hardest") for part in scores]
    assert float(whole) == pytest.approx(float(sum(each)), rel=1e-6)


@EITHER
def test_the_loss_never_rises_with_the_commonality_of_any_anchor(positives: str) -> None:
    rose = 0
    for seed in range(150):
        scores, u = some_scores(seed % 5), drawn(2, PARTS, SIZE, seed=seed)
        place = tuple(int(torch.randint(n, (), generator=seeded(seed))) for n in u.shape)
        higher = u.clone()
        higher[place] += (1 - u[place]) * 0.7
        less, more = (
            cmr(scores, PERSONS, tuple(each), positives=positives, generator=seeded(seed))
            for each in (u.double(), higher.double())
        )
        assert more >= less
        rose += bool(more > less)
    assert rose > 30


def test_no_gradient_reaches_distinctiveness_however_it_was_made() -> None:
    weights = torch.ones(PARTS, 1).requires_grad_()
    scores = some_scores(1).requires_grad_()
    own = weights * scores.diagonal(dim1=1, dim2=2)
    cmr(scores, PERSONS, (own, 1 - own), negatives="hardest").backward()
    assert weights.grad is None
    apart = (own.detach(), 1 - own.detach())
    assert scores.grad.equal(slopes(scores.detach(), distinct=apart, negatives="hardest"))
    assert not margins(own, 0.2, 0.05).requires_grad


@pytest.mark.parametrize("kind", COMMONALITIES)
def test_distinctiveness_is_detached_of_the_sides_and_from_0_to_1(kind: str) -> None:
    scores = some_scores(2).requires_grad_()
    logits = drawn(2, PARTS, SIZE, 5, seed=3, low=-9, high=9).requires_grad_()
    own = tuple(posteriors(side, PERSONS) for side in logits)
    found = distinctiveness(kind, scores, PERSONS, own)
    if kind == "none":
        assert found is None
        return
    for u in found:
        assert u.shape == (PARTS, SIZE)
        assert not u.requires_grad
        assert 0 <= u.min() < u.max() <= 1
    swapped = distinctiveness(kind, scores.mT, PERSONS, own[::-1])
    assert swapped[0].equal(found[1])
    assert swapped[1].equal(found[0])


@EITHER
def test_same_persons_add_nothing_but_as_positives(positives: str) -> None:
    same = PERSONS[:, None] == PERSONS
    for seed in range(30):
        found = slopes(some_scores(seed), positives=positives, generator=seeded(seed))
        assert found.any()
        alike = found[:, same & ~torch.eye(SIZE, dtype=torch.bool)]
        assert (alike <= 0).all()  # it is pulled closer
        assert bool(alike.any()) == (positives == "all")


def test_other_columns_of_a_person_change_nothing_where_pairs_are_the_positives() -> None:
    scores = some_scores(0)
    twin = (PERSONS[:, None] == PERSONS) & ~torch.eye(SIZE, dtype=torch.bool)
    other = torch.where(twin, drawn(SIZE, SIZE, seed=8), scores)
    assert not other.equal(scores)
    first, second = (ranking(each, PERSONS, generator=seeded(1)) for each in (scores, other))
    assert first.equal(second)


@EITHER
def test_the_order_of_a_batch_changes_nothing(positives: str) -> None:
    for seed in range(10):
        scores, distinct = some_scores(seed), some_distinct(seed)
        order = torch.randperm(SIZE, generator=seeded(seed))
        settings = {"negatives": "hardest", "positives": positives}
        plain = slopes(scores, PERSONS, distinct, **settings)
        moved = slopes(scores[:, order][:, :, order], PERSONS[order],
                       tuple(u[:, order] for u in distinct), **settings)  # fmt: skip
        torch.testing.assert_close(moved, plain[:, order][:, :, order])


def test_random_negatives_are_uniform_over_the_semi_hard_ones_and_no_others() -> None:
    # Of text 0: its photo, another of its person, three semi-hard, one harder, one too easy.
    row = torch.tensor([0.5, 0.45, 0.31, 0.49, 0.40, 0.50, 0.30 - 1e-3, 0.6])
    persons = torch.tensor([0, 0, 1, 2, 3, 4, 5, 6])
    draws, scores = 6000, -torch.eye(8)  # no other anchor has a semi-hard negative
    scores[0] = row
    counts = slopes(scores.expand(draws, 8, 8), persons, generator=seeded(0)).sum(0)[0]
    # As the photos' own negatives text 0 is harder than any pair of theirs.
    assert counts[[1, 5, 6, 7]].eq(0).all()
    assert counts[0] == -draws
    assert (counts[[2, 3, 4]] / draws).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_parts_anchors_and_sides_draw_negatives_of_their_own() -> None:
    scores = some_scores(0)[:1].expand(PARTS, SIZE, SIZE)
    first, second, third = slopes(scores, generator=seeded(0))
    assert not first.equal(second)
    assert not second.equal(third)


def test_draws_are_the_generators_and_made_on_the_cpu() -> None:
    scores = some_scores(4)
    told = slopes(scores, generator=seeded(5))
    assert told.equal(slopes(scores, generator=seeded(5)))
    assert not told.equal(slopes(scores, generator=seeded(6)))
    with torch.random.fork_rng([]):
        torch.manual_seed(5)
        with torch.device("meta"):  # whatever the default device is
            assert told.equal(slopes(scores))


@EITHER
@pytest.mark.parametrize("negatives", ["random", "hardest"])
@pytest.mark.parametrize("diagonal", [1.0, 0.5, 0.1])
def test_no_semi_hard_negative_is_zero_and_no_other_is_taken(diagonal, negatives, positives):
    """Others are too far off, exactly as near, or nearer: none is semi-hard."""
    scores = torch.full((PARTS, SIZE, SIZE), 0.5)
    scores[:, PERSONS[:, None] == PERSONS] = diagonal
    scores.requires_grad_()
    loss = cmr(scores, PERSONS, some_distinct(0), negatives=negatives, positives=positives)
    loss.backward()
    assert loss.eq(0)
    assert scores.grad.eq(0).all()


@EITHER
@pytest.mark.parametrize("kind", ["sim_entropy", "neighbour_count"])
@pytest.mark.parametrize("size", [1, 4])
def test_one_person_in_a_batch_is_zero(size: int, kind: str, positives: str) -> None:
    persons = torch.full((size,), 7)
    scores = drawn(PARTS, size, size, seed=0).requires_grad_()
    distinct = distinctiveness(kind, scores, persons)
    loss = cmr(scores, persons, distinct, positives=positives)
    loss.backward()
    assert loss.eq(0)
    assert scores.grad.eq(0).all()
    if size == 1 or kind == "neighbour_count":
        assert all(u.eq(1).all() for u in distinct)


def test_one_photo_a_person_has_its_pair_as_its_only_positive() -> None:
    for seed in range(10):
        scores, persons = some_scores(seed), torch.arange(SIZE)
        pair, every = (
            slopes(scores, persons, some_distinct(seed), negatives="hardest", positives=which)
            for which in ("pair", "all")
        )
        assert pair.any()
        assert pair.equal(every)


@EITHER
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_inside_autocast_is_worked_out_in_fp32(kind, positives) -> None:
    half = some_scores(6).to(kind)
    whole, found = half.float().requires_grad_(), half.requires_grad_()
    losses = []
    for scores, amp in ((whole, False), (found, True)):
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            for name in ("sim_entropy", "neighbour_count"):
                u = distinctiveness(name, scores, PERSONS)
                loss = cmr(scores, PERSONS, u, positives=positives, generator=seeded(0))
                losses.append(loss)
                loss.backward()
    assert {loss.dtype for loss in losses} == {torch.float32}
    assert losses[0].equal(losses[2])
    assert losses[1].equal(losses[3])
    assert losses[0] > 0
    assert found.grad.dtype == kind
    torch.testing.assert_close(found.grad.float(), whole.grad, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kind", ["sim_entropy", "neighbour_count"])
def test_distinctiveness_is_the_same_inside_bf16_autocast(kind: str) -> None:
    scores = 0.5 + 1e-3 * some_scores(7)  # bf16 tells none of them apart
    plain = distinctiveness(kind, scores, PERSONS, margin=1e-5, temperature=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        found = distinctiveness(kind, scores, PERSONS, margin=1e-5, temperature=1e-4)
    assert all(mine.equal(its) for mine, its in zip(found, plain, strict=True))
    assert plain[0].unique().numel() > 2


def test_margins_are_from_the_floor_to_the_margin() -> None:
    u = torch.tensor([0.0, 0.25, 0.5, 1.0, 1.0001])
    assert margins(u, 0.2, 0.05).tolist() == pytest.approx([0.05, 0.05, 0.1, 0.2, 0.2])
    assert margins(u.half(), 0.2, 0.05).dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"floor": 0.3}, "floor 0.3 is not from 0 to the margin, 0.2"),
        ({"floor": -0.1}, "floor -0.1"),
        ({"floor": float("nan")}, "floor nan"),
        ({"margin": 0.0, "floor": 0.0}, "margin 0.0 is no margin to win by"),
        ({"margin": float("inf")}, "margin inf"),
        ({"negatives": "semi"}, "negatives 'semi' is unknown; it is one of random, hardest"),
        ({"positives": "some"}, "positives 'some' is unknown; it is one of pair, all"),
    ],
)
def test_settings_out_of_range_are_refused(settings, line) -> None:
    with pytest.raises(BadRecipe, match=line):
        cmr(some_scores(0), PERSONS, None, **settings)


def test_estimators_that_cannot_be_asked_are_refused() -> None:
    scores = some_scores(0)
    with pytest.raises(BadRecipe, match=r"commonality 'u1' is unknown; it is one of id_posterior"):
        distinctiveness("u1", scores, PERSONS)
    with pytest.raises(BadRecipe, match=r"needs a classifier of parts.*or take"):
        distinctiveness("id_posterior", scores, PERSONS)
    with pytest.raises(BadRecipe, match="temperature 0 is not above 0"):
        distinctiveness("sim_entropy", scores, PERSONS, temperature=0)


def test_the_posterior_of_a_trained_classifier_tells_rare_styles_from_common_ones() -> None:
    """The specification's toy: 200 persons, parts of 3, 10, 40 and 150 styles."""
    draw, people = seeded(0), torch.arange(200)
    looks = torch.stack([
        torch.randn(count, 32, generator=draw)[torch.randint(count, (200,), generator=draw)]
        for count in (3, 10, 40, 150)
    ])  # fmt: skip
    weight = torch.zeros(4, 200, 32, requires_grad=True)
    optimiser = torch.optim.Adam([weight], 0.05)
    for _ in range(60):
        vectors = looks + 0.2 * torch.randn(looks.shape, generator=draw)
        optimiser.zero_grad()
        identity(vectors, weight, people).backward()
        optimiser.step()
    vectors = looks + 0.2 * torch.randn(looks.shape, generator=draw)
    found = posteriors(person_logits(vectors, weight), people).mean(1).tolist()
    assert found == sorted(found)
    assert found[0] < 0.05
    assert found[3] > 0.3
