"""A small checkpoint under the names of the released ACSA, and what the full one holds.

tests/fixtures/released_acsa.json: its names, shapes and types; no numbers of it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from acsa_written_out import mask, positions
from torch import Tensor

SHAPES = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "released_acsa.json").read_text(encoding="utf-8")
)
BERT = "language_model.textExtractor."
WINDOW = 3  # of the small checkpoint, for photos of 96x96; 7 and 224x224 as released
KEPT = {2, 3, 4, 6, 10, 12, 24}  # heads, phrases, and sides of kernels and patches
SMALL = {169: (2 * WINDOW - 1) ** 2, 512: 120, 30522: 60, 1000: 5}


def computed(name: str) -> bool:
    return name.endswith(("attn_mask", "relative_position_index"))


def kept(name: str) -> bool:
    """Two layers of BERT and four blocks of the third stage are enough."""
    for start, most in ((f"{BERT}encoder.layer.", 2), ("image_model.layers.2.blocks.", 4)):
        number = name.removeprefix(start).split(".")[0]
        if name.startswith(start) and int(number) >= most:
            return False
    return True


def buffer(name: str, window: int) -> Tensor:
    """What Swin's authors' code stores though it follows from the sizes."""
    if name.endswith("index"):
        return positions(window)
    stage = int(name.removeprefix("image_model.layers.")[0])
    return mask(window * 2 ** (3 - stage), window, window // 2)


def random_tensor(name: str, shape: list[int], chance: torch.Generator) -> Tensor:
    def normal() -> Tensor:
        return torch.randn(shape, generator=chance)

    if computed(name):
        return buffer(name, WINDOW)
    if "num_batches" in name:
        return torch.tensor(7)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(shape, generator=chance)
    if name.endswith("bias_table"):
        return 2 * normal()
    if len(shape) < 2 or "bottleneck" in name:
        return (1 + normal() / 5) if name.endswith("weight") else normal() / 5
    # Of a 3x3 kernel one place in nine acts, and queries and keys are to tell places apart.
    reach = math.prod(shape[1:]) / (9 if shape[2:] == [3, 3] else 1)
    return normal() / math.sqrt(reach / (8 if "qkv" in name else 2))


def small_checkpoint() -> dict[str, Tensor]:
    """The released names, random numbers, a 16th of the width."""
    chance = torch.Generator().manual_seed(0)
    made = {}
    for name, (shape, _) in SHAPES.items():
        if kept(name):
            small = [side if side in KEPT else SMALL.get(side, side // 16) for side in shape]
            made[name] = random_tensor(name, small, chance)
    return made
