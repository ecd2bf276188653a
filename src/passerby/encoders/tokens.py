"""Photos and sentences as tokens of one width: what a network for both starts from."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from passerby.encoders.packing import Packed, Rows
from passerby.encoders.photos import PhotoEncoder

TYPES = ("place", "one", "none")


class PhotoTokens(nn.Module):
    """A class token and one token a patch, with positions; (N, 1 + h x w, D), row by row.

    patches: what cuts a photo, (N, 3, H, W) to (N, D, h, w). types (of a photo's tokens, where
    texts have none): "place", a vector for each place, as released; "one" for all; "none".
    """

    def __init__(
        self, patches: nn.Module, grid: tuple[int, int], dim: int, types: str, dropout: float
    ) -> None:
        super().__init__()
        self.patches, self.grid = patches, grid
        places = 1 + grid[0] * grid[1]
        self.cls = nn.Parameter(torch.empty(1, 1, dim))
        self.positions = nn.Parameter(torch.empty(1, places, dim))
        self.types = None
        if types != "none":
            self.types = nn.Parameter(torch.empty(1, places if types == "place" else 1, dim))
        self.dropout = nn.Dropout(dropout)
        for parameter in (self.cls, self.positions, self.types):
            if parameter is not None:
                nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        first = self.cls.to(patches.dtype).expand(len(patches), -1, -1)
        places = self.positions if self.types is None else self.positions + self.types
        return self.dropout(torch.cat([first, patches], 1) + places)


def patches(dim: int, patch: tuple[int, int], stride: tuple[int, int]) -> nn.Conv2d:
    """A photo cut into patches, overlapping where the stride is below the patch."""
    made = nn.Conv2d(3, dim, patch, stride)
    nn.init.normal_(made.weight, std=math.sqrt(2 / (patch[0] * patch[1] * dim)))
    nn.init.zeros_(made.bias)  # type: ignore[arg-type]
    return made


class Stem(nn.Module):
    """The map of a photo encoder as patches (Dosovitskiy et al. 2021, hybrid architecture)."""

    def __init__(self, encoder: PhotoEncoder, dim: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.norm, self.narrow = nn.LayerNorm(encoder.width), nn.Linear(encoder.width, dim)

    @torch.no_grad()
    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the map, found by looking at one photo."""
        mode = self.encoder.training
        photo = torch.zeros(1, 3, *size, device=self.narrow.weight.device)
        seen = self.encoder.eval()(photo).map
        self.encoder.train(mode)
        return seen.shape[2], seen.shape[3]

    def forward(self, images: Tensor) -> Tensor:
        seen = self.encoder(images).map.movedim(1, 3)
        return self.narrow(self.norm(seen)).movedim(3, 1)


class WordTokens(nn.Module):
    """BERT's embeddings: word, place and segment 0, a norm and dropout; pads are left out."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        dim = config.hidden_size
        self.words = nn.Embedding(config.vocab_size, dim)
        self.positions = nn.Embedding(config.max_position_embeddings, dim)
        self.segments = nn.Embedding(config.type_vocab_size, dim)
        self.norm = nn.LayerNorm(dim, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        for table in (self.words, self.positions, self.segments):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids: Tensor, there: Tensor, seen: Tensor | None = None) -> Packed:
        """ids: int64 (T, L). there: bool (T, L), which are read; place 0 always is. seen: bool
        (T, L), which of those the others may look at.
        """
        rows, places = Rows.of(there)
        if seen is not None:
            rows = replace(rows, seen=rows.padded(seen.flatten().index_select(0, places)))
        columns = places % ids.shape[1]
        tokens = self.words(ids.flatten().index_select(0, places)) + self.positions(columns)
        return Packed(self.dropout(self.norm(tokens + self.segments.weight[0])), rows)
