"""The decoders of parts written out: a row, a head, a slot and a place at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

Places = Sequence[Sequence[int]]  # of each part, where it may look


def dense(rows: Tensor, layer: nn.Linear) -> Tensor:
    return rows @ layer.weight.T + layer.bias


def normed(rows: Tensor, layer: nn.LayerNorm) -> Tensor:
    centred = rows - rows.mean(-1, keepdim=True)
    length = (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt()
    return centred / length * layer.weight + layer.bias


def unit(row: Tensor) -> Tensor:
    return row / row.square().sum().sqrt()


def places(there: Tensor | None, row: int, parts: int, length: int) -> Places:
    """Of one photo or text, from bool (N or 1, K or 1, L)."""
    if there is None:
        return [range(length)] * parts
    own = there[row if len(there) > 1 else 0]
    return [own[k if len(own) > 1 else 0].nonzero()[:, 0].tolist() for k in range(parts)]


def seen_by(query: Tensor, keys: Tensor, values: Tensor, heads: int) -> Any:
    """One query's attention: what it sees (D,), and each key's weight (L,), the mean over heads."""
    wide, seen, shares = len(query) // heads, [], []
    for head in range(heads):
        own = slice(head * wide, (head + 1) * wide)
        masses = (keys[:, own] @ query[own] / wide**0.5).exp()
        shares.append(masses / masses.sum())
        seen.append(shares[-1] @ values[:, own])
    return torch.cat(seen), sum(shares) / heads


def block(tokens: Tensor, layer: Any) -> Tensor:
    """A pre-norm transformer block over the parts (K, D) of one photo or text."""
    attention, forward = layer.attention, layer.get_submodule("parts")
    queries, keys, values = dense(normed(tokens, layer.norm1), attention.qkv).chunk(3, 1)
    found = []
    for token, query in zip(tokens, queries, strict=True):
        seen, _ = seen_by(query, keys, values, attention.heads)
        token = token + dense(seen, attention.proj)
        inner = gelu(dense(normed(token, layer.norm2), forward.fc1))
        found.append(token + dense(inner, forward.fc2))
    return torch.stack(found)


def attended(decoder: Any, asks: Tensor, memory: Tensor, side: str, where: Places) -> Any:
    """LN_q, the side's LN_m, one cross-attention (LN_q(ask) is added to it only where that
    is set), the transformer, LN_post: parts (K, D) and looks (K, L) of one photo or text.
    """
    keys, values = dense(normed(memory, decoder.memory_norms[side]), decoder.key_value).chunk(2, 1)
    tokens, looks = [], torch.zeros(len(asks), len(memory), dtype=memory.dtype)
    for k, ask in enumerate(asks):
        asked, own = normed(ask, decoder.query_norm), list(where[k])
        seen, shares = seen_by(dense(asked, decoder.query), keys[own], values[own], decoder.heads)
        tokens.append(dense(seen, decoder.proj) + (asked if decoder.residual else 0))
        looks[k, own] = shares.detach()
    found = torch.stack(tokens)
    for layer in decoder.blocks:
        found = block(found, layer)
    return normed(found, decoder.norm), looks


def updated(cell: nn.GRUCell, found: Tensor, slot: Tensor) -> Tensor:
    """A gated recurrent unit (Cho et al. 2014), gates in the order reset, update, new."""
    of_found = (cell.weight_ih @ found + cell.bias_ih).chunk(3)
    of_slot = (cell.weight_hh @ slot + cell.bias_hh).chunk(3)
    reset, keep = ((a + b).sigmoid() for a, b in zip(of_found[:2], of_slot[:2], strict=True))
    return (1 - keep) * (of_found[2] + reset * of_slot[2]).tanh() + keep * slot


def slotted(decoder: Any, asks: Tensor, memory: Tensor, side: str, where: Places) -> Any:
    """Slot attention: slots compete for each place, and take of those that they may look at. Slots
    (K, D) and the shares of the last iteration (K, L) of one photo or text.
    """
    own = decoder.sides[side]
    keys, values = dense(normed(memory, own.memory_norm), own.key_value).chunk(2, 1)
    slots, shares = list(asks), torch.empty(0)
    allowed = torch.tensor([[at in each for at in range(len(memory))] for each in where])
    for _ in range(own.iterations):
        queries = torch.stack([dense(normed(slot, own.query_norm), own.query) for slot in slots])
        masses = (queries @ keys.T / keys.shape[1] ** 0.5).exp()
        taken = masses / masses.sum(0) * allowed  # over slots, at each place
        shares = torch.stack([row / (row.sum() + 1e-8) for row in taken])
        for k, slot in enumerate(slots):
            slot = updated(own.update, shares[k] @ values, slot)
            inner = dense(normed(slot, own.mlp[0]), own.mlp[1]).clamp(min=0)
            slots[k] = slot + dense(inner, own.mlp[3])
    return torch.stack(slots), shares.detach()


LITERAL = {"attention": attended, "residual": attended, "slots": slotted}
