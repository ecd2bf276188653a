"""One transformer for photos and texts (IVT, Shu et al. 2022)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from passerby.encoders.origins import check_sizes, fill, photo_start, text_start
from passerby.encoders.packing import Packed, Rows
from passerby.encoders.photos import cells, pair, photo_encoder
from passerby.encoders.shared import EPS, blocks
from passerby.encoders.spec import EncoderSpec, settings
from passerby.encoders.texts import check_vocabulary
from passerby.encoders.tokens import PhotoTokens, Stem, WordTokens, patches
from passerby.errors import BadRecipe

ATTENTION = ("shared", "separate")
PHOTO, TEXT = "photo", "text"


class Network(nn.Module):
    """Blocks whose attention and norms both sides share, feed-forwards and embeddings of each side.

    image: a "vit", whose attention, norms, feed-forward and patches are the network's, or another
    photo encoder, whose map's places are the photo's tokens. text: a "bert", whose embeddings and
    feed-forward are the network's; beside another photo encoder it gives the sizes of all blocks.
    Where they have a source, weights start from it: see origins.py. size: (height, width) of
    photos. vocabulary: entries of the tokenizer. stride: between patches, 0 for the patch's own
    side. attention: "separate" gives the text side blocks of its own. drop_path: of the last block,
    rising from 0. types: see tokens.py.

    Raises BadRecipe for settings that make no network, BadModel for a source that does not fit.
    """

    def __init__(
        self,
        image: EncoderSpec,
        text: EncoderSpec,
        size: tuple[int, int],
        *,
        vocabulary: int | None = None,
        stride: int = 0,
        attention: str = "shared",
        drop_path: float = 0.0,
        types: str = "one",
    ) -> None:
        super().__init__()
        words, text_weights = text_start(text, vocabulary)
        own, vit, photo_weights = photo_start(image)
        sizes = words if vit is None else vit
        check_sizes(sizes, words, text, drop_path)
        if vit is None and stride:
            raise BadRecipe(
                f"stride = {stride} is of a ViT's patches; leave it out beside a "
                f"{image.kind!r}, whose map has places of its own"
            )
        self.width, self.length = sizes.hidden_size, words.max_position_embeddings
        self.attention = attention
        if vocabulary is not None:
            check_vocabulary(vocabulary, words.vocab_size)
        cut: nn.Module
        if vit is None:
            cut = Stem(photo_encoder(own, size), self.width)
            self.image_spec = cut.encoder.spec
        else:
            patch = pair(vit.patch_size)
            cut = patches(self.width, patch, pair(stride or patch))
            vit.image_size = list(size)
            self.image_spec = EncoderSpec("vit", "", settings(vit))
        self.text_spec = EncoderSpec("bert", "", settings(words))
        dropout = 0.0 if vit is None else vit.hidden_dropout_prob
        grid = _grid(cut, size, stride)
        self.photo_tokens = PhotoTokens(cut, grid, self.width, types, dropout)
        self.word_tokens = WordTokens(words)
        self._make_blocks(sizes, words, drop_path)
        fill(self, photo_weights, image.source)
        fill(self, text_weights, text.source)

    def _make_blocks(self, sizes: Any, words: Any, drop_path: float) -> None:
        photo, text = {PHOTO: sizes.intermediate_size}, {TEXT: words.intermediate_size}
        made = (self.width, sizes.num_attention_heads)
        rest = (drop_path, 0.0 if sizes is words else sizes.attention_probs_dropout_prob)
        layers = sizes.num_hidden_layers
        shared = self.attention == "shared"
        self.blocks = blocks(*made, [photo | text if shared else photo] * layers, *rest)
        self.norm = nn.LayerNorm(self.width, EPS)
        if not shared:
            self.text_blocks = blocks(*made, [text] * layers, *rest)
            self.text_norm = nn.LayerNorm(self.width, EPS)

    def grid(self, size: tuple[int, int], stride: int = 0) -> tuple[int, int]:
        """Rows and columns of a photo's tokens, were it of `size`; stride 0: the patch's side."""
        return _grid(self.photo_tokens.patches, size, stride)

    @property
    def photo_places(self) -> int:
        """Tokens of a photo, the class token's among them."""
        return self.photo_tokens.positions.shape[1]

    def photos(
        self,
        images: Tensor,
        gone: Tensor | None = None,
        mode: str = "drop",
        *,
        first: bool = False,
    ) -> Packed:
        """images: (N, 3, H, W). gone: bool (N or 1, `photo_places`), tokens to do without, never
        the first; mode: "drop" or "mask" them, see masking.py. The first token is the photo's;
        first: it is all that is wanted, and the last block reads no other further.
        """
        tokens = self.photo_tokens(images)
        count, length = tokens.shape[:2]
        if gone is None or mode == "mask":
            rows = Rows.alike(count, length, tokens.device)
            if gone is not None:
                rows = replace(rows, seen=~gone)
            return self._read(Packed(tokens.flatten(0, 1), rows), PHOTO, first)
        return self._read(dropped(tokens, gone), PHOTO, first)

    def texts(
        self,
        ids: Tensor,
        mask: Tensor,
        gone: Tensor | None = None,
        mode: str = "drop",
        *,
        first: bool = False,
    ) -> Packed:
        """ids, mask: int64 (T, L); the mask is 1 on real tokens; at most `length` are read. gone:
        bool (T or 1, L); mode, first: as for photos. The first token is the text's.
        """
        ids, there = ids[:, : self.length], mask[:, : self.length] != 0
        there[:, 0] = True  # a text of nothing still is one
        seen = None
        if gone is not None:
            left = there & ~gone[:, : self.length]
            there, seen = (left, None) if mode == "drop" else (there, left)
        return self._read(self.word_tokens(ids, there, seen), TEXT, first)

    def _read(self, packed: Packed, side: str, first: bool) -> Packed:
        own = side == TEXT and self.attention == "separate"
        *early, last = self.text_blocks if own else self.blocks
        tokens, rows = packed.tokens, packed.rows
        for block in early:
            tokens = block(tokens, rows, side)
        tokens = last(tokens, rows, side, first)
        return Packed((self.text_norm if own else self.norm)(tokens), rows.ones if first else rows)


def network_of(config: Any, tokenizer: Any) -> Network:
    """The network that a method's Config tells of, by the names of Network's settings."""
    return Network(
        config.image_encoder,
        config.text_encoder,
        (config.photo.height, config.photo.width),
        vocabulary=len(tokenizer) if tokenizer else None,
        stride=config.stride,
        attention=config.attention,
        drop_path=config.drop_path,
        types=config.types,
    )


def dropped(tokens: Tensor, gone: Tensor) -> Packed:
    """tokens (N, L, D) without those that are gone, (N or 1, L): one gather."""
    if len(gone) == 1:
        kept = tokens.index_select(1, (~gone[0]).nonzero()[:, 0])
        rows = Rows.alike(len(kept), kept.shape[1], kept.device)
        return Packed(kept.flatten(0, 1), rows)
    rows, places = Rows.of(~gone)
    return Packed(tokens.flatten(0, 1).index_select(0, places), rows)


def _grid(cut: nn.Module, size: tuple[int, int], stride: int) -> tuple[int, int]:
    return cut.grid(size) if isinstance(cut, Stem) else cells(size, cut.kernel_size, stride)
