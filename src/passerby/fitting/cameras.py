"""Photos as other cameras would have taken them: dark, pale, coarse or noisy.

A gallery's background tells how far its scores can be trusted only where galleries differ, and
photos of one validation set are of one kind. So curves are fitted on these as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from passerby.method import PhotoSpec


def dark(pixels: Tensor) -> Tensor:
    return 0.35 * pixels


def pale(pixels: Tensor) -> Tensor:
    return 0.45 + 0.4 * pixels


def coarse(pixels: Tensor) -> Tensor:
    """A third of the lines, enlarged again."""
    height, width = pixels.shape[-2:]
    small = interpolate(pixels, size=(max(1, height // 3), max(1, width // 3)), mode="area")
    return interpolate(small, size=(height, width), mode="bilinear")


def noisy(pixels: Tensor) -> Tensor:
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))
    return (pixels + 0.12 * noise).clamp(0, 1)


Camera = Callable[[Tensor], Tensor]  # of float (N, 3, H, W) in 0 to 1
CAMERAS: Mapping[str, Camera] = MappingProxyType(
    {"dark": dark, "pale": pale, "coarse": coarse, "noisy": noisy}
)


def retaken(images: Tensor, spec: PhotoSpec, camera: Camera) -> Tensor:
    """Images as `spec` says, through another camera."""
    mean, std = (torch.tensor(each)[:, None, None] for each in (spec.mean, spec.std))
    return (camera(images * std + mean) - mean) / std
