"""The regions of a person in ACSA: head, upper body, lower body, feet, and two rows of windows.

Ji et al. 2022 (ACSA). "channel" cuts the pooled vector of a photo into slices, as released: the
names are the authors', nothing but training can put a place of the photo into them. "spatial" cuts
the last map into horizontal bands, which is what the names say. Both give the same tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from passerby.encoders.heads import RowNorm
from passerby.errors import BadRecipe

REGIONS = ("channel", "spatial")
CHUNKS = 6  # the slices of the pooled vector
# head, upper, lower, feet: as chunks of the vector (the second belongs to two of them), and as
# sevenths of the height, the rows of the last map of a 224x224 photo.
SLICES = ((0, 2), (1, 3), (3, 5), (5, 6))
BANDS = ((0, 2), (1, 4), (3, 6), (5, 7))


class Residual(nn.Module):
    """relu(BN(B relu(BN(A y))) + y) on vectors: what a residual block of 3x3 convolutions is on a
    map of one place, where only the centre of a kernel acts.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Linear(dim, dim, bias=False), RowNorm(dim)
        self.second, self.second_norm = nn.Linear(dim, dim, bias=False), RowNorm(dim)

    def forward(self, rows: Tensor) -> Tensor:
        """(N, D) to the same."""
        inner = torch.relu(self.first_norm(self.first(rows)))
        return torch.relu(self.second_norm(self.second(inner)) + rows)


class PhotoRegions(nn.Module):
    """Queries and values of a photo's tokens: the mean of its regions (the "image token"), head,
    upper body, lower body, feet, the upper windows, the lower windows.

    wide, middle: channels of the last map and of the windows. dim: D. whole: whether the image
    token is one of them. dropout: after each region's own linear map. Raises BadRecipe for other
    regions and for vectors too short to cut.
    """

    def __init__(
        self,
        regions: str,
        wide: int,
        middle: int,
        dim: int,
        dropout: float = 0.5,
        whole: bool = True,
    ) -> None:
        super().__init__()
        if regions not in REGIONS:
            raise BadRecipe(f"regions = {regions!r}; it is one of {', '.join(REGIONS)}")
        self.whole = whole
        self.borders = [round(dim * chunk / CHUNKS) for chunk in range(CHUNKS + 1)]
        if regions == "channel" and dim < CHUNKS:
            raise BadRecipe(f"regions cut vectors into {CHUNKS} chunks; these have {dim} numbers")
        channel = regions == "channel"
        sizes = [self.borders[b] - self.borders[a] if channel else wide for a, b in SLICES]
        self.block = Residual(dim) if channel else None
        self.window_block = Residual(middle)
        self.narrow = nn.ModuleList(nn.Linear(size, dim) for size in sizes)
        # Two windows side by side are as wide as the vectors in the released sizes.
        self.widen = nn.Identity() if 2 * middle == dim else nn.Linear(2 * middle, dim)
        self.dropout = nn.Dropout(dropout)
        self.query, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, vector: Tensor, features: Tensor, windows: Tensor) -> tuple[Tensor, Tensor]:
        """vector: (N, D), the whole photo. features: (N, C, h, w), the last map. windows:
        (N, 4, middle), row by row. Gives (N, 7, D) twice, (N, 6, D) without the image token.

        Raises BadRecipe when the map has too few rows for bands.
        """
        pieces = self._slices(vector) if self.block is not None else bands(features).unbind(1)
        regions = [
            self.dropout(torch.relu(linear(piece)))
            for linear, piece in zip(self.narrow, pieces, strict=True)
        ]
        # Each window by itself, as released: its batch norm sees one window of every photo.
        seen = torch.stack([self.window_block(window) for window in windows.unbind(1)], 1)
        regions += [self.widen(row) for row in seen.unflatten(1, (2, 2)).flatten(2).unbind(1)]
        if self.whole:
            regions.insert(0, torch.stack(regions).mean(0))
        tokens = torch.stack(regions, 1)
        return self.query(tokens), self.value(tokens)

    def _slices(self, vector: Tensor) -> list[Tensor]:
        assert self.block is not None
        mixed = self.block(vector)
        return [mixed[:, self.borders[a] : self.borders[b]] for a, b in SLICES]


def check_rows(rows: int) -> None:
    """Raises BadRecipe where the last map has fewer rows than bands."""
    if rows < len(BANDS):
        raise BadRecipe(
            f"the last map has {rows} rows, spatial regions need {len(BANDS)}; take higher "
            'photos, or regions = "channel"'
        )


def bands(features: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, 4, C): the mean of each of BANDS; rows that lie across a border count
    with their share. Raises BadRecipe for fewer rows than bands.
    """
    height = features.shape[2]
    check_rows(height)
    edges = torch.arange(height + 1, device=features.device) / height
    borders = torch.tensor(BANDS, device=features.device) / 7
    low = torch.maximum(edges[:-1], borders[:, :1])
    high = torch.minimum(edges[1:], borders[:, 1:])
    shares = (high - low).clamp(min=0)
    rows = features.mean(3).float()  # (N, C, h)
    found = torch.einsum("nch,bh->nbc", rows, shares / shares.sum(1, keepdim=True))
    return found.to(features.dtype)
