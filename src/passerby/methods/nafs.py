"""NAFS: full-scale features and contextual non-local attention across all scales.

Gao et al. 2021 (arXiv 2101.03036). A staircase network looks at the whole photo and at two sets of
its stripes; a BERT reads the sentence, its sub-sentences and its words. Every part of a photo
attends to every part of a text, and how well they agree is added to the cosine of the whole photo
and the whole sentence. docs/methods/nafs.md sets paper, released code and this file side by side;
N1 .. N11 below are its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from passerby.encoders.heads import PhotoParts, ScaleNorm, TextParts
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.staircase import SHUFFLES, PhotoScales, staircase
from passerby.encoders.texts import text_encoder
from passerby.errors import BadModel, BadRecipe
from passerby.language.scales import Scales, heads, locality
from passerby.language.sentences import DELIMITERS
from passerby.language.tokenizer import needed
from passerby.losses.gathering import gathered_pairs
from passerby.losses.identity import cmpc
from passerby.losses.matching import cmpm, local_kl
from passerby.method import Method, PhotoSpec, check_words
from passerby.similarity.cosine import cosine
from passerby.similarity.local_attention import attention_weights, local_similarity
from passerby.types import Batch, Embeddings, Texts

_WORDS = {
    "shuffle": SHUFFLES,
    "text": ("separate", "masked"),
    "part_rule": ("clean", "literal"),
    "text_items": ("n+1", "n+2", "n+3"),
    "layer_norm": ("token", "matrix"),
    "direction": ("i2t", "t2i", "both"),
    "target_norm": ("l2", "l1"),
}


@dataclass(frozen=True)
class Config:
    """stripes: parts of a photo from the finer and from the coarser branch (N2); 0: no branch.
    shuffle: their order in training, drawn once a "batch" (or bn_group), for each "sample", or
    "none".

    text (N1): "separate" reads the first `parts` sub-sentences each by itself; "masked" reads the
    sentence once, with a [CLS] before every sub-sentence that sees only its own words. parts = 0:
    no sub-sentences. part_rule: "clean" skips empty parts and leaves missing ones out; "literal"
    (with "separate") keeps empty ones, attends to a [PAD] for each missing one and cuts a long
    caption without its [SEP]. length: tokens of a sentence. text_items (N7): what is attended to of
    n tokens: up to the last word (n+1), up to [SEP] (n+2), or a [PAD] too (n+3). layer_norm (N11):
    of each "token", or (with "separate") of the whole "matrix" of a full-length text's items.

    context: attention is first normalised over the items of the other side. direction (N5) of
    attention and local loss: "i2t", photo parts look at words; "t2i", words at photo parts; "both".
    sharpness, slope: lambda and the negative slope of the attention. local_weight (N6): of the
    local loss; 0 leaves all parts out, and similarity is the cosine. target_norm (N4): of the
    matching losses. bn_group (N9): photos that batch norm sees at once in training, 0 for all.
    persons: classes, set from the training split. Re-ranking (N3) and the choice of the model (N10)
    belong to evaluation and training, the schedule (N8) to the recipe.
    """

    photo: PhotoSpec = field(default_factory=lambda: PhotoSpec(384, 128))
    image_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("resnet"))
    text_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("bert"))
    stripes: tuple[int, int] = (3, 2)
    shuffle: str = "batch"
    text: str = "separate"
    parts: int = 2
    part_rule: str = "clean"
    delimiters: str = DELIMITERS
    length: int = 100
    text_items: str = "n+2"
    layer_norm: str = "token"
    context: bool = True
    direction: str = "i2t"
    sharpness: float = 20.0
    slope: float = 0.1
    local_weight: float = 0.1
    target_norm: str = "l2"
    bn_group: int = 0
    persons: int = 0

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        # What the authors' released code computes, its quirks included.
        "released": {
            "stripes": (3, 2), "shuffle": "batch", "text": "separate", "parts": 2,
            "part_rule": "literal", "delimiters": DELIMITERS, "length": 100, "text_items": "n+3",
            "layer_norm": "matrix", "context": True, "direction": "i2t", "sharpness": 20.0,
            "slope": 0.1, "local_weight": 0.1, "target_norm": "l2",
        }
    }  # fmt: skip

    def __post_init__(self) -> None:
        check_words(self, _WORDS)
        if self.length < 4 or self.parts < 0 or self.bn_group < 0 or self.bn_group == 1:
            raise BadRecipe("length is 4 or more, parts 0 or more, bn_group 0 or 2 and more")
        if self.sharpness <= 0 or self.local_weight < 0:
            raise BadRecipe("sharpness is above 0, local_weight 0 or more")
        if self.text == "masked" and (self.part_rule, self.layer_norm) != ("clean", "token"):
            raise BadRecipe('text = "masked" goes with part_rule = "clean", layer_norm = "token"')
        if not self.delimiters:
            raise BadRecipe("delimiters has none; parts = 0 leaves sub-sentences out")


class Nafs(Method):
    config: Config
    generator: torch.Generator | None = None  # of the order of stripes; None: torch's own

    def __init__(self, config: Config, tokenizer: Any = None) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        size = (config.photo.height, config.photo.width)
        stripes = config.stripes if config.local_weight else (0, 0)
        self.image_encoder = staircase(config.image_encoder, size, stripes, config.shuffle)
        self.text_encoder = text_encoder(config.text_encoder, len(tokenizer) if tokenizer else None)
        if self.text_encoder.spec.kind != "bert":
            raise BadRecipe('nafs reads [CLS]: [text_encoder] kind is "bert", whose [CLS] sees all')
        wide, dim = self.image_encoder.width, self.text_encoder.width
        self.photo_head, self.photo_norm = nn.Linear(wide, dim), ScaleNorm(dim, config.bn_group)
        self.text_head, self.text_norm = nn.Linear(dim, dim), ScaleNorm(dim, config.bn_group)
        self.photo_parts = self.text_parts = None
        if config.local_weight:
            items = config.parts + self.length - 1 if config.layer_norm == "matrix" else 0
            self.photo_parts = PhotoParts(wide, dim, sum(stripes))
            self.text_parts = TextParts(dim, items)
        self.classes = None
        if config.persons:
            self.classes = nn.Parameter(torch.empty(config.persons, dim))
            nn.init.xavier_uniform_(self.classes)

    @property
    def length(self) -> int:
        """Tokens read of a sentence: what is asked for, at most what the encoder has places for."""
        return min(self.config.length, self.text_encoder.length)

    def tokenize(self, texts: Sequence[str]) -> Texts:
        """ids and mask of the sentences; of sub-sentences, where they are read, see `Scales`."""
        if self.text_parts is None or not self.config.parts:
            ids, mask = self._scales().plain(texts)
            return Texts(ids=ids, mask=mask)
        masked = self.config.text == "masked"
        return self._scales().masked(texts) if masked else self._scales().separate(texts)

    def notes(self, text: str) -> list[str]:
        if self.tokenizer is None:
            return []
        scales = self._scales()
        if self.text_parts is None:
            scales = replace(scales, parts=0)
        return scales.notes(text, self.config.text == "masked")

    def encode_images(self, images: Tensor) -> Embeddings:
        """parts, values: queries and values (N, 1 + stripes, D), the whole photo first."""
        seen = self._seen(images)
        vector = self.photo_norm(self.photo_head(seen.pooled))
        if self.photo_parts is None:
            return Embeddings(vector)
        queries, values = self.photo_parts(vector, seen.stripes)
        return Embeddings(vector, queries, values)

    def encode_texts(self, texts: Texts) -> Embeddings:
        """parts, values: keys and values (T, W, D) of the sentence, sub-sentences, words."""
        read = self._fitted(texts)
        looks = locality(read.part, read.mask) if "part" in read else read.mask
        tokens = self.text_encoder(read.ids, looks).tokens
        vector = self.text_norm(self.text_head(tokens[:, 0]))
        if self.text_parts is None:
            return Embeddings(vector)
        words = self._words(read.mask)
        if "part" in read:
            subs, there = heads(tokens, read.part * read.mask)
            words &= (read.part >= 0)[:, 1 : self.length - 1]
        else:
            subs, there = self._sub_sentences(texts, tokens)
        items = torch.cat([vector[:, None], subs, tokens[:, 1 : self.length - 1]], 1)
        whole = words.new_ones(len(words), 1)
        keys, values = self.text_parts(items)
        return Embeddings(vector, keys, values, torch.cat([whole, there, words], 1))

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        """Cosine plus local similarity: the score before re-ranking, from -2 to 2."""
        whole = cosine(texts.vector, photos.vector)
        if not self.config.local_weight:
            return whole
        return whole + self._local(texts, photos, self.config.direction)

    def attention(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        """(T, P, R, W): how much each photo part looks at each text item (with "t2i" the other way
        round), 0 where an item is absent. For a few texts and photos.

        Items: the sentence, its sub-sentences, its tokens from the second on. Parts: the whole
        photo, the stripes of the finer branch, of the coarser one, top to bottom.
        """
        way = "t2i" if self.config.direction == "t2i" else "i2t"
        return attention_weights(texts, photos, direction=way, **self._attending)

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines + 1 if self.config.local_weight else cosines

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        norm = self.config.target_norm
        photos, texts = self.encode_images(batch.images), self.encode_texts(batch.texts)
        own = texts.vector, photos.vector
        texts, photos, persons = gathered_pairs(texts, photos, batch.persons)
        named = {"cmpm": cmpm(texts.vector, photos.vector, persons, norm)}
        if self.classes is not None:
            named["cmpc"] = cmpc(*own, self.classes, batch.persons)
        if self.config.local_weight:
            way = self.config.direction
            ways = ("i2t", "t2i") if way == "both" else (way,)
            scores = {way: self._local(texts, photos, way) for way in ways}
            local = [
                local_kl(each, persons, target_norm=norm, direction=w) for w, each in scores.items()
            ]
            named["local"] = self.config.local_weight * torch.stack(local).sum()
        return named

    def resolved(self) -> Config:
        photo, text = self.image_encoder.spec, self.text_encoder.spec
        return replace(self.config, image_encoder=photo, text_encoder=text)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        towers = {
            "image_encoder": list(self.image_encoder.parameters()),
            "text_encoder": list(self.text_encoder.parameters()),
        }
        taken = {id(p) for parameters in towers.values() for p in parameters}
        return towers | {"heads": [p for p in self.parameters() if id(p) not in taken]}

    def _scales(self) -> Scales:
        tokenizer = needed(self.tokenizer, "ids=..., mask=..., part_ids=..., part_mask=...")
        config = self.config
        literal = config.part_rule == "literal"
        return Scales(tokenizer, self.length, config.parts, config.delimiters, literal)

    def _seen(self, images: Tensor) -> PhotoScales:
        """The staircase; in training on bn_group photos at a time: batch norm sees no more."""
        if not self.training or not self.config.bn_group:
            return self.image_encoder(images, self.generator)
        split = images.split(self.config.bn_group)
        groups = [self.image_encoder(group, self.generator) for group in split]
        return PhotoScales(
            torch.cat([g.pooled for g in groups]), torch.cat([g.stripes for g in groups])
        )

    @property
    def _attending(self) -> dict[str, Any]:
        return {name: getattr(self.config, name) for name in ("sharpness", "slope", "context")}

    def _local(self, texts: Embeddings, photos: Embeddings, way: str) -> Tensor:
        return local_similarity(texts, photos, direction=way, **self._attending)

    def _fitted(self, texts: Texts) -> Texts:
        """The sentences cut to the longest of them, or padded to all that is attended to."""
        longest = max(1, min(int(texts.mask.sum(1).max()), self.length))
        if self.text_parts is not None and self.config.layer_norm == "matrix":
            longest = self.length
        elif self.text_parts is not None and self.config.text_items == "n+3":
            longest = min(longest + 1, self.length)
        short = (0, max(longest - texts.ids.shape[1], 0))
        pads = {"ids": self.tokenizer.pad if self.tokenizer else 0, "mask": 0, "part": 0}
        fitted = {
            name: nn.functional.pad(texts.tensors[name], short, value=pad)[:, :longest]
            for name, pad in pads.items()
            if name in texts
        }
        return Texts(**fitted)

    def _words(self, mask: Tensor) -> Tensor:
        """Which of the tokens 1 .. length - 2 are attended to: bool (T, W) (N7)."""
        beyond = {"n+1": -1, "n+2": 0, "n+3": 1}[self.config.text_items]
        places = torch.arange(1, min(mask.shape[1], self.length - 1), device=mask.device)
        return places < mask.sum(1, keepdim=True) + beyond

    def _sub_sentences(self, texts: Texts, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Each sub-sentence's [CLS], read by itself, (T, P, D), and which are there, (T, P)."""
        if not self.config.parts:
            return tokens[:, :0], torch.zeros_like(tokens[:, :0, 0], dtype=torch.bool)
        if "part_mask" not in texts or texts.part_mask.shape[1] != self.config.parts:
            raise BadModel(
                f"these Texts hold {sorted(texts.tensors)}; this model reads part_ids and "
                f"part_mask (T, {self.config.parts}, L) too: make them with its tokenize"
            )
        there = texts.part_mask.any(2)
        subs = tokens.new_zeros(*there.shape, tokens.shape[2])
        if there.any():
            ids, mask = texts.part_ids[there], texts.part_mask[there]
            longest = int(mask.sum(1).max())
            read = self.text_encoder(ids[:, :longest], mask[:, :longest]).tokens[:, 0]
            subs[there] = read.to(subs.dtype)
        return subs, there
