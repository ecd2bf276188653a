"""Windows: four vectors of a photo's last map but one, finer than its pooled vector.

Asymmetric cross-scale alignment (ACSA, Ji et al. 2022) sets them beside the regions of a photo.
Its released code takes them inside a shifted block of Swin. With a map of 14 x 14 and windows of 7
shifted by 3, the window at (0, 0) then covers rows and columns 3 to 9, and (1, .) joins rows 10 to
13 with rows 0 to 2: they are not the quadrants of the photo. Both readings are here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from passerby.encoders.photos import PhotoEncoder, PhotoFeatures, ResNet, Swin
from passerby.errors import BadRecipe

WINDOWS = ("shifted", "merged")


class Windows(nn.Module):
    """Four windows of a photo's last map but one: top left, top right, bottom left, bottom right.

    kind: "shifted", Swin's windows as its last block of that stage attends in them (as released),
    named by their place in its grid, which is shifted where the block is. "merged", quadrants of
    the stage's output (what the words say), of Swin or of a residual network. Either is averaged to
    2 x 2, where a middle row or column belongs to both sides. `width`: channels of that map.

    Raises BadRecipe for an encoder without such windows, or photos too small to have them.
    """

    def __init__(self, encoder: PhotoEncoder, size: tuple[int, int], kind: str) -> None:
        super().__init__()
        if kind not in WINDOWS:
            raise BadRecipe(f"windows = {kind!r}; it is one of {', '.join(WINDOWS)}")
        self.kind, self.width = kind, _width(encoder, kind)
        _check(encoder, size, kind)
        self.norm = nn.LayerNorm(self.width)

    def forward(self, encoder: PhotoEncoder, images: Tensor) -> tuple[PhotoFeatures, Tensor]:
        """The encoder's features of images (N, 3, H, W), and their windows (N, 4, width).

        The encoder is not owned, so that its weights have one name; one pass serves both.
        """
        block = _last_block(encoder)
        source = block.attention if self.kind == "shifted" else block
        with _outputs(source) as found:
            features = encoder(images)
        output = found[0][0] if isinstance(found[0], tuple) else found[0]
        if not isinstance(encoder, Swin):
            return features, self._quadrants(output.permute(0, 2, 3, 1))
        height, width = images.shape[2:]
        rows, columns = encoder.maps((height, width))[-2]
        if self.kind == "merged":
            return features, self._quadrants(output.unflatten(1, (rows, columns)))
        return features, self._shifted(block, output, rows, columns)

    def _quadrants(self, positions: Tensor) -> Tensor:
        """(N, h, w, width) -> (N, 4, width)."""
        return _two_by_two(self.norm(positions))

    def _shifted(self, block: Any, output: Tensor, rows: int, columns: int) -> Tensor:
        """output: (N * windows, positions, width), of the attention before windows are merged and
        without the block's input. Here a path drops for a window, not for a photo.
        """
        branch = block.drop_path(output)
        branch = branch + block.mlp(block.layernorm_after(branch))  # the MLP drops its own path
        real = _real_positions(block, rows, columns)
        positions = self.norm(branch).unflatten(0, (-1, *real.shape[:2]))
        shares = (real / real.sum(2, keepdim=True)).to(positions)
        return _two_by_two((positions * shares[..., None]).sum(3))


def _real_positions(block: Any, rows: int, columns: int) -> Tensor:
    """1 where a position of a window is of the map, 0 where it is padding: (R, C, window ** 2).

    A window's mean is of the photo alone; where windows divide the map it is over all positions.
    """
    ones, _ = block.maybe_pad(torch.ones(1, rows, columns, 1), rows, columns)
    grid, side = block.cyclic_shift(ones)[0, :, :, 0], block.window_size
    return grid.unfold(0, side, side).unfold(1, side, side).flatten(2)


def _two_by_two(grid: Tensor) -> Tensor:
    """(N, h, w, C) -> (N, 4, C): means of the quadrants, in reading order."""
    return nn.functional.adaptive_avg_pool2d(grid.permute(0, 3, 1, 2), 2).flatten(2).transpose(1, 2)


@contextmanager
def _outputs(module: nn.Module) -> Iterator[list[Any]]:
    """What `module` gives in this block of code and thread; nothing stays behind."""
    found: list[Any] = []
    thread = get_ident()

    def keep(_module: nn.Module, _arguments: Any, output: Any) -> None:
        if get_ident() == thread:
            found.append(output)

    handle = module.register_forward_hook(keep)
    try:
        yield found
    finally:
        handle.remove()


def _last_block(encoder: PhotoEncoder) -> Any:
    """The module that gives the last map but one."""
    if isinstance(encoder, Swin):
        return encoder.model.encoder.layers[-2].blocks[-1]
    return encoder.model.encoder.stages[-2]


def _width(encoder: PhotoEncoder, kind: str) -> int:
    """Channels of the last map but one. Raises BadRecipe for an encoder without such a map."""
    if not isinstance(encoder, Swin | ResNet):
        raise BadRecipe(
            f"windows are of the last map but one, and a {encoder.spec.kind!r} has one map; give "
            'image_encoder kind = "swin" or "resnet"'
        )
    if kind == "shifted" and not isinstance(encoder, Swin):
        raise BadRecipe(
            f'windows = "shifted" are of Swin\'s attention, which a {encoder.spec.kind!r} has '
            'not; choose windows = "merged" or kind = "swin"'
        )
    config = encoder.model.config
    if len(config.depths) < 2:
        raise BadRecipe(
            f"windows are of the last stage but one; depths = {list(config.depths)} has one "
            "stage: give two or more"
        )
    if isinstance(encoder, Swin):
        return config.embed_dim * 2 ** (len(config.depths) - 2)
    return config.hidden_sizes[-2]


def _check(encoder: Any, size: tuple[int, int], kind: str) -> None:
    """Refuses a map without two rows of windows, or of less than 2 x 2."""
    rows, columns = encoder.maps(size)[-2]
    met = f"photos of {size[0]}x{size[1]} give a map of {rows}x{columns}"
    if kind == "shifted" and rows <= (side := _last_block(encoder).window_size):
        raise BadRecipe(
            f"{met} and windows of {side}x{side}, less than two rows of them; take larger photos "
            'or windows = "merged"'
        )
    if min(rows, columns) < 2:
        raise BadRecipe(f"{met}, too small for four quadrants; take larger photos")
