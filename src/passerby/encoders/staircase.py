"""The staircase of NAFS: a residual network whose finer branches leave the trunk earlier.

Full-scale image features (Gao et al. 2021, NAFS): the trunk gives one vector of the whole photo; a
branch from the stage before gives a few stripes, a branch from the stage before that, with more
layers of its own, gives more of them. In training each branch sees its stripes in a random order,
so that a stripe's vector cannot lean on the rest of the body.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from passerby.encoders.photos import ResNet
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadRecipe

SHUFFLES = ("batch", "sample", "none")


@dataclass(frozen=True)
class PhotoScales:
    """pooled: (N, C), of the whole photo. stripes: (N, S, C), branch by branch, top to bottom."""

    pooled: Tensor
    stripes: Tensor


class Staircase(nn.Module):
    """`width` is C; `spec` is enough to build it again without its source.

    stripes: how many the branch with two stages of its own gives and how many the one with a single
    stage; 0 leaves a branch out. shuffle: their order in training, "batch" (one for all photos, as
    released), "sample" (one a photo) or "none". The last stage keeps its input's size (stride 1).

    Raises BadRecipe for less than three stages or more stripes than rows.
    """

    def __init__(
        self, encoder: ResNet, size: tuple[int, int], stripes: tuple[int, int], shuffle: str
    ) -> None:
        super().__init__()
        if shuffle not in SHUFFLES:
            raise BadRecipe(f"shuffle = {shuffle!r}; it is one of {', '.join(SHUFFLES)}")
        stages = list(encoder.model.encoder.stages)
        if len(stages) < 3:
            raise BadRecipe(
                f"the staircase leaves a residual network before its last two stages; this one has "
                f"{len(stages)}: give hidden_sizes and depths of 3 or more stages"
            )
        _check(encoder.maps(size)[-2][0], size[0], stripes)
        self.width, self.spec, self.shuffle = encoder.width, encoder.spec, shuffle
        self.counts = stripes
        self.embedder, self.trunk = encoder.model.embedder, nn.Sequential(*stages[:-2])
        self.third, self.fourth = encoder.unstrided().model.encoder.stages[-2:]
        # Copies, so that a pre-trained network gives every branch its weights.
        self.branch2 = deepcopy(nn.Sequential(self.third, self.fourth)) if stripes[0] else None
        self.branch3 = deepcopy(nn.Sequential(self.fourth)) if stripes[1] else None

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> PhotoScales:
        """images: (N, 3, H, W). generator: draws the orders, on the CPU; None is torch's own, which
        checkpoints keep, so that a resumed run draws what an unbroken one would.
        """
        images = images.contiguous(memory_format=torch.channels_last)
        second = self.trunk(self.embedder(images))
        third = self.third(second)
        pooled = self.fourth(third).mean((2, 3))
        found = [
            self._striped(branch, features, count, generator)
            for branch, features, count in (
                (self.branch2, second, self.counts[0]),
                (self.branch3, third, self.counts[1]),
            )
            if branch is not None
        ]
        none = pooled.new_zeros(len(pooled), 0, pooled.shape[1])
        return PhotoScales(pooled, torch.cat([none, *found], 1))

    def _striped(
        self, branch: nn.Module, features: Tensor, count: int, generator: torch.Generator | None
    ) -> Tensor:
        """(N, C, h, w) -> (N, count, C'): stripes shuffled, seen, put back and pooled."""
        several = len(features) if self.shuffle == "sample" else 1
        order = torch.arange(count).expand(several, count)
        if self.training and self.shuffle != "none":
            order = torch.stack(
                [torch.randperm(count, generator=generator) for _ in range(several)]
            )
            rows = shuffled_rows(order, features.shape[2]).to(features.device)
            features = _take_rows(features, rows)
        seen = branch(features).mean(3).transpose(1, 2)  # (N, h', C'): each row's mean
        shares = row_shares(order, features.shape[2], seen.shape[1])
        return shares.to(seen) @ seen


def staircase(
    spec: EncoderSpec, size: tuple[int, int], stripes: tuple[int, int], shuffle: str = "batch"
) -> Staircase:
    """A staircase on the residual network that `spec` names, for photos of (height, width)."""
    if spec.kind != "resnet":
        raise BadRecipe(f'the staircase is built of a residual network: kind = "resnet", not '
                        f"{spec.kind!r}")  # fmt: skip
    return Staircase(ResNet.build(spec, size), size, stripes, shuffle)


def borders(count: int, height: int) -> list[int]:
    """Where `count` stripes of `height` rows begin and, last, end; as even as rows allow."""
    return [number * height // count for number in range(count + 1)]


def shuffled_rows(order: Tensor, height: int) -> Tensor:
    """order: (K, n), which stripe comes at each place. Gives (K, height): which row comes where."""
    edges = borders(order.shape[1], height)
    rows = torch.arange(height)
    return torch.stack(
        [torch.cat([rows[edges[i] : edges[i + 1]] for i in one]) for one in order.tolist()]
    )


def row_shares(order: Tensor, height: int, rows: int) -> Tensor:
    """Which part of each of a branch's `rows` belongs to each stripe: (K, n, rows), each sums to 1.

    Stripe i was put at the place of i in `order` (K, n) among the `height` rows of the branch's
    input; its borders there, scaled to the output, may cut a row, which then counts by its share.
    Where n divides both heights this is the mean over the stripe's own rows.
    """
    edges = torch.tensor(borders(order.shape[1], height))
    sizes = (edges[1:] - edges[:-1])[order]  # in the order of places
    ends = sizes.cumsum(1)
    places = order.argsort(1)  # where each stripe is
    low = (ends - sizes).gather(1, places)[:, :, None] * rows / height
    high = ends.gather(1, places)[:, :, None] * rows / height
    above = torch.arange(rows)
    shares = (torch.minimum(high, above + 1) - torch.maximum(low, above)).clamp(min=0)
    return shares / shares.sum(2, keepdim=True)


def _take_rows(features: Tensor, rows: Tensor) -> Tensor:
    if len(rows) == 1:
        taken = features[:, :, rows[0]]
    else:
        taken = features.gather(2, rows[:, None, :, None].expand_as(features))
    return taken.contiguous(memory_format=torch.channels_last)


def _check(rows: int, height: int, stripes: tuple[int, int]) -> None:
    """Refuses more stripes than the branches' output, the last map but one, has rows."""
    if min(stripes) < 0 or max(stripes) > rows:
        raise BadRecipe(
            f"stripes = {list(stripes)}: a photo {height} pixels high gives a map of {rows} rows, "
            f"so at most {rows} stripes; give fewer stripes or a greater [photo] height"
        )
