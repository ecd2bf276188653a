"""Two towers: one vector a side and their cosine.

The baseline every method of the field stands on: a photo encoder and a text encoder, each followed
by a linear map into one space, trained by similarity distribution matching (SDM, Jiang & Ye 2023)
and, as options, by an identity classifier that both sides share (Zheng et al. 2020), and against
false twins of the captions, in which one word is wrong (ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, adaptive_max_pool2d, normalize

from passerby.encoders.photos import photo_encoder
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.texts import text_encoder
from passerby.errors import BadRecipe
from passerby.language.spelling import Spelling
from passerby.language.tokenizer import needed
from passerby.language.twins import false_twin
from passerby.losses.gathering import gathered
from passerby.losses.identity import identity
from passerby.losses.matching import against_twins, contrastive, sdm
from passerby.method import Method, PhotoSpec, check_words
from passerby.similarity.cosine import cosine
from passerby.types import Batch, Embeddings, Texts


@dataclass(frozen=True)
class Config:
    """dim: size D of the common space. temperature: of SDM and the contrastive loss. A weight of 0
    switches a loss off.

    photo_pooling: "encoder" (its own), "mean", "max" or "stripes" (the map cut into `stripes`
    horizontal bands, the mean and the maximum of each side by side). text_pooling: "encoder",
    "mean" or "max" over real tokens. length: tokens read of a sentence. respell: slips and synonyms
    of words that the model has not met are read as words that it has. twin_weight: of the loss
    against false twins (`language.twins`), beside the others. mirror: in eval mode a
    photo's vector is the mean of its own and its mirror image's. persons: classes of the identity
    loss, set from the training split.
    """

    photo: PhotoSpec = field(default_factory=PhotoSpec)
    image_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("resnet"))
    text_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("bert"))
    dim: int = 512
    temperature: float = 0.02
    sdm_weight: float = 1.0
    contrastive_weight: float = 0.0
    identity_weight: float = 0.0
    photo_pooling: str = "encoder"
    stripes: int = 6
    text_pooling: str = "encoder"
    length: int = 77
    dropout: float = 0.0
    respell: bool = False
    twin_weight: float = 0.0
    mirror: bool = False
    persons: int = 0

    def __post_init__(self) -> None:
        check_words(
            self,
            {
                "photo_pooling": ("encoder", "mean", "max", "stripes"),
                "text_pooling": ("encoder", "mean", "max"),
            },
        )
        if self.temperature <= 0 or self.length < 3 or self.dim < 1 or self.stripes < 1:
            raise BadRecipe("temperature, dim and stripes are above 0, length is 3 or more")
        if not 0 <= self.dropout < 1:
            raise BadRecipe("dropout is from 0 to below 1")
        if not (self.sdm_weight or self.contrastive_weight or self.identity_weight):
            raise BadRecipe("every loss has weight 0; give sdm_weight 1, for example")


class TwoTower(Method):
    config: Config

    def __init__(self, config: Config, tokenizer: Any = None) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        size = (config.photo.height, config.photo.width)
        self.image_encoder = photo_encoder(config.image_encoder, size)
        self.text_encoder = text_encoder(config.text_encoder, len(tokenizer) if tokenizer else None)
        wide = self.image_encoder.width
        wide *= 2 * config.stripes if config.photo_pooling == "stripes" else 1
        self.photo_head = nn.Sequential(
            nn.LayerNorm(wide), nn.Dropout(config.dropout), nn.Linear(wide, config.dim)
        )
        self.text_head = nn.Linear(self.text_encoder.width, config.dim)
        words = tokenizer.words if tokenizer and config.respell else None
        self._spelling = Spelling(words) if words else None
        self.classes = None
        if config.identity_weight and config.persons:
            self.classes = nn.Parameter(torch.empty(config.persons, config.dim))
            nn.init.normal_(self.classes, std=0.001)

    @property
    def length(self) -> int:
        """Tokens read of a sentence: what is asked for, at most what the encoder has places for."""
        return min(self.config.length, self.text_encoder.length)

    def tokenize(self, texts: Sequence[str]) -> Texts:
        ids, mask = needed(self.tokenizer).encode(list(map(self._respelt, texts)), self.length)
        return Texts(ids=ids, mask=mask)

    def draw_texts(self, texts: Sequence[str], rngs: Sequence[Generator]) -> Texts:
        """Captions, and with twin_weight the false twin of each; told: which have one."""
        read = self.tokenize(texts)
        if not self.config.twin_weight:
            return read
        twins = [false_twin(text, rng) for text, rng in zip(texts, rngs, strict=True)]
        false = self.tokenize([twin or text for twin, text in zip(twins, texts, strict=True)])
        told = torch.tensor([twin is not None for twin in twins])
        return Texts(**read.tensors, twin_ids=false.ids, twin_mask=false.mask, told=told)

    def notes(self, text: str) -> list[str]:
        if self.tokenizer is None:
            return []
        read = [] if self._spelling is None else self._spelling.changes(text)
        told = ", ".join(f"{word} as {known}" for word, known in read)
        said = [f"words that the model hardly met were read as others: {told}"] if read else []
        return said + self.tokenizer.notes(self._respelt(text), self.length)

    def unread(self, text: str) -> list[str]:
        return [] if self.tokenizer is None else self.tokenizer.strange(self._respelt(text))

    def _respelt(self, text: str) -> str:
        return text if self._spelling is None else self._spelling(text)

    def encode_images(self, images: Tensor) -> Embeddings:
        vector = self._photo_vector(images)
        if self.config.mirror and not self.training:
            mirrored = self._photo_vector(images.flip(3))
            vector = normalize(vector, dim=1) + normalize(mirrored, dim=1)
        return Embeddings(vector)

    def encode_texts(self, texts: Texts) -> Embeddings:
        features = self.text_encoder(texts.ids, texts.mask)
        real = texts.mask.bool()[:, :, None]
        if self.config.text_pooling == "mean":
            pooled = (features.tokens * real).sum(1) / real.sum(1).clamp(min=1)
        elif self.config.text_pooling == "max":
            pooled = features.tokens.masked_fill(~real, -torch.inf).amax(1)
        else:
            pooled = features.pooled
        return Embeddings(self.text_head(pooled))

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return cosine(texts.vector, photos.vector)

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        photos = self.encode_images(batch.images).vector
        texts = self.encode_texts(batch.texts).vector
        told = (self._twins(batch.texts), batch.texts.told) if self.config.twin_weight else ()
        all_texts, all_photos, persons, *twins = gathered(texts, photos, batch.persons, *told)
        given = (all_texts, all_photos, persons, self.config.temperature)
        named = {}
        if self.config.sdm_weight:
            named["sdm"] = self.config.sdm_weight * sdm(*given)
        if self.config.contrastive_weight:
            named["contrastive"] = self.config.contrastive_weight * contrastive(*given)
        if self.config.twin_weight:
            false, there = twins
            named["twins"] = self.config.twin_weight * against_twins(
                all_texts, false, all_photos, persons, there, self.config.temperature
            )
        if self.classes is not None:
            both = torch.cat([photos, texts])
            loss = identity(both, self.classes, batch.persons.repeat(2))
            named["identity"] = self.config.identity_weight * 2 * loss
        return named

    def resolved(self) -> Config:
        towers = {"image_encoder": self.image_encoder.spec, "text_encoder": self.text_encoder.spec}
        return replace(self.config, **towers)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        groups = {
            "image_encoder": list(self.image_encoder.parameters()),
            "text_encoder": list(self.text_encoder.parameters()),
            "heads": [*self.photo_head.parameters(), *self.text_head.parameters()],
        }
        if self.classes is not None:
            groups["heads"].append(self.classes)
        return groups

    def _twins(self, texts: Texts) -> Tensor:
        """(B, D): raw vectors of the false twins."""
        return self.encode_texts(Texts(ids=texts.twin_ids, mask=texts.twin_mask)).vector

    def _photo_vector(self, images: Tensor) -> Tensor:
        features = self.image_encoder(images)
        pooling = self.config.photo_pooling
        if pooling == "encoder":
            pooled = features.pooled
        elif pooling == "mean":
            pooled = features.map.mean((2, 3))
        elif pooling == "max":
            pooled = features.map.amax((2, 3))
        else:
            bands = (self.config.stripes, 1)
            both = (
                adaptive_avg_pool2d(features.map, bands),
                adaptive_max_pool2d(features.map, bands),
            )
            pooled = torch.cat([band.flatten(1) for band in both], 1)
        return self.photo_head(pooled)
