"""Regions are what their docstrings say, in numbers."""

import pytest
import torch

from passerby.encoders.regions import PhotoRegions, Residual, bands
from passerby.errors import BadRecipe

DRAW = torch.Generator().manual_seed(0)


def test_a_residual_block_equals_3x3_convolutions_on_a_map_of_one_place() -> None:
    torch.manual_seed(0)
    block, rows = Residual(6), torch.randn(5, 6, generator=DRAW)
    for training in (True, False):
        block.train(training)
        found = block(rows)
        inner = rows[:, :, None, None]
        for linear, norm in ((block.first, block.first_norm), (block.second, block.second_norm)):
            kernel = torch.randn(6, 6, 3, 3, generator=DRAW)  # the outer taps see padding only
            kernel[:, :, 1, 1] = linear.weight.detach()
            plain = torch.nn.functional.conv2d(inner, kernel, padding=1)
            told = (norm.running_mean.clone(), norm.running_var.clone(), norm.weight, norm.bias)
            plain = torch.nn.functional.batch_norm(plain, *told, training=training)
            inner = torch.relu(plain + rows[:, :, None, None] * (linear is block.second))
        torch.testing.assert_close(found, inner[:, :, 0, 0], atol=1e-6, rtol=1e-5)


def test_bands_of_seven_rows_are_rows_0_1_1_3_3_5_and_5_6() -> None:
    features = torch.randn(2, 3, 7, 5, generator=DRAW)
    rows = features.mean(3)
    expected = [rows[:, :, a:b].mean(2) for a, b in ((0, 2), (1, 4), (3, 6), (5, 7))]
    torch.testing.assert_close(bands(features), torch.stack(expected, 1))


@pytest.mark.parametrize("height", [4, 6, 8, 12, 24])
def test_bands_of_other_heights_share_rows_and_see_places(height: int) -> None:
    fine = torch.randn(1, 2, height, 3, generator=DRAW)
    # Seven times as many rows: every border lies between two of them.
    exact = bands(fine.repeat_interleave(7, 2))
    torch.testing.assert_close(bands(fine), exact, atol=1e-6, rtol=1e-5)
    changed = fine.clone()
    changed[:, :, -1] += 1
    moved = (bands(changed) - bands(fine)).abs().amax((0, 2))
    assert moved[0] == 0
    assert moved[3] == pytest.approx(7 / 2 / height, abs=1e-6)


def test_too_few_rows_or_numbers_are_told_in_one_line() -> None:
    with pytest.raises(BadRecipe, match=r'3 rows, spatial regions need 4.*regions = "channel"'):
        bands(torch.zeros(1, 2, 3, 3))
    with pytest.raises(BadRecipe, match="6 chunks; these have 5"):
        PhotoRegions("channel", 8, 4, 5)
    with pytest.raises(BadRecipe, match="channel, spatial"):
        PhotoRegions("stripes", 8, 4, 12)


@pytest.mark.parametrize("dim", [12, 16, 64, 1024])
def test_slices_are_head_upper_lower_and_feet_with_one_chunk_twice(dim: int) -> None:
    parts = PhotoRegions("channel", 8, 4, dim)
    sizes = [linear.in_features for linear in parts.narrow]
    chunk = dim / 6
    for size, chunks in zip(sizes, (2, 2, 2, 1), strict=True):
        assert abs(size - chunks * chunk) <= 1
    assert parts.borders[0] == 0
    assert parts.borders[-1] == dim
    assert parts.borders == sorted(set(parts.borders))


@pytest.mark.parametrize("regions", ["channel", "spatial"])
def test_tokens_are_written_out_region_by_region(regions: str) -> None:
    torch.manual_seed(0)
    parts = PhotoRegions(regions, 8, 6, 12).eval()
    vector, features = torch.randn(3, 12, generator=DRAW), torch.randn(3, 8, 7, 7, generator=DRAW)
    windows = torch.randn(3, 4, 6, generator=DRAW)
    queries, values = parts(vector, features, windows)
    assert queries.shape == values.shape == (3, 7, 12)
    tokens = []
    if regions == "channel":
        mixed = parts.block(vector)
        pieces = [mixed[:, 0:4], mixed[:, 2:6], mixed[:, 6:10], mixed[:, 10:12]]
    else:
        pieces = [features[:, :, a:b].mean((2, 3)) for a, b in ((0, 2), (1, 4), (3, 6), (5, 7))]
    tokens += [torch.relu(parts.narrow[n](piece)) for n, piece in enumerate(pieces)]
    seen = [parts.window_block(windows[:, n]) for n in range(4)]
    tokens += [torch.cat(seen[:2], 1), torch.cat(seen[2:], 1)]  # 2 x 6 = 12: nothing to widen
    tokens = torch.stack([sum(tokens) / 6, *tokens], 1)
    torch.testing.assert_close(queries, parts.query(tokens), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(values, parts.value(tokens), atol=1e-5, rtol=1e-5)


def test_without_the_image_token_six_regions_are_left() -> None:
    torch.manual_seed(0)
    given = (torch.randn(2, 12), torch.randn(2, 8, 7, 7), torch.randn(2, 4, 5))
    parts = PhotoRegions("spatial", 8, 5, 12).eval()
    seven = parts(*given)[0]
    parts.whole = False
    torch.testing.assert_close(parts(*given)[0], seven[:, 1:])


def test_one_photo_can_be_trained_on() -> None:
    parts = PhotoRegions("channel", 8, 4, 12).train()
    queries, _ = parts(torch.randn(1, 12), torch.randn(1, 8, 7, 7), torch.randn(1, 4, 4))
    queries.square().sum().backward()
    assert torch.isfinite(parts.block.first.weight.grad).all()
