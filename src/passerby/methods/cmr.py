"""CMR: coarse-to-fine part embeddings and the commonality-based margin ranking loss.

A RECONSTRUCTION. Park et al. 2024 (arXiv 2501.00318) published no code, and their formulas were not
at hand: what is known is the shape (an encoder and a shared decoder, global, coarse and fine
embeddings, person ids as the only supervision, a ranking loss that uses how many people share a
part). That a common part's margin shrinks is inferred. docs/methods/cmr.md tells row by row what is
known, inferred and made up here; each guess is a setting, so that the truth, once known, is one
switch away. R1 .. R10 are its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from passerby.encoders.decoder import DECODERS
from passerby.encoders.parts import Features, Memory, Parts
from passerby.encoders.photos import ResNet, photo_encoder
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.texts import text_encoder
from passerby.errors import BadModel, BadRecipe
from passerby.language.tokenizer import needed
from passerby.losses.diversity import FORMS, diversity
from passerby.losses.gathering import gathered
from passerby.losses.identity import classified, person_logits, posteriors
from passerby.losses.matching import agreement, raised
from passerby.losses.ranking import (
    COMMONALITIES,
    NEGATIVES,
    POSITIVES,
    cmr,
    distinctiveness,
    margins,
    ranking,
)
from passerby.method import Method, PhotoSpec, check_words
from passerby.similarity.parts import (
    flat_photos,
    flat_texts,
    part_cosines,
    part_similarity,
    reach,
)
from passerby.types import Batch, Embeddings, Texts

_WORDS = {
    "parts": ("learned", "stripes"),
    "decoder": DECODERS,
    "fine_queries": ("coarse", "own"),
    "commonality": COMMONALITIES,
    "negatives": NEGATIVES,
    "positives": POSITIVES,
    "weighting": ("mean", "text"),
    "classifiers": ("separate", "shared"),
    "diversity": FORMS,
}


@dataclass(frozen=True)
class Config:
    """dim: D of every embedding. last_stride (R1): of a ResNet's last stage, 1, or 2 as built.
    coarse, fine: which parts there are besides the whole. part_count: K, of each. parts (R2):
    "learned", or "stripes": fine part k of a photo is what is seen in the k-th horizontal stripe.
    decoder (R3): "attention" (heads, layers, residual) or "slots" (iterations). fine_queries (R4):
    fine parts are asked for by the "coarse" ones, or by tokens of their "own".

    commonality (R5): what tells that many people share a part, whose margin then shrinks; "none":
    it does not. margin, floor (R6): the greatest and the least. warmup (R7): epochs before it does.
    negatives, positives (R8): see losses/ranking.py. entropy_temperature: of "sim_entropy".

    weighting: fine parts count alike ("mean") or as each text weighs them ("text", PLOT).
    identity_weight, ranking_weight: of both losses of the whole; local_weight: times these of parts
    (R9); cmr_weight: of the ranking over fine parts, 0 for none. diversity (R10) and its weight: of
    learned parts, see losses/diversity.py. classifiers: one of each fine part ("separate") or of
    all ("shared"). cosine_scale: above 0, they compare directions alone, times this. length: tokens
    of a text. persons: classes, set from the training split.
    """

    photo: PhotoSpec = field(default_factory=lambda: PhotoSpec(384, 128))
    image_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("resnet"))
    text_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("bert"))
    dim: int = 512
    last_stride: int = 1
    coarse: bool = True
    fine: bool = True
    part_count: int = 6
    parts: str = "learned"
    decoder: str = "attention"
    heads: int = 8
    layers: int = 1
    residual: bool = False
    iterations: int = 5
    fine_queries: str = "coarse"
    commonality: str = "id_posterior"
    margin: float = 0.2
    floor: float = 0.05
    warmup: int = 5
    negatives: str = "random"
    positives: str = "pair"
    entropy_temperature: float = 0.1
    weighting: str = "mean"
    identity_weight: float = 1.0
    ranking_weight: float = 1.0
    local_weight: float = 0.5
    cmr_weight: float = 0.5
    diversity: str = "overlap"
    diversity_weight: float = 0.04
    classifiers: str = "separate"
    cosine_scale: float = 0.0
    length: int = 64
    persons: int = 0

    def __post_init__(self) -> None:
        check_words(self, _WORDS)
        if min(self.dim, self.part_count) < 1 or self.length < 3 or self.warmup < 0:
            raise BadRecipe("dim and part_count are 1 or more, length 3 or more, warmup 0 or more")
        if self.last_stride not in (1, 2):
            raise BadRecipe(f"last_stride = {self.last_stride}; it is 1 or 2")
        if not 0 <= self.floor <= self.margin or self.margin <= 0:
            raise BadRecipe(
                f"floor = {self.floor:g} and margin = {self.margin:g}: margin is above 0 and floor "
                "from 0 to margin; floor = margin switches commonality off"
            )
        if self.entropy_temperature <= 0:
            raise BadRecipe("entropy_temperature is above 0")
        names = ("identity", "ranking", "local", "cmr", "diversity")
        if min(*(getattr(self, f"{name}_weight") for name in names), self.cosine_scale) < 0:
            raise BadRecipe(f"cosine_scale and the weights of {', '.join(names)} are 0 or more")
        if not self.identity_weight and not self.ranking_weight:
            raise BadRecipe("identity_weight and ranking_weight are 0: nothing trains the whole")
        self._check_parts()

    def _check_parts(self) -> None:
        """Refuses parts that count in the similarity and that nothing trains."""
        asks = self.fine and self.fine_queries == "coarse"
        trained = self.local_weight or self.cmr_weight
        if (self.fine and not trained) or (self.coarse and not self.local_weight and not asks):
            raise BadRecipe(
                "local_weight is 0, so nothing trains some of the parts: give it above 0, or set "
                "coarse, or fine, to false"
            )
        if self.weighting == "text" and self.fine and not self.ranking_weight * self.local_weight:
            raise BadRecipe(
                'weighting = "text" learns from the ranking of parts: give ranking_weight and '
                "local_weight above 0"
            )
        by_classes = self.commonality == "id_posterior" and self.fine and self.cmr_weight
        if by_classes and not self.identity_weight * self.local_weight:
            raise BadRecipe(
                'commonality = "id_posterior" asks the classifiers of parts: give identity_weight '
                'and local_weight above 0, or take "sim_entropy"'
            )


class Cmr(Method):
    config: Config
    remark = (
        "CMR here is a reconstruction: its authors published no code, and their formulas were not "
        "at hand. Quote none of its numbers as theirs."
    )

    def __init__(self, config: Config, tokenizer: Any = None) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        size = (config.photo.height, config.photo.width)
        self.image_encoder = photo_encoder(config.image_encoder, size)
        if isinstance(self.image_encoder, ResNet) and config.last_stride == 1:
            self.image_encoder.unstrided()
        self.text_encoder = text_encoder(config.text_encoder, len(tokenizer) if tokenizer else None)
        wide, narrow = self.image_encoder.width, self.text_encoder.width
        self.parts = Parts(config, wide, narrow, self.image_encoder.maps(size)[-1])
        self.weigh: Any = None
        if config.fine and config.weighting == "text":
            self.weigh = _weigher(config.dim, config.part_count)
        self.classes: Any = (
            self._classifiers() if config.persons and config.identity_weight else None
        )
        count = config.part_count if config.fine else 0
        self.reach = reach(config.coarse, count, self.weigh is not None)

    @property
    def length(self) -> int:
        """Tokens read of a text: what is asked for, at most what the encoder has places for."""
        return min(self.config.length, self.text_encoder.length)

    def tokenize(self, texts: Sequence[str]) -> Texts:
        ids, mask = needed(self.tokenizer).encode(texts, self.length)
        return Texts(ids=ids, mask=mask)

    def notes(self, text: str) -> list[str]:
        return [] if self.tokenizer is None else self.tokenizer.notes(text, self.length)

    def left_out(self, texts: Sequence[str]) -> list[str]:
        return [] if self.tokenizer is None else self.tokenizer.left_out(texts, self.length)

    def encode_images(self, images: Tensor) -> Embeddings:
        """vector (N, F): the flat vector of similarity/parts.py, F = (1 + K + K) D with all parts
        (one more where texts weigh them).
        """
        found = self.features_of_photos(images)
        coarse = None if found.coarse is None else found.coarse.flatten(1)
        return Embeddings(
            flat_photos(found.whole, coarse, found.fine, weighted=self.weigh is not None)
        )

    def encode_texts(self, texts: Texts) -> Embeddings:
        found = self.features_of_texts(texts)
        coarse = None if found.coarse is None else found.coarse.flatten(1)
        return Embeddings(flat_texts(found.whole, coarse, found.fine, self._weights(found.whole)))

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        """cos(whole) + cos(coarse) + mean of cos(fine), of those that there are: from -3 to 3."""
        return part_similarity(texts.vector, photos.vector, self.reach)

    def bound(self, cosines: Tensor) -> Tensor:
        return self.reach * cosines

    def features_of_photos(self, images: Tensor) -> Features:
        return self.parts(self._photo_memory(images))

    def features_of_texts(self, texts: Texts) -> Features:
        return self.parts(self._text_memory(texts))

    def looks_of_photos(self, images: Tensor) -> dict[str, Tensor]:
        """How much each part takes of each place of the map, (N, K, h, w), summing to 1; by
        "coarse" and "fine", where there are any.
        """
        grid = self.image_encoder.maps(tuple(images.shape[2:]))[-1]
        found = self.parts.looks(self._photo_memory(images))
        return {name: looks.unflatten(2, grid) for name, looks in found.items()}

    def looks_of_texts(self, texts: Texts) -> dict[str, Tensor]:
        """How much each part takes of each token, (T, K, L), summing to 1."""
        return self.parts.looks(self._text_memory(texts))

    def part_scores(self, texts: Features, photos: Features) -> Tensor:
        """(K, T, P): cosines of fine parts, part by part. Raises BadModel without any."""
        if texts.fine is None or photos.fine is None:
            raise BadModel("this model has no fine parts; take one with fine = true")
        return part_cosines(texts.fine, photos.fine)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        photos, texts = self.features_of_photos(batch.images), self.features_of_texts(batch.texts)
        *found, persons = gathered(*photos.tensors(), *texts.tensors(), batch.persons)
        half = len(found) // 2
        photos, texts = photos.again(found[:half]), texts.again(found[half:])
        named = self._matched("whole", photos.whole, texts.whole, persons)
        if photos.coarse is not None and texts.coarse is not None:
            both = photos.coarse.flatten(1), texts.coarse.flatten(1)
            named |= self._matched("coarse", *both, persons)
        if photos.fine is not None and texts.fine is not None:
            weights = self._weights(texts.whole)
            named |= self._parted(photos.fine, texts.fine, weights, persons, batch.epoch)
        return named

    def resolved(self) -> Config:
        towers = {"image_encoder": self.image_encoder.spec, "text_encoder": self.text_encoder.spec}
        return replace(self.config, **towers)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        groups: dict[str, list[nn.Parameter]] = {
            "image_encoder": [],
            "text_encoder": [],
            "heads": [],
        }
        for name, parameter in self.named_parameters():
            tower = name.split(".", 1)[0]
            groups[tower if tower in groups else "heads"].append(parameter)
        return groups

    def _photo_memory(self, images: Tensor) -> Memory:
        return self.parts.photos(self.image_encoder(images).map)

    def _text_memory(self, texts: Texts) -> Memory:
        ids, mask = texts.ids[:, : self.length], texts.mask[:, : self.length]
        return self.parts.texts(self.text_encoder(ids, mask).tokens, mask)

    def _weights(self, texts: Tensor) -> Tensor | None:
        """(T, K) of whole texts (T, D): what each fine part counts; None: all alike."""
        return None if self.weigh is None else raised(self.weigh(texts)).softmax(1)

    def _matched(
        self, name: str, photos: Tensor, texts: Tensor, persons: Tensor
    ) -> dict[str, Tensor]:
        """Identity and ranking of one vector a side, (B, D) each."""
        config, named = self.config, {}
        local = 1.0 if name == "whole" else config.local_weight
        if self.classes is not None and name in self.classes:
            both = torch.cat([photos, texts])
            named[f"identity_{name}"] = self._identified(name, both, persons)[1]
        if config.ranking_weight * local:
            loss = ranking(agreement(texts, photos, 1.0), persons, config.margin, **self._pairs())
            named[f"ranking_{name}"] = config.ranking_weight * local * loss
        return named

    def _parted(
        self, photos: Tensor, texts: Tensor, weights: Tensor | None, persons: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Of fine parts (B, K, D): identity, CMR, diversity; the ranking as texts weigh them."""
        config, named, told = self.config, {}, None
        scores = part_cosines(texts, photos)
        if self.classes is not None and "fine" in self.classes:
            both = torch.cat([photos, texts]).transpose(0, 1)
            logits, named["identity_fine"] = self._identified("fine", both, persons)
            of_photos, of_texts = posteriors(logits, persons.repeat(2)).chunk(2, dim=1)
            told = of_texts, of_photos
        alike = diversity(photos.detach(), "mean") + diversity(texts.detach(), "mean")
        self.measures = {"parts alike": alike / 2}
        if config.parts == "learned" and config.diversity_weight:
            apart = diversity(photos, config.diversity) + diversity(texts, config.diversity)
            named["diversity"] = config.diversity_weight * apart
        if config.cmr_weight:
            loss = self._ranked(scores, persons, told, epoch >= config.warmup)
            named["cmr"] = config.cmr_weight * loss
        if weights is not None and config.ranking_weight * config.local_weight:
            weighed = (weights.T[:, :, None] * scores).sum(0)
            loss = ranking(weighed, persons, config.margin, **self._pairs())
            named["ranking_fine"] = config.ranking_weight * config.local_weight * loss
        return named

    def _identified(self, name: str, both: Tensor, persons: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of photos and, below them, texts; the mean loss of each side, added up."""
        config = self.config
        weight = config.identity_weight * (1.0 if name == "whole" else config.local_weight)
        logits = person_logits(both, self.classes[name], config.cosine_scale)
        return logits, 2 * weight * classified(logits, persons.repeat(2))

    def _pairs(self) -> dict[str, Any]:
        """Which pairs are compared. A new generator, seeded by torch's: runs resume exactly, and
        every device draws alike.
        """
        own = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        names = ("negatives", "positives")
        return {"generator": own, **{name: getattr(self.config, name) for name in names}}

    def _ranked(
        self, scores: Tensor, persons: Tensor, told: tuple[Tensor, Tensor] | None, warm: bool
    ) -> Tensor:
        """CMR of fine parts' scores (K, B, B); the share of margins at the floor, and the mean
        commonality of each part, go into `measures`. told: what classifiers say of texts, photos.
        """
        config = self.config
        kind, temperature = config.commonality, config.entropy_temperature
        distinct = distinctiveness(kind, scores, persons, told, config.margin, temperature)
        if distinct is not None:
            both = torch.cat(distinct, 1)  # (K, 2B)
            used = margins(both if warm else torch.ones_like(both), config.margin, config.floor)
            self.measures = {
                **self.measures,
                "floor share": (used <= config.floor).float().mean(),
                **{f"commonality {k + 1}": 1 - u.mean() for k, u in enumerate(both)},
            }
        shrunk = distinct if warm else None
        return cmr(scores, persons, shrunk, config.margin, config.floor, **self._pairs())

    def _classifiers(self) -> nn.ParameterDict:
        """Of the whole (C, D), of coarse parts side by side (C, K D), of fine parts (K, C, D), or
        (C, D) for all of them. At 11,003 persons, K = 6 and D = 512: 23, 135 and 135 MB of weights
        (23 for all), three times that with Adam's two moments.
        """
        config, count = self.config, self.config.part_count
        shapes = {"whole": (config.persons, config.dim)}
        if config.coarse and config.local_weight:
            shapes["coarse"] = (config.persons, count * config.dim)
        if config.fine and config.local_weight:
            each = (count,) if config.classifiers == "separate" else ()
            shapes["fine"] = (*each, config.persons, config.dim)
        return nn.ParameterDict(
            {name: nn.init.normal_(torch.empty(shape), std=0.001) for name, shape in shapes.items()}
        )


def _weigher(dim: int, count: int) -> nn.Module:
    """Logits of a text's weights: all but equal to begin with (PLOT)."""
    made = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, count))
    for name, parameter in made.named_parameters():
        nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(
            parameter, std=0.001
        )
    return made
