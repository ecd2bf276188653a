"""Two processes with half a batch each train CMR as one process with the whole batch."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from small_cmr import ENCODERS, batch_for, made
from torch import Tensor, distributed

from passerby.methods.cmr import Cmr
from passerby.types import Batch

WORLD = 2
KINDS = ("id_posterior", "sim_entropy", "neighbour_count")


def model(kind: str) -> Cmr:
    """A batch norm would know its own half alone; a ViT has none. Nothing is drawn."""
    weighting = {"weighting": "text"} if kind == "id_posterior" else {"positives": "all"}
    method = made(
        tables=ENCODERS["vit"], commonality=kind, negatives="hardest", margin=0.6, **weighting
    )
    return method.train().double()


def half_of(batch: Batch, rank: int) -> Batch:
    own = slice(rank * len(batch) // WORLD, (rank + 1) * len(batch) // WORLD)
    return Batch(
        batch.images[own], batch.texts.rows(own), batch.persons[own], batch.photos[own], (), 9
    )


def trained(kind: str, rank: int | None = None) -> dict[str, Tensor]:
    """Losses, measures and gradients; of a process, averaged over all as in training."""
    method = model(kind)
    batch = batch_for(method)
    batch = Batch(batch.images.double(), batch.texts, batch.persons, batch.photos, (), 9)
    losses = method.losses(batch if rank is None else half_of(batch, rank))
    torch.stack(list(losses.values())).sum().backward()
    found = {f"loss {name}": loss.detach() for name, loss in losses.items()}
    found |= {f"seen {name}": value for name, value in method.measures.items()}
    for name, weight in method.named_parameters():
        found[name] = weight.grad
        if rank is not None:
            distributed.all_reduce(weight.grad)
            weight.grad /= WORLD
    return found


def work(rank: int, folder: str) -> None:
    """One of two processes; writes what it found."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    told = {kind: trained(kind, rank) for kind in KINDS}
    torch.save(told, Path(folder) / f"{rank}.pt")
    distributed.barrier()
    os._exit(0)  # gloo's threads now and then abort a process that clears up after itself


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    """What each of the two processes wrote."""
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(work, (str(folder),), WORLD)
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_have_the_losses_and_gradients_of_one_with_the_whole_batch(
    told, kind: str
) -> None:
    whole = trained(kind)
    assert float(whole["loss cmr"]) > 0
    assert whole["parts.coarse_tokens"].any()
    for own in told:
        assert set(own[kind]) == set(whole)
        for name, value in whole.items():
            torch.testing.assert_close(own[kind][name], value, atol=1e-9, rtol=1e-9, msg=name)
