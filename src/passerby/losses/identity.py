"""Identity losses: a classifier over the persons of the training split."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def identity(vectors: Tensor, weight: Tensor, persons: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy of person classes (Zheng et al. 2020, Dual-Path, eq. 3).

    vectors: (B, D). weight: (C, D), one row a person. persons: int64 (B,) below C.
    """
    with torch.autocast(vectors.device.type, enabled=False):
        return cross_entropy(vectors.float() @ weight.float().T, persons, label_smoothing=smoothing)
