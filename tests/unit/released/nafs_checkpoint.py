"""A small checkpoint under the names of the released NAFS."""

from __future__ import annotations

import torch
from released_files import BERT, listed, random_tensor
from torch import Tensor

SHAPES = listed("nafs")
SMALL = {64: 2, 128: 4, 256: 8, 512: 16, 1024: 32, 2048: 64, 768: 16, 3072: 32, 30522: 60}
PLACES = 112
SKIPPED = [f"{BERT}pooler.dense.bias", f"{BERT}pooler.dense.weight"]


def kept(name: str) -> bool:
    """Two blocks of each stage and two layers of BERT are enough."""
    number = name.removeprefix(f"{BERT}encoder.layer.").split(".")[0]
    if name.startswith("image_model."):
        number = (name.split(".")[2:3] or ["0"])[0]
    return not number.isdigit() or int(number) < 2


def small_shape(name: str, shape: list[int]) -> list[int]:
    if "position_embeddings" in name:
        return [PLACES, SMALL[shape[1]]]
    return [SMALL.get(side, side) for side in shape]


def small_checkpoint() -> dict[str, Tensor]:
    """The released names, random numbers, about a 32nd of the width."""
    chance = torch.Generator().manual_seed(0)
    return {
        name: random_tensor(name, small_shape(name, shape), chance)
        for name, (shape, _) in SHAPES.items()
        if kept(name)
    }


def parts(name: str, shape: list[int]) -> list[list[int]]:
    """The shapes of our tensors that come of this one; a 1x1 convolution is a linear map here."""
    return [shape[:2] if name.startswith("conv_") else shape]
