"""What keeps the parts of one photo or text from being one part many times."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from passerby.errors import BadRecipe
from passerby.losses.matching import raised

FORMS = ("overlap", "mean")


def diversity(parts: Tensor, form: str = "overlap") -> Tensor:
    """The mean cosine of two different parts of a row, which PLOT (Park et al. 2024) keeps low.

    parts: (N, K, D). form: "mean", as PLOT has it, whose least is -1 / (K - 1): K directions that
    are the same for everybody; "overlap" counts a cosine below 0 as 0, so that parts at right
    angles are left alone. Zero where there is one part alone. Raises BadRecipe for another form.
    """
    if form not in FORMS:
        raise BadRecipe(f"diversity {form!r} is unknown; it is one of {', '.join(FORMS)}")
    with torch.autocast(parts.device.type, enabled=False):
        units = normalize(raised(parts), dim=2)
        count = units.shape[1]
        if count == 1:
            return units.sum() * 0
        cosines = units @ units.mT
        if form == "overlap":
            cosines = relu(cosines)
        own = cosines.diagonal(dim1=1, dim2=2).sum(1)
        return ((cosines.sum((1, 2)) - own) / (count * (count - 1))).mean()
