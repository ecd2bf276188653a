"""Photo encoders tell the sizes of their maps beforehand; a ResNet may keep its last one larger."""

from copy import deepcopy

import pytest
import torch

from passerby.encoders.photos import KINDS, ResNet, photo_encoder
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadRecipe

VIT = {
    "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "patch_size": 16,
}  # fmt: skip
OPTIONS = {
    "resnet": {"embedding_size": 4, "hidden_sizes": [4, 8, 8], "depths": [1, 2, 1],
               "layer_type": "basic"},
    "swin": {"embed_dim": 8, "depths": [1, 1, 1], "num_heads": [2, 2, 2], "window_size": 3},
    "vit": VIT,
    "clip-vision": VIT,
}  # fmt: skip
SIZES = [(96, 32), (97, 35), (70, 50), (33, 17), (16, 31)]


def resnet(**options) -> ResNet:
    torch.manual_seed(0)
    return photo_encoder(EncoderSpec("resnet", "", {**OPTIONS["resnet"], **options}), (96, 32))


def stages(encoder: ResNet, images: torch.Tensor) -> list[tuple[int, ...]]:
    """Rows and columns of what each stage gives."""
    states = encoder.model(images, output_hidden_states=True).hidden_states
    return [tuple(state.shape[2:]) for state in states[1:]]  # the first is the stem's


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_last_of_the_maps_is_the_one_that_comes_out(kind: str, size: tuple[int, int]) -> None:
    encoder = photo_encoder(EncoderSpec(kind, "", OPTIONS[kind]), size).eval()
    assert encoder(torch.randn(1, 3, *size)).map.shape[2:] == encoder.maps(size)[-1]


@pytest.mark.parametrize("kind", ["vit", "clip-vision"])
def test_photos_without_a_patch_have_no_map(kind: str) -> None:
    encoder = photo_encoder(EncoderSpec(kind, "", OPTIONS[kind]), (96, 32))
    with pytest.raises(BadRecipe, match="8x40 are smaller than a patch of 16x16"):
        encoder.maps((8, 40))


def test_patches_of_a_vit_need_not_be_square() -> None:
    options = {**VIT, "patch_size": [16, 8]}
    encoder = photo_encoder(EncoderSpec("vit", "", options), (70, 50)).eval()
    assert encoder.maps((70, 50)) == [(4, 6)]
    assert encoder(torch.randn(1, 3, 70, 50)).map.shape[2:] == (4, 6)


@pytest.mark.parametrize("unstrided", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layer_type": "bottleneck"},
        {"layer_type": "bottleneck", "downsample_in_bottleneck": True},
        {"downsample_in_first_stage": True},
        {"downsample_in_first_stage": True, "hidden_sizes": [8], "depths": [2]},
        {"hidden_sizes": [8], "depths": [1]},
    ],
)
def test_a_resnet_tells_the_map_of_every_stage(options: dict, unstrided: bool) -> None:
    encoder = resnet(**options).eval()
    if unstrided:
        encoder.unstrided()
    for size in SIZES:
        assert encoder.maps(size) == stages(encoder, torch.randn(1, 3, *size))


@pytest.mark.parametrize("layer", ["basic", "bottleneck"])
def test_unstrided_a_resnet_keeps_its_weights_and_its_last_map_doubles(layer: str) -> None:
    encoder = resnet(layer_type=layer).eval()
    images, owned = torch.randn(2, 3, 128, 64), dict(encoder.named_parameters())
    before, maps = encoder(images).map, encoder.maps((128, 64))
    assert encoder.unstrided() is encoder
    found = dict(encoder.named_parameters())
    assert found.keys() == owned.keys()
    assert all(found[name] is owned[name] for name in owned)
    after, doubled = encoder(images).map, encoder.maps((128, 64))
    assert before.shape[2:] == maps[-1] == (8, 4)
    assert after.shape[2:] == doubled[-1] == (16, 8)
    assert doubled[:-1] == maps[:-1]


def test_a_pointwise_last_stage_is_only_read_at_more_places() -> None:
    """Without neighbours to see, every second place of the larger map is the smaller map."""
    encoder = resnet(depths=[1, 1, 1]).eval()
    with torch.no_grad():
        for convolution in encoder.model.encoder.stages[-1].layers[0].layer.modules():
            if isinstance(convolution, torch.nn.Conv2d):  # nothing left but the middle
                middle = convolution.weight[:, :, 1, 1].clone()
                convolution.weight.zero_()
                convolution.weight[:, :, 1, 1] = middle
    images = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        small, large = encoder(images).map, encoder.unstrided()(images).map
    torch.testing.assert_close(large[:, :, ::2, ::2], small)


def test_unstrided_twice_is_unstrided_and_a_copy_remembers_it() -> None:
    encoder, images = resnet().eval().unstrided(), torch.randn(1, 3, 97, 35)
    maps, expected = encoder.maps((97, 35)), encoder(images).map
    for again in (deepcopy(encoder), encoder.unstrided()):
        assert again.maps((97, 35)) == maps
        assert torch.equal(again(images).map, expected)


def test_of_its_spec_and_weights_a_resnet_comes_back_strided() -> None:
    """So a method that unstrides one does so each time it is built."""
    encoder = resnet().unstrided()
    again = photo_encoder(encoder.spec, (96, 32))
    again.load_state_dict(encoder.state_dict())
    assert again.maps((128, 64))[-1] == (8, 4)
