"""Damaged models, wrong recipes and data at the command line: one line, exit 2, nothing lost."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

# Models


class Trap:
    """A pickle that would leave a file behind if it were executed."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self):
        return Path.touch, (self.sign,)


def damage(model: Path, kind: str) -> None:
    weights = model / "model.safetensors"
    if kind == "a pickle":
        weights.write_bytes(pickle.dumps(Trap(model / "executed")))
    elif kind == "a pickle instead":
        weights.rename(model / "gone")
        torch.save({"trap": Trap(model / "executed")}, model / "model.pt")
    elif kind == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif kind == "of wrong shape":
        tensors = load_file(weights)
        save_file({**tensors, "text_head.weight": torch.zeros(2, 2)}, weights)
    elif kind == "without config":
        (model / "config.json").unlink()
    else:
        (model / "tokenizer.json").write_text("{}")


DAMAGED = {
    "a pickle": "a pickle is never executed",
    "a pickle instead": "model.pt is a pickle, which is never executed",
    "truncated": "a truncated file must be copied again",
    "of wrong shape": "text_head.weight",
    "without config": "no config.json",
    "without vocabulary": "tokenizer",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_model_is_refused_by_every_command_and_makes_nothing(
    index, passerby_cli, photos, people, trained, gallery, tmp_path, kind: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained / "best", model)
    damage(model, kind)
    for line in (
        index(photos, "--model", model).refusal,
        passerby_cli("search", "a man", "--gallery", gallery, "--model", model).refusal,
        passerby_cli("evaluate", model, "--data", f"drawn:{people}").refusal,
    ):
        assert DAMAGED[kind] in line
        assert str(model) in line
    assert not (tmp_path / "gallery").exists()
    assert not (model / "executed").exists()


def test_no_model_folder_and_a_checkpoint_file_are_refused(index, photos, tmp_path) -> None:
    assert "no model folder" in index(photos, "--model", tmp_path / "none").refusal
    (tmp_path / "model.pt").write_bytes(pickle.dumps(Trap(tmp_path / "executed")))
    line = index(photos, "--model", tmp_path / "model.pt").refusal
    assert "a pickle is never executed" in line
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("command", ["model", "recipe"])
def test_an_odd_path_is_told_on_one_line(index, passerby_cli, photos, tmp_path, command) -> None:
    odd = tmp_path / "two\nlines"
    done = index(photos, "--model", odd) if command == "model" else passerby_cli("train", odd)
    assert "two\\nlines" in done.refusal


# Recipes


WRONG = {
    "optim.learning_rate=1": "did you mean",
    "optm.lr=1": "did you mean 'optim'",
    "method.dimm=8": "did you mean 'dim'",
    "method.name=twotowers": "did you mean 'twotower'",
    "image_encoder.hiden_sizes=[8]": "did you mean 'hidden_sizes'",
    "text_encoder.kind=brt": "'bert'",
    "optim.lr=fast": "lr is of type float, not 'fast'",
    "train.epochs=1.5": "epochs is of type int, not 1.5",
    "photo.mean=0.5": "mean is a list, not 0.5",
    "method.dim=big": "dim is of type int, not 'big'",
    "data.train=nowhere": "NAME:ROOT",
    "train.device=tpu": "auto, cpu or cuda",
}


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_setting_is_refused_before_the_first_step(
    passerby_cli, recipe, people, work, change: str
) -> None:
    name = f"wrong-{list(WRONG).index(change)}"
    done = passerby_cli("train", recipe, "--set", f"run.name={name}", "--set", change)
    assert WRONG[change] in done.refusal
    assert not (work / "runs" / name / "log.jsonl").exists()


@pytest.mark.parametrize("change", ["method.dimm=8", "data.train=nowhere", "train.device=tpu"])
def test_a_recipe_that_was_refused_can_be_corrected_and_run(
    passerby_cli, recipe, people, work, change: str
) -> None:
    name = f"corrected-{change.partition('.')[0]}"
    run = ("train", recipe, "--set", f"run.name={name}", "--set", "train.epochs=1")
    assert passerby_cli(*run, "--set", change).refusal
    done = passerby_cli(*run)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    "change",
    ["text_encoder.num_attention_heads=3", "image_encoder.depths=[1]", "method.name=..",
     "train.threads=-1", "image_encoder.hidden_act='foo'", "image_encoder.hidden_sizes=[0,0]",
     "text_encoder.max_position_embeddings=0", "method.dropout=2.0"],
)  # fmt: skip
def test_a_setting_that_the_encoders_or_torch_refuse_is_one_line(
    passerby_cli, recipe, people, change: str
) -> None:
    name = f"refused-{change.partition('=')[0]}-{len(change)}"
    done = passerby_cli("train", recipe, "--set", f"run.name={name}", "--set", change)
    assert done.refusal


def test_no_recipe_a_folder_no_toml_and_no_method_are_refused(passerby_cli, tmp_path) -> None:
    file = tmp_path / "a.toml"
    assert "name a .toml of recipes/" in passerby_cli("train", file).refusal
    assert "name a .toml of recipes/" in passerby_cli("train", tmp_path).refusal
    file.write_bytes(b"\xff\xfe[run]")
    assert "name a .toml of recipes/" in passerby_cli("train", file).refusal
    file.write_text("[run\nname = 3")
    assert "is not TOML" in passerby_cli("train", file).refusal
    file.write_text("[run]\nseed = 3\n")
    assert "[method] needs name" in passerby_cli("train", file).refusal


# Data sets


def spoil(rows: list[dict], kind: str) -> None:
    if kind == "a missing field":
        del rows[3]["captions"]
    elif kind == "a missing path":
        del rows[3]["file_path"]
    elif kind == "a duplicate path":
        rows[3]["file_path"] = rows[1]["file_path"]
    elif kind == "captions that are no list":
        rows[3]["captions"] = "a man in red"
    elif kind == "an empty caption":
        rows[3]["captions"] = [" "]
    elif kind == "a person in two splits":
        rows[3]["split"] = "test"
    else:
        rows[-1]["file_path"] = "000/none.jpg"


SPOILT = {
    "a missing field": "record 4 has no field 'captions'; correct or remove it",
    "a missing path": "record 4 has no field 'file_path'",
    "a duplicate path": "records 2 and 4 are both of photo",
    "captions that are no list": "record 4 has 'captions' that are no list",
    "an empty caption": "record 4 has a caption that is empty",
    "a person in two splits": "is in both train and test; move all photos",
    "a missing photo": "1 of 12 photos are missing",
}


@pytest.fixture
def own_data(people, tmp_path) -> Path:
    """The drawn people with annotations that may be spoilt; their photos are linked."""
    root = tmp_path / "data"
    root.mkdir()
    shutil.copy(people / "reid_raw.json", root)
    (root / "imgs").symlink_to(people / "imgs")
    return root


@pytest.mark.parametrize("kind", SPOILT)
def test_wrong_annotations_are_refused_by_record_and_field(
    passerby_cli, trained, own_data, kind: str
) -> None:
    file = own_data / "reid_raw.json"
    rows = json.loads(file.read_text())
    spoil(rows, kind)
    file.write_text(json.dumps(rows))
    done = passerby_cli("evaluate", trained / "best", "--data", f"drawn:{own_data}")
    assert SPOILT[kind] in done.refusal


def test_a_data_set_is_asked_for_by_a_known_name_place_and_split(
    passerby_cli, trained, people, tmp_path
) -> None:
    def refused(data: str, *options: object) -> str:
        return passerby_cli("evaluate", trained / "best", "--data", data, *options).refusal

    assert "did you mean 'cuhk-pedes'" in refused(f"cuhk-pedis:{people}")
    assert "written NAME:ROOT" in refused(str(people))
    assert "no such folder" in refused(f"drawn:{tmp_path / 'none'}")
    assert "unknown split 'tst'; ask for" in refused(f"drawn:{people}", "--split", "tst")
    assert "no such file" in refused(f"files:{tmp_path / 'none.csv'}")
    (tmp_path / "a.csv").write_text("path,caption\na.jpg,a man\n")
    assert "no column 'person'" in refused(f"files:{tmp_path / 'a.csv'}")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_photo_in_a_data_set_is_named(passerby_cli, trained, photos, workers) -> None:
    (photos / "good1.jpg").write_text("no photo")
    with (photos / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("path", "person", "caption"), ("good0.jpg", "a", "he"), ("good1.jpg", "b", "she")]
        )
    done = passerby_cli(
        "evaluate", trained / "best", "--data", f"files:{photos / 'a.csv'}", "--split", "all",
        "--workers", workers,
    )  # fmt: skip
    assert "good1.jpg: not an image" in done.refusal
