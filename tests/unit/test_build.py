"""Model folders: whole ones load, every other ends in one line that names the remedy."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from passerby.build import build_method, config_class, load_method, method_class, save_method
from passerby.config import parse_recipe
from passerby.errors import BadModel, BadRecipe

RECIPE = {
    "method": {"name": "twotower", "dim": 8},
    "photo": {"height": 32, "width": 16},
    "image_encoder": {"kind": "resnet", "embedding_size": 8, "hidden_sizes": [8], "depths": [1],
                      "layer_type": "basic"},
    "text_encoder": {"kind": "bert", "hidden_size": 8, "num_hidden_layers": 1,
                     "num_attention_heads": 2, "intermediate_size": 16},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    method = build_method(parse_recipe(RECIPE), ["a man in red"] * 3, 2)
    save_method(method, "twotower", tmp_path / "model")
    return tmp_path / "model"


def refused(folder, hint, kind=BadModel):
    with pytest.raises(kind, match=hint) as error:
        load_method(folder)
    assert "\n" not in str(error.value)


def test_a_model_folder_holds_config_weights_tokenizer_and_card(folder) -> None:
    names = {file.name for file in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= names
    assert not load_method(folder).training


def test_whoever_may_read_the_settings_of_a_model_may_read_its_weights(folder) -> None:
    assert len({file.stat().st_mode for file in folder.iterdir()}) == 1


def test_half_precision_weights_load_as_float(folder, tmp_path) -> None:
    method = load_method(folder)
    save_method(method, "twotower", tmp_path / "half", half=True)
    again = load_method(tmp_path / "half")
    assert next(again.parameters()).dtype == torch.float32
    assert again.fingerprint != method.fingerprint


def test_no_folder_and_a_file_are_refused(folder, tmp_path) -> None:
    refused(tmp_path / "none", "no model folder")
    refused(folder / "config.json", "it is a file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no config.json")


def test_a_pickle_is_refused_and_never_executed(folder) -> None:
    class Trap:
        def __reduce__(self):
            return open, (str(folder / "executed"), "w")

    for name in ("model.safetensors", "model.pt"):
        (folder / name).write_bytes(pickle.dumps(Trap()))
    refused(folder, "safetensors")
    (folder / "model.safetensors").unlink()
    refused(folder, "pickle")
    assert not (folder / "executed").exists()


def test_truncated_weights_are_refused(folder) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    refused(folder, "whole safetensors")


def test_weights_of_a_wrong_shape_missing_or_strange_are_refused_by_name(folder) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    name = "text_head.weight"
    save_file({**weights, name: torch.zeros(3, 3)}, file)
    refused(folder, name)
    save_file({n: t for n, t in weights.items() if n != name}, file)
    refused(folder, "missing")
    save_file({**weights, "extra": torch.zeros(1)}, file)
    refused(folder, "extra")


def test_weights_with_nan_are_refused(folder) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    weights["text_head.weight"][0, 0] = torch.nan
    save_file(weights, file)
    refused(folder, "not finite")


def test_another_format_or_a_damaged_config_is_refused(folder) -> None:
    file = folder / "config.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "format": 99}))
    refused(folder, "format 99")
    file.write_text("{")
    refused(folder, "not JSON")
    file.write_text("[]")
    refused(folder, "does not describe")


def test_a_folder_that_lost_its_tokenizer_is_refused(folder) -> None:
    (folder / "tokenizer.json").unlink()
    refused(folder, "has lost its tokenizer.json")


def test_words_that_are_no_text_and_odd_settings_are_refused(folder) -> None:
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, "method": 3}))
    refused(folder, "no method '3'", BadRecipe)
    odd = {**told, "config": {**told["config"], "photo": {"height": -5}}}
    (folder / "config.json").write_text(json.dumps(odd))
    refused(folder, "above 0", BadRecipe)
    (folder / "config.json").write_text(json.dumps(told))
    (folder / "words.txt").write_bytes(b"\xff\xfe")
    refused(folder, "words.txt is not UTF-8")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("class Settings: pass", "has no dataclass Config"),
        ("class Config: pass", "has no dataclass Config"),
        ("@dataclasses.dataclass\nclass Config:\n    dim: int = 8", "has no field photo"),
    ],
)
def test_a_method_whose_settings_are_amiss_says_what_is_wanted(
    tmp_path, monkeypatch, config: str, told: str
) -> None:
    name = f"mine{len(config)}"
    lines = ["import dataclasses", "from passerby.method import Method", config,
             "class Mine(Method): pass"]  # fmt: skip
    (tmp_path / f"{name}.py").write_text("\n".join(lines))
    (tmp_path / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path.parent)
    with pytest.raises(BadRecipe, match=told):
        config_class(method_class(f"{tmp_path.name}.{name}"))


def test_a_tokenizer_of_another_model_is_refused(folder) -> None:
    told = json.loads((folder / "config.json").read_text())
    told["config"]["text_encoder"]["options"]["vocab_size"] = 9
    (folder / "config.json").write_text(json.dumps(told))
    refused(folder, "tokenizer")


@pytest.mark.parametrize("source", ["runs/nafs-cuhk/best", "./nowhere", "/no/such/folder"])
@pytest.mark.parametrize("table", ["image_encoder", "text_encoder", "vocabulary"])
def test_a_folder_that_is_not_there_is_not_taken_for_a_hub_name(table, source) -> None:
    kinds = {"image_encoder": {"kind": "resnet"}, "text_encoder": {"kind": "bert"}}
    told = {**kinds.get(table, {}), "source": source}
    tables = {"method": {"name": "twotower"}, table: told}
    with pytest.raises(BadModel, match=r"no model folder at .*; train or fetch it first"):
        build_method(parse_recipe(tables), ["a man"], 2)
