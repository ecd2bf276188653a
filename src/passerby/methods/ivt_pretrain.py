"""IVT's generic pre-training: one network for photos and texts, learnt from any captioned photos.

Shu et al. 2022 (arXiv 2208.08608), built from our specification, 1.9. Three losses: which photo and
text of a batch belong together (ITC), by their vectors; whether one pair does (ITM), and which
words of a caption are hidden (MLM), by a fusion encoder in which the text looks at the photo's
tokens. Search uses the network alone, as `ivt` does, which takes it as its start: name the folder
as the source of [image_encoder] and [text_encoder].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from numpy.random import Generator
from torch import Tensor, nn

from passerby.encoders.fusion import Fusion, WordHead, fresh
from passerby.encoders.network import ATTENTION, network_of
from passerby.encoders.packing import Packed
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.tokens import TYPES
from passerby.errors import BadModel, BadRecipe
from passerby.language.tokenizer import needed
from passerby.language.word_masking import IGNORED, Cloze, WordMasking
from passerby.losses.gathering import gathered, padded, rank_and_size
from passerby.losses.matching import agreement, itc
from passerby.losses.pairing import hard_negatives, itm, mlm
from passerby.method import Method, PhotoSpec, check_words
from passerby.similarity.cosine import cosine
from passerby.types import Batch, Embeddings, Texts

_HALF = (0.5, 0.5, 0.5)
COLDEST = 0.01  # of the learnt temperature, which may not reach 0
FORMS = ("log", "linear")


@dataclass(frozen=True)
class Config:
    """stride, attention, drop_path, types: of the network (encoders/network.py). fusion_layers: of
    the fusion encoder, which starts from as many first layers of [text_encoder]'s source. Photos
    lose no tokens in this stage.

    A weight of 0 switches a loss off; without ITM and MLM no fusion is built. ITC compares unit
    vectors (itc_unit) over a learnt temperature, from `temperature` on; what is learnt is its "log"
    or itself ("linear"). Released are raw vectors and "linear". Tried on made-up photos of two
    colours, from nothing, by the recipe's SGD, that and every other mix but unit vectors with "log"
    stay at chance, as the temperature runs away in the first steps; by AdamW both learn.

    hidden_words: the share of a caption's words that is hidden; hidden_most: tokens of it at most;
    hidden_spans: how often two or three words together. words, tokens: read of a caption in
    training at most. closed: it ends with [SEP] there, as it always does in search; released: not.
    length: tokens read in search.
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
    fusion_layers: int = 6
    itc_weight: float = 1.0
    itm_weight: float = 1.0
    mlm_weight: float = 1.0
    itc_unit: bool = True
    temperature: float = 0.07
    temperature_form: str = "log"
    hidden_words: float = 0.25
    hidden_most: int = 8
    hidden_spans: float = 0.2
    words: int = 50
    tokens: int = 50
    closed: bool = True
    length: int = 512

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        # What the authors' released code computes, but that it takes other photos of a person for
        # wrong ones (see `hard_negatives`).
        "released": {
            "attention": "shared", "drop_path": 0.1, "types": "place", "fusion_layers": 6,
            "itc_unit": False, "temperature": 0.5, "temperature_form": "linear", "closed": False,
            "hidden_words": 0.25, "hidden_most": 8, "hidden_spans": 0.2, "words": 50, "tokens": 50,
        }
    }  # fmt: skip

    def __post_init__(self) -> None:
        check_words(self, {"attention": ATTENTION, "types": TYPES, "temperature_form": FORMS})
        weights = (self.itc_weight, self.itm_weight, self.mlm_weight)
        if min(weights) < 0 or not any(weights):
            raise BadRecipe("itc_weight, itm_weight, mlm_weight are 0 or more, and one is above 0")
        if self.temperature < COLDEST:
            raise BadRecipe(f"temperature = {self.temperature}; it is {COLDEST} or more")
        if self.words < 1 or min(self.tokens, self.length) < 3:
            raise BadRecipe("words is 1 or more, tokens and length are 3 or more")
        self.masking  # noqa: B018 - its settings are refused here

    @property
    def masking(self) -> WordMasking:
        return WordMasking(self.hidden_words, self.hidden_most, self.hidden_spans)


class IvtPretrain(Method):
    config: Config
    generator: torch.Generator | None = None  # of hard negatives; None: torch's own

    def __init__(self, config: Config, tokenizer: Any = None) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.network = network_of(config, tokenizer)
        started = self._as_stored(config.temperature)
        self.temperature = nn.Parameter(torch.tensor(started), bool(config.itc_weight))
        self.fusion = self.pair_head = self.word_head = None
        if config.itm_weight or config.mlm_weight:
            self.fusion = Fusion(config.text_encoder, config.fusion_layers)
        if config.itm_weight:
            self.pair_head = nn.Linear(self.network.width, 2)
            fresh(self.pair_head)
        if config.mlm_weight:
            vocabulary = self.network.word_tokens.words.num_embeddings
            self.word_head = WordHead(self.network.width, vocabulary)
        if tokenizer is not None:
            self._cloze()  # a tokenizer without [MASK] is refused before data are read

    @property
    def length(self) -> int:
        """Tokens read of a sentence: what is asked for, at most what the network has places for."""
        return min(self.config.length, self.network.length)

    def tokenize(self, texts: Sequence[str]) -> Texts:
        ids, mask = needed(self.tokenizer).encode(texts, self.length)
        return Texts(ids=ids, mask=mask)

    def draw_texts(self, texts: Sequence[str], rngs: Sequence[Generator]) -> Texts:
        """ids, mask; where MLM is on, masked_ids and labels too (see `Cloze`)."""
        return self._cloze().draw(texts, rngs)

    def notes(self, text: str) -> list[str]:
        return [] if self.tokenizer is None else self.tokenizer.notes(text, self.length)

    def encode_images(self, images: Tensor) -> Embeddings:
        return Embeddings(self.network.photos(images, first=True).first)

    def encode_texts(self, texts: Texts) -> Embeddings:
        return Embeddings(self.network.texts(texts.ids, texts.mask, first=True).first)

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return cosine(texts.vector, photos.vector)

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        photos = self.network.photos(batch.images)
        texts = self.network.texts(batch.texts.ids, batch.texts.mask)
        said, shown, persons = gathered(texts.first, photos.first, batch.persons)
        logits = agreement(said, shown, self._cooled(), self.config.itc_unit)
        named = {}
        if self.config.itc_weight:
            named["itc"] = self.config.itc_weight * itc(logits, persons)
        if self.fusion is not None:
            named |= self._fused(batch, photos, texts, logits.detach(), persons)
        return named

    def resolved(self) -> Config:
        photo, text = self.network.image_spec, self.network.text_spec
        return replace(self.config, image_encoder=photo, text_encoder=text)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Biases by themselves, as `ivt` has them; "fusion": what search does not need."""
        groups: dict[str, list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            own = "network" if name.startswith("network.") else "fusion"
            groups.setdefault("biases" if name.endswith("bias") else own, []).append(parameter)
        return groups

    def _fused(
        self, batch: Batch, photos: Packed, texts: Packed, logits: Tensor, persons: Tensor
    ) -> dict[str, Tensor]:
        """ITM and MLM; one pass of the fusion encoder over the pairs of both. logits, persons: of
        all processes' pairs, as wrong partners may be another's; each judges those of its own rows.
        """
        assert self.fusion is not None
        (read, mask), seen = texts.padded(), photos.padded()[0]
        own = torch.arange(len(batch), device=logits.device)
        rows, looks = own[:0], own[:0]
        if self.pair_head is not None:
            own = own + rank_and_size()[0] * len(batch)
            read, mask, seen = gathered(*padded(read, mask), seen)
            rows, looks = pairs(logits, persons, self.generator, own)
        judged = len(rows)
        if self.word_head is not None:
            _check(batch.texts)
            hidden = self.network.texts(batch.texts.masked_ids, batch.texts.mask).padded()[0]
            short = (0, 0, 0, read.shape[1] - hidden.shape[1])
            rows = torch.cat([rows, len(read) + torch.arange(len(own), device=rows.device)])
            looks = torch.cat([looks, own])
            read = torch.cat([read, nn.functional.pad(hidden, short)])
            mask = torch.cat([mask, mask[own]])
        if len(seen) > len(own):  # others' photos that no pair here looks at
            kept, looks = looks.unique(return_inverse=True)
            seen = seen[kept]
        fused = self.fusion(read[rows], mask[rows], seen, looks)
        named = {}
        if self.pair_head is not None:
            found = itm(self.pair_head(fused[:judged, 0]), len(own))
            named["itm"] = self.config.itm_weight * found
        if self.word_head is not None:
            named["mlm"] = self.config.mlm_weight * self._guessed(fused[judged:], batch.texts)
        return named

    def _guessed(self, fused: Tensor, texts: Texts) -> Tensor:
        """MLM of captions (B, L, D): the mean over processes is that over the words of all."""
        assert self.word_head is not None
        asked = texts.labels != IGNORED
        words = self.network.word_tokens.words.weight
        tokens = fused[:, : asked.shape[1]][asked]
        (counts,) = gathered(asked.sum()[None])
        share = len(tokens) * len(counts) / counts.sum().clamp(min=1)
        return share * mlm(self.word_head(tokens, words), texts.labels[asked])

    def _cooled(self) -> Tensor:
        """The temperature as it divides; learning leaves it no colder than COLDEST."""
        with torch.no_grad():
            self.temperature.clamp_(min=self._as_stored(COLDEST))
        return self.temperature.exp() if self.config.temperature_form == "log" else self.temperature

    def _as_stored(self, temperature: float) -> float:
        return math.log(temperature) if self.config.temperature_form == "log" else temperature

    def _cloze(self) -> Cloze:
        config, tokens = self.config, min(self.config.tokens, self.network.length)
        masking = config.masking if config.mlm_weight else None
        return Cloze(needed(self.tokenizer), masking, config.words, tokens, config.closed)


def _check(texts: Texts) -> None:
    if "masked_ids" not in texts or "labels" not in texts:
        raise BadModel(
            f"these Texts hold {sorted(texts.tensors)}, the loss of hidden words reads masked_ids "
            "and labels too: make them with draw_texts"
        )


def pairs(
    logits: Tensor,
    persons: Tensor,
    generator: torch.Generator | None = None,
    own: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rows of texts and of photos, int64 (N,) each: the right pairs, then a wrong photo for each
    text and a wrong text for each photo; the right ones alone where no two persons differ.

    logits: (B, B), pair by pair, texts are rows. persons: (B,). own: int64, the pairs it is asked
    for; all where None.
    """
    if own is None:
        own = torch.arange(len(persons), device=persons.device)
    photos = hard_negatives(logits, persons, generator)
    texts = hard_negatives(logits.T, persons, generator)
    if photos is None or texts is None:
        return own, own
    return torch.cat([own, own, texts[own]]), torch.cat([own, photos[own], own])
