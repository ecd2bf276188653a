"""Heads behind encoders: batch norms of vectors, and keys, queries and values of NAFS' parts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RowNorm(nn.BatchNorm1d):
    """Batch norm of vectors; in training a row that is alone is normalised by the running
    statistics, where torch would refuse it. group: rows normalised together, 0 for all.
    """

    def __init__(self, dim: int, group: int = 0) -> None:
        super().__init__(dim)
        self.group = group

    def forward(self, rows: Tensor) -> Tensor:
        """(N, D) to the same."""
        if not self.training:
            return super().forward(rows)
        return torch.cat([self._together(group) for group in rows.split(self.group or len(rows))])

    def _together(self, rows: Tensor) -> Tensor:
        if len(rows) > 1:
            return super().forward(rows)
        told = (self.running_mean, self.running_var, self.weight, self.bias)
        return nn.functional.batch_norm(rows, *told, eps=self.eps)


class ScaleNorm(RowNorm):
    """Its shift stays zero (Luo et al. 2019, the "BNNeck" of re-identification)."""

    def __init__(self, dim: int, group: int = 0) -> None:
        super().__init__(dim, group)
        self.bias.requires_grad_(False)


class PhotoParts(nn.Module):
    """Queries and values of the whole photo and of its stripes, each by linear maps of its own."""

    def __init__(self, wide: int, dim: int, stripes: int) -> None:
        super().__init__()
        self.query, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.narrow = nn.ModuleList(nn.Linear(wide, dim) for _ in range(stripes))
        self.queries = nn.ModuleList(nn.Linear(dim, dim) for _ in range(stripes))
        self.values = nn.ModuleList(nn.Linear(dim, dim) for _ in range(stripes))

    def forward(self, vector: Tensor, stripes: Tensor) -> tuple[Tensor, Tensor]:
        """vector: (N, D). stripes: (N, S, C). Gives (N, 1 + S, D) twice, the whole photo first."""
        narrow = [linear(stripes[:, n]) for n, linear in enumerate(self.narrow)]
        queries = [self.query(vector), *(q(h) for q, h in zip(self.queries, narrow, strict=True))]
        values = [self.value(vector), *(v(h) for v, h in zip(self.values, narrow, strict=True))]
        return torch.stack(queries, 1), torch.stack(values, 1)


class TextParts(nn.Module):
    """Keys and values of a text's items. items: of the one matrix that is normalised; 0: each."""

    def __init__(self, dim: int, items: int) -> None:
        super().__init__()
        shape = (items, dim) if items else (dim,)
        self.key, self.key_norm = nn.Linear(dim, dim), nn.LayerNorm(shape)
        self.value, self.value_norm = nn.Linear(dim, dim), nn.LayerNorm(shape)

    def forward(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """items: (T, W, D). Gives (T, W, D) twice."""
        return self.key_norm(self.key(items)), self.value_norm(self.value(items))
