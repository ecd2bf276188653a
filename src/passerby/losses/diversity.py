"""What keeps the parts of one photo or text from being one part many times."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from passerby.losses.matching import raised


def diversity(parts: Tensor) -> Tensor:
    """The mean cosine of two different parts of a row, which PLOT (Park et al. 2024) keeps low.

    parts: (N, K, D). Zero where there is one part alone.
    """
    with torch.autocast(parts.device.type, enabled=False):
        units = normalize(raised(parts), dim=2)
        count = units.shape[1]
        if count == 1:
            return units.sum() * 0
        # The sum over all pairs is the square of the sum; a part with itself is 1 (0 if it is 0).
        own = units.square().sum((1, 2))
        return ((units.sum(1).square().sum(1) - own) / (count * (count - 1))).mean()
