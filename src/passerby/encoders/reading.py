"""Reading token ids with an encoder: rows of one length together, so that padding costs little."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from passerby.encoders.texts import TextEncoder
from passerby.errors import BadRecipe

POOLINGS = ("first", "mean", "max", "encoder")
# Places from which on rows of another length are read apart: on a CPU, BERT reads 1024 phrases 1.7
# times faster than in one group with its padding, and no faster with smaller groups.
_ENOUGH = 512


def pooled(
    encoder: TextEncoder,
    ids: Tensor,
    mask: Tensor,
    pooling: str = "first",
    *,
    distinct: bool = False,
    tokens: int = 1 << 14,
) -> Tensor:
    """One vector a row, (N, D), D being the encoder's width; equal to reading all rows at once.

    ids, mask: int64 (N, L); mask is 1 on real tokens. A row without any gives zeros, unread.
    pooling: "first", the output at place 0; "mean" and "max" over real tokens; "encoder", its own.
    distinct: equal rows are read once, which is wrong for an encoder that drops out. tokens: places
    that are read together, at most (one row may be longer). Raises BadRecipe for another pooling.
    """
    if pooling not in POOLINGS:
        raise BadRecipe(f"no pooling {pooling!r} of tokens; it is one of {', '.join(POOLINGS)}")
    if distinct and ids.numel():  # unique refuses what is empty
        # What lies under the mask does not tell rows apart.
        rows, back = ids.masked_fill(mask == 0, -1).unique(dim=0, return_inverse=True)
        read = pooled(encoder, rows.clamp(min=0), (rows >= 0).to(mask), pooling, tokens=tokens)
        return read[back]
    lengths, order = _lengths(mask).sort(descending=True, stable=True)
    groups = list(_groups([length for length in lengths.tolist() if length], tokens))
    if not groups:
        return ids.new_zeros(len(ids), encoder.width, dtype=next(encoder.parameters()).dtype)
    read = torch.cat(
        [
            _read(encoder, ids[order[rows], :longest], mask[order[rows], :longest], pooling)
            for rows, longest in groups
        ]
    )
    vectors = read.new_zeros(len(ids), read.shape[1])
    return vectors.index_copy(0, order[: len(read)], read)


def _lengths(mask: Tensor) -> Tensor:
    """Places up to the last real token, int64 (N,). mask: (N, L)."""
    if mask.shape[1] == 0:
        return mask.new_zeros(len(mask))
    return ((mask != 0) * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax(1)


def _groups(lengths: list[int], tokens: int) -> Iterator[tuple[slice, int]]:
    """Rows that are read together and the longest's length. lengths: falling, none is 0."""
    start = 0
    while start < len(lengths):
        longest = lengths[start]
        full = min(start + max(1, tokens // longest), len(lengths))
        stop = min(start - (-_ENOUGH // longest), full)
        while stop < full and lengths[stop] == longest:
            stop += 1
        yield slice(start, stop), longest
        start = stop


def _read(encoder: TextEncoder, ids: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """(N, D) of rows that each have a real token."""
    features = encoder(ids, mask)
    if pooling == "encoder":
        return features.pooled
    if pooling == "first":
        return features.tokens[:, 0]
    real = (mask != 0)[..., None]
    if pooling == "max":
        return features.tokens.masked_fill(~real, float("-inf")).amax(1)
    return features.tokens.masked_fill(~real, 0).sum(1) / real.sum(1)
