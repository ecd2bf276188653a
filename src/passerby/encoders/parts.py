"""Whole, coarse and fine embeddings of a photo's map or a text's tokens (CMR, reconstructed)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from passerby.encoders.decoder import SIDES, decoder_of
from passerby.errors import BadRecipe


@dataclass(frozen=True)
class Features:
    """Raw embeddings of N photos or texts. whole: (N, D). coarse, fine: (N, K, D) or None."""

    whole: Tensor
    coarse: Tensor | None = None
    fine: Tensor | None = None

    def tensors(self) -> list[Tensor]:
        """Those that there are."""
        return [t for t in (self.whole, self.coarse, self.fine) if t is not None]

    def again(self, tensors: Sequence[Tensor]) -> Features:
        """Of other tensors for those that there are, in their order."""
        rest = iter(tensors)
        held = (self.whole, self.coarse, self.fine)
        return Features(*(None if t is None else next(rest) for t in held))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Memory:
    """tokens: (N, L, D), what is looked at. whole: (N, D), its maximum. coarse, fine: bool,
    (N or 1, K or 1, L), where coarse and fine parts may look; None, everywhere.
    """

    side: str
    tokens: Tensor
    whole: Tensor
    coarse: Tensor | None = None
    fine: Tensor | None = None


class Parts(nn.Module):
    """wide, narrow: channels of the photo's map and of the text's tokens. size: rows and columns of
    the map. config: of the method, for dim, part_count, coarse, fine, parts, fine_queries and the
    decoder's settings. Raises BadRecipe where K stripes do not divide the rows of the map.
    """

    stripes: Tensor | None
    coarse: Any
    fine: Any

    def __init__(self, config: Any, wide: int, narrow: int, size: tuple[int, int]) -> None:
        super().__init__()
        dim, count = config.dim, config.part_count
        for side, channels in zip(SIDES, (wide, narrow), strict=True):
            self.add_module(side, nn.Sequential(nn.Linear(channels, dim), nn.LayerNorm(dim)))
        names = ("decoder", "dim", "heads", "layers", "iterations", "residual")
        shape = tuple(getattr(config, name) for name in names)
        self.coarse = self.fine = self.coarse_tokens = self.fine_tokens = None
        if config.coarse:
            self.coarse, self.coarse_tokens = decoder_of(*shape), _tokens(count, dim)
        if config.fine:
            self.fine = decoder_of(*shape)
            if config.fine_queries == "own" or not config.coarse:
                self.fine_tokens = _tokens(count, dim)
        striped = config.fine and config.parts == "stripes"
        self.register_buffer("stripes", stripes(size, count) if striped else None, persistent=False)

    def photos(self, features: Tensor) -> Memory:
        """Of maps (N, C, h, w), row by row."""
        tokens = self.get_submodule("photo")(features.flatten(2).transpose(1, 2))
        return Memory("photo", tokens, tokens.amax(1), None, self.stripes)

    def texts(self, features: Tensor, mask: Tensor) -> Memory:
        """Of tokens (T, L, C); mask (T, L), 1 on those that are there, one of a text at least."""
        tokens, there = self.get_submodule("text")(features), mask.bool()[:, None]
        whole = tokens.masked_fill(~there.transpose(1, 2), -torch.inf).amax(1)
        return Memory("text", tokens, whole, there, there)

    def forward(self, memory: Memory) -> Features:
        coarse = fine = None
        if self.coarse is not None:
            asked = self._asked(self.coarse_tokens, memory)
            coarse = self.coarse(asked, memory.tokens, memory.side, memory.coarse)
        if self.fine is not None:
            own = self.fine_tokens
            asks = coarse if own is None else self._asked(own, memory)
            fine = self.fine(asks, memory.tokens, memory.side, memory.fine)
        return Features(memory.whole, coarse, fine)

    def looks(self, memory: Memory) -> dict[str, Tensor]:
        """By "coarse" and "fine", where there are any: how much each part takes of each token,
        (N, K, L), summing to 1.
        """
        found: dict[str, Tensor] = {}
        if self.coarse is not None:
            asked = self._asked(self.coarse_tokens, memory)
            found["coarse"] = self.coarse.looks(asked, memory.tokens, memory.side, memory.coarse)
        if self.fine is not None:
            own = self.fine_tokens
            asks = self(memory).coarse if own is None else self._asked(own, memory)
            found["fine"] = self.fine.looks(asks, memory.tokens, memory.side, memory.fine)
        return found

    def _asked(self, tokens: Any, memory: Memory) -> Tensor:
        return tokens.expand(len(memory.tokens), -1, -1)


def stripes(size: tuple[int, int], count: int) -> Tensor:
    """bool (1, K, h w): which places of a map are in each of K horizontal stripes of equal height.

    Raises BadRecipe where K does not divide its rows.
    """
    rows, columns = size
    if rows % count:
        fit = ", ".join(str(n) for n in range(1, rows + 1) if rows % n == 0)
        raise BadRecipe(
            f"part_count = {count} stripes do not divide the {rows} rows of the photo's map; take "
            f'one of {fit}, another [photo] height, or parts = "learned"'
        )
    owner = torch.arange(rows).repeat_interleave(columns) // (rows // count)
    return (owner == torch.arange(count)[:, None])[None]


def _tokens(count: int, dim: int) -> nn.Parameter:
    """(K, D): what asks for parts of either side, at right angles to begin with."""
    return nn.Parameter(nn.init.orthogonal_(torch.empty(count, dim)))
