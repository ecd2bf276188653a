"""Photo encoders: thin adapters over transformers that give a map and a pooled vector."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from passerby.encoders.spec import EncoderSpec, choose, configure, read_source, settings, untrained
from passerby.encoders.weights import described, inherited, pretrained, resize_positions
from passerby.errors import BadRecipe


@dataclass(frozen=True)
class PhotoFeatures:
    """map: (N, C, h, w), the last feature map. pooled: (N, C), the encoder's own summary."""

    map: Tensor
    pooled: Tensor


class PhotoEncoder(nn.Module):
    """An encoder of photos; `width` is C, `spec` is enough to build it again without its source."""

    def __init__(self, model: Any, width: int, spec: EncoderSpec) -> None:
        super().__init__()
        self.model: Any = model
        self.width, self.spec = width, spec


class ResNet(PhotoEncoder):
    """Any residual network; pooled is the mean of the map."""

    @staticmethod
    def build(spec: EncoderSpec, size: tuple[int, int]) -> ResNet:  # noqa: ARG004 - any size fits
        from transformers import ResNetConfig, ResNetModel

        model = _load_or_make(spec, ResNetConfig, ResNetModel)
        if len(model.config.depths) != len(model.config.hidden_sizes):
            raise BadRecipe(
                f"ResNetConfig has {len(model.config.hidden_sizes)} hidden_sizes and "
                f"{len(model.config.depths)} depths; give one of each a stage"
            )
        # Channels last is 1.4 to 1.8 times faster for convolutions in bf16 on a CPU.
        model = model.to(memory_format=torch.channels_last)
        return ResNet(model, model.config.hidden_sizes[-1], _resolved(spec, model.config))

    def forward(self, images: Tensor) -> PhotoFeatures:
        images = images.contiguous(memory_format=torch.channels_last)
        features = self.model(images).last_hidden_state
        return PhotoFeatures(features, features.mean((2, 3)))


class Swin(PhotoEncoder):
    """Shifted windows; pooled is the mean of the normalised tokens."""

    @staticmethod
    def build(spec: EncoderSpec, size: tuple[int, int]) -> Swin:  # noqa: ARG004 - pads any size
        from transformers import SwinConfig, SwinModel

        model = _load_or_make(spec, SwinConfig, SwinModel, add_pooling_layer=False)
        width = model.config.embed_dim * 2 ** (len(model.config.depths) - 1)
        return Swin(model, width, _resolved(spec, model.config))

    def forward(self, images: Tensor) -> PhotoFeatures:
        patch, halvings = self.model.config.patch_size, len(self.model.config.depths) - 1
        rows, columns = (-(-side // patch) for side in images.shape[2:])
        for _ in range(halvings):
            rows, columns = -(-rows // 2), -(-columns // 2)
        tokens = self.model(images).last_hidden_state
        return PhotoFeatures(_as_map(tokens, rows, columns), tokens.mean(1))


class ViT(PhotoEncoder):
    """A vision transformer on any grid; pooled is the class token."""

    @staticmethod
    def build(spec: EncoderSpec, size: tuple[int, int]) -> ViT:
        from transformers import ViTConfig, ViTModel

        if not spec.source:
            config = configure(ViTConfig, {**spec.options, "image_size": list(size)})
            _grid(size, config.patch_size)
            model = untrained(ViTModel, config, add_pooling_layer=False)
            return ViT(model, config.hidden_size, _resolved(spec, config))
        donor = _load_or_make(spec, ViTConfig, ViTModel, add_pooling_layer=False)
        config = deepcopy(donor.config)
        old, new = (_grid(s, config.patch_size) for s in (config.image_size, size))
        config.image_size = list(size)
        model = ViTModel(config, add_pooling_layer=False)
        weights, name = donor.state_dict(), "embeddings.position_embeddings"
        weights[name] = resize_positions(weights[name][0], old, new)[None]
        model.load_state_dict(weights)
        return ViT(model, config.hidden_size, _resolved(spec, config))

    def forward(self, images: Tensor) -> PhotoFeatures:
        tokens = self.model(images).last_hidden_state
        rows, columns = _grid(self.model.config.image_size, self.model.config.patch_size)
        return PhotoFeatures(_as_map(tokens[:, 1:], rows, columns), tokens[:, 0])


class AnyGrid(nn.Module):
    """CLIP's embedding step without its check for a square photo."""

    def __init__(self, square: Any, positions: Tensor) -> None:
        super().__init__()
        self.class_embedding, self.patch_embedding = square.class_embedding, square.patch_embedding
        self.positions = nn.Parameter(positions.clone())

    def forward(self, pixel_values: Tensor, **_: Any) -> Tensor:
        """Patches and the class token with their positions: (N, 1 + h*w, C)."""
        patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        return torch.cat([first.to(patches.dtype), patches], 1) + self.positions


class ClipVision(PhotoEncoder):
    """The photo side of CLIP on any grid; pooled is the normalised class token."""

    @staticmethod
    def build(spec: EncoderSpec, size: tuple[int, int]) -> ClipVision:
        from transformers import CLIPVisionConfig, CLIPVisionModel

        model = _load_or_make(spec, CLIPVisionConfig, CLIPVisionModel)
        config = model.config
        old, new = (_grid(s, config.patch_size) for s in (config.image_size, size))
        owner = next(m for m in model.modules() if hasattr(m, "embeddings"))
        positions = owner.embeddings.position_embedding.weight.data
        owner.embeddings = AnyGrid(owner.embeddings, resize_positions(positions, old, new))
        encoder = ClipVision(model, config.hidden_size, _resolved(spec, config))
        encoder.grid = new
        return encoder

    grid: tuple[int, int]

    def forward(self, images: Tensor) -> PhotoFeatures:
        out = self.model(images)
        return PhotoFeatures(_as_map(out.last_hidden_state[:, 1:], *self.grid), out.pooler_output)


KINDS = {"resnet": ResNet, "vit": ViT, "swin": Swin, "clip-vision": ClipVision}


def photo_encoder(spec: EncoderSpec, size: tuple[int, int]) -> Any:
    """An encoder for photos of `size` = (height, width).

    Raises BadRecipe for an unknown kind or setting, BadModel when the source gives no weights.
    """
    return choose(KINDS, spec.kind, "photo").build(spec, size)


def _load_or_make(spec: EncoderSpec, config_class: Any, model_class: Any, **extra: Any) -> Any:
    if described(spec.source):
        return inherited(spec, "image_encoder", config_class, model_class, **extra)
    if spec.source:
        config = read_source(spec, config_class)
        return pretrained(model_class, spec.source, config=config, **extra)
    return untrained(model_class, configure(config_class, spec.options), **extra)


def _resolved(spec: EncoderSpec, config: Any) -> EncoderSpec:
    """The spec with every setting told, so that a model folder needs no source."""
    return EncoderSpec(spec.kind, "", settings(config))


def _grid(size: Any, patch: Any) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    rows, columns = (patch, patch) if isinstance(patch, int) else patch
    if height < rows or width < columns:
        raise BadRecipe(f"photos of {height}x{width} are smaller than a patch of {rows}x{columns}")
    return height // rows, width // columns


def _as_map(tokens: Tensor, rows: int, columns: int) -> Tensor:
    return tokens.transpose(1, 2).unflatten(2, (rows, columns))
