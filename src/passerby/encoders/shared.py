"""Transformer blocks whose attention and norms serve several sides, each with its own feed-forward.

Pre-norm: x + attention(norm1(x)), then x + feed_forward_of_the_side(norm2(x)) (IVT, Shu et al.
2022). Tokens are packed, so that norms and linear maps see no padding; attention alone pads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from passerby.encoders.packing import Rows

EPS = 1e-6  # of every norm of IVT but that of words, whatever a source's config.json says


class Attention(nn.Module):
    """Self-attention; rows of `qkv` are queries, keys and values, each head by head."""

    def __init__(self, dim: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv, self.proj = _linear(dim, 3 * dim), _linear(dim, dim)

    def forward(self, tokens: Tensor, rows: Rows) -> Tensor:
        """tokens: (S, D) to the same; a token sees its own row."""
        qkv, seen = self.qkv(tokens), rows.seen
        if not rows.even:
            index, places = rows.padding
            qkv = qkv.index_select(0, index)
            seen = rows.mask if seen is None else seen & rows.mask
        query, key, value = (
            qkv.unflatten(0, (-1, rows.longest)).unflatten(2, (3, self.heads, -1)).unbind(2)
        )
        found = scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=None if seen is None else seen[:, None, None],
            dropout_p=self.dropout if self.training else 0.0,
        )
        found = found.transpose(1, 2).flatten(2).flatten(0, 1)
        return self.proj(found if rows.even else found.index_select(0, places))


class FeedForward(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = _linear(dim, inner), _linear(inner, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(gelu(self.fc1(tokens)))


class Block(nn.Module):
    """inner: the width of each side's feed-forward, by the side's name, which is a module's too.

    drop_path: how often a row goes round each of both branches in training; the branch of a row
    that stays is scaled up (Huang et al. 2016).
    """

    def __init__(
        self, dim: int, heads: int, inner: dict[str, int], drop_path: float, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, EPS), nn.LayerNorm(dim, EPS)
        self.attention = Attention(dim, heads, dropout)
        for side, wide in inner.items():
            self.add_module(side, FeedForward(dim, wide))
        self.drop_path = drop_path

    def forward(self, tokens: Tensor, rows: Rows, side: str) -> Tensor:
        tokens = tokens + self._kept(self.attention(self.norm1(tokens), rows), rows)
        return tokens + self._kept(self.get_submodule(side)(self.norm2(tokens)), rows)

    def _kept(self, branch: Tensor, rows: Rows) -> Tensor:
        if not self.drop_path or not self.training:
            return branch
        keep = 1 - self.drop_path
        drawn = torch.rand(len(rows.lengths), 1, device=branch.device) < keep
        return branch * rows.spread(drawn.to(branch.dtype) / keep)


def blocks(
    dim: int, heads: int, inner: Sequence[dict[str, int]], drop_path: float, dropout: float = 0.0
) -> nn.ModuleList:
    """One block an entry of `inner`; drop_path rises from 0 at the first to `drop_path`."""
    rates = [drop_path * n / max(len(inner) - 1, 1) for n in range(len(inner))]
    return nn.ModuleList(
        Block(dim, heads, wide, rate, dropout) for wide, rate in zip(inner, rates, strict=True)
    )


def _linear(wide: int, narrow: int) -> nn.Linear:
    """As ViT and BERT start them."""
    made = nn.Linear(wide, narrow)
    nn.init.trunc_normal_(made.weight, std=0.02)
    nn.init.zeros_(made.bias)
    return made
