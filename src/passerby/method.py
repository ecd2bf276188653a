"""The one contract: two encoders and a similarity without parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from numpy.random import Generator
from torch import Tensor, nn

from passerby.calibration import Calibration
from passerby.errors import BadRecipe
from passerby.types import Batch, Embeddings, Texts


@dataclass(frozen=True)
class PhotoSpec:
    """How a photo becomes a tensor: RGB, resized to height x width, scaled to [0, 1], normalised.

    mean, std: one number a channel. resampling: "bilinear" or "bicubic", both antialiased. Raises
    BadRecipe for what no photo can be made into.
    """

    height: int = 128
    width: int = 64
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    resampling: str = "bilinear"

    def __post_init__(self) -> None:
        if self.resampling not in ("bilinear", "bicubic"):
            raise BadRecipe('[photo] resampling is "bilinear" or "bicubic"')
        if self.height < 1 or self.width < 1:
            raise BadRecipe("[photo] height and width are above 0")
        if min(self.std) <= 0:
            raise BadRecipe("[photo] std is above 0, as photos are divided by it")


def check_words(settings: object, known: Mapping[str, Sequence[str]]) -> None:
    """Raises BadRecipe where a field of `settings` is none of the words that are known for it."""
    for name, words in known.items():
        if getattr(settings, name) not in words:
            raise BadRecipe(
                f"{name} = {getattr(settings, name)!r}; it is one of {', '.join(words)}"
            )


class Method(nn.Module, ABC):
    """A way to search: each side encodes alone, `similarity` compares, `losses` trains.

    A method's module holds one frozen dataclass `Config` and one subclass of Method, which is
    built as `Subclass(config, tokenizer)`. `config.photo` is its PhotoSpec.
    """

    config: Any
    # Fields of `config` that `similarity` (and `bound`) alone read, with the values from which
    # validation chooses after training; the model folder keeps the chosen ones.
    choices: Mapping[str, Sequence[Any]] = MappingProxyType({})
    remark: str = ""  # what every model's card says of the method
    views: int = 1  # of each photo in a batch to train with, each changed by itself
    # What the last call of `losses` saw besides, by name: logged with each step, never added.
    measures: Mapping[str, Tensor] = MappingProxyType({})
    # From scores to probabilities, where the model folder holds a calibration.
    calibration: Calibration | None = None
    fingerprint: str = ""  # sha256 of the model folder it was loaded from; "" before it is saved

    @property
    def photo_spec(self) -> PhotoSpec:
        return self.config.photo

    @abstractmethod
    def tokenize(self, texts: Sequence[str]) -> Texts:
        """Every id and mask tensor that `encode_texts` needs, on the CPU."""

    @abstractmethod
    def encode_images(self, images: Tensor) -> Embeddings:
        """images: float (N, 3, H, W) as `photo_spec` says; vector (N, D) is raw.

        In eval mode it may run in several threads at once: nothing may be kept in the method.
        """

    @abstractmethod
    def encode_texts(self, texts: Texts) -> Embeddings:
        """vector (T, D) is raw."""

    @abstractmethod
    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        """(T, P) scores, higher is more alike. No parameters; normalises what it compares."""

    def bound(self, cosines: Tensor) -> Tensor:
        """The greatest similarity of photos whose vectors have these cosines with a text's.

        cosines: any shape; never falls as they rise. It is what certifies a shortlist: a photo
        outside it cannot come before one whose score is above the bound. Infinite, where a method
        says nothing: only comparing the whole gallery is exact then.
        """
        return torch.full_like(cosines, torch.inf)

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalars, already weighted; the training loop adds them."""

    def draw_texts(self, texts: Sequence[str], rngs: Sequence[Generator]) -> Texts:  # noqa: ARG002
        """What `losses` reads of captions, on the CPU: as `tokenize`, unless a method draws parts
        of them. rngs: the random numbers of each text, one generator a text.
        """
        return self.tokenize(texts)

    def notes(self, text: str) -> list[str]:  # noqa: ARG002 - a method may have nothing to say
        """What a user should know of how this text is read, one line each (cut, unknown words)."""
        return []

    def unread(self, text: str) -> list[str]:  # noqa: ARG002 - a method may know every word
        """Words of this text that mean nothing to the model: no score can tell of them."""
        return []

    def left_out(self, texts: Sequence[str]) -> list[str]:  # noqa: ARG002 - most read all
        """What training will not read of these captions, one line each, told when it begins."""
        return []

    def spans(self, text: str) -> list[tuple[int, int]]:  # noqa: ARG002 - there may be none
        """Where the phrases stand that photos are compared with one by one: text[start:end], in
        reading order. None where a text is compared as a whole alone.
        """
        return []

    def prepare(
        self,
        texts: Sequence[str],
        folder: Path,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Called once, before training, with every distinct caption that training and validation
        will read: a method whose text encoder never changes computes its vectors here.

        folder: where it keeps them for the next time; other runs may use it too, and it need not
        exist yet. progress: called with (texts that are ready, texts).
        """

    def resolved(self) -> Any:
        """`config` with nothing left to fetch: what a model folder stores."""
        return self.config

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters by the name of their group, each in exactly one."""
        return {"all": [p for p in self.parameters() if p.requires_grad]}
