"""Whichever method it is of, a released checkpoint becomes a whole model."""

from __future__ import annotations

import hashlib

import pytest
import torch
from released_files import store
from torch import Tensor

import passerby
from passerby.build import preset
from passerby.released.container import read

# The full checkpoint


def test_every_tensor_of_the_full_checkpoint_has_its_place_and_none_is_left(kind) -> None:
    found = kind.converted()
    with torch.device("meta"):
        config = kind.settings(**preset(kind.settings, "released"), **kind.told)
        ours = kind.method(config).state_dict()
    assert {n: t.shape for n, t in found.weights.items()} == {n: t.shape for n, t in ours.items()}
    assert list(found.skipped) == kind.skipped
    own: dict[str, list[Tensor]] = {}
    for name, tensor in ours.items():
        if name != "classes":
            own.setdefault(kind.released_name(name), []).append(tensor)
    assert set(own) == set(kind.shapes) - set(kind.skipped) - kind.follow
    for name, parts in own.items():
        shape, number = kind.shapes[name]
        assert [list(part.shape) for part in parts] == kind.parts(name, shape), name
        assert {str(part.dtype) for part in parts} == {f"torch.{number}"}, name


def test_the_full_checkpoint_gives_the_settings_of_the_released_preset(kind) -> None:
    model = kind.converted().model
    for name, value in preset(kind.settings, "released").items():
        assert getattr(model.config, name) == value, name
    assert model.config.photo == kind.settings().photo
    for name, value in kind.told.items():
        assert getattr(model.config, name) == value, name
    for config in (model.config, model.resolved()):
        assert config.text_encoder.options["num_attention_heads"] == 12
        assert config.text_encoder.options["num_hidden_layers"] == 12


# The folder


def test_the_folder_loads_again_with_one_fingerprint_and_a_card(kind, folder, released) -> None:
    first, second = passerby.load(folder), passerby.load(folder)
    assert first.fingerprint == second.fingerprint != ""
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert kind.title in card
    assert "best_model.pth.tar" in card
    assert f"epoch: {kind.epoch}\n" in card
    assert ("7 persons" in card) != kind.plain
    assert hashlib.sha256(released.read_bytes()).hexdigest() in card
    with pytest.raises(passerby.errors.BadModel, match="no tokenizer"):
        first.tokenize(["a man"])


@pytest.mark.parametrize("form", ["as torch 1.0 wrote files", "without the prefix"])
def test_a_file_of_another_form_gives_the_same_model(
    call, kind, folder, state, classes, tmp_path, form: str
) -> None:
    if form == "without the prefix":
        torch.save({"network": state, "W": classes, "epoch": 57}, tmp_path / "new.pth")
    else:
        store(tmp_path / "new.pth", state, classes, legacy=True)
    done = call(kind.name, tmp_path / "new.pth")
    assert done[0] == 0, done
    assert passerby.load(tmp_path / "out").fingerprint == passerby.load(folder).fingerprint


@pytest.mark.parametrize("plain", [False, True])
def test_without_a_class_matrix_it_is_the_same_but_for_the_classes(
    call, kind, state, folder, tmp_path, plain: bool
) -> None:
    file = tmp_path / "searching.pth"
    if plain:
        torch.save(state, file)
    else:
        store(file, state, None)
    code, out, _ = call(kind.name, file)
    assert code == 0
    # Of a method that has none by design there is nothing to say.
    assert ("no class matrix W" in out) != kind.plain
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"epoch: {'unknown' if plain else 57}" in card
    there, ours = passerby.load(folder), passerby.load(tmp_path / "out")
    assert getattr(ours, "classes", None) is None
    assert ours.photo_spec == there.photo_spec
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, there.state_dict()[name]), name


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_gives_its_tensors_and_drops_the_optimizer(
    state, classes, tmp_path, legacy: bool
) -> None:
    store(tmp_path / "whole.pth.tar", state, classes, legacy=legacy)
    container = read(tmp_path / "whole.pth.tar")
    assert container.epoch == 57
    assert container.network.keys() == state.keys()
    assert set(vars(container)) == {"network", "classes", "epoch"}


def test_the_command_tells_what_was_skipped_and_that_there_are_no_words(
    call, kind, released
) -> None:
    code, out, _ = call(kind.name, released)
    assert code == 0
    persons = "" if kind.plain else "7 persons, "
    assert f" tensors, {persons}epoch {kind.epoch}\n" in out
    assert ", ".join(kind.skipped) in out
    assert "no tokenizer: it takes token ids only" in out


def test_a_tokenizer_of_the_same_vocabulary_makes_it_read_words(
    call, kind, released, tmp_path, wordpiece
) -> None:
    code, out, _ = call(kind.name, released, "--tokenizer", wordpiece(60))
    assert code == 0
    assert "no tokenizer" not in out
    model = passerby.load(tmp_path / "out")
    texts = model.tokenize(["a man, in red"])
    if kind.pieces is None:
        assert set(texts.tensors) == {"ids", "mask"}
    else:
        name, number = kind.pieces
        assert getattr(texts, name).shape[:2] == (1, number)
    assert len(model.encode_texts(texts).vector) == 1


def test_an_empty_folder_is_written_into(call, kind, folder, released, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    assert call(kind.name, released)[0] == 0
    assert passerby.load(tmp_path / "out").fingerprint == passerby.load(folder).fingerprint
