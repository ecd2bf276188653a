"""Rows of all processes, for losses that compare every text of a step with every photo."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn.functional import pad

from passerby.errors import BadRecipe
from passerby.types import Embeddings


def rank_and_size() -> tuple[int, int]:
    """Which process this is, of how many; (0, 1) where torch.distributed is not in use."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def gathered(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Each tensor's rows in all W processes, in the order of their ranks: (R, ...) to (W x R, ...).

    Gradients reach the rows of every process: those of a loss of all rows, averaged over processes
    as DistributedDataParallel does, are the gradients of one process with the whole batch. The
    tensors themselves where torch.distributed is not in use or has one process.

    Every process calls it with tensors of the same kind, as often as the others. Raises BadRecipe
    when a tensor has another number of rows in another process.
    """
    if rank_and_size()[1] == 1:
        return tensors
    _agree([len(rows) for rows in tensors], tensors[0].device)
    return _Gathering.apply(*tensors)


def gathered_pairs(
    texts: Embeddings, photos: Embeddings, persons: Tensor
) -> tuple[Embeddings, Embeddings, Tensor]:
    """`gathered` for both sides of B pairs, with all they hold, and their persons (B,).

    Parts that are more in another process are padded with zeros, which the mask leaves out.
    """
    if rank_and_size()[1] == 1:
        return texts, photos, persons
    sides = [texts.tensors(), photos.tensors()]
    parts = [(side, name) for side in sides for name in side if name != "vector"]
    if parts:
        as_long = padded(*(side[name] for side, name in parts))
        for (side, name), tensor in zip(parts, as_long, strict=True):
            side[name] = tensor
    *found, persons = gathered(*sides[0].values(), *sides[1].values(), persons)
    rows = iter(found)
    texts, photos = (Embeddings(**dict(zip(side, rows, strict=False))) for side in sides)
    return texts, photos, persons


def padded(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Each (R, L, ...) with zeros behind, as long as the longest of its kind in all processes."""
    if rank_and_size()[1] == 1:
        return tensors
    own = [tensor.shape[1] for tensor in tensors]
    longest = _rows_of_all(torch.tensor([own], device=tensors[0].device)).amax(0).tolist()
    return tuple(
        pad(tensor, [0, 0] * (tensor.ndim - 2) + [0, most - tensor.shape[1]])
        for tensor, most in zip(tensors, longest, strict=True)
    )


def _agree(rows: list[int], device: torch.device) -> None:
    """One exchange for all tensors; NCCL waits for the device here, which a step does anyway."""
    told = _rows_of_all(torch.tensor([rows], device=device)).T.tolist()
    for counts in told:
        if len(set(counts)) > 1:
            raise BadRecipe(
                f"the processes hold batches of {', '.join(map(str, counts))} rows; "
                "give each of them batches of the same size"
            )


class _Gathering(torch.autograd.Function):
    """One node for all tensors, so that processes exchange gradients in one order.

    A sum over processes and the own rows of it, rather than a reduce-scatter, which gloo has not:
    the same code for gloo and NCCL.
    """

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.rows = [len(tensor) for tensor in tensors]
        found = tuple(_rows_of_all(tensor) for tensor in tensors)
        ctx.mark_non_differentiable(*(each for each in found if not each.is_floating_point()))
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return tuple(
            _own_rows_of_sum(gradient, rows) if needed else None
            for gradient, rows, needed in zip(
                gradients, ctx.rows, ctx.needs_input_grad, strict=True
            )
        )


def _rows_of_all(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().contiguous()
    parts = [torch.empty_like(tensor) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, tensor)
    return torch.cat(parts)


def _own_rows_of_sum(gradient: Tensor, rows: int) -> Tensor:
    total = gradient.clone(memory_format=torch.contiguous_format)  # autograd's own stays as it is
    distributed.all_reduce(total)
    return total[distributed.get_rank() * rows :][:rows]
