"""Checkpoint files as authors release them, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor


def store(file: Path, state, classes: Tensor | None, *, legacy: bool = False, **more) -> None:
    network = {f"module.{name}": tensor for name, tensor in state.items()}
    moments = {"state": {140: {"step": 3, "exp_avg": torch.ones(5)}}, "param_groups": [{"lr": 0.1}]}
    whole = {"network": network, "optimizer": moments, "epoch": 57, **more}
    if classes is not None:
        whole["W"] = torch.nn.Parameter(classes)
    torch.save(whole, file, _use_new_zipfile_serialization=not legacy)


class Trap:
    """A pickle that would leave a file behind if it were executed."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self):
        return Path.touch, (self.sign,)


def refusal(done: tuple[int, str, str]) -> str:
    code, out, err = done
    assert (code, out) == (2, ""), done
    assert err.startswith("passerby: ")
    assert err.count("\n") == 1, err
    return err
