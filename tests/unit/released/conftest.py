"""The command, tokenizers, and a small checkpoint of each method with the model made of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from released_files import refusal, store
from released_kinds import KINDS, Kind
from torch import Tensor

from passerby.cli import main


def ran(patch: pytest.MonkeyPatch, method: str, file: Path, out: Path, *more: object) -> int:
    """The exit status of `passerby import-released METHOD FILE --out OUT`."""
    words = ["passerby", "import-released", method, file, "--out", out, *more]
    patch.setattr(sys, "argv", [*map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def kind(request) -> Kind:
    """Each method in turn; a module that is about one of them says which."""
    return request.param


@pytest.fixture(scope="module")
def state(kind) -> dict[str, Tensor]:
    """A small checkpoint: the released names, random numbers."""
    return kind.small()


@pytest.fixture(scope="module")
def classes(kind) -> Tensor | None:
    """Its class matrix, where the method's checkpoints hold one."""
    chance = torch.Generator().manual_seed(1)
    return None if kind.plain else torch.randn(kind.width, 7, generator=chance)


@pytest.fixture(scope="module")
def released(kind, state, classes, tmp_path_factory) -> Path:
    """The file, as training stored it."""
    file = tmp_path_factory.mktemp("released") / "best_model.pth.tar"
    if kind.plain:
        torch.save(state, file)
    else:
        store(file, state, classes)
    return file


@pytest.fixture(scope="module")
def folder(kind, released, tmp_path_factory) -> Path:
    """What the command makes of it."""
    out = tmp_path_factory.mktemp("imported") / "model"
    with pytest.MonkeyPatch.context() as patch:
        assert ran(patch, kind.name, released, out) == 0
    return out


@pytest.fixture
def wordpiece(tmp_path):
    """wordpiece(n): a folder with a tokenizer of n entries."""

    def made(entries: int) -> Path:
        from passerby.language.tokenizer import train_wordpiece

        where = tmp_path / f"words{entries}"
        where.mkdir()
        train_wordpiece(["aa bb cc dd ee ff gg"] * 2, entries).save(where)
        return where

    return made


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """`passerby import-released METHOD FILE --out OUT`: exit status, stdout, stderr."""

    def run(method: str, file: Path, *more: object) -> tuple[int, str, str]:
        code = ran(monkeypatch, method, file, tmp_path / "out", *more)
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(kind, call, tmp_path, recwarn):
    """refused(file): the one line that is said of it; nothing is written or executed."""

    def run(file: Path, *more: object) -> str:
        line = refusal(call(kind.name, file, *more))
        assert str(file) in line
        assert not recwarn.list  # a warning would be a second line
        assert not (tmp_path / "out").exists()
        assert not (tmp_path / "executed").exists()
        return line

    return run
