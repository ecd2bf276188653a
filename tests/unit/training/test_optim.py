"""The optimizer follows its recipe: kinds, rates by epoch, decay by group."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from passerby.build import method_settings
from passerby.config import read_recipe
from passerby.errors import BadRecipe
from passerby.training.optim import Optim, optimizer, set_rate


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

    def parameter_groups(self):
        return {"a": list(self.a.parameters()), "b": list(self.b.parameters())}


def test_the_released_schedule_of_nafs_rises_by_epoch_and_falls_at_its_milestones() -> None:
    settings = Optim(
        schedule="step", every="epoch", warmup=10, milestones=(20, 25, 35), gamma=0.1
    )  # fmt: skip
    factor = [settings.factor(epoch * 7 + 3, 7, 420) for epoch in range(60)]
    assert factor[0] == pytest.approx(0.01)
    assert factor[4] == pytest.approx(0.01 + 0.99 * 4 / 10)
    assert factor[10] == factor[19] == 1
    assert [factor[e] for e in (20, 25, 35, 59)] == pytest.approx([0.1, 0.01, 0.001, 0.001])
    assert settings.factor(4 * 7, 7, 420) == settings.factor(4 * 7 + 6, 7, 420)


@pytest.mark.parametrize(
    ("name", "stride", "batch", "word_rule"),
    [
        ("ivt-cuhk", 12, 28, "attributes"),
        ("ivt-icfg", 12, 28, "clause"),
        ("ivt-rstp", 16, 48, "clause"),
    ],
)
def test_the_recipes_of_ivt_have_the_released_schedule_and_photos(
    name: str, stride: int, batch: int, word_rule: str
) -> None:
    recipe = read_recipe(Path(__file__).parents[3] / "recipes" / f"{name}.toml")
    settings, method = recipe.optim, method_settings(recipe)[1]
    assert (settings.kind, settings.momentum, settings.lr) == ("sgd", 0.9, 5e-3)
    assert (settings.decay, settings.decay_all, settings.scale) == (1e-4, True, {"biases": 2.0})
    assert (recipe.data.batch, recipe.data.sampler, recipe.data.each) == (batch, "identity", 4)
    assert (method.stride, method.word_rule, method.views) == (stride, word_rule, 3)
    assert (recipe.train.epochs, recipe.run.seed) == (120, 1234)
    photo, augment = recipe.photo, recipe.augment
    assert (photo.height, photo.width, photo.resampling) == (384, 128, "bicubic")
    assert photo.mean == photo.std == (0.5, 0.5, 0.5)
    assert (augment.flip, augment.pad, augment.erase, augment.erase_fill) == (0.5, 10, 0.5, "noise")
    assert (augment.erase_smallest, augment.erase_largest) == (0.02, pytest.approx(1 / 3, abs=1e-4))
    # a cosine that began with the warm-up, once an epoch
    rate = [5e-3 * settings.factor(epoch * 7 + 3, 7, 840) for epoch in range(120)]
    assert rate[:5] == pytest.approx([5e-5, 1.04e-3, 2.03e-3, 3.02e-3, 4.01e-3])
    cosine = [1e-5 + 0.5 * (5e-3 - 1e-5) * (1 + math.cos(math.pi * e / 120)) for e in range(120)]
    assert rate[5:] == pytest.approx(cosine[5:])
    assert rate[5] == pytest.approx(4.978655e-3)
    assert rate[60] == pytest.approx(2.505e-3)
    assert rate[119] == pytest.approx(1.0855e-5, rel=1e-4)


@pytest.mark.parametrize("name", ["acsa-cuhk", "acsa-rstp"])
def test_the_recipes_of_acsa_have_the_released_schedule_and_photos(name: str) -> None:
    recipe = read_recipe(Path(__file__).parents[3] / "recipes" / f"{name}.toml")
    told = recipe.optim
    factor = [told.factor(epoch * 7 + 3, 7, 140) for epoch in range(20)]
    assert factor == pytest.approx([1.0] * 8 + [0.1] * 7 + [0.01] * 5)
    assert (told.kind, told.lr, told.decay, told.decay_all) == ("adamw", 8e-5, 0.05, True)
    assert (told.beta1, told.beta2, told.scale, told.clip) == (0.9, 0.999, {}, 0.0)
    assert (recipe.train.epochs, recipe.data.batch, recipe.augment.flip) == (20, 16, 0.5)
    photo = recipe.photo
    assert (photo.height, photo.width) == (224, 224)
    assert (photo.mean, photo.std) == ((0.391, 0.367, 0.350), (0.217, 0.212, 0.206))
    assert recipe.image_encoder.options["drop_path_rate"] == 0.2


def test_a_named_group_has_its_own_decay_and_decay_all_reaches_biases() -> None:
    settings = Optim(kind="adam", decay=0.0, decays={"a": 4e-5}, decay_all=True)
    made = optimizer(Towers(), settings)
    assert type(made) is torch.optim.Adam
    assert {g["name"]: g["weight_decay"] for g in made.param_groups} == {"a": 4e-5, "b": 0.0}
    plain = optimizer(Towers(), Optim(decay=0.1))
    assert sorted(g["weight_decay"] for g in plain.param_groups) == [0.0, 0.0, 0.1, 0.1]


def test_adam_adds_decay_to_the_gradient_where_adamw_shrinks_the_weight() -> None:
    moved = {}
    for kind in ("adam", "adamw"):
        torch.manual_seed(0)
        towers = Towers()
        before = towers.a.weight.detach().clone()
        made = optimizer(towers, Optim(kind=kind, lr=0.1, decay=0.5))
        towers.a.weight.grad = torch.zeros_like(before)
        made.step()
        moved[kind] = (towers.a.weight / before).detach()
    torch.testing.assert_close(moved["adamw"], torch.full((2, 2), 0.95))
    assert not torch.allclose(moved["adam"], moved["adamw"], atol=1e-3)


def literal_sgd(weight, gradients, rate, momentum, decay):
    """What `weight` becomes, and what it carries on: decay in the gradient, momentum outside."""
    carried = torch.zeros_like(weight)
    for gradient in gradients:
        carried = momentum * carried + gradient + decay * weight
        weight = weight - rate * carried
    return weight, carried


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_adds_decay_to_the_gradient_and_carries_the_sum_on(momentum: float) -> None:
    towers = Towers()
    made = optimizer(towers, Optim(kind="sgd", lr=0.1, decay=0.5, momentum=momentum))
    before = towers.a.weight.detach().clone()
    gradients = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(1))
    for gradient in gradients:
        towers.a.weight.grad = gradient.clone()
        made.step()
    expected, carried = literal_sgd(before, gradients, 0.1, momentum, 0.5)
    torch.testing.assert_close(towers.a.weight.detach(), expected)
    if momentum:
        torch.testing.assert_close(made.state[towers.a.weight]["momentum_buffer"], carried)


def test_a_weight_whose_first_gradient_comes_late_is_trained_by_sgd() -> None:
    towers = Towers()
    made = optimizer(towers, Optim(kind="sgd", lr=0.1, decay=0.0))
    before = towers.b.weight.detach().clone()
    towers.a.weight.grad = torch.ones(2, 2)
    made.step()
    assert torch.equal(towers.b.weight, before)
    towers.b.weight.grad = torch.ones(2, 2)
    made.step()
    torch.testing.assert_close(towers.b.weight.detach(), before - 0.1)


class Ruled(nn.Module):
    """Biases, those of norms too, in a group of their own, as IVT's released optimizer has them."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 1, bias=False))

    def parameter_groups(self):
        groups = {"weights": [], "biases": []}
        for name, parameter in self.named_parameters():
            groups["biases" if name.endswith("bias") else "weights"].append(parameter)
        return groups


def test_biases_have_twice_the_rate_of_weights_and_all_decay_where_the_recipe_says_so() -> None:
    settings = Optim(
        kind="sgd", lr=5e-3, decay=1e-4, decay_all=True, scale={"biases": 2.0}, momentum=0.9
    )
    model = Ruled()
    made = optimizer(model, settings)
    for rate in (5e-3, 1e-3):
        set_rate(made, rate)
        told = {
            id(p): (group["lr"], group["weight_decay"], group["momentum"])
            for group in made.param_groups
            for p in group["params"]
        }
        assert len(told) == 5
        for name, parameter in model.named_parameters():
            own = 2 * rate if name.endswith("bias") else rate
            assert told[id(parameter)] == pytest.approx((own, 1e-4, 0.9)), name


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kind": "adamax"}, "adamw"),
        ({"kind": "nesterov"}, "sgd"),
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"every": "batch"}, "every"),
        ({"decays": {"a": -1.0}}, "0 or more"),
    ],
)
def test_settings_that_make_no_optimizer_are_refused(settings, told) -> None:
    with pytest.raises(BadRecipe, match=told):
        Optim(**settings)


def test_a_decay_of_no_group_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadRecipe, match="did you mean 'a'"):
        optimizer(Towers(), Optim(decays={"aa": 0.1}))
