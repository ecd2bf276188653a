"""Swin reads photos of any shape, with the numbers of transformers where that reads them too."""

import json
from copy import deepcopy

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import SwinConfig, SwinForImageClassification, SwinModel

from passerby.encoders.photos import Swin, photo_encoder
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe

OPTIONS = {
    "patch_size": 2, "window_size": 3, "embed_dim": 8, "depths": [2, 2, 2, 2],
    "num_heads": [1, 2, 2, 4], "image_size": 48,
}  # fmt: skip
TOO_SMALL = [(32, 8), (14, 6), (2, 2), (47, 3)]  # photos with a map that a window does not fit in


def swin(size, **options) -> Swin:
    torch.manual_seed(0)
    encoder = photo_encoder(EncoderSpec("swin", "", {**OPTIONS, **options}), size).eval()
    spread(encoder)
    return encoder


def spread(module: nn.Module) -> None:
    """Weights as far from their start as training would take them: no zero, nothing linear."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.3)


def photos(size, count=2):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


def plain(encoder: Swin) -> SwinModel:
    model = SwinModel(SwinConfig(**OPTIONS), add_pooling_layer=False).eval()
    model.load_state_dict(encoder.model.state_dict())
    return model


# (48, 48): 24, 12, 6 and 3 rows, as 224 has 56, 28, 14 and 7; (53, 74) divides by nothing.
@pytest.mark.parametrize("size", [(48, 48), (96, 48), (128, 64), (53, 74)])
def test_photos_with_room_for_a_window_read_as_in_transformers(size) -> None:
    encoder, images = swin(size), photos(size)
    with torch.no_grad():
        features, expected = encoder(images), plain(encoder)(images).last_hidden_state
    found = features.map.flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(features.pooled, expected.mean(1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", TOO_SMALL)
def test_a_map_smaller_than_a_window_is_read_whole_and_nothing_changes(size) -> None:
    encoder, images = swin(size), photos(size)
    windows = {block.window_size for block in blocks(encoder)}
    first, again = encoder(images), encoder(images)
    assert first.map.shape == (2, encoder.width, *encoder.maps(size)[-1])
    assert torch.isfinite(first.map).all()
    assert torch.equal(first.map, again.map)
    assert {block.window_size for block in blocks(encoder)} == windows == {3}
    first.pooled.square().sum().backward()
    assert all(weight.grad is not None for weight in encoder.parameters())


def blocks(encoder: Swin) -> list:
    return [block for stage in encoder.model.encoder.layers for block in stage.blocks]


def test_a_small_map_is_padded_up_to_the_window_and_not_shifted() -> None:
    """A map of 4 x 2 and a window of 3: two windows down, one across, by hand."""
    size = (8, 4)
    encoder = swin(size, depths=[2], num_heads=[2])
    model, images = encoder.model, photos(size)
    with torch.no_grad():
        tokens = model.embeddings(images)[0]
        for block in blocks(encoder):
            whole = nn.functional.pad(
                block.layernorm_before(tokens).reshape(2, 4, 2, 8), (0, 0, 0, 1, 0, 2)
            )
            top, bottom = whole[:, :3].reshape(2, 9, 8), whole[:, 3:].reshape(2, 9, 8)
            seen = [block.attention(part)[0].reshape(2, 3, 3, 8) for part in (top, bottom)]
            tokens = tokens + torch.cat(seen, 1)[:, :4, :2].reshape(2, 8, 8)
            tokens = tokens + block.mlp(block.layernorm_after(tokens))
        expected = model.layernorm(tokens)
        found = encoder(images).map.flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size", [(384, 128), (128, 64)])
def test_windows_of_seven_take_the_usual_photos_of_persons(size) -> None:
    options = {"patch_size": 4, "window_size": 7, "num_heads": [1, 1, 1, 1]}
    encoder = swin(size, **options)
    rows, columns = encoder.maps(size)[-1]
    assert (rows, columns) == (size[0] // 32, size[1] // 32)
    assert encoder(photos(size)).map.shape == (2, 64, rows, columns)
    shifts = [
        [block.shift_size for block in stage.blocks] for stage in encoder.model.encoder.layers
    ]
    small = {(384, 128): [3], (128, 64): [2, 3]}[size]  # 12x4; 8x4 and 4x2
    assert [n for n, shift in enumerate(shifts) if shift == [0, 0]] == small
    assert all(shift == [0, 3] for n, shift in enumerate(shifts) if n not in small)


@pytest.mark.parametrize("size", [(96, 48), (32, 8)])
def test_copies_and_saved_weights_give_the_same_numbers(size, tmp_path) -> None:
    encoder, images = swin(size, drop_path_rate=0.2), photos(size)
    expected = encoder(images).pooled
    assert torch.equal(deepcopy(encoder)(images).pooled, expected)
    spec = EncoderSpec("swin", "", json.loads(json.dumps(dict(encoder.spec.options))))
    again = photo_encoder(spec, size).eval()
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(images).pooled, expected)
    encoder.model.save_pretrained(tmp_path)
    saved = photo_encoder(EncoderSpec("swin", str(tmp_path)), size).eval()
    assert torch.equal(saved(images).pooled, expected)


def test_names_of_weights_are_those_of_transformers() -> None:
    made = SwinModel(SwinConfig(**OPTIONS), add_pooling_layer=False)
    assert set(swin((96, 48), drop_path_rate=0.2).model.state_dict()) == set(made.state_dict())


# Tiny, small and base differ in width and depth; 20 channels and three stages are none of them.
@pytest.mark.parametrize(
    ("width", "depths", "heads"),
    [(12, [2, 2, 6, 2], [3, 6, 12, 24]), (16, [2, 2, 18, 2], [4, 8, 16, 32]),
     (20, [1, 3, 2], [5, 2, 4])],
)  # fmt: skip
def test_a_folder_of_any_width_and_depth_is_read(width, depths, heads, tmp_path) -> None:
    """With the classifier that released checkpoints carry."""
    told = {**OPTIONS, "embed_dim": width, "depths": depths, "num_heads": heads}
    source = SwinForImageClassification(SwinConfig(**told)).eval()
    spread(source)
    source.save_pretrained(tmp_path)
    encoder = photo_encoder(EncoderSpec("swin", str(tmp_path)), (96, 48)).eval()
    assert encoder.width == width * 2 ** (len(depths) - 1)
    with torch.no_grad():
        expected = source.swin(photos((96, 48))).last_hidden_state.mean(1)
        torch.testing.assert_close(encoder(photos((96, 48))).pooled, expected)
    small = photo_encoder(EncoderSpec("swin", str(tmp_path)), (20, 10))
    assert small(photos((20, 10))).pooled.shape == (2, encoder.width)


@pytest.mark.parametrize(
    "told",
    [{"embed_dim": "wide"}, {"embed_dim": None}, {"embed_dim": 0}, {"num_heads": [1]},
     {"embed_dim": 40}],
    ids=str,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_a_folder_whose_widths_make_no_model_is_told_in_a_line(told, tmp_path) -> None:
    SwinModel(SwinConfig(**OPTIONS), add_pooling_layer=False).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | told), "utf-8")
    with pytest.raises((BadModel, BadRecipe), match=r"correct|leave out|take another") as met:
        photo_encoder(EncoderSpec("swin", str(tmp_path)), (48, 48))
    assert "\n" not in str(met.value)


def test_a_folder_of_another_kind_is_no_swin(tmp_path) -> None:
    options = {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1]}
    photo_encoder(EncoderSpec("resnet", "", options), (32, 32)).model.save_pretrained(tmp_path)
    with pytest.raises(BadModel, match="'resnet' model, not 'swin'"):
        photo_encoder(EncoderSpec("swin", str(tmp_path)), (32, 32))


def test_absolute_positions_are_kept_for_their_grid_and_resized_for_another(tmp_path) -> None:
    source = SwinModel(SwinConfig(**OPTIONS, use_absolute_embeddings=True)).eval()
    spread(source)
    source.save_pretrained(tmp_path)
    spec = EncoderSpec("swin", str(tmp_path))
    same, images = photo_encoder(spec, (48, 48)).eval(), photos((48, 48))
    expected = source(images).last_hidden_state.mean(1)
    torch.testing.assert_close(same(images).pooled, expected)
    size = (63, 32)  # 32 x 16 patches: the last row is half padding
    other = photo_encoder(spec, size).eval()
    grid = source.embeddings.position_embeddings.unflatten(1, (24, 24)).permute(0, 3, 1, 2)
    resized = nn.functional.interpolate(grid, (32, 16), mode="bicubic").flatten(2).transpose(1, 2)
    torch.testing.assert_close(other.model.embeddings.position_embeddings, resized)
    options = json.loads(json.dumps(dict(other.spec.options)))
    again = photo_encoder(EncoderSpec("swin", "", options), size).eval()
    again.load_state_dict(other.state_dict())
    assert torch.equal(again(photos(size)).pooled, other(photos(size)).pooled)


def test_a_model_folder_of_ours_gives_its_positions_to_another_size(tmp_path) -> None:
    donor = swin((63, 32), use_absolute_embeddings=True)
    config = {"image_encoder": {"kind": "swin", "options": dict(donor.spec.options)}}
    told = {"method": "twotower", "config": config}
    (tmp_path / "config.json").write_text(json.dumps(told))
    weights = {f"image_encoder.{name}": t for name, t in donor.state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors")
    spec = EncoderSpec("swin", str(tmp_path))
    same = photo_encoder(spec, (63, 32)).eval()
    assert torch.equal(same(photos((63, 32))).pooled, donor(photos((63, 32))).pooled)
    other = photo_encoder(spec, (40, 40))
    assert other.model.embeddings.position_embeddings.shape == (1, 400, 8)
    other(photos((40, 40)))


@pytest.mark.parametrize("told", [1, 8, 500, [10, 30]])
def test_the_image_size_of_the_settings_does_not_matter(told) -> None:
    options = {**OPTIONS, "image_size": told, "use_absolute_embeddings": True}
    encoder = photo_encoder(EncoderSpec("swin", "", options), (64, 32))
    assert encoder(photos((64, 32))).map.shape == (2, 64, 4, 2)


def test_patches_may_be_larger_than_the_photo_that_transformers_takes_for_granted() -> None:
    options = {"patch_size": 256, "use_absolute_embeddings": True, "depths": [1], "num_heads": [1]}
    encoder = swin((512, 256), **options)
    assert encoder(photos((512, 256))).map.shape == (2, 8, 2, 1)


def test_patches_need_not_be_square() -> None:
    encoder = swin((48, 24), patch_size=[4, 2])
    assert encoder.maps((48, 24))[0] == (12, 12)
    assert encoder(photos((48, 24))).map.shape == (2, 64, 2, 2)


def last_block(encoder: Swin, images):
    """The last block's input and output in training."""
    block = encoder.model.encoder.layers[-1].blocks[-1]
    seen = []
    block.register_forward_hook(lambda _module, given, out: seen.extend([given[0], out[0]]))
    encoder.train()(images)
    return seen


@pytest.mark.parametrize("whole", [False, True])
def test_a_block_without_its_paths_passes_its_input_through(whole: bool) -> None:
    encoder = swin((48, 48), drop_path_rate=1 - 1e-6 if whole else 0.0)
    given, out = last_block(encoder, photos((48, 48)))
    assert torch.equal(given, out) is whole


def test_paths_of_attention_and_mlp_drop_apart_and_photo_by_photo() -> None:
    encoder = swin((48, 48), drop_path_rate=0.5, depths=[1, 1], num_heads=[1, 1])
    images = photos((48, 48), 1).expand(64, -1, -1, -1)
    torch.manual_seed(3)
    given, out = last_block(encoder, images)
    torch.testing.assert_close(given, given[:1].expand_as(given))  # the first block drops nothing
    kinds = (out - given).flatten(1).mul(1e3).round().unique(dim=0)
    assert len(kinds) == 4  # both, either, neither


def test_what_stays_of_the_mlp_s_path_is_scaled() -> None:
    """As the attention's: a path kept with probability 1 / 2 counts twice."""
    encoder = swin((48, 48), drop_path_rate=0.5, depths=[1, 1], num_heads=[1, 1])
    mlp, tokens = encoder.model.encoder.layers[-1].blocks[-1].mlp, torch.randn(64, 9, 16)
    torch.manual_seed(3)
    whole, kept = mlp(tokens), mlp.train()(tokens)
    dropped = kept.flatten(1).abs().amax(1) == 0
    assert 0 < dropped.sum() < 64
    torch.testing.assert_close(kept[~dropped], 2 * whole[~dropped])


def test_at_test_no_path_drops() -> None:
    size = (48, 48)
    encoder = swin(size, drop_path_rate=0.9)
    images, expected = photos(size), plain(encoder)(photos(size)).last_hidden_state.mean(1)
    torch.testing.assert_close(encoder.train().eval()(images).pooled, expected)


@pytest.mark.parametrize("size", [(1, 48), (48, 1)])
def test_photos_smaller_than_a_patch_are_no_photos_for_swin(size) -> None:
    with pytest.raises(BadRecipe, match=r"photos of \d+x\d+ are smaller than a patch of 2x2"):
        swin(size)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_heads": [1, 3, 2, 4]}, "3 heads do not divide the 16 channels of stage 2"),
        ({"num_heads": [1, 2, 2, 4, 8]}, "5 num_heads and 4 depths"),
        ({"num_heads": [1, 2]}, "makes no model"),
        ({"drop_path_rate": 1.0}, "drop_path_rate = 1.0; it is from 0 to below 1"),
        ({"drop_path_rate": -0.1}, "drop_path_rate = -0.1"),
    ],
)
def test_settings_that_make_no_swin_are_refused_in_a_line(options, said: str) -> None:
    with pytest.raises(BadRecipe, match=said) as met:
        swin((48, 48), **options)
    assert "\n" not in str(met.value)
