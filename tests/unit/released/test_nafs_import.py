"""The authors' released NAFS checkpoint becomes a model that computes what theirs did."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import sys
from pathlib import Path

import pytest
import torch
from released_files import Trap, refusal, store
from safetensors.torch import save_file
from torch import Tensor
from written_out import photo_side, score, text_side

import passerby
from passerby.build import preset
from passerby.cli import main
from passerby.methods.nafs import Config, Nafs
from passerby.released.container import Container, read
from passerby.released.nafs import convert, released_name
from passerby.types import Texts

SHAPES = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "released_nafs.json").read_text(encoding="utf-8")
)
BERT = "language_model.textExtractor."
SMALL = {64: 2, 128: 4, 256: 8, 512: 16, 1024: 32, 2048: 64, 768: 16, 3072: 32, 30522: 60}
PLACES = 112
POOLER = [f"{BERT}pooler.dense.bias", f"{BERT}pooler.dense.weight"]


def kept(name: str) -> bool:
    """Two blocks of each stage and two layers of BERT are enough."""
    number = name.removeprefix(f"{BERT}encoder.layer.").split(".")[0]
    if name.startswith("image_model."):
        number = (name.split(".")[2:3] or ["0"])[0]
    return not number.isdigit() or int(number) < 2


def small_shape(name: str, shape: list[int]) -> list[int]:
    if "position_embeddings" in name:
        return [PLACES, SMALL[shape[1]]]
    return [SMALL.get(side, side) for side in shape]


def random_tensor(name: str, shape: list[int], chance: torch.Generator) -> Tensor:
    def normal() -> Tensor:
        return torch.randn(shape, generator=chance)

    if "num_batches" in name:
        return torch.tensor(7)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(shape, generator=chance)
    if len(shape) < 2 or "local_bottleneck" in name:
        return (1 + normal() / 5) if name.endswith("weight") else normal() / 5
    return normal() / math.sqrt(math.prod(shape[1:]) / 2)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """A small checkpoint: the released names, random numbers."""
    chance = torch.Generator().manual_seed(0)
    return {
        name: random_tensor(name, small_shape(name, shape), chance)
        for name, (shape, _) in SHAPES.items()
        if kept(name)
    }


@pytest.fixture(scope="module")
def classes() -> Tensor:
    return torch.randn(16, 7, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def released(state, classes, tmp_path_factory) -> Path:
    """The file, as torch 1.0 wrote it."""
    file = tmp_path_factory.mktemp("released") / "best_model.pth.tar"
    store(file, state, classes, legacy=True)
    return file


@pytest.fixture(scope="module")
def folder(released, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("imported") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys, "argv", ["", "import-released", "nafs", str(released), "--out", str(out)]
        )
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 0
    return out


# Names


def test_every_tensor_of_the_full_checkpoint_has_its_place_and_none_is_left() -> None:
    with torch.device("meta"):
        theirs = {name: torch.empty(shape) for name, (shape, _) in SHAPES.items()}
        theirs = {n: t.long() if SHAPES[n][1] == "int64" else t for n, t in theirs.items()}
        found = convert(Container(theirs, torch.empty(768, 11003), 57), "file")
        ours = Nafs(Config(**preset(Config, "released"), persons=11003)).state_dict()
    assert {n: t.shape for n, t in found.weights.items()} == {n: t.shape for n, t in ours.items()}
    assert list(found.skipped) == POOLER
    names = {released_name(name, 3): t for name, t in ours.items() if name != "classes"}
    assert set(names) == set(SHAPES) - set(POOLER)
    for name, tensor in names.items():
        shape, kind = SHAPES[name]
        assert list(tensor.shape) == (shape[:2] if name.startswith("conv_") else shape), name
        assert str(tensor.dtype) == f"torch.{kind}", name
    config = found.model.config
    settings = (config.stripes, config.length, config.persons, config.part_rule, config.layer_norm)
    assert settings == ((3, 2), 100, 11003, "literal", "matrix")
    assert found.model.resolved().text_encoder.options["num_attention_heads"] == 12


# Numbers


IMAGES = torch.randn(2, 3, 384, 128, generator=torch.Generator().manual_seed(2))


def token_ids() -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(3)
    ids = torch.randint(1, 60, (3, 100), generator=chance)
    part_ids = torch.randint(1, 60, (3, 2, 100), generator=chance)
    places = torch.arange(100)
    mask = (places < torch.tensor([5, 100, 98])[:, None]).long()
    part_mask = (places < torch.tensor([[3, 2], [60, 100], [1, 40]])[..., None]).long()
    return {
        "ids": ids * mask, "mask": mask, "part_ids": part_ids * part_mask, "part_mask": part_mask,
    }  # fmt: skip


def close(found: Tensor, asked: Tensor) -> None:
    torch.testing.assert_close(found, asked, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_photo_becomes_what_the_checkpoint_written_out_literally_makes_of_it(
    state, folder
) -> None:
    found = passerby.load(folder).encode_images(IMAGES)
    vector, queries, values = photo_side(state, IMAGES)
    assert vector.std() > 0.1
    close(found.vector, vector)
    close(found.parts, queries)
    close(found.values, values)


@torch.no_grad()
def test_token_ids_and_scores_are_what_the_checkpoint_written_out_literally_makes(
    state, classes, folder
) -> None:
    model, given = passerby.load(folder), token_ids()
    texts, photos = model.encode_texts(Texts(**given)), model.encode_images(IMAGES)
    vector, keys, values = text_side(state, **given)
    lengths = given["mask"].sum(1).tolist()
    close(texts.vector, vector)
    for row, tokens in enumerate(lengths):
        used = min(tokens + 3, 101)
        assert int(texts.mask[row].sum()) == used
        close(texts.parts[row, :used], keys[row, :used])
        close(texts.values[row, :used], values[row, :used])
    sides = photo_side(state, IMAGES)
    asked = [
        [
            score([s[i] for s in sides], (vector[j], keys[j], values[j]), lengths[j])
            for i in range(2)
        ]
        for j in range(3)
    ]
    scores = model.similarity(texts, photos)
    assert scores.std() > 0.01
    close(scores, torch.tensor(asked))
    close(model.classes, classes.T)


# The folder


def test_the_folder_loads_again_with_one_fingerprint_and_a_card(folder, released) -> None:
    first, second = passerby.load(folder), passerby.load(folder)
    assert first.fingerprint == second.fingerprint != ""
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "best_model.pth.tar" in card
    assert "epoch: 57" in card
    assert hashlib.sha256(released.read_bytes()).hexdigest() in card
    with pytest.raises(passerby.errors.BadModel, match="no tokenizer"):
        first.tokenize(["a man"])


def test_a_zip_file_without_the_prefix_gives_the_same_model(
    call, folder, state, classes, tmp_path
) -> None:
    torch.save({"network": state, "W": classes, "epoch": 57}, tmp_path / "new.pth")
    done = call("nafs", tmp_path / "new.pth")
    assert done[0] == 0, done
    assert passerby.load(tmp_path / "out").fingerprint == passerby.load(folder).fingerprint


def test_the_command_tells_what_was_skipped_and_that_there_are_no_words(call, released) -> None:
    code, out, _ = call("nafs", released)
    assert code == 0
    assert POOLER[0] in out
    assert "7 persons, epoch 57" in out
    assert "no tokenizer: it takes token ids only" in out


def test_without_a_class_matrix_it_is_imported_and_said(call, state, tmp_path) -> None:
    store(tmp_path / "searching.pth", state, None)
    code, out, _ = call("nafs", tmp_path / "searching.pth")
    assert code == 0
    assert "no class matrix W" in out
    assert passerby.load(tmp_path / "out").classes is None


def test_a_tokenizer_of_the_same_vocabulary_makes_it_read_words(
    call, released, tmp_path, wordpiece
) -> None:
    code, out, _ = call("nafs", released, "--tokenizer", wordpiece(60))
    assert code == 0
    assert "no tokenizer" not in out
    model = passerby.load(tmp_path / "out")
    assert model.tokenize(["a man, in red"]).part_ids.shape[:2] == (1, 2)


# What is refused


def damaged(kind: str, folder: Path, state, classes: Tensor) -> Path:
    """A file that is wrong in this way."""
    file = folder / "bad.pth.tar"
    first, stem = next(iter(state.items())), "image_model.conv1.weight"
    changed = {
        "NaN": {stem: torch.full_like(state[stem], torch.nan)},
        "another shape": {"fc_p3_list.1.weight": torch.ones(16, 63)},
        "a 3x3 convolution": {"conv_images.weight": torch.ones(16, 64, 3, 3)},
        "numbers of another kind": {"conv_text.bias": torch.ones(16, dtype=torch.int64)},
        "a strange tensor": {"extra.weight": torch.ones(1)},
        "a number for a matrix": {stem: torch.tensor(1.0)},
        "more stripes than rows": {
            f"fc_p2_list{kind}.{n}.{what}": state[f"fc_p2_list{kind}.0.{what}"]
            for n in range(25)
            for kind in ("", "_query", "_value")
            for what in ("weight", "bias")
        },
    }
    if kind in changed:
        store(file, {**state, **changed[kind]}, classes)
    elif kind == "a tensor gone":
        store(file, {n: t for n, t in state.items() if n != "fc_p2_list_value.1.bias"}, classes)
    elif kind == "NaN in W":
        store(file, state, classes * torch.nan)
    elif kind == "W of another width":
        store(file, state, classes.T)
    elif kind == "W no tensor":
        store(file, state, None, W=[1])
    elif kind == "code in torch's file":
        store(file, state, classes, trap=Trap(folder / "executed"))
    elif kind == "code in a legacy file":
        store(file, state, classes, legacy=True, trap=Trap(folder / "executed"))
    elif kind == "a plain pickle":
        file.write_bytes(pickle.dumps(Trap(folder / "executed")))
    elif kind in ("cut short", "a legacy file cut short"):
        store(file, state, classes, legacy="legacy" in kind)
        file.write_bytes(file.read_bytes()[:-2000])
    elif kind == "no weights":
        torch.save({"epoch": 3}, file)
    elif kind == "one tensor":
        torch.save(first[1], file)
    elif kind == "safetensors":
        save_file({first[0]: first[1]}, file)
    elif kind == "empty":
        file.touch()
    elif kind == "a folder":
        file.mkdir()
    elif kind == "IVT":
        torch.save({"temp": torch.ones(()), "encoder_vl.cls_token": torch.ones(1, 1, 8)}, file)
    elif kind == "ACSA":
        names = ("image_model.patch_embed.proj.weight", "bottleneck_image.weight", "fc_feet.bias")
        store(file, {name: torch.ones(8) for name in names}, classes)
    return file


WRONG = {
    "NaN": "'image_model.conv1.weight' holds values that are not finite",
    "NaN in W": "'W' holds values that are not finite",
    "W of another width": "'W' has shape (7, 16), not (16, persons)",
    "W no tensor": "its class matrix W is no tensor",
    "another shape": "'fc_p3_list.1.weight' has shape (16, 63)",
    "a 3x3 convolution": "'conv_images.weight' has shape (16, 64, 3, 3)",
    "numbers of another kind": "'conv_text.bias' holds torch.int64",
    "a number for a matrix": "'image_model.conv1.weight' has shape ()",
    "a strange tensor": "has the strange 'extra.weight'",
    "a tensor gone": "lacks 'fc_p2_list_value.1.bias'",
    "more stripes than rows": "at most 24 stripes",
    "code in torch's file": "would have to be executed (getattr)",
    "code in a legacy file": "would have to be executed (getattr)",
    "a plain pickle": "it is a pickle, which is never executed",
    "cut short": "is cut short or damaged",
    "a legacy file cut short": "is cut short or damaged",
    "no weights": "holds no weights",
    "one tensor": "holds no weights",
    "safetensors": "is no file of torch.save",
    "empty": "is no file of torch.save",
    "a folder": "is a folder",
    "nothing": "is not there",
    "IVT": "another method's checkpoint, IVT by the look of it",
    "ACSA": "another method's checkpoint, ACSA by the look of it",
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_refused_in_one_line_and_nothing_is_written(
    call, state, classes, tmp_path, recwarn, kind: str
) -> None:
    file = damaged(kind, tmp_path, state, classes)
    line = refusal(call("nafs", file))
    assert WRONG[kind] in line
    assert str(file) in line
    assert not recwarn.list  # a warning would be a second line
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "executed").exists()


def test_a_folder_with_files_is_never_written_into(call, released, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert "is not empty" in refusal(call("nafs", released))
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_tokenizer_of_another_vocabulary_is_refused(call, released, tmp_path, wordpiece) -> None:
    line = refusal(call("nafs", released, "--tokenizer", wordpiece(59)))
    assert "the tokenizer has 59 entries" in line
    assert "no tokenizer at" in refusal(call("nafs", released, "--tokenizer", tmp_path / "none"))
    assert not (tmp_path / "out").exists()


def test_another_method_has_no_importer_yet(call, released) -> None:
    assert "it is nafs" in refusal(call("cmr", released))


def test_a_write_that_fails_leaves_nothing(call, released, tmp_path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    assert "No space left" in refusal(call("nafs", released))
    assert not (tmp_path / "out").exists()


def test_a_file_gives_its_tensors_and_drops_the_optimizer(released, state) -> None:
    container = read(released)
    assert container.epoch == 57
    assert container.network.keys() == state.keys()
    assert set(vars(container)) == {"network", "classes", "epoch"}
