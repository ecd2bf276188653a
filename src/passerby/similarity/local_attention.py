"""Contextual non-local attention: the parts of a photo and the words of a text find each other.

NAFS (Gao et al. 2021). Each photo part gathers the words that fit it into one vector c, and the
local similarity is the mean cosine of the parts and what they gathered. Keys and queries make the
weights, values are the content. The vectors c are never built: the numerator of cos(u, c) is a
weighted sum of products v . u, and ||c||^2 a quadratic form in the products of values with values.
The slopes of what is large are written out, as autograd takes half as long again. Words attending
to photo parts are the same with the two sides exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, tensordot
from torch.autograd.function import once_differentiable
from torch.linalg import vector_norm
from torch.nn.functional import leaky_relu

from passerby.errors import BadModel, BadRecipe
from passerby.types import Embeddings

EPSILON = 1e-8
CELLS = 3 << 17  # measured: larger blocks have more padding, smaller ones are slower each
Side = tuple[Tensor, Tensor, Tensor]  # keys or queries, and values (N, I, D); their mask (N, I)
Group = tuple[Tensor, Side]  # which texts or photos, and their side


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
    Training keeps four numbers for each pair of a word and a photo part.

    Float32 also inside autocast; float64 stays. Raises BadRecipe for another direction, BadModel
    for embeddings without parts or values.
    """
    if direction not in ("i2t", "t2i", "both"):
        raise BadRecipe(f'local direction {direction!r} is unknown; it is "i2t", "t2i" or "both"')
    # Inside apply gradients are always off.
    given = _Attention(sharpness, slope, context), cells, torch.is_grad_enabled()
    words, parts, found = _side(texts), _side(photos), []
    if direction != "t2i":
        found.append(_Blockwise.apply(*given, *words, *parts))
    if direction != "i2t":
        found.append(_Blockwise.apply(*given, *parts, *words).T)
    return sum(found) / len(found)


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
    if direction not in ("i2t", "t2i"):
        raise BadRecipe(f'attention weights have one direction: "i2t" or "t2i", not {direction!r}')
    sides = [_side(texts), _side(photos)][:: 1 if direction == "i2t" else -1]
    dtype = _dtype(sides[0][0], sides[1][0])
    some, those = (_cut(s, torch.arange(len(s[2])).to(s[2].device), None, dtype) for s in sides)
    with torch.autocast(some[0].device.type, enabled=False):
        attention = _Attention(sharpness, slope, context)
        weights = attention.pairs(some, *_ready(*those[:2]))[1]
        weights = weights * (some[2][:, :, None, None] & those[2].T)
    return weights.permute((0, 3, 2, 1) if direction == "i2t" else (3, 0, 1, 2))


@dataclass(frozen=True)
class _Attention:
    """Settings, and what they make of a block, whose absent items are zero.

    Keys k and values v are (t, W, D); unit queries q and contents u are (R, P, D), from `_ready`.
    Pairs are (t, W, R, P), so that no sum runs along P.
    """

    sharpness: float
    slope: float
    context: bool

    def pairs(self, texts: Side, queries: Tensor, contents: Tensor) -> tuple[Tensor, ...]:
        """b = leaky(k . q), weights, v . u and v . c, which are pairs; c . u, ||c||^2 (t, 1, R, P).

        b is ||k|| times the leaky cosine a; c is the sum over words of weights v.
        """
        keys, values, words = texts
        alike = leaky_relu(tensordot(keys, queries, [[2], [2]]), self.slope, inplace=True)
        # Finite: a softmax over nothing would be NaN, where zero values make the score 0 anyway.
        closed = torch.where(words, 0.0, torch.finfo(torch.float32).min)[..., None, None]
        factor = self.factor((alike * alike).sum(2, keepdim=True), keys)
        weights = (alike * factor).add_(closed).softmax(1)
        fit = tensordot(values, contents, [[2], [2]])
        spread = ((values @ values.mT) @ weights.flatten(2)).view_as(weights)
        sums = ((weights * pairs).sum(1, keepdim=True) for pairs in (fit, spread))
        return alike, weights, fit, spread, *sums

    def factor(self, squares: Tensor, keys: Tensor) -> Tensor:
        """f (t, W, 1, P) from sums of b^2 over R: f b is sharpness a / (||a|| + eps)."""
        sizes = vector_norm(keys, dim=2)[..., None, None] + EPSILON
        if not self.context:
            return (self.sharpness / sizes).expand_as(squares)
        # The root's slope at 0 is infinite.
        return self.sharpness / ((squares + 1e-30).sqrt() + EPSILON * sizes)

    def slopes(
        self, given: Tensor, texts: Side, photos: Side, kept: Iterable[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of keys, values, queries and contents, for slopes (t, P) of the scores."""
        (keys, values, words), (queries, contents, parts) = texts, photos
        alike, weights, fit, spread, *sums = kept
        scores = partial(_scores, words, parts)
        by_fit, by_square, by_sizes = _derived(scores, given, *sums, contents)
        # ||c||^2 is the sum over pairs of words of weight weight' v . v'.
        both = (weights * by_square).flatten(2) @ weights.flatten(2).mT
        slopes = weights * by_fit  # by v . u
        by_contents = tensordot(slopes, values, [[0, 1], [0, 1]]).add_(by_sizes)
        by_values = tensordot(slopes, contents, [[2, 3], [0, 1]]).baddbmm_(both, values, alpha=2)
        # By weights: s; through the softmax, by f b: weights (s - sum of weights s).
        torch.mul(fit, by_fit, out=slopes).addcmul_(spread, by_square, value=2)
        slopes.sub_(sums[0] * by_fit + 2 * sums[1] * by_square).mul_(weights)
        # By b, of which f is made too; then by k . q.
        squares, by_factor = ((x * alike).sum(2, keepdim=True) for x in (alike, slopes))
        by_squares, by_sizes = _derived(self.factor, by_factor, squares, keys)
        slopes.mul_(self.factor(squares, keys)).addcmul_(alike, by_squares, value=2)
        slopes = torch.ops.aten.leaky_relu_backward(slopes, alike, self.slope, True)
        by_keys = tensordot(slopes, queries, [[2, 3], [0, 1]]).add_(by_sizes)
        return by_keys, by_values, tensordot(slopes, keys, [[0, 1], [0, 1]]), by_contents


class _Blockwise(torch.autograd.Function):
    """Scores block by block, and their slopes from what was kept of each block."""

    @staticmethod
    def forward(ctx: Any, attention: _Attention, cells: int, keep: bool, *sides: Tensor) -> Tensor:
        ctx.attention, ctx.cells = attention, cells
        kept: list[Tensor] = []
        scores = sides[0].new_zeros(len(sides[0]), len(sides[3]), dtype=_dtype(*sides[::3]))
        with torch.autocast(scores.device.type, enabled=False):
            for (photos, those), groups in _blocks(sides, cells):
                queries, contents = _ready(*those[:2])
                for texts, some in groups:
                    pairs = attention.pairs(some, queries, contents)
                    found = _scores(some[2], those[2], *pairs[4:], contents)
                    scores[texts[:, None], photos] = found
                    kept.extend(pairs if keep and any(ctx.needs_input_grad) else ())
        ctx.save_for_backward(*sides, *kept)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        sides, kept = ctx.saved_tensors[:6], iter(ctx.saved_tensors[6:])
        totals = [slopes.new_zeros(sides[i].shape) for i in (0, 1, 3, 4)]
        with torch.autocast(slopes.device.type, enabled=False):
            for (photos, those), groups in _blocks(sides, ctx.cells):
                ready = _ready(*those[:2])
                sums = [torch.zeros_like(tensor) for tensor in ready]
                for texts, some in groups:
                    pairs, given = [next(kept) for _ in range(6)], slopes[texts[:, None], photos]
                    found = ctx.attention.slopes(given, some, (*ready, those[2]), pairs)
                    _add(totals[:2], texts, found[:2])
                    sums = [total.add_(part) for total, part in zip(sums, found[2:], strict=True)]
                _add(totals[2:], photos, _derived(_ready, sums, *those[:2]))
        keys, values, queries, contents = totals  # autograd makes them of the sides' types
        return None, None, None, keys, values, None, queries, contents, None


def _side(embeddings: Embeddings) -> Side:
    """Keys or queries, values, and where they exist."""
    keys, values, mask = embeddings.parts, embeddings.values, embeddings.mask
    if keys is None or values is None:
        raise BadModel("no parts and values to compare; embed with a method of local features")
    return keys, values, torch.ones_like(keys[..., 0], dtype=torch.bool) if mask is None else mask


def _dtype(keys: Tensor, queries: Tensor) -> torch.dtype:
    return torch.promote_types(torch.promote_types(keys.dtype, queries.dtype), torch.float32)


def _blocks(sides: Sequence[Tensor], cells: int) -> Iterator[tuple[Group, Iterator[Group]]]:
    """Some photos; and, to go with them, all texts, some at a time."""
    texts, photos, dtype = sides[:3], sides[3:], _dtype(*sides[::3])
    if texts[0].numel() and photos[0].numel():
        # Of a row of vectors, or of values with values.
        widest = max(*texts[0].shape[1:], *photos[0].shape[1:])
        for rows, side in _groups(photos, cells // widest, dtype):
            yield (rows, side), _groups(texts, cells // max(side[2].numel(), widest), dtype)


def _groups(side: Sequence[Tensor], most: int, dtype: torch.dtype) -> Iterator[Group]:
    """Rows sorted by length, in groups of at most `most` items, and these cut to the longest."""
    places = torch.arange(1, side[2].shape[1] + 1, device=side[2].device)
    lengths, order = (side[2] * places).amax(1).sort(stable=True)
    longest, start = lengths.clamp(min=1).tolist(), 0
    for end in range(1, len(longest) + 1):
        if end == len(longest) or (end + 1 - start) * longest[end] > most:
            yield order[start:end], _cut(side, order[start:end], longest[end - 1], dtype)
            start = end


def _cut(side: Sequence[Tensor], rows: Tensor, width: int | None, dtype: torch.dtype) -> Side:
    """A copy of some rows' first items, zero where absent, as padding may hold anything."""
    there = side[2][rows, :width]
    keys, values = (x[:, :width].index_select(0, rows).to(dtype) for x in side[:2])
    for items in (keys, values):
        items.flatten(0, 1).index_fill_(0, (~there).flatten().nonzero()[:, 0], 0)
    return keys, values, there


def _add(totals: Sequence[Tensor], rows: Tensor, parts: Sequence[Tensor]) -> None:
    """Add (n, i, D) to the first items of some rows of (N, I, D); flat, which is far faster."""
    for total, part in zip(totals, parts, strict=True):
        places = torch.arange(part.shape[1], device=rows.device) + rows[:, None] * total.shape[1]
        total.flatten(0, 1).index_add_(0, places.flatten(), part.flatten(0, 1))


def _ready(queries: Tensor, contents: Tensor) -> tuple[Tensor, Tensor]:
    """(P, R, D) -> unit queries, and contents: (R, P, D)."""
    queries, contents = (x.transpose(0, 1).contiguous() for x in (queries, contents))
    return queries / (vector_norm(queries, dim=2, keepdim=True) + EPSILON), contents


def _scores(words: Tensor, parts: Tensor, *sums: Tensor) -> Tensor:
    """(t, P), mean cosines, from masks, c . u and ||c||^2 (t, 1, R, P), and u (R, P, D)."""
    fit, squares, contents = sums
    # ||c||^2: rounding may leave it below 0, and the root's slope at 0 is infinite.
    sizes = vector_norm(contents, dim=2) * (squares.clamp(min=0) + EPSILON**2).sqrt()
    cosines = (fit / sizes.clamp(min=EPSILON)).clamp(-1, 1)
    # Where nothing is there they are 0 anyway, but the slopes of zero vectors are huge.
    there = words.any(1)[:, None, None, None] & parts.T
    return (cosines * there).sum((1, 2)) / parts.sum(1).clamp(min=1)


def _derived(function: Callable[..., Any], slopes: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Slopes of a small function's inputs, by autograd."""
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        return torch.autograd.grad(function(*leaves), leaves, slopes, materialize_grads=True)
