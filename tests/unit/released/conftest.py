"""The command and tokenizers, for checkpoints of each method."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from passerby.cli import main


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
        words = ["import-released", method, file, "--out", tmp_path / "out", *more]
        monkeypatch.setattr(sys, "argv", ["passerby", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        return (left.value.code, *capsys.readouterr())

    return run
