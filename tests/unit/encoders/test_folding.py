"""A residual network that folds its norms in gives what it gave before, and learns as it did."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity
from transformers import ResNetConfig, ResNetModel

from passerby.encoders.folding import Folding, folding

KINDS = {
    "basic": {"layer_type": "basic", "hidden_sizes": [8, 12], "depths": [1, 2]},
    "bottleneck": {"layer_type": "bottleneck", "hidden_sizes": [16, 32], "depths": [2, 1]},
    "gelu": {
        "layer_type": "basic",
        "hidden_sizes": [8, 12],
        "depths": [1, 1],
        "hidden_act": "gelu",
    },
}


def pair(kind: str) -> tuple[nn.Module, nn.Module]:
    """A network of transformers, its norms as training leaves them, and the same one folding."""
    torch.manual_seed(0)
    plain = ResNetModel(ResNetConfig(embedding_size=8, **KINDS[kind])).eval()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.1, 4)
    return plain, folding(deepcopy(plain))


def photos(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 64, 32, generator=torch.Generator().manual_seed(1))


def maps(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return model(images).last_hidden_state.flatten(1)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_in_eval_mode_folded_norms_change_nothing_but_rounding(kind: str) -> None:
    plain, folds = pair(kind)
    with torch.no_grad():
        before, after = maps(plain, photos()), maps(folds, photos())
    assert cosine_similarity(before, after).min() > 1 - 1e-5
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert any(isinstance(module, Folding) for module in folds.modules())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_weights_keep_their_names_and_no_norm_is_left_unfolded(kind: str) -> None:
    plain, folds = pair(kind)
    assert list(folds.state_dict()) == list(plain.state_dict())
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    assert sum(isinstance(module, Folding) for module in folds.modules()) == norms


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_in_training_every_number_is_as_before(kind: str) -> None:
    found = []
    for model in pair(kind):
        maps(model.train(), photos()).square().mean().backward()
        found.append([p.grad for p in model.parameters()] + list(model.buffers()))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_what_a_step_changes_is_seen_by_the_next_photo() -> None:
    plain, folds = pair("basic")
    with torch.no_grad():
        first = maps(folds, photos())
        for model in (plain, folds):
            for weight in model.parameters():
                weight.mul_(1.5)
        after = maps(folds, photos())
        torch.testing.assert_close(after, maps(plain, photos()), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(first, after, rtol=0.1)


def test_gradients_of_a_network_in_eval_mode_are_as_before() -> None:
    found = []
    for model in pair("basic"):
        maps(model, photos()).square().mean().backward()
        found.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-4)
