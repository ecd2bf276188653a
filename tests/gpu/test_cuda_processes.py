"""Several processes on several GPUs, which exchange by NCCL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from processes import child_of_rank

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
SETTINGS = [
    "run.name=cuda", "draw.persons=24", "draw.photos=2", "draw.val_persons=4",
    "data.train=drawn:people", "data.batch=8", "data.workers=1", "train.epochs=20",
    "train.save_every=2", "train.threads=1", "train.device=cuda",
]  # fmt: skip
RECIPE = Path(__file__).parents[2] / "recipes" / "twotower-drawn.toml"


def command(count: int, *more: str) -> list[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    train = [*launch, "--nproc-per-node", str(count), "-m", "passerby", "train", str(RECIPE)]
    return [*train, *(part for setting in (*SETTINGS, *more) for part in ("--set", setting))]


def trained(folder: Path, count: int, *more: str, resume: bool = False) -> tuple[int, list[str]]:
    """torchrun's exit code, and the lines that are ours."""
    given = command(count, *more) + ["--resume"] * resume
    ran = subprocess.run(
        given, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    return ran.returncode, [line for line in ran.stderr.splitlines() if line.startswith("passerby")]


def test_more_processes_than_gpus_are_refused_in_one_line(tmp_path: Path) -> None:
    code, told = trained(tmp_path, torch.cuda.device_count() + 1)
    assert code != 0
    assert len([line for line in told if line.startswith("passerby: ")]) == 1
    assert "start one for each with --nproc-per-node" in told[0]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
@pytest.mark.parametrize("norms", ["true", "false"])
def test_two_gpus_train_and_go_on_from_a_checkpoint(tmp_path: Path, norms: str) -> None:
    shared = f"train.sync_norms={norms}"
    running = subprocess.Popen(command(2, shared), cwd=tmp_path)
    file, until = tmp_path / "runs" / "cuda" / "last" / "state.json", time.monotonic() + 120
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(child_of_rank(1, running.pid), signal.SIGKILL)
    assert running.wait(120) != 0
    before = json.loads(file.read_text())
    assert 0 <= before["epoch"] < 20
    code, told = trained(tmp_path, 2, shared, resume=True)
    assert code == 0, told
    after = json.loads(file.read_text())
    assert (after["epoch"], after["processes"]) == (20, 2)
    log = (tmp_path / "runs" / "cuda" / "log.jsonl").read_text().splitlines()
    steps = [event["at"] for event in map(json.loads, log) if "loss" in event]
    assert steps == list(range(1, len(steps) + 1))  # none twice, none left out
    from passerby.build import load_method

    found = load_method(tmp_path / "runs" / "cuda" / "best").state_dict().values()
    assert all(torch.isfinite(tensor).all() for tensor in found)
