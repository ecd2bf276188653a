"""Rows of tokens of unequal length laid one below the other: linear maps never see a pad."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

TOGETHER = 4  # neighbouring rows that attention pads to one length on a CPU; a GPU takes all


@dataclass(frozen=True)
class Rows:
    """How S tokens form T rows, one row after the other.

    lengths: int64 (T,), 1 or more each. longest: L. total: their sum, S. seen: bool (T or 1, L),
    which tokens of a row the others may look at; None, all.
    """

    lengths: Tensor
    longest: int
    total: int
    seen: Tensor | None = None

    @staticmethod
    def of(there: Tensor) -> tuple[Rows, Tensor]:
        """The rows of the tokens that are there, and where those stand, (S,), among T x L places.

        there: bool (T, L), one token of each row at least.
        """
        lengths = there.sum(1)
        longest = int(lengths.max()) if len(lengths) else 1
        places = there.flatten().nonzero()[:, 0]
        return Rows(lengths, longest, len(places)), places

    @staticmethod
    def alike(count: int, length: int, device: torch.device) -> Rows:
        return Rows(torch.full((count,), length, device=device), length, count * length)

    @property
    def even(self) -> bool:
        """Whether all rows are as long as the longest."""
        return self.total == len(self.lengths) * self.longest

    @property
    def starts(self) -> Tensor:
        """int64 (T,): where each row's first token stands."""
        return self.lengths.cumsum(0) - self.lengths

    @cached_property
    def mask(self) -> Tensor:
        """bool (T, L): which places of the padded rows hold a token."""
        return torch.arange(self.longest, device=self.lengths.device) < self.lengths[:, None]

    @cached_property
    def padding(self) -> tuple[Tensor, Tensor]:
        """(T x L,) the token at each place, a row's first where there is none; (S,) the place of
        each token. What pads and unpads by one gather each.
        """
        places = torch.arange(self.longest, device=self.lengths.device)
        mask = self.mask
        index = self.starts[:, None] + places * mask
        return index.flatten(), mask.flatten().nonzero()[:, 0]

    @cached_property
    def groups(self) -> list[tuple[slice, Rows]]:
        """Neighbouring rows that attention pads together, and their tokens; all where all are as
        long, and on a GPU, where many small calls cost more than padding.
        """
        count = len(self.lengths)
        if self.even or self.lengths.device.type != "cpu":
            return [(slice(None), self)]
        made, start = [], 0
        for first in range(0, count, TOGETHER):
            lengths = self.lengths[first : first + TOGETHER]
            longest, total = int(lengths.max()), int(lengths.sum())
            seen = self.seen
            if seen is not None:
                seen = (seen if len(seen) == 1 else seen[first : first + TOGETHER])[:, :longest]
            made.append((slice(start, start + total), Rows(lengths, longest, total, seen)))
            start += total
        return made

    @cached_property
    def ones(self) -> Rows:
        """As many rows of one token each."""
        return Rows.alike(len(self.lengths), 1, self.lengths.device)

    def first(self, tokens: Tensor) -> Tensor:
        """(S, ...) to (T, ...): the first token of each row."""
        if self.even:
            return tokens.unflatten(0, (len(self.lengths), self.longest))[:, 0]
        return tokens.index_select(0, self.starts)

    def padded(self, tokens: Tensor) -> Tensor:
        """(S, ...) to (T, L, ...); where a row has ended, its first token again."""
        if not self.even:
            tokens = tokens.index_select(0, self.padding[0])
        return tokens.unflatten(0, (len(self.lengths), self.longest))

    def unpadded(self, tokens: Tensor) -> Tensor:
        """(T, L, ...) to (S, ...), without what stands where a row has ended."""
        tokens = tokens.flatten(0, 1)
        return tokens if self.even else tokens.index_select(0, self.padding[1])

    def spread(self, rows: Tensor) -> Tensor:
        """(T, ...) to (S, ...): each token what its row has."""
        return rows.repeat_interleave(self.lengths, 0, output_size=self.total)


@dataclass(frozen=True)
class Packed:
    """tokens: (S, D), the rows one below the other."""

    tokens: Tensor
    rows: Rows

    @property
    def first(self) -> Tensor:
        """(T, D): the first token of each row ([CLS])."""
        return self.rows.first(self.tokens)

    def padded(self) -> tuple[Tensor, Tensor]:
        """(T, L, D), zeros where a row has ended, and the mask int64 (T, L)."""
        mask = self.rows.mask
        found = self.rows.padded(self.tokens)
        return found if self.rows.even else found * mask[..., None], mask.long()
