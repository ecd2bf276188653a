"""Rows of all processes, for losses that compare every text of a step with every photo."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed

from passerby.errors import BadRecipe


def gathered(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Each tensor's rows in all W processes, in the order of their ranks: (R, ...) to (W x R, ...).

    Gradients reach the rows of every process: those of a loss of all rows, averaged over processes
    as DistributedDataParallel does, are the gradients of one process with the whole batch. The
    tensors themselves where torch.distributed is not in use or has one process.

    Every process calls it with tensors of the same kind, as often as the others. Raises BadRecipe
    when a tensor has another number of rows in another process.
    """
    alone = not (distributed.is_available() and distributed.is_initialized())
    if alone or distributed.get_world_size() == 1:
        return tensors
    _agree([len(rows) for rows in tensors], tensors[0].device)
    return _Gathering.apply(*tensors)


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
