"""IVT as its description is written, operation by operation: what our training step is held to.

All texts, words and phrases too, are padded to the longest sentence and read as one call, all views
of all photos as another. Tokens are dropped after they were embedded: their places are put in a
random order, each kept one is cut out as a slice of one token, its place in the mask alike, and
the slices are concatenated. Attention writes out its scores, with (1 - mask) * -10000 added; the
last norm is taken of all tokens, of which the first is used. CMPM is written out pair by pair.
"""

import copy
import math
import random

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, linear, pad

from passerby.methods.ivt import Ivt
from passerby.types import Batch, Texts

CLOSED, EPSILON = -10000.0, 1e-8
NAMES = {"word": "word_", "phrase": "phrase_", "sentence": ""}  # how a level's ids are named
Slices = tuple[Tensor, Tensor]  # tokens (N, L, D), and their mask (N, L)


class LiteralIvt(nn.Module):
    """The losses of an Ivt, from a copy of its weights, which keep their names under `own`.

    Which tokens are gone is what our own method draws; nothing else is random: the model has no
    dropout and no dropped paths.
    """

    def __init__(self, ivt: Ivt) -> None:
        super().__init__()
        self.own = copy.deepcopy(ivt)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        config = self.own.config
        gone_places, gone_words = self.own.maskings(batch)
        photos = self.photos(batch.images, gone_places)
        texts = self.texts(batch.texts, gone_words)
        persons = (batch.persons.repeat(n) for n in (len(config.levels), config.views))
        return {"cmpm": literal_cmpm(texts, photos, *persons, config.target_norm)}

    def photos(self, images: Tensor, gone: Tensor | None) -> Tensor:
        """Vectors (N, D). gone: bool (N or 1, 1 + places)."""
        own, patch = self.own.network.photo_tokens, self.own.network.photo_tokens.patches
        stride = self.own.config.stride or patch.weight.shape[2]
        grid = conv2d(images, patch.weight, patch.bias, stride=stride)
        tokens = torch.cat([own.cls.expand(len(images), 1, -1), grid.flatten(2).mT], 1)
        tokens = tokens + own.positions
        if self.own.config.types != "none":
            tokens = tokens + own.types
        mask = torch.ones(tokens.shape[:2], dtype=torch.long)
        return self.encode(*left(tokens, mask, gone), "photo")

    def texts(self, texts: Texts, gone: Tensor | None) -> Tensor:
        """Vectors (T, D) of all levels. gone: bool (T or 1, L)."""
        own = self.own.network.word_tokens
        ids, mask = padded(texts, self.own.config.levels)
        tokens = own.words(ids) + own.segments(torch.zeros_like(ids))
        tokens = tokens + own.positions(torch.arange(ids.shape[1]))
        return self.encode(*left(own.norm(tokens), mask, gone), "text")

    def encode(self, tokens: Tensor, mask: Tensor, side: str) -> Tensor:
        network = self.own.network
        apart = side == "text" and self.own.config.attention == "separate"
        blocks = network.text_blocks if apart else network.blocks
        closed = (1 - mask[:, None, None].to(tokens)) * CLOSED
        for block in blocks:
            tokens = tokens + attention(block.attention, block.norm1(tokens), closed)
            inner = getattr(block, side)
            tokens = tokens + inner.fc2(gelu(inner.fc1(block.norm2(tokens))))
        return (network.text_norm if apart else network.norm)(tokens)[:, 0]


def padded(texts: Texts, levels: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """ids and mask (T, L) of all levels, one after the other, L that of the longest."""
    rows = [(texts.tensors[f"{NAMES[n]}ids"], texts.tensors[f"{NAMES[n]}mask"]) for n in levels]
    longest = max(ids.shape[1] for ids, _ in rows)
    ids, mask = (
        torch.cat([pad(part, (0, longest - part.shape[1])) for part in parts])
        for parts in zip(*rows, strict=True)
    )
    return ids, mask


def left(tokens: Tensor, mask: Tensor, gone: Tensor | None) -> Slices:
    """What is left without the tokens that are gone: bool (1, L), from all rows alike, or (N, L),
    each row by itself and then padded to the longest.
    """
    if gone is None:
        return tokens, mask
    if len(gone) == 1:
        return kept(tokens, mask, gone[0])
    rows = [kept(tokens[n : n + 1], mask[n : n + 1], own) for n, own in enumerate(gone)]
    longest = max(own.shape[1] for _, own in rows)
    wide = [(pad(t, (0, 0, 0, longest - t.shape[1])), pad(m, (0, longest - m.shape[1])))
            for t, m in rows]  # fmt: skip
    return torch.cat([t for t, _ in wide]), torch.cat([m for _, m in wide])


def kept(tokens: Tensor, mask: Tensor, gone: Tensor) -> Slices:
    """The first token, then those not gone (L,) in random order, each a slice of its own."""
    others = random.sample(range(1, tokens.shape[1]), tokens.shape[1] - 1)
    order = [0] + [place for place in others if not gone[place]]
    return (
        torch.cat([tokens[:, place : place + 1] for place in order], 1),
        torch.cat([mask[:, place : place + 1] for place in order], 1),
    )


def attention(own: nn.Module, tokens: Tensor, closed: Tensor) -> Tensor:
    """Self-attention and its projection, (N, L, D). closed: (N, 1, 1, L), added to the scores."""
    rows = linear(tokens, own.qkv.weight, own.qkv.bias)
    q, k, v = rows.unflatten(2, (3, own.heads, -1)).permute(2, 0, 3, 1, 4)
    scores = (q @ k.mT) / math.sqrt(q.shape[-1]) + closed
    together = (scores.softmax(3) @ v).transpose(1, 2).flatten(2)
    return linear(together, own.proj.weight, own.proj.bias)


def literal_cmpm(
    texts: Tensor, photos: Tensor, text_persons: Tensor, photo_persons: Tensor, norm: str
) -> Tensor:
    """Both directions of KL(P || q + epsilon), as 1.6 of the specification writes them."""
    same = (photo_persons[:, None] == text_persons[None, :]).to(texts)
    photo_rows = divergence(photos @ unit(texts).T, same, norm)
    return photo_rows + divergence(texts @ unit(photos).T, same.T, norm)


def divergence(logits: Tensor, same: Tensor, norm: str) -> Tensor:
    count = same.sum(1, keepdim=True)
    q = same / (count.sqrt() if norm == "l2" else count)
    p = logits.softmax(1)
    return (p * (logits.log_softmax(1) - (q + EPSILON).log())).sum(1).mean()


def unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)
