"""Two processes with half a batch each train as one process with the whole batch."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from passerby.errors import BadRecipe
from passerby.losses.gathering import gathered
from passerby.losses.matching import cmpm

WORLD = 2


class Towers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.text, self.photo = nn.Linear(7, 5), nn.Linear(4, 5)

    def forward(self, texts: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        return self.text(texts), self.photo(photos)


def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """12 texts and 8 photos of 4 persons, who have them in both halves; texts' persons, photos'."""
    generator = torch.Generator().manual_seed(1)
    texts, photos = torch.randn(12, 7, generator=generator), torch.randn(8, 4, generator=generator)
    return texts, photos, torch.arange(12) % 4, torch.arange(8) % 4


def trained(model: nn.Module, tensors: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """The loss of all processes' rows, and the gradients of `model`."""
    texts, photos, persons, owners = tensors
    found = gathered(*model(texts, photos), persons, owners)
    loss = cmpm(*found[:3], photo_persons=found[3])
    loss.backward()
    gradients = {n.removeprefix("module."): p.grad for n, p in model.named_parameters()}
    return {"loss": loss.detach(), **{name: grad.clone() for name, grad in gradients.items()}}


def refusal(rank: int) -> str:
    """What is said of 3 photos here and 4 there, beside texts that agree."""
    try:
        gathered(torch.ones(2, 5), torch.ones(3 + rank, 5))
    except BadRecipe as error:
        return str(error)
    return ""


def work(rank: int, folder: str) -> None:
    """One of two processes; writes what it found."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    half = tuple(tensor.chunk(WORLD)[rank] for tensor in batch())
    model = DistributedDataParallel(Towers())
    told: dict[str, object] = {"trained": trained(model, half)}
    rows, numbers = torch.full((2, 3), float(rank)), torch.full((2,), rank)
    told["rows"], told["refusal"] = gathered(rows, numbers), refusal(rank)
    torch.save(told, Path(folder) / f"{rank}.pt")
    distributed.barrier()
    os._exit(0)  # gloo's threads now and then abort a process that clears up after itself


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What each of the two processes wrote."""
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(work, (str(folder),), WORLD)
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


def test_two_processes_have_the_loss_and_gradients_of_one_with_the_whole_batch(told) -> None:
    torch.set_num_threads(1)
    whole = trained(Towers(), batch())
    for own in told:
        assert set(own["trained"]) == set(whole)
        for name, value in whole.items():
            torch.testing.assert_close(own["trained"][name], value, atol=1e-6, rtol=1e-6, msg=name)
    assert all(whole[name].abs().max() > 1e-3 for name in ("text.weight", "photo.weight"))


def test_half_a_batch_alone_has_other_gradients() -> None:
    whole, half = trained(Towers(), batch()), trained(Towers(), tuple(t[:6] for t in batch()))
    assert (whole["text.weight"] - half["text.weight"]).abs().max() > 1e-2


def test_rows_of_all_processes_stand_in_the_order_of_their_ranks(told) -> None:
    for own in told:
        rows, numbers = own["rows"]
        assert rows[:, 0].tolist() == [0, 0, 1, 1]
        assert numbers.tolist() == [0, 0, 1, 1]
        assert numbers.dtype == torch.int64


def test_processes_with_unequal_batches_are_all_told_so_in_one_line(told) -> None:
    for own in told:
        assert own["refusal"] == (
            "the processes hold batches of 3, 4 rows; give each of them batches of the same size"
        )


def test_a_process_alone_keeps_its_own_tensors(tmp_path: Path) -> None:
    tensors = (torch.ones(2, 3, requires_grad=True), torch.arange(2))
    assert all(a is b for a, b in zip(gathered(*tensors), tensors, strict=True))
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        assert all(a is b for a, b in zip(gathered(*tensors), tensors, strict=True))
    finally:
        distributed.destroy_process_group()
