"""Parts of photos and texts by a decoder of both sides: the same tokens ask either for them.

Shared tokens are what makes part k of a photo and part k of a text comparable: no part is ever
named. The layout is the reconstruction that docs/methods/cmr.md tells (CMR, Park et al. 2024,
arXiv 2501.00318, whose own was never published in code).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from passerby.encoders.packing import Rows
from passerby.encoders.shared import blocks, fan_in
from passerby.errors import BadRecipe

DECODERS = ("attention", "slots")
SIDES = ("photo", "text")
SHARP = 3.0  # how much larger than usual the queries' weights start


def decoder_of(
    kind: str, dim: int, heads: int, layers: int, iterations: int, residual: bool = False
) -> nn.Module:
    """A decoder: forward(queries (N, K, D), memory (N, L, D), side, there) gives (N, K, D), and
    looks(the same) how much each of K parts takes of each place, (N, K, L), summing to 1 over L.

    kind: "attention" (heads, layers, residual) or "slots" (iterations). side: "photo" or "text".
    there: bool, (N or 1, K or 1, L), which places a part may look at, one at least; None, all.
    Raises BadRecipe.
    """
    if kind not in DECODERS:
        raise BadRecipe(f"decoder = {kind!r}; it is one of {', '.join(DECODERS)}")
    if min(dim, heads, layers, iterations) < 1 or (kind == "attention" and dim % heads):
        raise BadRecipe(
            f"heads, layers, iterations are 1 or more, and heads ({heads}) divide {dim}"
        )
    if kind == "slots":
        return SlotDecoder(dim, iterations)
    return AttentionDecoder(dim, heads, layers, residual)


class AttentionDecoder(nn.Module):
    """One cross-attention of both sides, then a small transformer over the K parts.

    Every weight serves both sides but the norm of what is looked at. residual: what a token asked
    is added to what it saw; without it a part is what it saw alone.
    """

    def __init__(self, dim: int, heads: int, layers: int, residual: bool = False) -> None:
        super().__init__()
        self.heads, self.residual = heads, residual
        self.query_norm = nn.LayerNorm(dim)
        self.memory_norms = nn.ModuleDict({side: nn.LayerNorm(dim) for side in SIDES})
        self.query, self.key_value = fan_in(dim, dim), fan_in(dim, 2 * dim)
        self.proj = fan_in(dim, dim)
        # Else every token looks everywhere alike, and K parts start, and stay, one part.
        nn.init.trunc_normal_(self.query.weight, std=SHARP * dim**-0.5)
        self.blocks = blocks(dim, heads, [{"parts": 4 * dim}] * layers, 0.0)
        self.norm = nn.LayerNorm(dim)

    def forward(self, queries: Tensor, memory: Tensor, side: str, there: Tensor | None) -> Tensor:
        query, key, value = self._asked(queries, memory, side)
        mask = None if there is None else there[:, None]
        seen = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        parts = self.proj(seen.transpose(1, 2).flatten(2))
        if self.residual:
            parts = parts + self.query_norm(queries)
        rows = Rows.alike(len(parts), parts.shape[1], parts.device)
        tokens = parts.flatten(0, 1)
        for block in self.blocks:
            tokens = block(tokens, rows, "parts")
        return self.norm(tokens).unflatten(0, (len(parts), -1))

    def looks(self, queries: Tensor, memory: Tensor, side: str, there: Tensor | None) -> Tensor:
        query, key, _ = self._asked(queries, memory, side)
        scores = query @ key.transpose(2, 3) / query.shape[3] ** 0.5
        if there is not None:
            scores = scores.masked_fill(~there[:, None], -torch.inf)
        return scores.softmax(3).mean(1)

    def _asked(self, queries: Tensor, memory: Tensor, side: str) -> tuple[Tensor, ...]:
        """Queries, keys, values, each (N, heads, K or L, D / heads)."""
        key, value = self.key_value(self.memory_norms[side](memory)).chunk(2, 2)
        each = (self.query(self.query_norm(queries)), key, value)
        return tuple(t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in each)


class SlotDecoder(nn.Module):
    """Slot attention (Locatello et al. 2020) as PLOT has it (Park et al. 2024, ECCV): parts compete
    for every place, each side by weights of its own, from the same first slots.
    """

    def __init__(self, dim: int, iterations: int) -> None:
        super().__init__()
        self.sides = nn.ModuleDict({side: Slots(dim, iterations) for side in SIDES})

    def forward(self, queries: Tensor, memory: Tensor, side: str, there: Tensor | None) -> Tensor:
        return self.sides[side](queries, memory, there)[0]

    def looks(self, queries: Tensor, memory: Tensor, side: str, there: Tensor | None) -> Tensor:
        return self.sides[side](queries, memory, there)[1]


class Slots(nn.Module):
    """Gradients go through all iterations."""

    def __init__(self, dim: int, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        self.memory_norm, self.query_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key_value = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.update = nn.GRUCell(dim, dim)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim)
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, slots: Tensor, memory: Tensor, there: Tensor | None) -> tuple[Tensor, Tensor]:
        """Slots (N, K, D) after the last iteration, and the shares (N, K, L) it took."""
        key, value = self.key_value(self.memory_norm(memory)).chunk(2, 2)
        slots = slots.expand(len(memory), -1, -1)
        shares = torch.empty(0)
        for _ in range(self.iterations):
            query = self.query(self.query_norm(slots))
            scores = query @ key.transpose(1, 2) / key.shape[2] ** 0.5
            taken = _competed(scores, there)
            shares = taken / (taken.sum(2, keepdim=True) + 1e-8)
            found = (shares.to(value.dtype) @ value).flatten(0, 1)
            slots = self.update(found, slots.flatten(0, 1)).unflatten(0, (len(memory), -1))
            slots = slots + self.mlp(slots)
        return slots, shares


def _competed(scores: Tensor, there: Tensor | None) -> Tensor:
    """(N, K, L): all slots share out each place; those that may look at it take theirs."""
    taken = scores.softmax(1)
    return taken if there is None else taken * there
