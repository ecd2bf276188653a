"""Bidirectional mask modelling: which tokens of photos and texts a training step does without.

IVT (Shu et al. 2022) masks both sides, and has no target to rebuild: what is left must still match.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from passerby.errors import BadRecipe

MODES = ("drop", "mask")
DRAWS = ("call", "sample")


@dataclass(frozen=True)
class Masking:
    """ratio: the greatest share of a row's tokens that goes; how many is uniform from none to it.

    mode: "drop" removes tokens; "mask" keeps them but hides them from the others. To the first
    token, and so to the embedding, both are the same; dropping is the cheaper. draw: "call", one
    order of places and one share for all rows of a call, as released, or "sample", each row its
    own. pads: whether padding counts as tokens and may go, as released, so that short texts often
    lose nothing; else each row loses the share of its own real tokens.

    Raises BadRecipe for a ratio outside [0, 1) and other words.
    """

    ratio: float
    mode: str = "drop"
    draw: str = "call"
    pads: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.ratio < 1:
            raise BadRecipe(f"a masking ratio of {self.ratio}; it is from 0 to below 1")
        if self.mode not in MODES or self.draw not in DRAWS:
            raise BadRecipe(
                f"masking by {self.mode!r}, drawn by {self.draw!r}; it is one of "
                f"{', '.join(MODES)}, drawn by {' or '.join(DRAWS)}"
            )

    def draws(self, mask: Tensor, generator: torch.Generator) -> Tensor | None:
        """bool (T or 1, L): which tokens go; never place 0. None where the ratio is 0.

        mask: (T, L), 1 on real tokens. generator: on the CPU, so that every device draws alike; it
        moves on as far whatever the ratio is.
        """
        count, length = mask.shape
        drawn = 1 if self.draw == "call" else count
        order = torch.rand(drawn, length - 1, generator=generator).to(mask.device)
        share = torch.rand(drawn, 1, generator=generator).to(mask.device)
        if not self.ratio:
            return None
        if self.pads:
            may = torch.ones_like(order, dtype=torch.bool)
            most = torch.full_like(share, int(self.ratio * length)).long()
        else:
            real = mask != 0
            may, most = real[:, 1:], (self.ratio * real.sum(1, keepdim=True)).long()
            order = order.masked_fill(~may, 2)
        going = (share * (most + 1)).long()
        gone = (order.argsort(1).argsort(1) < going) & may
        return torch.nn.functional.pad(gone, (1, 0))
