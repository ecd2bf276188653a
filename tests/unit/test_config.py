"""Recipes: typed, flat, and refused with the nearest name."""

import pytest

from passerby.config import parse_recipe, read_recipe
from passerby.errors import BadRecipe

GOOD = """
[method]
name = "twotower"
dim = 64
[image_encoder]
kind = "resnet"
depths = [1, 1]
[optim]
lr = 1e-3
milestones = [20, 25]
"""


def write(tmp_path, text=GOOD):
    file = tmp_path / "small.toml"
    file.write_text(text)
    return file


def test_a_recipe_is_read_and_named_after_its_file(tmp_path) -> None:
    recipe = read_recipe(write(tmp_path))
    assert recipe.run.name == "small"
    assert recipe.optim.milestones == (20, 25)
    assert recipe.image_encoder.options == {"depths": [1, 1]}


def test_set_changes_one_key_and_takes_bare_words(tmp_path) -> None:
    recipe = read_recipe(write(tmp_path), ["optim.lr=1e-4", "run.name=other", "data.batch=8"])
    assert (recipe.optim.lr, recipe.run.name, recipe.data.batch) == (1e-4, "other", 8)


def test_a_name_may_look_like_a_number_or_a_date(tmp_path) -> None:
    for name in ("12", "2026-05-01", "1e5", "best"):
        assert read_recipe(write(tmp_path), [f"run.name={name}"]).run.name == name


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("optim.learning=1", "did you mean"),
        ("optm.lr=1", "'optim'"),
        ("optim.lr=fast", "float"),
        ("data.batch=1.5", "int"),
        ("data.batch=true", "int"),
        ("train.epochs=0", "1 or more"),
        ("train.precision=fp8", "bf16"),
        ("optim.schedule=linear", "cosine"),
        ("data.batch=1", "2 or more"),
        ("data.broken=mend", "skip"),
        ("nonsense", "TABLE.KEY=VALUE"),
        ("photo.mean=[0.5]", "3 entries"),
        ("photo.resampling=nearest", "bicubic"),
        ("augment.flip=3", "flip"),
        ("optim.clip=-1", "0 or more"),
        ("optim.beta1=1.5", "below 1"),
        ("optim.lr=nan", "is a number, not nan"),
        ("optim.scale={heads='x'}", "float"),
        ("optim.warmup=nan", "is a number, not nan"),
        ("photo.std=[0,0,0]", "std is above 0"),
        ("photo.height=0", "above 0"),
        ("run.seed=99999999999999999999999", "below 2"),
        ("vocabulary.size=-5", "1 or more"),
        ("image_encoder.options=3", "options is a table"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(tmp_path, change: str, hint: str) -> None:
    with pytest.raises(BadRecipe, match=hint) as refused:
        read_recipe(write(tmp_path), [change])
    assert "\n" not in str(refused.value)


def test_no_file_and_no_toml_are_refused(tmp_path) -> None:
    with pytest.raises(BadRecipe, match="cannot read recipe"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(BadRecipe, match="not TOML"):
        read_recipe(write(tmp_path, "[method\n"))


def test_a_recipe_names_its_method() -> None:
    with pytest.raises(BadRecipe, match="needs name"):
        parse_recipe({"method": {"dim": 3}})


def test_a_misspelt_method_setting_is_refused_when_it_is_built() -> None:
    from passerby.build import build_method

    recipe = parse_recipe({"method": {"name": "twotower", "dimm": 3}})
    with pytest.raises(BadRecipe, match="'dim'"):
        build_method(recipe, ["a man"], 1)


def test_a_misspelt_method_names_the_nearest() -> None:
    from passerby.build import method_class

    with pytest.raises(BadRecipe, match="'twotower'"):
        method_class("twotowers")
    with pytest.raises(BadRecipe, match="PYTHONPATH"):
        method_class("nobody.has_this")
