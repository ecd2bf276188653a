"""IVT written out literally from a checkpoint's own names: sections 1.4 and 1.7."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
ALL = "encoder_vl"


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{ALL}.{name}.weight"], state[f"{ALL}.{name}.bias"])


def norm(state: State, name: str, x: Tensor, eps: float = 1e-6) -> Tensor:
    weight = state[f"{ALL}.{name}.weight"]
    return F.layer_norm(x, weight.shape, weight, state[f"{ALL}.{name}.bias"], eps)


def attention(state: State, name: str, x: Tensor, mask: Tensor, heads: int) -> Tensor:
    """x (N, L, D), mask (N, L): scores head by head, a large negative number on pads."""
    q, k, v = linear(state, f"{name}.qkv", x).chunk(3, -1)
    size = x.shape[-1] // heads
    seen = []
    for start in range(0, x.shape[-1], size):
        own = slice(start, start + size)
        scores = q[..., own] @ k[..., own].mT / math.sqrt(size) - 10000.0 * (1 - mask[:, None])
        seen.append(scores.softmax(-1) @ v[..., own])
    return linear(state, f"{name}.proj", torch.cat(seen, -1))


def encoded(state: State, x: Tensor, mask: Tensor, side: str, heads: int) -> Tensor:
    """(N, D): the first token of tokens (N, L, D) after all blocks. side: "vis" or "txt"."""
    number = 0
    while f"{ALL}.blocks.{number}.norm1.weight" in state:
        name = f"blocks.{number}"
        x = x + attention(state, f"{name}.attn", norm(state, f"{name}.norm1", x), mask, heads)
        inner = linear(state, f"{name}.mlp_{side}.fc1", norm(state, f"{name}.norm2", x))
        x = x + linear(state, f"{name}.mlp_{side}.fc2", F.gelu(inner))
        number += 1
    assert number
    return norm(state, "norm", x)[:, 0]


def photo_side(state: State, images: Tensor, stride: int, heads: int) -> Tensor:
    """(N, D)."""
    conv = state[f"{ALL}.patch_embed.proj.weight"], state[f"{ALL}.patch_embed.proj.bias"]
    patches = F.conv2d(images, *conv, stride=stride).flatten(2).mT
    x = torch.cat([state[f"{ALL}.cls_token"].expand(len(images), -1, -1), patches], 1)
    x = x + state[f"{ALL}.pos_embed"] + state[f"{ALL}.type_embed"]
    return encoded(state, x, torch.ones(x.shape[:2], dtype=x.dtype), "vis", heads)


def text_side(state: State, ids: Tensor, mask: Tensor, heads: int) -> Tensor:
    """(T, D)."""
    tables = f"{ALL}.embeddings"
    x = state[f"{tables}.word_embeddings.weight"][ids]
    x = x + state[f"{tables}.token_type_embeddings.weight"][0]
    x = x + state[f"{tables}.position_embeddings.weight"][: ids.shape[1]]
    return encoded(state, norm(state, "embeddings.LayerNorm", x, 1e-12), mask.to(x), "txt", heads)
