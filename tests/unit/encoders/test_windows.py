"""Windows of a photo's last map but one, against a literal reading of the specification."""

import threading
from copy import deepcopy

import pytest
import torch
from torch import nn

from passerby.encoders.photos import photo_encoder
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.windows import WINDOWS, Windows
from passerby.errors import BadRecipe

# A photo of 48 x 48 has a map of 6 x 6 before the last stage: 2 x 2 windows, as 14 x 14 for 224.
SWIN = {
    "patch_size": 2, "window_size": 3, "embed_dim": 4, "depths": [1, 1, 2, 1],
    "num_heads": [1, 2, 2, 4], "drop_path_rate": 0.0,
}  # fmt: skip
RESNET = {"embedding_size": 4, "hidden_sizes": [8, 8, 16], "depths": [1, 1, 1],
          "layer_type": "basic"}  # fmt: skip
VIT = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
       "intermediate_size": 8, "patch_size": 16}  # fmt: skip


def made(size=(48, 48), kind="shifted", encoder="swin", **options):
    torch.manual_seed(0)
    told = {**{"swin": SWIN, "resnet": RESNET, "vit": VIT, "clip-vision": VIT}[encoder], **options}
    photo = photo_encoder(EncoderSpec(encoder, "", told), size)
    with torch.no_grad():
        for weight in photo.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.2)
    windows = Windows(photo, size, kind)
    nn.init.normal_(windows.norm.weight)
    nn.init.normal_(windows.norm.bias)
    return photo.eval(), windows.eval()


def photos(size=(48, 48), count=2):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


def around(module: nn.Module, run):
    """The input and the output of `module` while `run` runs."""
    seen = {}
    handle = module.register_forward_hook(
        lambda _module, given, out: seen.update(given=given[0], out=out)
    )
    run()
    handle.remove()
    return seen["given"], seen["out"]


def block_of(encoder):
    return encoder.model.encoder.layers[2].blocks[1]


def literal_windows(block, norm, tokens, side=6, window=3):
    """(side ** 2, C), the block's input of one photo -> four vectors, place by place."""
    shift, found = window // 2, []
    normed = block.layernorm_before(tokens).reshape(side, side, -1)
    for top in range(0, side, window):
        for left in range(0, side, window):
            grid = [
                (top + r + shift, left + c + shift) for r in range(window) for c in range(window)
            ]
            own = torch.stack([normed[row % side, column % side] for row, column in grid])
            # What rolling brought here from the other end sees only what came along with it.
            ends = [(row >= side, column >= side) for row, column in grid]
            branch = literal_attention(block.attention, own, ends, window)
            branch = branch + block.mlp(block.layernorm_after(branch))
            found.append(norm(branch).mean(0))
    return torch.stack(found)


def literal_attention(attention, own, ends, window: int):
    """(window ** 2, C) of one window -> the same, with the projection of its output."""
    table = attention.relative_position_bias.relative_position_bias_table.tolist()
    places, span, seen = range(window**2), 2 * window - 1, []
    wide = own.shape[1] // attention.num_attention_heads
    for head in range(attention.num_attention_heads):
        cut = slice(head * wide, (head + 1) * wide)
        query, key, value = (
            layer(own)[:, cut] for layer in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        biases = [[0.0] * window**2 for _ in places]
        for i in places:
            for j in places:
                down, right = i // window - j // window, i % window - j % window
                biases[i][j] = table[(down + window - 1) * span + right + window - 1][head]
                biases[i][j] -= 100 if ends[i] != ends[j] else 0
        scores = query @ key.T / wide**0.5 + torch.tensor(biases)
        seen.append(scores.softmax(1) @ value)
    return attention.o_proj(torch.cat(seen, 1))


def test_shifted_windows_are_what_a_literal_reading_gives() -> None:
    encoder, windows = made()
    block = block_of(encoder)
    assert block.shift_size == 1
    with torch.no_grad():
        features, found = windows(encoder, photos())
        tokens, _ = around(block, lambda: encoder(photos()))
        expected = torch.stack([literal_windows(block, windows.norm, one) for one in tokens])
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
        assert torch.equal(features.pooled, encoder(photos()).pooled)
    assert found.shape == (2, 4, windows.width) == (2, 4, 16)


def test_a_shifted_window_is_not_a_quadrant() -> None:
    """Of 6 rows the windows see 1 to 3, and 4, 5 with 0: the first place is bottom right's."""
    encoder, windows = made()

    def lit(_module, given):
        return (given[0].index_fill(1, torch.tensor([0]), 3.0), *given[1:])

    plain = windows(encoder, photos())[1]
    handle = block_of(encoder).register_forward_pre_hook(lit)
    changed = windows(encoder, photos())[1]
    handle.remove()
    moved = (changed - plain).abs().amax((0, 2)) > 1e-5
    assert moved.tolist() == [False, False, False, True]


@pytest.mark.parametrize("encoder", ["swin", "resnet"])
def test_merged_windows_are_quadrants_of_the_last_map_but_one(encoder: str) -> None:
    photo, windows = made((64, 64), "merged", encoder)
    with torch.no_grad():
        features, found = windows(photo, photos((64, 64)))
        if encoder == "swin":
            out = around(block_of(photo), lambda: photo(photos((64, 64))))[1][0]
            grid = out.reshape(2, 8, 8, 16)
        else:
            stage = photo.model.encoder.stages[1]
            grid = around(stage, lambda: photo(photos((64, 64))))[1].permute(0, 2, 3, 1)
        normed, side = windows.norm(grid), grid.shape[1] // 2
        expected = [
            normed[:, rows, columns].mean((1, 2))
            for rows in (slice(0, side), slice(side, None))
            for columns in (slice(0, side), slice(side, None))
        ]
        torch.testing.assert_close(features.map, photo(photos((64, 64))).map)
    torch.testing.assert_close(found, torch.stack(expected, 1))


def test_a_middle_row_belongs_to_both_sides() -> None:
    photo, windows = made((40, 64), "merged")  # a map of 5 x 8
    with torch.no_grad():
        found = windows(photo, photos((40, 64)))[1]
        out = around(block_of(photo), lambda: photo(photos((40, 64))))[1][0]
        normed = windows.norm(out).reshape(2, 5, 8, 16)
    torch.testing.assert_close(found[:, 0], normed[:, :3, :4].mean((1, 2)))
    torch.testing.assert_close(found[:, 3], normed[:, 2:, 4:].mean((1, 2)))


def test_more_windows_than_four_are_averaged_to_two_by_two() -> None:
    """A map of 12 x 6 has 4 x 2 windows; the shares are of windows, in the order of the grid."""
    size = (96, 48)
    encoder, windows = made(size)
    block = block_of(encoder)
    with torch.no_grad():
        found = windows(encoder, photos(size))[1]
        branch = around(block.attention, lambda: encoder(photos(size)))[1][0]
        branch = branch + block.mlp(block.layernorm_after(branch))
        each = windows.norm(branch).mean(1).reshape(2, 4, 2, 16)
    expected = torch.stack([each[:, :2].mean(1), each[:, 2:].mean(1)], 1).flatten(1, 2)
    torch.testing.assert_close(found, expected)


def test_padding_does_not_count_in_a_window_s_mean() -> None:
    """A map of 5 x 4, padded to 6 x 6 and shifted by 1: the window (0, 1) sees columns 4, 5 and 0,
    of which 4 and 5 are padding; (1, .) sees rows 4, 5 and 0, of which 5 is.
    """
    size = (40, 32)
    encoder, windows = made(size)
    block = block_of(encoder)
    with torch.no_grad():
        found = windows(encoder, photos(size))[1]
        branch = around(block.attention, lambda: encoder(photos(size)))[1][0]
        branch = branch + block.mlp(block.layernorm_after(branch))
        each = windows.norm(branch).reshape(2, 2, 2, 3, 3, 16)
    torch.testing.assert_close(found[:, 0], each[:, 0, 0].mean((1, 2)))
    torch.testing.assert_close(found[:, 1], each[:, 0, 1, :, [2]].mean((1, 2)))
    torch.testing.assert_close(found[:, 2], each[:, 1, 0, [0, 2]].mean((1, 2)))
    torch.testing.assert_close(found[:, 3], each[:, 1, 1, [0, 2]][:, :, 2].mean(1))


@pytest.mark.parametrize(
    ("kind", "encoder"), [("shifted", "swin"), ("merged", "swin"), ("merged", "resnet")]
)
def test_a_batch_of_one_is_a_row_of_a_batch(kind: str, encoder: str) -> None:
    photo, windows = made((96, 64), kind, encoder)
    with torch.no_grad():
        whole = windows(photo, photos((96, 64), 3))[1]
        alone = windows(photo, photos((96, 64), 3)[1:2])[1]
    torch.testing.assert_close(alone, whole[1:2], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "encoder"), [("shifted", "swin"), ("merged", "swin"), ("merged", "resnet")]
)
def test_gradients_reach_the_stage_before_and_the_norm_and_not_what_follows(kind, encoder) -> None:
    photo, windows = made((64, 64), kind, encoder)
    windows(photo.train(), photos((64, 64)))[1].square().sum().backward()
    for weight in windows.parameters():
        assert weight.grad is not None
        assert weight.grad.abs().sum() > 0
    last = "model.encoder.layers.3" if encoder == "swin" else "model.encoder.stages.2"
    near = "model.encoder.layers.2.blocks.1" if encoder == "swin" else "model.encoder.stages.1"
    for name, weight in photo.named_parameters():
        if name.startswith(near):
            assert weight.grad is not None, name
        if name.startswith(last):
            assert weight.grad is None, name


def test_the_encoder_is_not_owned() -> None:
    assert set(made()[1].state_dict()) == {"norm.weight", "norm.bias"}


def test_paths_drop_window_by_window_and_once() -> None:
    """One photo, many times over: a window alone is whole, without attention, without MLP, or
    without either, and what is left counts 1 / (1 - rate) times.
    """
    encoder, windows = made()
    block = block_of(encoder)
    output = around(block.attention, lambda: encoder(photos(count=1)))[1][0].detach()
    dropping = made(drop_path_rate=0.8)[0]  # linear from 0: the last block but one has 0.6
    dropping.load_state_dict(encoder.state_dict())
    other = block_of(dropping)
    assert other.drop_path.drop_prob == pytest.approx(0.6)
    kept = 1 / (1 - other.drop_path.drop_prob)
    other.train()
    expected = []
    for attended in (0.0, kept):
        for mixed in (0.0, kept):
            u = output * attended
            expected.append(windows.norm(u + mixed * block.mlp(block.layernorm_after(u))).mean(1))
    with torch.no_grad():
        found = windows._shifted(other, output.repeat(50, 1, 1), 6, 6)
    gaps = (found[:, None] - torch.stack(expected)).abs().amax(-1)  # (50, kinds, windows)
    nearest, kinds = gaps.min(1)
    assert nearest.max() < 1e-4
    assert set(kinds.flatten().tolist()) == {0, 1, 2, 3}
    assert (kinds != kinds[:, :1]).any()  # windows of one photo drop apart


@pytest.mark.parametrize("kind", WINDOWS)
def test_a_training_step_with_dropping_paths_is_finite(kind: str) -> None:
    encoder, windows = made((96, 48), kind, drop_path_rate=0.5)
    features, found = windows(encoder.train(), photos((96, 48)))
    (found.sum() + features.pooled.sum()).backward()
    assert torch.isfinite(found).all()
    assert all(w.grad is None or torch.isfinite(w.grad).all() for w in encoder.parameters())


@pytest.mark.parametrize("kind", WINDOWS)
def test_nothing_stays_on_the_encoder_even_when_it_fails(kind: str) -> None:
    encoder, windows = made(kind=kind)
    before = hooks(encoder)
    expected = windows(encoder, photos())[1]
    assert hooks(encoder) == before
    with pytest.raises(Exception, match="channels"):
        windows(encoder, torch.randn(1, 5, 48, 48))
    assert hooks(encoder) == before
    copies = deepcopy((encoder, windows))
    torch.testing.assert_close(copies[1](copies[0], photos())[1], expected)


@pytest.mark.parametrize("kind", WINDOWS)
def test_threads_that_share_an_encoder_get_their_own_windows(kind: str) -> None:
    """A second thread reads its photos from start to end while the first is inside the encoder."""
    encoder, windows = made(kind=kind)
    mine, others = photos(count=3).split([1, 2])
    with torch.no_grad():
        expected = [windows(encoder, batch)[1] for batch in (mine, others)]
    found = []

    def look(batch) -> None:
        with torch.no_grad():
            found.append(windows(encoder, batch)[1])

    def interrupt(_module, _given) -> None:
        handle.remove()
        thread = threading.Thread(target=look, args=(others,))
        thread.start()
        thread.join()

    handle = encoder.register_forward_pre_hook(interrupt)
    look(mine)
    torch.testing.assert_close(found, expected[::-1])


@pytest.mark.parametrize(
    ("size", "kind", "encoder", "options", "said"),
    [
        ((48, 48), "mergd", "swin", {}, "windows = 'mergd'; it is one of shifted, merged"),
        ((64, 64), "merged", "vit", {}, "a 'vit' has one map; .* \"swin\" or \"resnet\""),
        ((64, 64), "shifted", "clip-vision", {}, "a 'clip-vision' has one map"),
        ((64, 64), "shifted", "resnet", {}, 'choose windows = "merged" or kind = "swin"'),
        ((48, 48), "shifted", "swin", {"depths": [1], "num_heads": [1]}, "give two or more"),
        ((24, 48), "shifted", "swin", {},
         'photos of 24x48 give a map of 3x6 and windows of 3x3, .* or windows = "merged"'),
        ((64, 8), "merged", "swin", {}, "photos of 64x8 give a map of 8x1, too small for four"),
        ((8, 64), "merged", "resnet", {}, "photos of 8x64 give a map of 1x8, too small"),
    ],
)  # fmt: skip
def test_an_encoder_or_a_photo_without_windows_is_refused(
    size, kind, encoder, options, said
) -> None:
    with pytest.raises(BadRecipe, match=said) as met:
        made(size, kind, encoder, **options)
    assert "\n" not in str(met.value)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("size", [(96, 64), (70, 50), (33, 47)])
def test_the_map_that_is_checked_is_the_map_that_comes(size, first: bool) -> None:
    for encoder, options in (("swin", {}), ("resnet", {"downsample_in_first_stage": first})):
        photo, windows = made(size, "merged", encoder, **options)
        given = around(windows.norm, lambda: windows(photo, photos(size)))[0]  # noqa: B023 - at once
        assert given.shape[1:3] == photo.maps(size)[-2]
        assert photo(photos(size)).map.shape[2:] == photo.maps(size)[-1]
