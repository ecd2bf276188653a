"""Training on two processes: as one, resumed exactly, and ended in one line whatever befalls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from passerby.build import load_method
from passerby.config import Recipe, parse_recipe
from passerby.drawn.world import draw_world
from passerby.errors import BadRecipe, Refused
from passerby.runs import train
from passerby.training.joining import joined
from passerby.training.log import read_journal
from processes import child_of_rank, ended, started
from small import towers

SAME = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
RECIPE = {
    "run": {"seed": 5},
    "data": {"batch": 8, "workers": 0},
    "method": {"name": "twotower", "dim": 8, "identity_weight": 0.2, "dropout": 0.2},
    **towers(),
    "optim": {"lr": 1e-3, "warmup": 1.0, "clip": 1.0},
    "train": {"epochs": 2, "device": "cpu", "threads": 1, "average": 0.9, "save_every": 2},
}
# Nothing in it is normalised over a batch or drawn: two processes are one up to rounding.
CALM = {
    "method": {"name": "twotower", "dim": 8, "identity_weight": 0.2, "temperature": 0.1},
    "image_encoder": {
        "kind": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "patch_size": 8,
    },
    "text_encoder": {**towers()["text_encoder"], **SAME},
    "optim": {"kind": "sgd", "lr": 0.01},
}  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 drawn persons, two of them to validate with."""
    folder = tmp_path_factory.mktemp("people")
    draw_world(folder, 18, 2, 0, captions=1, height=32, width=16, val=2, test=0, workers=1)
    return folder


def tables(people: Path, out: Path, name: str, base: Any = None, **more: Any) -> dict[str, Any]:
    told = {table: dict(settings) for table, settings in (RECIPE | (base or {})).items()}
    told["run"] |= {"name": name, "out": str(out)}
    told["data"] |= {"train": f"cuhk-pedes:{people}"}
    for table, settings in more.items():
        told.setdefault(table, {}).update(settings)
    return told


def recipe_for(*given: Any, **more: Any) -> Recipe:
    return parse_recipe(tables(*given, **more))


def work(environ: Mapping[str, str], recipe: Recipe, dies: tuple[int, int] | None = None) -> None:
    """Trains or goes on; what is told ends in RUN/told.RANK. dies: (rank, step) of a kill."""
    told = Path(recipe.run.out) / f"{recipe.run.name}.told.{environ['RANK']}"
    try:
        with joined(environ) as processes:
            if dies is not None and processes.rank == dies[0]:
                _kill_at_step(dies[1])
            train(recipe, resume=True, processes=processes)
    except Refused as refused:
        told.write_text(str(refused))
        sys.exit(2)


def _kill_at_step(step: int) -> None:
    from passerby.methods.twotower import TwoTower

    losses, seen = TwoTower.losses, 0

    def counted(self, batch):
        nonlocal seen
        seen += 1
        if seen == step:  # the others wait in an exchange by now, or soon
            os.kill(os.getpid(), signal.SIGKILL)
        return losses(self, batch)

    TwoTower.losses = counted


def together(recipe: Recipe, dies: tuple[int, int] | None = None, size: int = 2) -> list[int]:
    return ended(started(work, size, recipe, dies))


def lines(recipe: Recipe) -> list[str]:
    """What all processes told."""
    found = Path(recipe.run.out).glob(f"{recipe.run.name}.told.*")
    return [file.read_text() for file in found]


def folder_of(recipe: Recipe) -> Path:
    return Path(recipe.run.out) / recipe.run.name


def same_weights(one: Path, two: Path, tolerance: float = 0.0) -> None:
    first, second = (load_method(folder).state_dict() for folder in (one, two))
    assert set(first) == set(second)
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=tolerance, rtol=0, msg=name)


@pytest.mark.parametrize("sampler", ["random", "identity"])
def test_two_processes_train_as_one_on_the_same_batches(people, tmp_path, sampler) -> None:
    torch.set_num_threads(1)
    data = {"sampler": sampler, "each": 2}
    alone = recipe_for(people, tmp_path, "alone", CALM, data=data)
    train(alone)
    both = recipe_for(people, tmp_path, "both", CALM, data=data)
    assert together(both) == [0, 0]
    logs = [
        [event for event in read_journal(folder_of(r) / "log.jsonl") if "loss" in event]
        for r in (alone, both)
    ]
    assert len(logs[0]) == len(logs[1]) > 4
    for one, two in zip(*logs, strict=True):
        assert two == pytest.approx(one, rel=1e-4)
    same_weights(folder_of(alone) / "last", folder_of(both) / "last", 1e-5)
    assert not (folder_of(both) / "begun").exists()


def test_a_killed_and_resumed_run_of_two_is_the_unbroken_one_bit_for_bit(people, tmp_path) -> None:
    """Each process has dropout of its own, and norms of its own rows."""
    whole = recipe_for(people, tmp_path, "whole")
    assert together(whole) == [0, 0]
    broken = recipe_for(people, tmp_path, "broken")
    for dies in ((0, 4), (1, 3)):
        codes = together(broken, dies)
        assert sorted(codes) == [-9, 2], codes
    assert together(broken) == [0, 0]
    for part in ("last", "best"):
        same_weights(folder_of(whole) / part, folder_of(broken) / part)
    logs = [(folder_of(recipe) / "log.jsonl").read_text() for recipe in (whole, broken)]
    assert logs[0] == logs[1]


def test_who_is_left_of_a_killed_process_names_it_in_one_line(people, tmp_path) -> None:
    recipe = recipe_for(people, tmp_path, "left")
    assert together(recipe, (1, 4)) == [2, -9]
    (line,) = lines(recipe)
    assert line.startswith("process 1 of 2 (its id was ")
    assert line.endswith("go on from the last checkpoint with the same command and --resume")
    state = json.loads((folder_of(recipe) / "last" / "state.json").read_text())
    assert (state["step"], state["processes"]) == (2, 2)


def test_a_run_goes_on_with_another_number_of_processes_and_says_so(people, tmp_path) -> None:
    recipe = recipe_for(people, tmp_path, "fewer")
    assert together(recipe, (1, 4)) == [2, -9]
    heard: list[dict[str, Any]] = []
    train(recipe, resume=True, watch=heard.append)
    (note,) = [line for event in heard for line in event.get("noted", ())]
    assert "with 1 process in place of 2" in note
    events = read_journal(folder_of(recipe) / "log.jsonl")
    assert [e["at"] for e in events if "loss" in e] == list(range(1, 9))


def test_what_is_noted_of_processes_is_logged_once_though_no_checkpoint_followed(
    people, tmp_path
) -> None:
    recipe = recipe_for(people, tmp_path, "noted")
    assert together(recipe, (1, 4)) == [2, -9]

    class Kill(BaseException):
        pass

    def watch(event):
        if "loss" in event:
            raise Kill

    for _ in range(2):
        with pytest.raises(Kill):
            train(recipe, resume=True, watch=watch)
    events = read_journal(folder_of(recipe) / "log.jsonl")
    assert sum("noted" in event for event in events) == 1


def test_what_processes_killed_at_the_start_left_behind_is_removed(people, tmp_path) -> None:
    recipe = recipe_for(people, tmp_path, "began", train={"epochs": 1})
    begun = folder_of(recipe) / "begun"
    begun.mkdir(parents=True)
    train(recipe)
    assert not begun.exists()


def test_a_photo_that_one_process_cannot_read_ends_all_in_one_line(people, tmp_path) -> None:
    broken = tmp_path / "people"
    draw_world(broken, 18, 2, 1, captions=1, height=32, width=16, val=2, test=0, workers=1)
    records = json.loads((broken / "reid_raw.json").read_text())
    lost = next(r["file_path"] for r in records if r["split"] == "train")
    (broken / "imgs" / lost).write_bytes(b"no photo")
    recipe = recipe_for(broken, tmp_path, "unread", data={"workers": 1})
    assert together(recipe) == [2, 2]
    (line,) = lines(recipe)
    assert lost in line


def test_what_all_processes_refuse_is_told_once(people, tmp_path) -> None:
    for name, settings, said in (
        ("uneven", {"batch": 9}, "2 processes cannot share a batch of 9 pairs evenly; make "),
        ("cut", {"batch": 12, "sampler": "identity", "each": 4}, "4 pairs a person together"),
    ):
        recipe = recipe_for(people, tmp_path, name, data=settings)
        assert together(recipe) == [2, 2]
        (line,) = lines(recipe)
        assert said in line


def test_a_loss_that_is_not_finite_is_told_once_by_all(people, tmp_path) -> None:
    recipe = recipe_for(people, tmp_path, "bad", optim={"lr": 1e30, "clip": 0.0})
    assert together(recipe) == [2, 2]
    (line,) = lines(recipe)
    assert "the loss is not finite at step" in line


def test_norms_are_shared_on_gpus_alone(people, tmp_path) -> None:
    recipe = recipe_for(people, tmp_path, "norms", train={"sync_norms": True})
    with pytest.raises(BadRecipe, match="sync_norms needs GPUs"):
        train(recipe)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'; start several processes with torchrun"),
        ({"WORLD_SIZE": "2"}, "RANK is ''"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "start with torchrun"),
    ],
)
def test_an_environment_that_torchrun_did_not_make_is_refused(environ, said, monkeypatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadRecipe, match=said), joined(environ):
        pass


def stand(environ: Mapping[str, str], folder: Path) -> None:
    with joined(environ) as processes:
        heard = processes.everyones({"rank": processes.rank})
        once = processes.once(lambda: ["made", os.getpid()])
        if processes.rank == 1:
            time.sleep(0.3)
        mean = processes.mean(torch.tensor([float(processes.rank), 4.0])).tolist()
        told = {"heard": heard, "once": once, "mean": mean, "id": os.getpid()}
        (folder / f"{processes.rank}.json").write_text(json.dumps(told))


def test_processes_hear_one_another_and_wait_for_the_first(tmp_path) -> None:
    assert ended(started(stand, 3, tmp_path)) == [0, 0, 0]
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    for own in told:
        assert own["heard"] == [{"rank": 0}, {"rank": 1}, {"rank": 2}]
        assert own["once"] == ["made", told[0]["id"]]
        assert own["mean"] == [1.0, 4.0]


TOML = """
[run]
name = "torn"
out = "runs"
[data]
train = "cuhk-pedes:{people}"
batch = 8
workers = 1
[method]
name = "twotower"
dim = 8
[photo]
height = 32
width = 16
[image_encoder]
kind = "resnet"
embedding_size = 8
hidden_sizes = [8]
depths = [1]
layer_type = "basic"
[text_encoder]
kind = "bert"
hidden_size = 8
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 16
max_position_embeddings = 40
[train]
epochs = 1000
device = "cpu"
threads = 1
save_every = 2
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds a process in /proc")
def test_under_torchrun_a_killed_worker_ends_the_run_in_one_line_and_it_resumes(
    people, tmp_path
) -> None:
    (tmp_path / "torn.toml").write_text(TOML.format(people=people))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    command = [*launch, "2", "-m", "passerby", "train", "torn.toml"]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    state, until = tmp_path / "runs" / "torn" / "last" / "state.json", time.monotonic() + 60
    while not state.exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(child_of_rank(1, running.pid), signal.SIGKILL)
    told = running.communicate(timeout=60)[1]
    assert running.returncode != 0
    ours = [line for line in told.splitlines() if line.startswith("passerby: ")]
    assert len(ours) == 1, told
    assert ours[0].startswith("passerby: process 1 of 2 (its id was ")
    assert "Exception ignored" not in told
    # torchrun's own, of its child that failed; a data worker of the dead one may say what it met.
    orphans = sum(line.startswith(("EOFError", "Connection")) for line in told.splitlines())
    assert sum(line.startswith("Traceback") for line in told.splitlines()) <= 1 + orphans, told
    before = json.loads(state.read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        from passerby.config import read_recipe

        recipe = read_recipe(Path("torn.toml"))
        codes = ended(started(work, 2, recipe, (0, 4)))
    assert codes == [-9, 2]
    after = json.loads(state.read_text())
    assert (after["epoch"], after["step"]) > (before["epoch"], before["step"])


@pytest.mark.slow
def test_what_is_refused_of_several_processes_by_the_command_is_one_line(tmp_path) -> None:
    command = [sys.executable, "-m", "passerby", "train", "none.toml", "--processes", "2"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("passerby: cannot read recipe none.toml")
