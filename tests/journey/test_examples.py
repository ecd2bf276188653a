"""The examples run as a reader would run them, on a few drawn people."""

from __future__ import annotations

import json
import os
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import passerby
from passerby.build import method_class
from passerby.method import Method

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch, tmp_path, capsys):
    """Runs examples/NAME.py in this process, in an empty folder; gives what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # an example may add to it
    torch.set_num_threads(1)

    def run(name: str, *words: object) -> str:
        file = EXAMPLES / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [str(file), *map(str, words)])
        capsys.readouterr()
        runpy.run_path(str(file), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for file in EXAMPLES.glob("*.py"):
        assert f'example("{file.stem}"' in text


def test_a_folder_is_searched(example, default_model, people) -> None:
    folder, sentence = people / "imgs", "a woman in a red coat with a white handbag"
    said = example("01_search_a_folder", folder, sentence)
    assert "48 photos embedded, 0 unchanged" in said
    hits = [line.split() for line in said.splitlines()[1:]]
    assert [rank for rank, _, _ in hits] == ["1", "2", "3", "4", "5"]
    assert all(Path(path).is_file() for _, _, path in hits)
    again = example("01_search_a_folder", folder, sentence)
    assert again.splitlines()[0] == "0 photos embedded, 48 unchanged"
    assert again.splitlines()[1:] == said.splitlines()[1:]


def test_a_two_tower_is_trained_on_drawn_people_and_measured(example, tmp_path) -> None:
    words = (tmp_path / "work", "--persons", 30, "--epochs", 1, "--batch", 16)
    said = example("02_train_on_drawn_people", *words).splitlines()
    assert said[0].startswith("epoch 1: validation rank-1 ")
    assert "'rank-1'" in said[-1]
    assert "'mINP'" in said[-1]
    assert passerby.load(tmp_path / "work" / "runs" / "small" / "best").fingerprint
    assert example("02_train_on_drawn_people", *words).splitlines() == said[-1:]


def test_a_method_of_ones_own_is_one_file_found_by_its_dotted_name(
    example, passerby_cli, people, tmp_path
) -> None:
    said = example("03_add_a_method", tmp_path / "work", "--persons", 20)
    best = tmp_path / "work" / "runs" / "bands" / "best"
    line = said.strip().splitlines()[-1]
    setting, *words = shlex.split(line.replace("FOLDER", str(people / "imgs")))
    assert line.endswith(f"--model {best}")
    name, _, value = setting.partition("=")
    program = Path(sys.executable).with_name("passerby")
    done = subprocess.run(
        [program, *words[1:]], env={**os.environ, name: value}, capture_output=True, text=True
    )  # as a user's shell does it, where nothing has imported the module yet
    assert "48 new" in done.stdout, done.stderr
    name = json.loads((best / "config.json").read_text())["method"]
    assert name == "examples.03_add_a_method"
    kind = method_class(name)
    assert issubclass(kind, Method)
    method = passerby.load(best)
    assert type(method) is kind
    gallery = tmp_path / "gallery"
    done = passerby_cli("index", people / "imgs", "--gallery", gallery, "--model", best)
    assert "48 new" in done.out, done.err
    found = passerby_cli("search", "a man in a red shirt", "--gallery", gallery, "--json")
    scores = [result["score"] for result in json.loads(found.out)["results"]]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)
    done = passerby_cli("evaluate", best, "--data", f"drawn:{people}", "--workers", 0)
    assert done.code == 0, done.err


def test_features_of_any_model_are_measured_from_one_file(example, passerby_cli, tmp_path) -> None:
    said = example("04_evaluate_your_model", "--out", tmp_path / "mine.npz").splitlines()
    assert said[0].startswith("rank-1 ")
    assert "300 of 600 gallery rows (one row a caption)" in "".join(said)
    program, *words = shlex.split(said[-1])
    assert program == "passerby"
    done = passerby_cli(*words)
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "mine.json").read_text())["metrics"]
    assert said[0].startswith(f"rank-1 {metrics['rank-1']:.2f} [")
