"""The optimizer follows its recipe: kinds, rates by epoch, decay by group."""

from pathlib import Path

import pytest
import torch
from torch import nn

from passerby.config import read_recipe
from passerby.errors import BadRecipe
from passerby.training.optim import Optim, optimizer


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


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kind": "adamax"}, "adamw"),
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
