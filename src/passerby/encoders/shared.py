"""Transformer blocks whose attention and norms serve several sides, each with its own feed-forward.

Pre-norm: x + attention(norm1(x)), then x + feed_forward_of_the_side(norm2(x)) (IVT, Shu et al.
2022). Tokens are packed, so that norms and linear maps see no padding; attention alone pads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from passerby.encoders.packing import Rows

EPS = 1e-6  # of every norm of IVT but that of words, whatever a source's config.json says


class Attention(nn.Module):
    """Self-attention; rows of `qkv` are queries, keys and values, each head by head."""

    def __init__(self, dim: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv, self.proj = fan_in(dim, 3 * dim), fan_in(dim, dim)

    def forward(self, tokens: Tensor, rows: Rows, first: bool = False) -> Tensor:
        """tokens: (S, D) to the same; a token sees its own row. first: of each row's first token
        alone, (T, D), which spares the queries of all others.
        """
        if not first:
            query, key, value = self.qkv(tokens).chunk(3, 1)
            return self.proj(self._seen(query, key, value, rows))
        dim = len(self.qkv.weight) // 3
        query = linear(rows.first(tokens), self.qkv.weight[:dim], self.qkv.bias[:dim])
        key, value = linear(tokens, self.qkv.weight[dim:], self.qkv.bias[dim:]).chunk(2, 1)
        return self.proj(self._seen(query, key, value, rows, first))

    def _seen(
        self, query: Tensor, key: Tensor, value: Tensor, rows: Rows, first: bool = False
    ) -> Tensor:
        """What all tokens, or each row's first, find in their rows, group by group."""
        found, start = [], 0
        for span, group in rows.groups:
            stop = start + len(group.lengths)
            asked, own = (slice(start, stop), group.ones) if first else (span, group)
            start = stop
            seen = group.seen
            if not group.even:
                seen = group.mask if seen is None else seen & group.mask
            heads = scaled_dot_product_attention(
                self._heads(own.padded(query[asked])),
                self._heads(group.padded(key[span])),
                self._heads(group.padded(value[span])),
                attn_mask=None if seen is None else seen[:, None, None],
                dropout_p=self.dropout if self.training else 0.0,
            )
            found.append(own.unpadded(heads.transpose(1, 2).flatten(2)))
        return torch.cat(found)

    def _heads(self, padded: Tensor) -> Tensor:
        """(T, L, D) to (T, heads, L, D / heads)."""
        return padded.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = fan_in(dim, inner), fan_in(inner, dim)

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

    def forward(self, tokens: Tensor, rows: Rows, side: str, first: bool = False) -> Tensor:
        """(S, D) to the same; first: of each row's first token alone, (T, D)."""
        seen = self.attention(self.norm1(tokens), rows, first)
        if first:
            tokens, rows = rows.first(tokens), rows.ones
        tokens = tokens + self._kept(seen, rows)
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


def fan_in(wide: int, narrow: int) -> nn.Linear:
    """As wide a start as its inputs ask (LeCun et al. 1998). ViT's 0.02 is made for widths about
    its own: in a narrow network a first token then hears next to nothing of the others.
    """
    made = nn.Linear(wide, narrow)
    nn.init.trunc_normal_(made.weight, std=wide**-0.5)
    nn.init.zeros_(made.bias)
    return made
