"""Several processes on several GPUs, which exchange by NCCL."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
SETTINGS = [
    "run.name=cuda", "draw.persons=24", "draw.photos=2", "draw.val_persons=4",
    "data.train=drawn:people", "data.batch=8", "data.workers=1", "train.epochs=2",
    "train.save_every=2", "train.threads=1", "train.device=cuda",
]  # fmt: skip
RECIPE = Path(__file__).parents[2] / "recipes" / "twotower-drawn.toml"


def trained(folder: Path, count: int, *more: str, resume: bool = False) -> tuple[int, list[str]]:
    """torchrun's exit code, and the lines that are ours."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launch, "--nproc-per-node", str(count), "-m", "passerby", "train", str(RECIPE)]
    settings = [part for setting in (*SETTINGS, *more) for part in ("--set", setting)]
    if resume:
        settings.append("--resume")
    ran = subprocess.run(
        [*command, *settings], cwd=folder, capture_output=True, text=True, timeout=300, check=False
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
    for epochs, resume in ((1, False), (1, True)):
        code, told = trained(
            tmp_path, 2, f"train.sync_norms={norms}", f"train.epochs={epochs}", resume=resume
        )
        assert code == 0, told
    state = json.loads((tmp_path / "runs" / "cuda" / "last" / "state.json").read_text())
    assert state["processes"] == 2
    from passerby.build import load_method

    found = load_method(tmp_path / "runs" / "cuda" / "best").state_dict().values()
    assert all(torch.isfinite(tensor).all() for tensor in found)
