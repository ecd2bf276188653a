"""The staircase shuffles stripes, puts them back, and gives the whole photo beside them."""

from itertools import pairwise

import pytest
import torch

from passerby.encoders.spec import EncoderSpec
from passerby.encoders.staircase import borders, row_shares, shuffled_rows, staircase
from passerby.errors import BadRecipe

OPTIONS = {
    "embedding_size": 4, "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1],
    "layer_type": "basic",
}  # fmt: skip
SPEC = EncoderSpec("resnet", options=OPTIONS)


def made(stripes=(3, 2), size=(96, 32), shuffle="batch"):
    torch.manual_seed(0)
    return staircase(SPEC, size, stripes, shuffle)


def photos(height=96, count=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, height, 32, generator=generator)


def literal_stripes(branch, features, order):
    """As 2.2 of the specification says it: cut, order, run, cut, put back, mean."""
    count, rows = len(order), features.shape[2] // len(order)
    stripes = [features[:, :, i * rows : (i + 1) * rows] for i in range(count)]
    seen = branch(torch.cat([stripes[i] for i in order], 2))
    out = seen.shape[2] // count
    back = [None] * count
    for place, stripe in enumerate(order):
        back[stripe] = seen[:, :, place * out : (place + 1) * out].mean((2, 3))
    return torch.stack(back, 1)


def maps(net, images):
    second = net.trunk(net.embedder(images))
    return second, net.third(second)


def test_the_last_stage_keeps_its_size_and_the_whole_photo_is_its_mean() -> None:
    net, images = made().eval(), photos()
    second, third = maps(net, images)
    assert second.shape[2:] == (12, 4)
    assert third.shape[2:] == net.fourth(third).shape[2:] == (6, 2)
    torch.testing.assert_close(net(images).pooled, net.fourth(third).mean((2, 3)))


def test_at_test_stripes_stand_in_order_each_branch_top_to_bottom() -> None:
    net, images = made().eval(), photos()
    second, third = maps(net, images)
    expected = torch.cat(
        [
            literal_stripes(net.branch2, second, [0, 1, 2]),
            literal_stripes(net.branch3, third, [0, 1]),
        ],
        1,
    )
    torch.testing.assert_close(net(images).stripes, expected, atol=1e-6, rtol=1e-5)
    assert torch.equal(net(images).stripes, net(images).stripes)


def test_in_training_the_drawn_orders_are_run_and_undone() -> None:
    net, images = made().train(), photos()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()  # statistics of a batch would differ between the two calls below
    drawn = torch.Generator().manual_seed(5)
    orders = [torch.randperm(n, generator=drawn).tolist() for n in (3, 2)]
    assert orders[0] != [0, 1, 2]
    second, third = maps(net, images)
    expected = torch.cat(
        [
            literal_stripes(net.branch2, second, orders[0]),
            literal_stripes(net.branch3, third, orders[1]),
        ],
        1,
    )
    found = net(images, torch.Generator().manual_seed(5)).stripes
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_orders_of_each_sample_are_the_sample_s_own() -> None:
    net, images = made(shuffle="sample").train(), photos()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    drawn = torch.Generator().manual_seed(7)
    orders = [torch.randperm(3, generator=drawn).tolist() for _ in images]
    assert len({tuple(order) for order in orders}) > 1
    second, _ = maps(net, images)
    found = net(images, torch.Generator().manual_seed(7)).stripes[:, :3]
    for row, order in enumerate(orders):
        expected = literal_stripes(net.branch2, second[row : row + 1], order)
        torch.testing.assert_close(found[row : row + 1], expected, atol=1e-5, rtol=1e-4)


def test_without_a_generator_torch_s_seed_repeats_the_orders() -> None:
    net, images = made().train(), photos()
    torch.manual_seed(3)
    first = net(images).stripes
    torch.manual_seed(3)
    torch.testing.assert_close(net(images).stripes, first)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(("height", "rows"), [(12, 6), (7, 4), (13, 7), (5, 5)])
def test_every_row_belongs_to_stripes_in_shares_that_make_up_the_whole(
    count: int, height: int, rows: int
) -> None:
    if count > rows:
        pytest.skip("more stripes than rows")
    order = torch.stack([torch.randperm(count) for _ in range(4)])
    shares = row_shares(order, height, rows)
    torch.testing.assert_close(shares.sum(2), torch.ones(4, count))
    edges = borders(count, height)
    sizes = torch.tensor([b - a for a, b in pairwise(edges)])
    torch.testing.assert_close(
        (shares * sizes[None, :, None]).sum(1), torch.full((4, rows), height / rows)
    )
    assert torch.equal(
        shuffled_rows(order, height).sort(1).values, torch.arange(height).expand(4, -1)
    )


def test_heights_that_do_not_divide_give_finite_stripes_that_follow_their_rows() -> None:
    net = made((3, 2), (88, 32)).eval()
    images = photos(88)
    plain = net(images).stripes
    assert plain.shape == (3, 5, 16)
    changed = images.clone()
    changed[:, :, :8] = 0  # the top of the photo is far from the lowest stripe
    moved = (net(changed).stripes - plain).abs().amax((0, 2))
    assert moved[0] > 10 * moved[2]


def test_a_branch_of_no_stripes_is_left_out() -> None:
    net = made((0, 2))
    assert net.branch2 is None
    assert net(photos()).stripes.shape == (3, 2, 16)
    assert made((0, 0))(photos()).stripes.shape == (3, 0, 16)


@pytest.mark.parametrize("stripes", [(7, 2), (3, 9), (-1, 2)])
def test_more_stripes_than_rows_are_refused_with_the_number_that_fits(stripes) -> None:
    with pytest.raises(BadRecipe, match="at most 6 stripes"):
        made(stripes)


def test_other_networks_and_orders_are_refused() -> None:
    with pytest.raises(BadRecipe, match="resnet"):
        staircase(EncoderSpec("vit"), (96, 32), (3, 2))
    with pytest.raises(BadRecipe, match="batch, sample, none"):
        made(shuffle="bath")
    two = EncoderSpec("resnet", options={"hidden_sizes": [8, 16], "depths": [1, 1]})
    with pytest.raises(BadRecipe, match="3 or more stages"):
        staircase(two, (96, 32), (3, 2))
