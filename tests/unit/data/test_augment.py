"""How photos are changed in training."""

from __future__ import annotations

import math
from dataclasses import fields
from statistics import NormalDist

import numpy as np
import pytest

from passerby.data.augment import MEAN_COLOUR, Augment
from passerby.errors import BadRecipe

OFF = {"flip": 0.0, "pad": 0.0, "erase": 0.0}
STRONG = {
    "flip": 0.5, "pad": 10.0, "erase": 0.5, "crop": 0.3, "widen": 0.3, "rotate": 8.0,
    "brightness": 0.3, "contrast": 0.3, "saturation": 0.4, "hue": 12.0, "gray": 0.1, "gamma": 0.3,
    "balance": 0.15,
    "blur": 1.2, "downsample": 2.0, "noise": 12.0,
}  # fmt: skip


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def photo(height: int = 64, width: int = 32) -> np.ndarray:
    return rng(9).integers(30, 220, (height, width, 3), np.uint8)


def test_with_everything_off_a_photo_stays_as_it_is() -> None:
    assert np.array_equal(Augment(**OFF)(photo(), rng()), photo())


@pytest.mark.parametrize("change", sorted(STRONG))
def test_each_change_alone_changes_photos_and_keeps_their_shape(change: str) -> None:
    augment = Augment(
        **{**OFF, change: 1.0 if change in ("flip", "gray", "erase") else STRONG[change]}
    )
    source = photo()
    changed = [augment(source, rng(seed)) for seed in range(5)]
    assert np.array_equal(source, photo()), "the input is not changed"
    assert all(each.shape == source.shape and each.dtype == np.uint8 for each in changed)
    assert any(not np.array_equal(each, source) for each in changed)


@pytest.mark.parametrize("size", [(128, 64), (384, 128), (8, 4)])
def test_the_same_random_numbers_give_the_same_bits_at_any_size(size: tuple[int, int]) -> None:
    augment, source = Augment(**STRONG), photo(*size)
    source.flags.writeable = False
    for seed in range(30):
        assert np.array_equal(augment(source, rng(seed)), augment(source, rng(seed)))


def test_every_setting_but_the_shape_of_erasing_is_tried_here() -> None:
    assert {entry.name for entry in fields(Augment)} - set(STRONG) == {
        "erase_smallest",
        "erase_largest",
        "erase_fill",
    }


def test_a_flip_mirrors() -> None:
    flipped = Augment(**{**OFF, "flip": 1.0})(photo(), rng())
    assert np.array_equal(flipped, photo()[:, ::-1])


def test_padding_is_told_at_384_by_128_and_shifts_no_further() -> None:
    augment = Augment(flip=0, erase=0, pad=10)
    source = np.full((192, 64, 3), 200, np.uint8)
    edges = []
    for seed in range(200):
        kept = augment(source, rng(seed))[..., 0] > 0
        edges.append((192 - kept.any(axis=1).sum(), 64 - kept.any(axis=0).sum()))
    assert max(down for down, _ in edges) == 5
    assert max(right for _, right in edges) == 5


def test_a_widened_photo_is_smaller_in_its_frame_by_the_share_at_most() -> None:
    augment, heights = Augment(**{**OFF, "widen": 0.25}), []
    source = np.zeros((128, 64, 3), np.uint8)
    source[1:-1, 1:-1] = 255  # the edge is repeated round it
    for seed in range(200):
        inside = augment(source, rng(seed))[..., 0] > 127
        heights.append(inside.any(axis=1).sum())
        assert inside[:, 32].sum() > 90
    assert min(heights) >= 126 / 1.25 - 1
    assert 60 < sum(height >= 125 for height in heights) < 140, "half of them stay"


def test_erasing_covers_the_stated_share_with_the_mean_colour() -> None:
    augment = Augment(flip=0, pad=0, erase=1, erase_smallest=0.1, erase_largest=0.3)
    shares = [
        (augment(np.zeros((128, 64, 3), np.uint8), rng(seed)) == MEAN_COLOUR).all(axis=2).mean()
        for seed in range(100)
    ]
    assert min(shares) > 0.08
    assert max(shares) < 0.32


def test_erasing_with_noise_covers_the_same_rectangle_with_clipped_normal_levels() -> None:
    source = np.full((384, 128, 3), 37, np.uint8)
    levels = []
    for seed in range(20):
        told = {"flip": 0, "pad": 0, "erase": 1, "erase_smallest": 0.1, "erase_largest": 0.3}
        plain = Augment(**told)(source, rng(seed))
        noisy = Augment(**told, erase_fill="noise")(source, rng(seed))
        covered = (plain == MEAN_COLOUR).all(axis=2)
        assert np.array_equal(noisy[~covered], plain[~covered])
        assert (noisy[covered] == 37).mean() < 0.01
        levels.append(noisy[covered])
    z = np.concatenate(levels).astype(float) / 127.5 - 1  # as a photo of mean and std 0.5
    normal = NormalDist()
    for low in (-1 + 1e-9, -0.5, 0, 0.5, 1 - 1e-9):
        assert (z < low).mean() == pytest.approx(normal.cdf(low), abs=0.01)
    assert abs(np.corrcoef(z.T)).sum() == pytest.approx(3, abs=0.05), "channels are independent"


def test_the_mean_colour_is_the_default_and_takes_no_random_numbers() -> None:
    taken, counted = rng(3), rng(3)
    found = Augment(**{**OFF, "erase": 1.0})(photo(), taken)
    counted.random()  # flip
    counted.integers((0, 0), (1, 1))  # shift
    counted.random(4)  # downsample, blur, noise, erase
    area, ratio = counted.uniform(0.02, 0.4) * 64 * 32, counted.uniform(-1, 1) * math.log(1 / 0.3)
    tall, wide = round(math.sqrt(area * math.exp(ratio))), round(math.sqrt(area / math.exp(ratio)))
    top, left = counted.integers(64 - tall + 1), counted.integers(32 - wide + 1)
    assert taken.bit_generator.state == counted.bit_generator.state
    expected = photo()
    expected[top : top + tall, left : left + wide] = MEAN_COLOUR
    assert np.array_equal(found, expected)


def test_an_unknown_fill_is_refused() -> None:
    with pytest.raises(BadRecipe, match='"mean" or "noise", not \'black\''):
        Augment(erase_fill="black")


def test_gray_leaves_no_colour_and_balance_no_brightness_change() -> None:
    gray = Augment(**{**OFF, "gray": 1.0})(photo(), rng()).astype(int)
    assert np.ptp(gray, axis=2).max() <= 1
    light = np.full((64, 32, 3), 100, np.uint8)
    tinted = Augment(**{**OFF, "balance": 0.2})(light, rng())
    assert np.ptp(tinted[0, 0]) > 0
    assert tinted.mean() == pytest.approx(100, abs=1)


def test_noise_has_about_the_stated_deviation() -> None:
    grey = np.full((128, 64, 3), 128, np.uint8)
    levels = [Augment(**{**OFF, "noise": 10.0})(grey, rng(s)).std() for s in range(200)]
    assert 9 < max(levels) < 10.5
    assert np.mean(levels) == pytest.approx(5, abs=1)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("flip", 1.5), ("erase", -0.1), ("noise", -1), ("rotate", float("nan")), ("crop", 2)],
)
def test_a_setting_out_of_range_is_refused(setting: str, value: float) -> None:
    with pytest.raises(BadRecipe, match=f"augment.{setting}"):
        Augment(**{setting: value})
