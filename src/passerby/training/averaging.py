"""What processes that train together average: gradients, and the statistics of batch norms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, distributed, nn

from passerby.errors import BadRecipe

BUCKET = 1 << 24  # numbers exchanged at once; 64 MB of fp32
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)  # SyncBatchNorm's are the same anyway


def become_means(model: nn.Module, size: int) -> None:
    """Gradients of `size` processes become their mean, and running statistics of batch norms too.

    A weight with a gradient in one process gets one in all.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    used = torch.tensor([p.grad is not None for p in weights]).float().to(weights[0].device)
    distributed.all_reduce(used)
    gradients = []
    for weight, count in zip(weights, used.tolist(), strict=True):
        if count:
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            gradients.append(weight.grad)
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    running = [each for norm in norms for each in (norm.running_mean, norm.running_var)]
    _exchange([*gradients, *(each for each in running if each is not None)], size)


def share_norms(model: nn.Module) -> nn.Module:
    """Batch norms see the rows of all processes: on GPUs, where torch has it.

    Raises BadRecipe for norms that see some rows at a time (`group`, as encoders.heads have it):
    which rows those are would change with the number of processes.
    """
    if any(getattr(module, "group", 0) for module in model.modules() if isinstance(module, NORMS)):
        raise BadRecipe(
            "[train] sync_norms gives batch norms the rows of all processes, and [method] bn_group "
            "gives them some rows at a time; leave one of them out"
        )
    return nn.SyncBatchNorm.convert_sync_batchnorm(model)


@torch.no_grad()
def _exchange(tensors: list[Tensor], size: int) -> None:
    """Many at a time, in place: the exchange of one is mostly waiting."""
    for some in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1) for tensor in some])
        distributed.all_reduce(flat)
        flat /= size
        for tensor, mean in zip(some, flat.split([t.numel() for t in some]), strict=True):
            tensor.copy_(mean.view(tensor.shape))


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one kind together, in order, as many as make BUCKET numbers."""
    kinds: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault(tensor.dtype, []).append(tensor)
    for alike in kinds.values():
        some: list[Tensor] = []
        held = 0
        for tensor in alike:
            if some and held + tensor.numel() > BUCKET:
                yield some
                some, held = [], 0
            some.append(tensor)
            held += tensor.numel()
        yield some
