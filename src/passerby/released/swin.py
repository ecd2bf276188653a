"""A Swin as its authors' code names it (Liu et al. 2021), for transformers' SwinModel.

Both merge patches in the same order, and count the positions of a window alike. One matrix holds
queries, keys and values there. Positions and masks of attention are stored, though they follow from
the sizes: here they are compared with what the model computes itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from passerby.errors import BadModel
from passerby.released.container import AS_RELEASED, count

SWIN = "image_model."
STARTS = tuple(f"{SWIN}{part}." for part in ("patch_embed", "layers", "norm"))
PREFIXES = {
    "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
    "embeddings.norm.": "patch_embed.norm.",
    "layernorm.": "norm.",
}
INNER = {
    "attention.q_proj.": "attn.qkv.",
    "attention.k_proj.": "attn.qkv.",
    "attention.v_proj.": "attn.qkv.",
    "attention.o_proj.": "attn.proj.",
    "attention.relative_position_bias.": "attn.",
    "layernorm_before.": "norm1.",
    "layernorm_after.": "norm2.",
    "mlp.": "mlp.",
}
BLOCK = re.compile(r"encoder\.(layers\.\d+\.)(?:(blocks\.\d+\.)|downsample\.)(.+)")
THIRD = re.compile(r"image_encoder\.model\.encoder\..+\.attention\.([qkv])_proj\.\w+")
PATCHES = f"{SWIN}patch_embed.proj.weight"
MLP = f"{SWIN}layers.0.blocks.0.mlp.fc1.weight"
DROP_PATH = 0.2  # as released; nothing in the file tells


def sized(network: Mapping[str, Tensor]) -> dict[str, int]:
    """What sizes are read off, and how many axes it has."""
    stages = max(1, count(network, f"{SWIN}layers."))
    return {PATCHES: 4, MLP: 2, **{_table(stage): 2 for stage in range(stages)}}


def options(network: Mapping[str, Tensor], where: str) -> dict[str, Any]:
    """The settings of transformers' SwinConfig, read off the tensors that `sized` names.

    Raises BadModel where the first table of positions is that of no window.
    """
    stages = count(network, f"{SWIN}layers.")
    rows = len(network[_table(0)])  # one for each step that a window of w x w holds: (2w - 1)^2
    window = (math.isqrt(rows) + 1) // 2
    if rows != (2 * window - 1) ** 2:
        raise BadModel(f"{where}: {_table(0)!r} has {rows} rows, which no window has")
    width = len(network[PATCHES])
    return {
        "patch_size": network[PATCHES].shape[-1],
        "embed_dim": width,
        "depths": [count(network, f"{SWIN}layers.{stage}.blocks.") for stage in range(stages)],
        "num_heads": [network[_table(stage)].shape[1] for stage in range(stages)],
        "window_size": window,
        "mlp_ratio": len(network[MLP]) / max(1, width),
        "drop_path_rate": DROP_PATH,
    }


def photo_side(options: Mapping[str, Any]) -> int:
    """The side of the photos: their last map is one window, and the last but one four of them."""
    return options["patch_size"] * options["window_size"] * 2 ** (len(options["depths"]) - 1)


def released_name(name: str) -> str:
    """What the checkpoint calls a SwinModel's tensor `name`."""
    block = BLOCK.fullmatch(name)
    if block is None:
        ours = next(start for start in PREFIXES if name.startswith(start))
        return SWIN + PREFIXES[ours] + name.removeprefix(ours)
    stage, number, inner = block.groups()
    if number is None:
        return f"{SWIN}{stage}downsample.{inner}"
    part = next(start for start in INNER if inner.startswith(start))
    return f"{SWIN}{stage}{number}{INNER[part]}{inner.removeprefix(part)}"


def third(name: str) -> int | None:
    """Which third of their one matrix our tensor `name` is; None where it is no such part."""
    found = THIRD.fullmatch(name)
    return None if found is None else "qkv".index(found[1])


def buffers(model: Any) -> dict[str, Tensor]:
    """The tensors that the checkpoint may store and that `model` computes, by their name there."""
    window = model.config.window_size
    side = photo_side(model.config.to_dict()) // model.config.patch_size
    made = {}
    for stage, layer in enumerate(model.encoder.layers):
        for number, block in enumerate(layer.blocks):
            name, rows = f"{SWIN}layers.{stage}.blocks.{number}.", side // 2**stage
            mask = block.get_attn_mask(rows, rows, torch.float32, torch.device("cpu"))
            made[f"{name}attn.relative_position_index"] = positions(window)
            if mask is not None:
                made[f"{name}attn_mask"] = mask
    return made


def positions(window: int) -> Tensor:
    """(w * w, w * w): the row of the table for each pair of a window's places."""
    rows, columns = torch.arange(window**2) // window, torch.arange(window**2) % window
    down = rows[:, None] - rows + window - 1
    right = columns[:, None] - columns + window - 1
    return down * (2 * window - 1) + right


def check_buffers(
    network: Mapping[str, Tensor], computed: Mapping[str, Tensor], where: str
) -> None:
    """Raises BadModel where the checkpoint stores another tensor than `computed`: biases would land
    on other places, or photos be of another size.
    """
    for name, ours in computed.items():
        theirs = network.get(name)
        if theirs is None:
            continue
        if theirs.shape != ours.shape:
            raise BadModel(
                f"{where}: {name!r} has shape {tuple(theirs.shape)}, not {tuple(ours.shape)}: "
                f"photos of another size than its windows are made for; {AS_RELEASED}"
            )
        if not torch.equal(theirs.to(ours.dtype), ours):
            raise BadModel(
                f"{where}: {name!r} is not what passerby computes from the sizes, so that windows "
                f"would be seen otherwise; {AS_RELEASED}"
            )


def _table(stage: int) -> str:
    return f"{SWIN}layers.{stage}.blocks.0.attn.relative_position_bias_table"
