"""The batch norm behind the heads of NAFS and ACSA."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ScaleNorm(nn.BatchNorm1d):
    """Batch norm whose shift stays zero (Luo et al. 2019, the "BNNeck" of re-identification).

    group: in training, rows that are normalised together, 0 for all. A row that is alone is
    normalised by the running statistics, where torch would refuse it.
    """

    def __init__(self, dim: int, group: int = 0) -> None:
        super().__init__(dim)
        self.group = group
        self.bias.requires_grad_(False)

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
