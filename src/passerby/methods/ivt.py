"""IVT: one network for words and pictures, multi-level alignment, bidirectional mask modelling.

Shu et al. 2022 (arXiv 2208.08608). One transformer reads photos and texts: attention and norms are
shared, feed-forwards and embeddings are each side's own. Three views of each photo and three texts
of its caption (attributes, a phrase, the sentence) are all matched with one another while random
tokens of both sides are left out; to search, the cosine of the two first tokens is all there is.
docs/methods/ivt.md sets the released code and this file side by side; I1 .. I8 are its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from numpy.random import Generator
from torch import Tensor

from passerby.encoders.masking import Masking
from passerby.encoders.network import ATTENTION, network_of
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.tokens import TYPES
from passerby.errors import BadModel, BadRecipe
from passerby.language.levels import WORD_RULES, drawn
from passerby.language.tokenizer import needed
from passerby.losses.gathering import gathered
from passerby.losses.matching import cmpm
from passerby.method import Method, PhotoSpec, check_words
from passerby.similarity.cosine import cosine
from passerby.types import Batch, Embeddings, Texts

LEVELS = ("word", "phrase", "sentence")
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Config:
    """stride: between patches; 0 for the patch's own side. attention (I1): "shared" by both sides,
    or "separate". drop_path: of the last block. types (I2): see encoders/tokens.py.

    levels (I3): texts of a caption that are trained with, in this order. views: of each photo.
    word_rule (I4): what the level "word" is, "attributes" or, as released for ICFG-PEDES and
    RSTPReid, a "clause". photo_masking, text_masking (I5): the greatest share of tokens left out in
    training; mask_mode, mask_draw, mask_pads: see encoders/masking.py. target_norm (I6): of the
    matching loss. length: tokens of a text, at most what the words' table has places for.
    """

    photo: PhotoSpec = field(
        default_factory=lambda: PhotoSpec(384, 128, mean=_HALF, std=_HALF, resampling="bicubic")
    )
    image_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("vit"))
    text_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("bert"))
    stride: int = 0
    attention: str = "shared"
    drop_path: float = 0.1
    types: str = "one"
    levels: tuple[str, ...] = LEVELS
    views: int = 3
    word_rule: str = "attributes"
    photo_masking: float = 0.2
    text_masking: float = 0.2
    mask_mode: str = "drop"
    mask_draw: str = "call"
    mask_pads: bool = False
    target_norm: str = "l2"
    length: int = 512

    # What the authors' code computes; docs/methods/ivt.md tells what differs.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "released": {
            "attention": "shared", "drop_path": 0.1, "types": "place",
            "levels": LEVELS, "views": 3, "photo_masking": 0.2,
            "text_masking": 0.2, "mask_mode": "drop", "mask_draw": "call", "mask_pads": True,
            "target_norm": "l2", "length": 512,
        }
    }  # fmt: skip

    def __post_init__(self) -> None:
        check_words(
            self,
            {
                "attention": ATTENTION,
                "types": TYPES,
                "word_rule": WORD_RULES,
                "target_norm": ("l2", "l1"),
            },
        )
        if not self.levels or not set(self.levels) <= set(LEVELS):
            raise BadRecipe(f"levels = {list(self.levels)}; they are some of {', '.join(LEVELS)}")
        if len(set(self.levels)) < len(self.levels):
            raise BadRecipe(f"levels = {list(self.levels)}; name each level once")
        if self.views < 1 or self.length < 3 or self.stride < 0:
            raise BadRecipe("views is 1 or more, length 3 or more, stride 0 or more")
        self.masking(self.photo_masking), self.masking(self.text_masking)  # refused here

    def masking(self, ratio: float) -> Masking:
        """What a side of this ratio loses in training. Raises BadRecipe."""
        return Masking(ratio, self.mask_mode, self.mask_draw, self.mask_pads)


class Ivt(Method):
    config: Config

    def __init__(self, config: Config, tokenizer: Any = None) -> None:
        super().__init__()
        self.config, self.tokenizer, self.views = config, tokenizer, config.views
        self.network = network_of(config, tokenizer)

    @property
    def length(self) -> int:
        """Tokens read of a text: what is asked for, at most what the network has places for."""
        return min(self.config.length, self.network.length)

    def tokenize(self, texts: Sequence[str]) -> Texts:
        ids, mask = self._encode(texts)
        return Texts(ids=ids, mask=mask)

    def draw_texts(self, texts: Sequence[str], rngs: Sequence[Generator]) -> Texts:
        """ids, mask (B, L) of the sentences, and phrase_ids, phrase_mask, word_ids, word_mask, each
        level padded to its own longest text; of the levels that are trained with alone.
        """
        made: dict[str, Tensor] = {}
        for level in self.config.levels:
            rule = level
            if level == "word" and self.config.word_rule == "clause":
                rule = "clause"
            own = texts
            if level != "sentence":
                own = [drawn(text, rule, rng) for text, rng in zip(texts, rngs, strict=True)]
            names = _names(level)
            made |= dict(zip(names, self._encode(own), strict=True))
        return Texts(**made)

    def notes(self, text: str) -> list[str]:
        return [] if self.tokenizer is None else self.tokenizer.notes(text, self.length)

    def left_out(self, texts: Sequence[str]) -> list[str]:
        return [] if self.tokenizer is None else self.tokenizer.left_out(texts, self.length)

    def encode_images(self, images: Tensor) -> Embeddings:
        return Embeddings(self.network.photos(images, first=True).first)

    def encode_texts(self, texts: Texts) -> Embeddings:
        return Embeddings(self.network.texts(texts.ids, texts.mask, first=True).first)

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return cosine(texts.vector, photos.vector)

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        return self.aligned(batch, *self.maskings(batch))

    def maskings(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """Which tokens a step does without, bool (V x B or 1, places) of photos and (levels x B or
        1, L) of texts; None where none. From a generator of their own, which one number of torch's
        seeds: so a run resumes exactly, and every device draws alike.
        """
        if not self.training:
            return None, None
        config = self.config
        own = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        count = 1 if config.mask_draw == "call" else len(batch.images)  # photos are as long as one
        mask = batch.images.new_ones(count, self.network.photo_places)
        photos = config.masking(config.photo_masking).draws(mask, own)
        return photos, config.masking(config.text_masking).draws(self._rows(batch.texts)[1], own)

    def aligned(
        self, batch: Batch, photos_gone: Tensor | None, texts_gone: Tensor | None
    ) -> dict[str, Tensor]:
        """The loss of a step that does without these tokens: every view of a person's photos is
        matched with every text of that person (CMPM over V x B photos and levels x B texts).
        """
        mode = self.config.mask_mode
        photos = self.network.photos(batch.images, photos_gone, mode, first=True).first
        rows = self._rows(batch.texts)
        texts = self.network.texts(*rows, texts_gone, mode, first=True).first
        of_photos = batch.persons.repeat(self.config.views)
        of_texts = batch.persons.repeat(len(self.config.levels))
        texts, photos, of_texts, of_photos = gathered(texts, photos, of_texts, of_photos)
        norm = self.config.target_norm
        return {"cmpm": cmpm(texts, photos, of_texts, norm, photo_persons=of_photos)}

    def resolved(self) -> Config:
        photo, text = self.network.image_spec, self.network.text_spec
        return replace(self.config, image_encoder=photo, text_encoder=text)

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Biases by themselves, as the released optimizer doubles their rate (I8)."""
        groups: dict[str, list[torch.nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            groups.setdefault(_group(name), []).append(parameter)
        return groups

    def _encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return needed(self.tokenizer).encode(texts, self.length)

    def _rows(self, texts: Texts) -> tuple[Tensor, Tensor]:
        """ids and mask (levels x B, L) of all levels, one below the other, in the order of the
        config; padding costs nothing, as the network leaves it out.
        """
        names = [_names(level) for level in self.config.levels]
        lacking = [name for pair in names for name in pair if name not in texts]
        if lacking:
            raise BadModel(
                f"these Texts hold {sorted(texts.tensors)}, the loss reads {lacking[0]} too: make "
                "them with draw_texts"
            )
        longest = max(texts.tensors[ids].shape[1] for ids, _ in names)
        rows = []
        for tensors in zip(*names, strict=True):
            parts = [texts.tensors[name] for name in tensors]
            padded = [torch.nn.functional.pad(t, (0, longest - t.shape[1])) for t in parts]
            rows.append(torch.cat(padded))
        return rows[0], rows[1]


def _names(level: str) -> tuple[str, str]:
    start = "" if level == "sentence" else f"{level}_"
    return f"{start}ids", f"{start}mask"


def _group(name: str) -> str:
    """The group of a weight by its name in the method."""
    if name.endswith("bias"):
        return "biases"
    if ".encoder." in name:
        return "image_encoder"
    own = (".text.", ".word_tokens.", ".text_blocks.", ".text_norm.")
    return "text" if any(part in name for part in own) else "network"
