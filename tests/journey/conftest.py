"""The command line in this process, and one tiny model that it trained on people that it drew."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

# One layer a side: trained in a second, right about as often as chance.
RECIPE = """
[run]
out = "{work}/runs"
seed = 5
[draw]
persons = 24
photos = 2
val_persons = 4
test_persons = 6
[data]
train = "drawn:{work}/people"
batch = 8
workers = 0
[method]
name = "twotower"
dim = 16
[photo]
height = 64
width = 32
[image_encoder]
kind = "resnet"
embedding_size = 8
hidden_sizes = [8, 16]
depths = [1, 1]
layer_type = "basic"
[text_encoder]
kind = "bert"
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 32
max_position_embeddings = 48
[optim]
lr = 1e-3
[train]
epochs = 2
device = "cpu"
threads = 1
average = 0.9
"""


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status and all that it wrote."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of a refused command. Progress bars may stand on stderr beside it."""
        said = [
            line
            for line in self.err.splitlines()
            if not line.startswith(("indexing ", "embedding "))
        ]
        assert self.code == 2, f"exit {self.code}: {self.err or self.out}"
        assert len(said) == 1, self.err
        assert said[0].startswith("passerby: "), self.err
        return said[0].removeprefix("passerby: ")


Command = Callable[..., Outcome]


def run(*words: object) -> Outcome:
    """`passerby WORDS` through the edge that a shell meets, without starting a process."""
    from passerby.cli import main

    # As a terminal has them: stdout takes UTF-8 only, so that an odd name cannot hide.
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["passerby", *(os.fspath(w) if isinstance(w, Path) else str(w)
                                                  for w in words)])  # fmt: skip
        patch.setenv("COLUMNS", "400")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
                code = 0
            except SystemExit as leaving:
                code = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
    told = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]  # type: ignore[attr-defined]
    return Outcome(code, *told)


@pytest.fixture(scope="session")
def passerby_cli() -> Command:
    return run


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="session")
def recipe(work: Path) -> Path:
    """A recipe that draws 24 persons, 2 photos each, and trains on 14 of them."""
    file = work / "tiny.toml"
    file.write_text(RECIPE.format(work=work), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def trained(recipe: Path, work: Path, passerby_cli: Command) -> Path:
    """The run's folder, with `best` and `last`; the people are in `work`/people."""
    done = passerby_cli("train", recipe)
    assert done.code == 0, done.err
    return work / "runs" / "tiny"


@pytest.fixture(scope="session")
def people(trained: Path, work: Path) -> Path:
    return work / "people"


@pytest.fixture(scope="session")
def gallery(trained: Path, people: Path, work: Path, passerby_cli: Command) -> Path:
    """All drawn photos, indexed with `best`. For reading: a test that writes makes its own."""
    done = passerby_cli(
        "index", people / "imgs", "--gallery", work / "gallery", "--model", trained / "best"
    )
    assert done.code == 0, done.err
    return work / "gallery"


@pytest.fixture
def default_model(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model in the place of the shipped one: quick, and there before that is trained."""
    import passerby.build

    monkeypatch.setattr(passerby.build, "DEFAULT", trained / "best")
    return trained / "best"


@pytest.fixture
def photos(people, tmp_path) -> Path:
    """A folder of the user's own with two good photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for place, photo in enumerate(sorted((people / "imgs").rglob("*.jpg"))[:2]):
        shutil.copy(photo, folder / f"good{place}.jpg")
    return folder


@pytest.fixture
def index(passerby_cli, trained, tmp_path):
    """`passerby index FOLDER` into tmp_path/gallery with the tiny model."""

    def run(folder: Path, *options: object):
        model = () if "--model" in options else ("--model", trained / "best")
        return passerby_cli("index", folder, "--gallery", tmp_path / "gallery", *model, *options)

    return run
