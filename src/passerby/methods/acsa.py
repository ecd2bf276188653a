"""ACSA: asymmetric cross-scale alignment of a photo's regions and a sentence's phrases.

Ji et al. 2022 (arXiv 2212.11958). A Swin looks at the whole photo, at four regions of the person
and at windows; a BERT that is not trained reads the sentence and, each by itself, its noun phrases.
The whole photo and the whole sentence are aligned, and the photo's tokens attend to the phrases.
The asymmetry is in the scales: the photo as a whole and its regions on one side, phrases alone on
the other. docs/methods/acsa.md sets paper, released code and this file side by side; A1 .. A8 below
are its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from passerby.encoders.heads import ScaleNorm, TextParts
from passerby.encoders.photos import photo_encoder
from passerby.encoders.reading import POOLINGS, pooled
from passerby.encoders.regions import REGIONS, PhotoRegions, check_rows
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.texts import text_encoder
from passerby.encoders.vectors import Vectors, fingerprint
from passerby.encoders.windows import Windows
from passerby.errors import BadModel, BadRecipe
from passerby.language.phrases import MODES, Phrase, phrases
from passerby.language.scales import Scales
from passerby.language.tokenizer import needed
from passerby.losses.gathering import gathered_pairs
from passerby.losses.identity import cmpc
from passerby.losses.matching import cmpm, local_kl
from passerby.method import Method, PhotoSpec, check_words
from passerby.similarity.cosine import cosine
from passerby.similarity.local_attention import attention_weights, local_similarity
from passerby.types import Batch, Embeddings, Texts

_WORDS = {
    "regions": REGIONS,
    "windows": ("auto", "shifted", "merged"),
    "text": ("frozen", "trained"),
    "text_pooling": POOLINGS,
    "phrase_rule": MODES,
    "fillers": ("masked", "attended"),
    "layer_norm": ("token", "matrix"),
    "t2i_axis": ("photos", "texts"),
    "target_norm": ("l2", "l1"),
}
_STEP = 256  # captions that are prepared at once


@dataclass(frozen=True)
class Config:
    """regions (A1): head, upper, lower, feet as "channel" slices of the photo's vector, or as
    "spatial" bands of the last map. windows (A2): of the "shifted" grid, before the residual, as
    released, or quadrants of the "merged" map; "auto": shifted with channel regions of a Swin, else
    merged. image_phrase: whether the mean of all regions attends to phrases too. region_dropout:
    after each region's linear map.

    text (A3): "frozen" reads without gradients, in eval mode unless text_dropout; "trained" learns
    with all the rest. text_pooling: what a text's vector is of its tokens'. length: tokens of a
    sentence. phrases, phrase_length: how many of a sentence are read, and how many tokens of each.
    phrase_rule: how they are found, see language/phrases.py. fillers (A8): what stands for a phrase
    that a sentence has not, "masked" or, a [PAD], "attended"; the latter also cuts a long text
    without its [SEP]. layer_norm: of each phrase ("token") or of all of them together ("matrix").

    cmpm_floor (A5): below it the global loss counts as 0 and has no gradient; 0 for no floor.
    t2i_axis (A4): what the loss of phrases that look at photos is a distribution over; "texts" is
    the released code's slip. target_norm: of the matching losses. identity_weight, local_weight: of
    CMPC and of both local losses; local_weight 0 leaves regions and phrases out. sharpness, slope:
    of the attention. fusion_weight (A7): of the local similarity in ranking, chosen on validation
    when training ends. persons: classes, set from the training split. The gallery (A6) is always of
    distinct photos.
    """

    photo: PhotoSpec = field(
        default_factory=lambda: PhotoSpec(
            224, 224, mean=(0.391, 0.367, 0.350), std=(0.217, 0.212, 0.206)
        )
    )
    image_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("swin"))
    text_encoder: EncoderSpec = field(default_factory=lambda: EncoderSpec("bert"))
    regions: str = "channel"
    windows: str = "auto"
    image_phrase: bool = True
    region_dropout: float = 0.5
    text: str = "frozen"
    text_dropout: bool = False
    text_pooling: str = "first"
    length: int = 118
    phrases: int = 10
    phrase_length: int = 40
    phrase_rule: str = "garment"
    fillers: str = "masked"
    layer_norm: str = "token"
    cmpm_floor: float = 0.0
    t2i_axis: str = "photos"
    target_norm: str = "l2"
    identity_weight: float = 4.0
    local_weight: float = 0.1
    sharpness: float = 20.0
    slope: float = 0.1
    fusion_weight: float = 0.1
    persons: int = 0

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        # What the authors' released code computes, its quirks included.
        "released": {
            "regions": "channel", "windows": "shifted", "image_phrase": True,
            "region_dropout": 0.5, "text": "frozen", "text_dropout": True, "text_pooling": "first",
            "length": 118, "phrases": 10, "phrase_length": 40, "phrase_rule": "textblob-like",
            "fillers": "attended", "layer_norm": "matrix", "cmpm_floor": 0.5, "t2i_axis": "texts",
            "target_norm": "l2", "identity_weight": 4.0, "local_weight": 0.1, "sharpness": 20.0,
            "slope": 0.1, "fusion_weight": 0.1,
        }
    }  # fmt: skip

    def __post_init__(self) -> None:
        check_words(self, _WORDS)
        if self.length < 4 or self.phrase_length < 4 or self.phrases < 1:
            raise BadRecipe("length and phrase_length are 4 or more, phrases is 1 or more")
        if self.sharpness <= 0 or min(self.local_weight, self.identity_weight, self.cmpm_floor) < 0:
            raise BadRecipe(
                "sharpness is above 0; local_weight, identity_weight and cmpm_floor are 0 or more"
            )
        if not 0 <= self.fusion_weight <= 1 or not 0 <= self.region_dropout < 1:
            raise BadRecipe("fusion_weight is from 0 to 1, region_dropout from 0 to below 1")


class Acsa(Method):
    config: Config
    choices: Mapping[str, Sequence[Any]] = MappingProxyType(
        {"fusion_weight": (0.0, 0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.25, 0.35, 0.5, 0.7, 0.9)}
    )
    vectors: Vectors | None = None  # of a frozen text encoder, where they were prepared

    def __init__(self, config: Config, tokenizer: Any = None) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        size = (config.photo.height, config.photo.width)
        self.image_encoder = photo_encoder(config.image_encoder, size)
        self.text_encoder = text_encoder(config.text_encoder, len(tokenizer) if tokenizer else None)
        if config.text_pooling == "first" and self.text_encoder.spec.kind != "bert":
            raise BadRecipe(
                'text_pooling = "first" is [CLS], which sees a whole text in a "bert" alone; take '
                '"encoder"'
            )
        self.text_encoder.requires_grad_(config.text == "trained")
        wide, dim = self.image_encoder.width, self.text_encoder.width
        self.photo_head = nn.Identity() if wide == dim else nn.Linear(wide, dim)
        self.photo_norm, self.text_norm = ScaleNorm(dim), ScaleNorm(dim)
        self.windows = self.photo_parts = self.text_parts = None
        if config.local_weight:
            phrases("", config.phrase_rule)  # refuses rules that are not installed
            self.windows = Windows(self.image_encoder, size, self._window_kind())
            if config.regions == "spatial":
                check_rows(self.image_encoder.maps(size)[-1][0])
            self.photo_parts = PhotoRegions(
                config.regions,
                wide,
                self.windows.width,
                dim,
                config.region_dropout,
                config.image_phrase,
            )
            self.text_parts = TextParts(dim, config.phrases * (config.layer_norm == "matrix"))
        else:
            self.choices = {}
        self.classes = None
        if config.persons and config.identity_weight:
            self.classes = nn.Parameter(torch.empty(config.persons, dim))
            nn.init.xavier_uniform_(self.classes)
        self.train()

    def train(self, mode: bool = True) -> Acsa:
        super().train(mode)
        if self.config.text == "frozen" and not self.config.text_dropout:
            self.text_encoder.eval()
        return self

    @property
    def length(self) -> int:
        """Tokens read of a sentence: what is asked for, at most what the encoder has places for."""
        return min(self.config.length, self.text_encoder.length)

    def phrases(self, text: str) -> list[Phrase]:
        """The phrases that are read of a sentence, and where they stand in it."""
        return phrases(text, self.config.phrase_rule, self.config.phrases)

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(p.start, p.end) for p in self.phrases(text)] if self._fusion else []

    def tokenize(self, texts: Sequence[str]) -> Texts:
        """ids, mask (T, L); phrase_ids, phrase_mask (T, phrases, L'), each phrase by itself."""
        ids, mask = self._scales(self.config.length).plain(texts)
        if self.text_parts is None:
            return Texts(ids=ids, mask=mask)
        found = [[phrase.text for phrase in self.phrases(text)] for text in texts]
        most = self.config.phrases
        padded: list[str | None] = [t for own in found for t in [*own, *[None] * (most - len(own))]]
        both = self._scales(self.config.phrase_length).plain(padded)
        phrase_ids, phrase_mask = (tensor.unflatten(0, (-1, most)) for tensor in both)
        return Texts(ids=ids, mask=mask, phrase_ids=phrase_ids, phrase_mask=phrase_mask)

    def notes(self, text: str) -> list[str]:
        if self.tokenizer is None:
            return []
        said = list(self.tokenizer.notes(text, self.length))
        if self._fusion:
            count = len(phrases(text, self.config.phrase_rule))
            if not count and self.config.fillers == "masked":
                said.append(
                    'no phrase such as "red coat" is in the sentence: only the sentence as a whole '
                    "was compared"
                )
            elif count > self.config.phrases:
                said.append(
                    f"the sentence has {count} phrases, the model reads the first "
                    f"{self.config.phrases} one by one: put what matters first"
                )
        return said

    def prepare(
        self,
        texts: Sequence[str],
        folder: Path,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Reads captions and phrases once, where the text encoder gives the same each time. To be
        called again when its weights are replaced.
        """
        if self.config.text == "trained" or self.config.text_dropout:
            return
        made_by = fingerprint(self.text_encoder, pooling=self.config.text_pooling)
        self.vectors = None
        vectors = Vectors(folder, made_by, self.text_encoder.width)
        device = next(self.text_encoder.parameters()).device
        for start in range(0, len(texts), _STEP):
            block = self.tokenize(texts[start : start + _STEP]).to(device)
            for ids, mask in self._rows(block):
                new = ~vectors.find(ids, mask)[1]
                if new.any():
                    vectors.add(ids[new], mask[new], self._read(ids[new], mask[new]))
            vectors.save()
            if progress is not None:
                progress(min(start + _STEP, len(texts)), len(texts))
        self.vectors = vectors

    def encode_images(self, images: Tensor) -> Embeddings:
        """parts, values: queries and values (N, 7, D): the image token, head, upper, lower, feet,
        upper windows, lower windows; without the first where image_phrase is off.
        """
        if self.windows is None or self.photo_parts is None:
            return Embeddings(self.photo_norm(self.photo_head(self.image_encoder(images).pooled)))
        seen, windows = self.windows(self.image_encoder, images)
        vector = self.photo_norm(self.photo_head(seen.pooled))
        return Embeddings(vector, *self.photo_parts(vector, seen.map, windows))

    def encode_texts(self, texts: Texts) -> Embeddings:
        """parts, values: keys and values (T, phrases, D); mask: which phrases there are."""
        rows = self._rows(texts)
        vector = self.text_norm(self._read(*rows[0]))
        if self.text_parts is None:
            return Embeddings(vector)
        keys, values = self.text_parts(self._read(*rows[1]).unflatten(0, (len(texts), -1)))
        there = texts.phrase_mask.bool().any(2)
        if self.config.fillers == "attended":  # as released, of a sentence of few tokens fewer
            places = torch.arange(there.shape[1], device=there.device)
            there = there & (places < texts.mask.sum(1, keepdim=True) + 3)
        return Embeddings(vector, keys, values, there)

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        """(1 - fusion_weight) cosine + fusion_weight local similarity, from -1 to 1."""
        whole, weight = cosine(texts.vector, photos.vector), self._fusion
        if not weight:
            return whole
        return (1 - weight) * whole + weight * self._local(texts, photos, "i2t")

    def attention(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        """(T, P, R, W): how much each of a photo's tokens looks at each phrase, 0 where there is
        none; in the order of `encode_images` and of `phrases`. For a few texts and photos.
        """
        return attention_weights(texts, photos, **self._attending)

    def bound(self, cosines: Tensor) -> Tensor:
        return (1 - self._fusion) * cosines + self._fusion

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        photos, texts = self.encode_images(batch.images), self.encode_texts(batch.texts)
        own = texts.vector, photos.vector
        texts, photos, persons = gathered_pairs(texts, photos, batch.persons)
        whole = cmpm(texts.vector, photos.vector, persons, config.target_norm)
        if config.cmpm_floor:
            whole = whole * (whole.detach() >= config.cmpm_floor)
        named = {"cmpm": whole}
        if self.classes is not None:
            both = cmpc(*own, self.classes, batch.persons)
            named["cmpc"] = config.identity_weight * both
        if config.local_weight:
            columns = "t2i" if config.t2i_axis == "photos" else "i2t"
            for way, over in (("i2t", "i2t"), ("t2i", columns)):
                scores = self._local(texts, photos, way)
                kl = local_kl(scores, persons, target_norm=config.target_norm, direction=over)
                named[f"local_{way}"] = config.local_weight * kl
        return named

    def resolved(self) -> Config:
        photo, text = self.image_encoder.spec, self.text_encoder.spec
        return replace(self.config, image_encoder=photo, text_encoder=text)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """By name, so that nothing is frozen but what `text` says (the released code froze by
        number, and with BERT half of the regions' heads).
        """
        groups: dict[str, list[nn.Parameter]] = {
            "image_encoder": [],
            "text_encoder": [],
            "heads": [],
        }
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                tower = name.split(".", 1)[0]
                groups[tower if tower in groups else "heads"].append(parameter)
        return {name: group for name, group in groups.items() if group}

    @property
    def _fusion(self) -> float:
        return self.config.fusion_weight if self.config.local_weight else 0.0

    @property
    def _attending(self) -> dict[str, Any]:
        return {"sharpness": self.config.sharpness, "slope": self.config.slope}

    def _local(self, texts: Embeddings, photos: Embeddings, way: str) -> Tensor:
        return local_similarity(texts, photos, direction=way, **self._attending)

    def _window_kind(self) -> str:
        if self.config.windows != "auto":
            return self.config.windows
        swin = self.config.image_encoder.kind == "swin"
        return "shifted" if swin and self.config.regions == "channel" else "merged"

    def _scales(self, length: int) -> Scales:
        names = "ids=..., mask=..., phrase_ids=..., phrase_mask=..."
        length = min(length, self.text_encoder.length)
        return Scales(
            needed(self.tokenizer, names), length, 0, "", self.config.fillers == "attended"
        )

    def _rows(self, texts: Texts) -> list[tuple[Tensor, Tensor]]:
        """ids and mask of the sentences, and of all their phrases one below the other."""
        rows = [(texts.ids[:, : self.length], texts.mask[:, : self.length])]
        if self.text_parts is None:
            return rows
        most = self.config.phrases
        if "phrase_mask" not in texts or texts.phrase_mask.shape[1] != most:
            held = {name: tuple(tensor.shape) for name, tensor in texts.tensors.items()}
            raise BadModel(
                f"these Texts hold {held}; this model reads phrase_ids and phrase_mask "
                f"(T, {most}, L) too: make them with its tokenize"
            )
        longest = min(self.config.phrase_length, self.text_encoder.length)
        both = (texts.phrase_ids, texts.phrase_mask)
        ids, mask = (tensor[:, :, :longest].flatten(0, 1) for tensor in both)
        return [*rows, (ids, mask)]

    def _read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(N, D) of rows of token ids, from the prepared vectors where there are any."""
        config = self.config
        if config.text == "trained":
            return pooled(self.text_encoder, ids, mask, config.text_pooling)
        if self.vectors is not None:
            found, there = self.vectors.find(ids, mask)
            if there.all():
                return found.to(next(self.text_encoder.parameters()))
        with torch.no_grad():
            same = not self.text_encoder.training
            return pooled(self.text_encoder, ids, mask, config.text_pooling, distinct=same)
