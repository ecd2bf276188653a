"""Contextual non-local attention: the parts of a photo and the words of a text find each other.

NAFS (Gao et al. 2021). Each photo part gathers the words that fit it into one vector c, and the
local similarity is the mean cosine of the parts and what they gathered. Keys and queries make the
weights, values are the content. The vectors c are never built: the numerator of cos(u, c) is a
weighted sum of products v . u, and ||c||^2 a quadratic form in the products of values with values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.linalg import vector_norm
from torch.nn.functional import leaky_relu

from passerby.errors import BadModel, BadRecipe
from passerby.types import Embeddings

EPSILON = 1e-8
CELLS = 1 << 19  # measured: blocks of a few MiB are fastest on a CPU, and training keeps little
WORDS, PARTS = 1, 2  # axes of pairs (t, W, R, P): one matrix product, and no sum runs along P
SOFTMAX = {"i2t": (WORDS,), "t2i": (PARTS,), "both": (WORDS, PARTS)}


def local_similarity(
    texts: Embeddings,
    photos: Embeddings,
    *,
    direction: str = "i2t",
    sharpness: float = 20.0,
    slope: float = 0.1,
    context: bool = True,
    cells: int = CELLS,
) -> Tensor:
    """(T, P) in [-1, 1]: how well parts and words find each other.

    texts: parts (keys) and values (T, W, D), mask (T, W). photos: parts (queries) and values
    (P, R, D), mask (P, R). No mask: all are there. What is absent takes no part in anything; a text
    or photo of absent parts scores 0. direction: "i2t", photo parts attend to words; "t2i", words
    to photo parts; "both", the mean. sharpness: of the softmax. slope: of the leaky ReLU on cosines
    of keys and queries. context: whether these are first normalised over the side that attends.
    cells: most numbers in one tensor, where one text and one photo allow; never changes a score.

    Float32 also inside autocast; float64 stays. Raises BadRecipe for another direction, BadModel
    for embeddings without parts or values.
    """
    if direction not in SOFTMAX:
        raise BadRecipe(f'local direction {direction!r} is unknown; it is "i2t", "t2i" or "both"')
    attention = _Attention(SOFTMAX[direction], sharpness, slope, context)
    (keys, values, words), (queries, contents, parts) = _side(texts), _side(photos)
    return _Blockwise.apply(attention, cells, keys, values, queries, contents, words, parts)


def attention_weights(
    texts: Embeddings,
    photos: Embeddings,
    *,
    direction: str = "i2t",
    sharpness: float = 20.0,
    slope: float = 0.1,
    context: bool = True,
) -> Tensor:
    """(T, P, R, W): what `local_similarity` weighs values with; 0 where a part is absent.

    "i2t": each photo part's weights sum to 1 over W. "t2i": each word's, over R. Not cut into
    blocks: for a few texts and photos. Raises as `local_similarity`, and BadRecipe for "both".
    """
    if len(SOFTMAX.get(direction, ())) != 1:
        raise BadRecipe(f'attention weights have one direction: "i2t" or "t2i", not {direction!r}')
    attention = _Attention(SOFTMAX[direction], sharpness, slope, context)
    (keys, _, words), (queries, _, parts) = _side(texts), _side(photos)
    dtype = _dtype(keys, queries)
    with torch.autocast(keys.device.type, enabled=False):
        alike = attention.alike(_cut(keys, words, dtype), _cut(queries, parts, dtype))
        weights = attention.weights(alike, words, parts, *attention.over)
        there = words[:, :, None, None] & parts.T
        return (weights * there).permute(0, 3, 2, 1)


@dataclass(frozen=True)
class _Attention:
    """Settings, and what they make of some texts and photos whose absent parts are zero."""

    over: tuple[int, ...]
    sharpness: float
    slope: float
    context: bool

    def scores(self, *cut: Tensor) -> Tensor:
        """(t, P) from keys, values (t, W, D), queries, contents (P, R, D), masks (t, W), (P, R)."""
        keys, values, queries, contents, words, parts = cut
        alike = self.alike(keys, queries)
        fit = _products(values, contents)
        found = []
        for over in self.over:
            weights = self.weights(alike, words, parts, over)
            if over == WORDS:
                spread = torch.einsum("tvw,twrp->tvrp", values @ values.mT, weights)
                size, count = vector_norm(contents, dim=2).T, parts.sum(1)
            else:
                spread = torch.einsum("pqr,twrp->twqp", contents @ contents.mT, weights)
                size, count = vector_norm(values, dim=2)[..., None], words.sum(1)[:, None]
            # ||c||^2: rounding may leave it below 0, and the root's slope at 0 is infinite.
            squared = (weights * spread).sum(over).clamp(min=0)
            sizes = (size * (squared + EPSILON**2).sqrt()).clamp(min=EPSILON)
            cosines = ((weights * fit).sum(over) / sizes).clamp(-1, 1)
            found.append(cosines.sum(1) / count.clamp(min=1))
        return torch.stack(found).mean(0)

    def alike(self, keys: Tensor, queries: Tensor) -> Tensor:
        """(t, W, R, P): leaky cosines of keys and queries, zero where a part is absent."""
        sizes = vector_norm(keys, dim=2)[..., None, None] + EPSILON
        unit = queries / (vector_norm(queries, dim=2, keepdim=True) + EPSILON)
        return leaky_relu(_products(keys, unit) * (1 / sizes), self.slope, inplace=True)

    def weights(self, alike: Tensor, words: Tensor, parts: Tensor, over: int) -> Tensor:
        """(t, W, R, P): softmax over words (photo parts attend) or over photo parts (words do)."""
        factor = alike.new_tensor(self.sharpness)
        if self.context:
            attending = WORDS + PARTS - over
            norm = (alike * alike).sum(attending, keepdim=True).add(1e-30).sqrt()
            factor = self.sharpness / (norm + EPSILON)
        # Finite: a softmax over nothing would be NaN, where zero values make the score 0 anyway.
        there = words[:, :, None, None] if over == WORDS else parts.T
        closed = torch.where(there, 0.0, torch.finfo(torch.float32).min)
        return (alike * factor).add_(closed).softmax(over)


class _Blockwise(torch.autograd.Function):
    """Scores block by block; the backward pass makes each block anew, so that none is kept."""

    @staticmethod
    def forward(ctx: Any, attention: _Attention, cells: int, *sides: Tensor) -> Tensor:
        ctx.attention, ctx.cells = attention, cells
        ctx.save_for_backward(*sides)
        shape = len(sides[0]), len(sides[2])
        scores = sides[0].new_zeros(shape, dtype=_dtype(sides[0], sides[2]))
        with torch.autocast(scores.device.type, enabled=False):
            for texts, photos, cut in _blocks(sides, cells):
                scores[texts[:, None], photos] = attention.scores(*cut)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        sides = ctx.saved_tensors
        totals = [torch.zeros_like(side, dtype=slopes.dtype) for side in sides[:4]]
        with torch.autocast(slopes.device.type, enabled=False), torch.enable_grad():
            for texts, photos, cut in _blocks(sides, ctx.cells):
                leaves = [tensor.requires_grad_() for tensor in cut[:4]]
                given = slopes[texts[:, None], photos]
                found = torch.autograd.grad(ctx.attention.scores(*cut), leaves, given)
                for i, part in enumerate(found):
                    rows, there = (texts, cut[4]) if i < 2 else (photos, cut[5])
                    part = _cut(part, there, part.dtype)  # a zero vector's slope is huge
                    totals[i][:, : part.shape[1]].index_add_(0, rows, part)
        return None, None, *(totals[i].to(sides[i].dtype) for i in range(4)), None, None


def _side(embeddings: Embeddings) -> tuple[Tensor, Tensor, Tensor]:
    """Keys or queries, values, and where they exist."""
    keys, values, mask = embeddings.parts, embeddings.values, embeddings.mask
    if keys is None or values is None:
        raise BadModel("no parts and values to compare; embed with a method of local features")
    return keys, values, torch.ones_like(keys[..., 0], dtype=torch.bool) if mask is None else mask


def _dtype(keys: Tensor, queries: Tensor) -> torch.dtype:
    return torch.promote_types(torch.promote_types(keys.dtype, queries.dtype), torch.float32)


def _cut(items: Tensor, present: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy of (N, I, D), zero where absent, as padding may hold anything."""
    return items.to(dtype).masked_fill(~present[..., None], 0)


def _blocks(sides: Sequence[Tensor], cells: int) -> Iterator[tuple[Tensor, Tensor, list[Tensor]]]:
    """Which texts, which photos, and their tensors in the order of `_Attention.scores`."""
    keys, values, queries, contents, words, parts = sides
    count, each, width = queries.shape
    if not keys.numel() or not queries.numel():
        return
    dtype = _dtype(keys, queries)
    widest = max(width, keys.shape[1], each)  # of a row of vectors, or of values with values
    step = min(count, max(1, cells // (each * widest)))
    for texts, longest in _alike_long(words, cells // max(step * each, widest)):
        there = words[texts, :longest]
        some = [_cut(x[:, :longest][texts], there, dtype) for x in (keys, values)]
        for photos in torch.arange(count, device=keys.device).split(step):
            those = [_cut(x[photos], parts[photos], dtype) for x in (queries, contents)]
            yield texts, photos, [x.detach() for x in (*some, *those, there, parts[photos])]


def _alike_long(words: Tensor, most: int) -> Iterator[tuple[Tensor, int]]:
    """Texts sorted by length, in groups of at most `most` words, and each group's longest."""
    places = torch.arange(1, words.shape[1] + 1, device=words.device)
    lengths, order = (words * places).amax(1).sort(stable=True)
    longest = lengths.clamp(min=1).tolist()
    start = 0
    for end in range(1, len(longest) + 1):
        if end == len(longest) or (end + 1 - start) * longest[end] > most:
            yield order[start:end], longest[end - 1]
            start = end


def _products(texts: Tensor, photos: Tensor) -> Tensor:
    """(t, W, D) and (P, R, D) -> (t, W, R, P): every dot product."""
    rows, columns = texts.flatten(0, 1), photos.transpose(0, 1).flatten(0, 1)
    return (rows @ columns.T).view(*texts.shape[:2], photos.shape[1], len(photos))
