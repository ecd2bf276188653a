"""A small checkpoint under the names of the released IVT, and what the full one holds."""

from __future__ import annotations

import torch
from released_files import listed, random_tensor, weightless
from torch import Tensor

SHAPES = listed("ivt")
ORDER = "encoder_vl.embeddings.position_ids"
SKIPPED = [
    "bottleneck_img.bias", "bottleneck_img.num_batches_tracked", "bottleneck_img.running_mean",
    "bottleneck_img.running_var", "bottleneck_img.weight", "classifier_img.weight", ORDER, "temp",
]  # fmt: skip
SMALL = {768: 128, 2304: 3 * 128, 512: 40, 30522: 60, 11003: 5}
INNER = {"mlp_vis": 256, "mlp_txt": 320}
# Places are to differ, and queries and keys to tell them apart.
GAINS = {".qkv.": 8, ".cls_token": 64, ".pos_embed": 20000, ".type_embed": 20000}


def small_shape(name: str, shape: list[int]) -> list[int]:
    inner = next((size for part, size in INNER.items() if part in name), 0)
    return [inner if side == 3072 else SMALL.get(side, side) for side in shape]


def small_checkpoint() -> dict[str, Tensor]:
    """The released names, two blocks of two heads, random numbers."""
    chance, made = torch.Generator().manual_seed(0), {}
    for name, (shape, _) in SHAPES.items():
        number = name.removeprefix("encoder_vl.blocks.").split(".")[0]
        if name == ORDER:
            made[name] = torch.arange(SMALL[512])[None]
        elif not number.isdigit() or int(number) < 2:
            gain = next((size for part, size in GAINS.items() if part in name), 2)
            made[name] = random_tensor(name, small_shape(name, shape), chance, gain)
    return made


def full_checkpoint() -> dict[str, Tensor]:
    """All that the full one holds; numbers only where they follow from the sizes."""
    return weightless(SHAPES) | {ORDER: torch.arange(512)[None]}


def parts(name: str, shape: list[int]) -> list[list[int]]:
    """The shapes of our tensors that come of this one."""
    return [shape]
