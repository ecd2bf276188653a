"""A small checkpoint under the names of the released ACSA, and what the full one holds."""

from __future__ import annotations

import torch
from acsa_written_out import mask, positions
from released_files import BERT, listed, random_tensor, weightless
from torch import Tensor

SHAPES = listed("acsa")
WINDOW = 3  # of the small checkpoint, for photos of 96x96; 7 and 224x224 as released
KEPT = {2, 3, 4, 6, 10, 12, 24}  # heads, phrases, and sides of kernels and patches
SMALL = {169: (2 * WINDOW - 1) ** 2, 512: 120, 30522: 60, 1000: 5}
SKIPPED = [
    "image_model.head.bias", "image_model.head.weight", "image_model.norm_window_stage2.bias",
    "image_model.norm_window_stage2.weight", f"{BERT}pooler.dense.bias",
    f"{BERT}pooler.dense.weight",
]  # fmt: skip


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


def small_checkpoint() -> dict[str, Tensor]:
    """The released names, random numbers, a 16th of the width."""
    chance = torch.Generator().manual_seed(0)
    made = {}
    for name, (shape, _) in SHAPES.items():
        small = [side if side in KEPT else SMALL.get(side, side // 16) for side in shape]
        # Of a 3x3 kernel one place in nine acts; queries and keys are to tell places apart.
        gain = (9 if shape[2:] == [3, 3] else 1) * (8 if "qkv" in name else 2)
        if computed(name) and kept(name):
            made[name] = buffer(name, WINDOW)
        elif name.endswith("bias_table") and kept(name):
            made[name] = 2 * torch.randn(small, generator=chance)
        elif kept(name):
            made[name] = random_tensor(name, small, chance, gain)
    return made


def full_checkpoint() -> dict[str, Tensor]:
    """All that the full one holds; numbers only where they follow from the sizes."""
    stored = {name: buffer(name, 7) for name in SHAPES if computed(name)}
    return weightless(SHAPES) | stored


def parts(name: str, shape: list[int]) -> list[list[int]]:
    """The shapes of our tensors that come of this one: thirds, a kernel's centre, or all of it."""
    if ".qkv." in name:
        return [[shape[0] // 3, *shape[1:]]] * 3
    return [shape[:2] if shape[2:] == [3, 3] else shape]
