"""Photo encoders: thin adapters over transformers that give a map and a pooled vector."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from passerby.encoders.folding import folding
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
        model = folding(model).to(memory_format=torch.channels_last)
        return ResNet(model, model.config.hidden_sizes[-1], _resolved(spec, model.config))

    def unstrided(self) -> ResNet:
        """This encoder, its last stage now keeping its input's size: stride 1 in the stage's first
        layer and that layer's shortcut. Weights stay; `spec` does not tell of it.
        """
        for convolution in _entrance(self.model.encoder.stages[-1]):
            convolution.stride = (1, 1)
        return self

    def maps(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Rows and columns of each stage's map for photos of `size` = (height, width)."""
        side, maps = 4, []  # the stem halves twice
        for stage in self.model.encoder.stages:
            side *= max(convolution.stride[0] for convolution in _entrance(stage))
            maps.append((-(-size[0] // side), -(-size[1] // side)))
        return maps

    def forward(self, images: Tensor) -> PhotoFeatures:
        images = images.contiguous(memory_format=torch.channels_last)
        features = self.model(images).last_hidden_state
        return PhotoFeatures(features, features.mean((2, 3)))


def _entrance(stage: Any) -> list[nn.Conv2d]:
    """The convolutions of a stage's first layer, shortcut included: where it may halve a map."""
    return [module for module in stage.layers[0].modules() if isinstance(module, nn.Conv2d)]


class WholePathMlp(nn.Module):
    """A Swin block's MLP under its own names, its whole path dropped as the attention's is."""

    def __init__(self, mlp: Any, drop_path: nn.Module) -> None:
        super().__init__()
        self.fc1, self.activation_fn, self.fc2 = mlp.fc1, mlp.activation_fn, mlp.fc2
        self.drop_path = drop_path

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.drop_path(self.fc2(self.activation_fn(self.fc1(hidden_states))))


class Swin(PhotoEncoder):
    """Shifted windows (Liu et al. 2021) on any photo; pooled is the mean of the normalised tokens.

    A window keeps its size, so that every source's position tables fit: maps are padded up to it,
    and not shifted where a side is no longer than it. In training whole paths of both branches
    drop, as in the paper; transformers drops the attention's only.
    """

    @staticmethod
    def build(spec: EncoderSpec, size: tuple[int, int]) -> Swin:
        from transformers import SwinConfig, SwinModel

        # The photo's size alone counts: without a source it is told here, with one it is fitted.
        options = {name: v for name, v in spec.options.items() if name != "image_size"}
        if not spec.source:
            options["image_size"] = list(size)
        told = EncoderSpec(spec.kind, spec.source, options)
        model = _load_or_make(told, SwinConfig, SwinModel, add_pooling_layer=False)
        _check_swin(model.config)
        _fit_swin(model, size)
        width = model.config.embed_dim * 2 ** (len(model.config.depths) - 1)
        return Swin(model, width, _resolved(spec, model.config))

    def maps(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Rows and columns of each stage's map for photos of `size` = (height, width)."""
        return _swin_maps(self.model, size)

    def forward(self, images: Tensor) -> PhotoFeatures:
        height, width = images.shape[2:]
        # Partitioning always keeps a block from cutting its window down to a smaller map for good.
        tokens = self.model(images, always_partition=True).last_hidden_state
        return PhotoFeatures(_as_map(tokens, *self.maps((height, width))[-1]), tokens.mean(1))


def _swin_maps(model: Any, size: tuple[int, int]) -> list[tuple[int, int]]:
    step = model.embeddings.patch_embeddings.patch_size
    rows, columns = -(-size[0] // step[0]), -(-size[1] // step[1])
    maps = [(rows, columns)]
    for _ in model.config.depths[1:]:
        rows, columns = -(-rows // 2), -(-columns // 2)
        maps.append((rows, columns))
    return maps


def _check_swin(config: Any) -> None:
    if len(config.num_heads) != len(config.depths):
        raise BadRecipe(
            f"SwinConfig has {len(config.num_heads)} num_heads and {len(config.depths)} depths; "
            "give one of each a stage"
        )
    for stage, heads in enumerate(config.num_heads):
        if (width := config.embed_dim * 2**stage) % heads:
            raise BadRecipe(
                f"SwinConfig: {heads} heads do not divide the {width} channels of stage "
                f"{stage + 1}; correct num_heads or embed_dim"
            )
    if not 0 <= config.drop_path_rate < 1:
        raise BadRecipe(f"drop_path_rate = {config.drop_path_rate}; it is from 0 to below 1")


def _fit_swin(model: Any, size: tuple[int, int]) -> None:
    """Shifts, positions and whole paths of a SwinModel as photos of `size` ask for."""
    step = model.embeddings.patch_embeddings.patch_size
    cells(size, step)
    maps = _swin_maps(model, size)
    for (rows, columns), stage in zip(maps, model.encoder.layers, strict=True):
        for block in stage.blocks:
            if min(rows, columns) <= block.window_size:
                block.shift_size = 0
            if not isinstance(block.drop_path, nn.Identity):
                block.mlp = WholePathMlp(block.mlp, block.drop_path)
    positions = model.embeddings.position_embeddings
    if positions is not None:
        old = cells(model.config.image_size, step)
        first = nn.functional.pad(positions.detach()[0], (0, 0, 1, 0))  # there is no class token
        resized = resize_positions(first, old, maps[0])[None, 1:]
        model.embeddings.position_embeddings = nn.Parameter(resized.clone())
    model.config.image_size = [maps[0][0] * step[0], maps[0][1] * step[1]]


class ViT(PhotoEncoder):
    """A vision transformer on any grid; pooled is the class token."""

    @staticmethod
    def build(spec: EncoderSpec, size: tuple[int, int]) -> ViT:
        from transformers import ViTConfig, ViTModel

        if not spec.source:
            config = configure(ViTConfig, {**spec.options, "image_size": list(size)})
            cells(size, config.patch_size)
            model = untrained(ViTModel, config, add_pooling_layer=False)
            return ViT(model, config.hidden_size, _resolved(spec, config))
        donor = _load_or_make(spec, ViTConfig, ViTModel, add_pooling_layer=False)
        config = deepcopy(donor.config)
        old, new = (cells(s, config.patch_size) for s in (config.image_size, size))
        config.image_size = list(size)
        model = ViTModel(config, add_pooling_layer=False)
        weights, name = donor.state_dict(), "embeddings.position_embeddings"
        weights[name] = resize_positions(weights[name][0], old, new)[None]
        model.load_state_dict(weights)
        return ViT(model, config.hidden_size, _resolved(spec, config))

    def maps(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Rows and columns of the one map, patches of photos of `size` = (height, width)."""
        return [cells(size, self.model.config.patch_size)]

    def forward(self, images: Tensor) -> PhotoFeatures:
        tokens = self.model(images).last_hidden_state
        rows, columns = cells(self.model.config.image_size, self.model.config.patch_size)
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
        old, new = (cells(s, config.patch_size) for s in (config.image_size, size))
        owner = next(m for m in model.modules() if hasattr(m, "embeddings"))
        positions = owner.embeddings.position_embedding.weight.data
        owner.embeddings = AnyGrid(owner.embeddings, resize_positions(positions, old, new))
        encoder = ClipVision(model, config.hidden_size, _resolved(spec, config))
        encoder.grid = new
        return encoder

    grid: tuple[int, int]

    def maps(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Rows and columns of the one map, patches of photos of `size` = (height, width)."""
        return [cells(size, self.model.config.patch_size)]

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


def cells(size: Any, patch: Any, stride: int = 0) -> tuple[int, int]:
    """Rows and columns of patches; what is left over at the lower and right edge is not read.

    size, patch: (height, width), or one side of a square. stride: between patches, 0 for the
    patch's own sides. Raises BadRecipe for a photo that no patch fits into.
    """
    (height, width), (rows, columns) = pair(size), pair(patch)
    if height < rows or width < columns:
        raise BadRecipe(f"photos of {height}x{width} are smaller than a patch of {rows}x{columns}")
    down, right = pair(stride or patch)
    return (height - rows) // down + 1, (width - columns) // right + 1


def pair(side: Any) -> tuple[int, int]:
    """(height, width) of what transformers tells as both or, of a square, as one number."""
    return (side, side) if isinstance(side, int) else (int(side[0]), int(side[1]))


def _as_map(tokens: Tensor, rows: int, columns: int) -> Tensor:
    return tokens.transpose(1, 2).unflatten(2, (rows, columns))
