"""Checkpoint files as authors release them, what is in them, and what is said of bad ones."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

Shapes = dict[str, tuple[list[int], str]]
BERT = "language_model.textExtractor."


def listed(method: str) -> Shapes:
    """Shape and type by name of all that the full checkpoint holds; no numbers of it."""
    file = Path(__file__).parents[2] / "fixtures" / f"released_{method}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def weightless(shapes: Shapes) -> dict[str, Tensor]:
    """The full checkpoint on the meta device."""
    return {
        name: torch.empty(shape, dtype=getattr(torch, kind), device="meta")
        for name, (shape, kind) in shapes.items()
    }


def random_tensor(name: str, shape: list[int], chance: torch.Generator, gain: float = 2) -> Tensor:
    """Numbers that let photos and texts differ down to the last layer. gain: of a linear map."""

    def normal() -> Tensor:
        return torch.randn(shape, generator=chance)

    if "num_batches" in name:
        return torch.tensor(7)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(shape, generator=chance)
    if len(shape) < 2 or "bottleneck" in name:
        return (1 + normal() / 5) if name.endswith("weight") else normal() / 5
    return normal() / math.sqrt(math.prod(shape[1:]) / gain)


def store(
    file: Path, state: Mapping[str, Tensor], classes: Tensor | None, *, legacy=False, **more
) -> None:
    """As training stored it. legacy: as torch 1.0 wrote files; else a zip."""
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
