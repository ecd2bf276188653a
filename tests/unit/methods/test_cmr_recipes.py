"""The recipes of CMR are the proposed ones, and their first comments' ways to ViT and CLIP hold."""

import re
import tomllib
from pathlib import Path

import pytest

from passerby.build import method_settings
from passerby.config import Recipe, parse_recipe, read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
NAMES = ("cmr-cuhk", "cmr-icfg", "cmr-rstp")
STATISTICS = {  # of the photos that each encoder was trained on
    "resnet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "vit": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "clip-vision": ((0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)),
}


def head(name: str) -> str:
    """The comment that a recipe begins with."""
    return (RECIPES / f"{name}.toml").read_text(encoding="utf-8").split("[run]\n")[0]


def told(comment: str) -> dict[str, dict]:
    """What the lines `#   [TABLE] KEY = VALUE, ...` of a comment say."""
    tables: dict[str, dict] = {}
    for table, settings in re.findall(r"^#   \[(\w+)\] ([^#\n]*)", comment, re.M):
        tables.setdefault(table, {}).update(tomllib.loads(f"all = {{ {settings} }}")["all"])
    return tables


def instead(name: str, encoder: str) -> Recipe:
    """The recipe with what its comment says for "ViT-B/16" or, at the same rates, for "CLIP"."""
    vit, clip = head(name).split("# CLIP instead")
    changes = told(vit)
    if encoder == "CLIP":
        changes |= told(clip)
    tables = tomllib.loads((RECIPES / f"{name}.toml").read_text(encoding="utf-8"))
    for table, settings in changes.items():
        tables[table] = {**tables[table], **settings}
    return parse_recipe(tables)


def rates(recipe: Recipe, group: str) -> list[float]:
    """The rate of a parameter group in the middle of each epoch of 7 steps."""
    settings, epochs = recipe.optim, recipe.train.epochs
    peak = settings.lr * settings.scale.get(group, 1.0)
    return [peak * settings.factor(epoch * 7 + 3, 7, epochs * 7) for epoch in range(epochs)]


@pytest.mark.parametrize("name", NAMES)
def test_the_recipes_of_cmr_have_the_proposed_schedule_and_photos(name: str) -> None:
    recipe = read_recipe(RECIPES / f"{name}.toml")
    assert (recipe.run.name, recipe.train.epochs) == (name, 60)
    given = recipe.data
    assert (given.batch, given.pairs, given.sampler) == (64, "caption", "random")
    for group, rate in (("heads", 1e-3), ("image_encoder", 1e-4), ("text_encoder", 1e-5)):
        falls = [rate] * 20 + [rate / 10] * 20 + [rate / 100] * 20
        assert rates(recipe, group) == pytest.approx(falls)
    settings = recipe.optim
    assert set(settings.scale) == {"image_encoder", "text_encoder"}
    assert (settings.kind, settings.beta1, settings.beta2) == ("adam", 0.9, 0.999)
    assert (settings.decay, settings.decays, settings.clip) == (0, {}, 0)
    photo, augment = recipe.photo, recipe.augment
    assert (photo.height, photo.width) == (384, 128)
    assert (photo.mean, photo.std) == STATISTICS["resnet"]
    assert (augment.flip, augment.pad, augment.erase) == (0.5, 10, 0.5)
    assert (recipe.image_encoder.kind, recipe.text_encoder.kind) == ("resnet", "bert")


@pytest.mark.parametrize("name", NAMES)
def test_the_method_of_the_recipes_is_the_proposed_reconstruction(name: str) -> None:
    kind, method = method_settings(read_recipe(RECIPES / f"{name}.toml"))
    assert kind.__name__ == "Cmr"
    assert (method.dim, method.last_stride, method.length) == (512, 1, 100)
    assert (method.parts, method.part_count, method.decoder) == ("learned", 6, "attention")
    assert (method.coarse, method.fine, method.heads) == (True, True, 8)
    assert (method.commonality, method.warmup) == ("id_posterior", 5)
    assert (method.margin, method.floor, method.negatives) == (0.2, 0.05, "random")
    assert (method.local_weight, method.cmr_weight, method.classifiers) == (0.5, 0.5, "separate")


@pytest.mark.parametrize("name", NAMES)
def test_the_first_comment_says_that_it_is_a_reconstruction_and_never_ran(name: str) -> None:
    assert "reconstruction, never run" in head(name)
    assert "SSAN" in head(name)
    assert "PLOT" in head(name)


@pytest.mark.parametrize(
    ("encoder", "kinds", "length"),
    [("ViT-B/16", ("vit", "bert"), 64), ("CLIP", ("clip-vision", "clip-text"), 77)],
)
@pytest.mark.parametrize("name", NAMES)
def test_the_first_comment_s_way_to_another_encoder_is_a_recipe(
    name: str, encoder: str, kinds: tuple[str, str], length: int
) -> None:
    recipe = instead(name, encoder)
    assert (recipe.image_encoder.kind, recipe.text_encoder.kind) == kinds
    assert method_settings(recipe)[1].length == length
    assert (recipe.photo.mean, recipe.photo.std) == STATISTICS[kinds[0]]
    assert (recipe.data.batch, recipe.optim.kind, recipe.optim.decay) == (128, "adam", 4e-5)
    base, times = (5e-7, 130) if name == "cmr-rstp" else (5e-6, 20)
    for group in ("image_encoder", "text_encoder"):
        assert max(rates(recipe, group)) == pytest.approx(base, rel=2e-3)
    new = rates(recipe, "heads")
    assert max(new) == new[5] == pytest.approx(base * times)
    assert new[0] == pytest.approx(base * times / 10)
    assert new[32] == pytest.approx(base * times / 2, rel=0.05)  # a cosine, half way down
    assert new[59] < 0.01 * base * times
