"""Whichever method it is of, a bad checkpoint is refused in one line, and nothing is written."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from released_files import Trap, refusal, store
from released_kinds import KINDS, Kind
from safetensors.torch import save_file
from torch import Tensor

DAMAGED = "; it is damaged or of another version; take the file as its authors released it\n"


def changed(kind: Kind, state: dict[str, Tensor]) -> dict[str, dict[str, Tensor | None]]:
    """What replaces tensors of the checkpoint, None for nothing, by the kind of damage."""
    number, matrix, sized = torch.tensor(1.0), state[kind.matrix], state[kind.sized]
    return {
        "NaN": {kind.matrix: matrix * torch.nan},
        "infinite": {kind.sized: sized / 0},
        "another shape": {kind.matrix: matrix[:, 1:]},
        "a number for a matrix": {kind.matrix: number},
        "a number to read sizes off": {kind.sized: number},
        "numbers of another kind": {kind.matrix: matrix.long()},
        "one gone": {kind.matrix: None},
        "one to read sizes off gone": {kind.sized: None},
        "one too many": {"extra.weight": number},
    }


TENSORS = {
    "NaN": "{matrix!r} holds values that are not finite",
    "infinite": "{sized!r} holds values that are not finite",
    "another shape": "{matrix!r} has shape ({rows}, {less}), the rest of the checkpoint asks for ",
    "a number for a matrix": "{matrix!r} has shape (), the rest of the checkpoint asks for ",
    "a number to read sizes off": "{sized!r} has shape (), not {axes} axes",
    "numbers of another kind": "{matrix!r} holds torch.int64",
    "one gone": "is no {name} checkpoint: it lacks {matrix!r}" + DAMAGED,
    "one to read sizes off gone": "is no {name} checkpoint: it lacks {sized!r}" + DAMAGED,
    "one too many": "is no {name} checkpoint: it has the strange 'extra.weight'" + DAMAGED,
}


@pytest.mark.parametrize("damage", TENSORS)
def test_a_damaged_checkpoint_is_refused_in_one_line_and_nothing_is_written(
    refused, kind, state, classes, tmp_path, damage: str
) -> None:
    file, whole = tmp_path / "bad.pth.tar", {**state, **changed(kind, state)[damage]}
    store(file, {name: t for name, t in whole.items() if t is not None}, classes)
    rows, columns = state[kind.matrix].shape
    told = {"name": kind.name.upper(), "matrix": kind.matrix, "sized": kind.sized}
    assert TENSORS[damage].format(
        **told, rows=rows, less=columns - 1, axes=state[kind.sized].ndim
    ) in refused(file)


FILES = {
    "NaN in W": "'W' holds values that are not finite",
    "W of another width": "'W' has shape (7, {width}), not ({width}, persons)",
    "W no tensor": "its class matrix W is no tensor",
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
}


OF_CLASSES = ("NaN in W", "W of another width")


def spoiled(
    damage: str, file: Path, state: dict[str, Tensor], classes: Tensor | None, width: int
) -> None:
    """A file that is wrong in this way."""
    some = torch.ones(width, 7)
    trap, legacy = Trap(file.parent / "executed"), "legacy" in damage
    name, tensor = next(iter(state.items()))
    if damage == "NaN in W":
        store(file, state, some * torch.nan)
    elif damage == "W of another width":
        store(file, state, some.T)
    elif damage == "W no tensor":
        store(file, state, None, W=[1])
    elif damage.startswith("code in"):
        store(file, state, classes, legacy=legacy, trap=trap)
    elif damage == "a plain pickle":
        file.write_bytes(pickle.dumps(trap))
    elif damage.endswith("cut short"):
        store(file, state, classes, legacy=legacy)
        file.write_bytes(file.read_bytes()[:-2000])
    elif damage == "no weights":
        torch.save({"epoch": 3}, file)
    elif damage == "one tensor":
        torch.save(tensor, file)
    elif damage == "safetensors":
        save_file({name: tensor}, file)
    elif damage == "empty":
        file.touch()
    elif damage == "a folder":
        file.mkdir()


@pytest.mark.parametrize("damage", FILES)
def test_a_wrong_file_is_refused_in_one_line_and_nothing_is_written(
    refused, kind, state, classes, tmp_path, damage: str
) -> None:
    spoiled(damage, tmp_path / "bad.pth.tar", state, classes, kind.width)
    told = FILES[damage].format(width=kind.width)
    if damage in OF_CLASSES and kind.plain:  # any class matrix is one too many
        told = f"is no {kind.name.upper()} checkpoint: it has the strange 'W'{DAMAGED}"
    assert told in refused(tmp_path / "bad.pth.tar")


def test_another_methods_checkpoint_is_told_as_that_methods(refused, kind, tmp_path) -> None:
    file = tmp_path / "other.pth.tar"
    others = {one.name.upper(): one.small() for one in KINDS if one is not kind}
    for other, network in others.items():
        store(file, network, None)
        line = refused(file)
        assert f"is no {kind.name.upper()} checkpoint: it lacks {kind.sized!r}" in line
        assert line.endswith(f"; it is another method's checkpoint, {other} by the look of it\n")
    torch.save({"fc.weight": torch.ones(8, 8)}, file)
    assert refused(file).endswith("; it is another method's checkpoint\n")


def test_a_folder_with_files_is_never_written_into(call, kind, released, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert "is not empty" in refusal(call(kind.name, released))
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_file_is_never_written_over_by_a_folder(call, kind, released, tmp_path) -> None:
    (tmp_path / "out").write_text("mine")
    assert "is a file; name a new folder" in refusal(call(kind.name, released))
    assert (tmp_path / "out").read_text() == "mine"


def test_a_tokenizer_of_another_vocabulary_is_refused(
    call, kind, released, refused, tmp_path, wordpiece
) -> None:
    line = refused(released, "--tokenizer", wordpiece(59))
    assert "the tokenizer has 59 entries" in line
    missing = refusal(call(kind.name, released, "--tokenizer", tmp_path / "none"))
    assert "no tokenizer at" in missing
    assert not (tmp_path / "out").exists()


def test_a_write_that_fails_leaves_nothing(call, kind, released, tmp_path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    assert "No space left" in refusal(call(kind.name, released))
    assert not (tmp_path / "out").exists()


def test_another_method_has_no_importer_yet(call, tmp_path) -> None:
    known = " or ".join(kind.name for kind in KINDS)
    assert f"it is {known}\n" in refusal(call("cmr", tmp_path / "any.pth"))
