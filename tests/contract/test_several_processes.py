"""Of every method: two processes with half a batch each train as one with the whole batch.

What makes them differ is off: batch norms and dropout are in eval mode. In fp32 losses and the
gradient agree to 1e-5; in fp64, where rounding does not hide a wrong weight, tensor by tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_methods import CAPTIONS, SMALL_BERT, SMALL_RESNET, TINY
from torch import Tensor

from passerby.build import build_method
from passerby.config import parse_recipe
from passerby.method import Method
from passerby.training.joining import joined
from passerby.types import Batch
from processes import ended, started

WORLD = 2
PRECISIONS = (torch.float32, torch.float64)
PHOTOS = torch.randn(6, 3, 64, 32, generator=torch.Generator().manual_seed(0))
PERSONS = torch.tensor([0, 1, 2, 0, 2, 3])
TWO = {"image_encoder": SMALL_RESNET, "text_encoder": SMALL_BERT}


def beside(name: str, **settings: Any) -> dict[str, Any]:
    """The method's tiny recipe with other settings."""
    return {**TINY[name], "method": {**TINY[name]["method"], **settings}}


RECIPES = {
    **TINY,
    # A softmax this sharp has lost five digits of a gradient before anything is exchanged.
    "twotower": beside("twotower", temperature=0.1),
    "twotower with false twins": beside("twotower", twin_weight=0.5, contrastive_weight=1.0),
    "nafs that reads a sentence once, both ways": beside(
        "nafs", text="masked", direction="both", sharpness=5.0
    ),
    "nafs as released": beside("nafs", preset="released"),
    "acsa as released": beside("acsa", preset="released"),
    "cmr with the hardest negatives": beside("cmr", negatives="hardest", weighting="text"),
    "ivt_pretrain of hidden words alone": beside("ivt_pretrain", itm_weight=0.0, itc_weight=0.0),
    "ivt_pretrain of pairs alone": beside("ivt_pretrain", itc_weight=0.0, mlm_weight=0.0),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the processes that are compared with. With two, oneDNN's backward of a convolution over
    three such tiny photos has broken the memory of the process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model(name: str, precision: torch.dtype) -> Method:
    torch.manual_seed(0)
    recipe = parse_recipe({"photo": {"height": 64, "width": 32}, **RECIPES[name]})
    method = build_method(recipe, CAPTIONS * 3, 4).eval().to(precision)
    method.generator = torch.Generator().manual_seed(7)  # of ivt_pretrain's wrong partners
    return method


def trained(
    name: str, precision: torch.dtype, rank: int | None = None, average: Any = None
) -> dict[str, Tensor]:
    """Losses and gradients of a whole batch, or of the part of a process."""
    method = model(name, precision)
    own = slice(None) if rank is None else slice(rank * 3, rank * 3 + 3)
    rngs = [np.random.default_rng(number) for number in range(6)]
    texts = method.draw_texts(CAPTIONS[own], rngs[own])
    images = PHOTOS[own].to(precision).repeat(method.views, 1, 1, 1)
    torch.manual_seed(9)  # of CMR's negatives
    losses = method.losses(Batch(images, texts, PERSONS[own], torch.arange(6)[own]))
    torch.stack(list(losses.values())).sum().backward()
    if average is not None:
        mean = average.mean(torch.stack(list(losses.values())).detach())
        losses = dict(zip(losses, mean, strict=True))
        average.average(method)
    found = {f"loss {name}": loss.detach() for name, loss in losses.items()}
    return found | {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


def work(environ: Mapping[str, str], folder: Path) -> None:
    with joined(environ) as processes:
        told = {
            (name, precision): trained(name, precision, processes.rank, processes)
            for name in RECIPES
            for precision in PRECISIONS
        }
        torch.save(told, folder / f"{processes.rank}.pt")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, dict[str, Tensor]]]:
    """What each of the two processes found."""
    folder = tmp_path_factory.mktemp("processes")
    assert ended(started(work, WORLD, folder)) == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


def parted(found: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """All losses and all gradients, each as one vector."""
    losses = [tensor for name, tensor in found.items() if name.startswith("loss ")]
    rest = [tensor.flatten() for name, tensor in found.items() if not name.startswith("loss ")]
    return torch.stack(losses), torch.cat(rest)


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_have_the_losses_and_gradients_of_one(told, name: str) -> None:
    wanted = trained(name, torch.float32)
    whole = parted(wanted)
    for own in told:
        assert set(own[name, torch.float32]) == set(wanted)
        losses, gradient = parted(own[name, torch.float32])
        torch.testing.assert_close(losses, whole[0], atol=1e-5, rtol=1e-5)
        assert (gradient - whole[1]).norm() <= 1e-5 * whole[1].norm()


@pytest.mark.parametrize("name", RECIPES)
def test_in_fp64_every_weight_has_the_gradient_of_one_process(told, name: str) -> None:
    whole = trained(name, torch.float64)
    largest = parted(whole)[1].abs().max()
    for own in told:
        for entry, value in whole.items():
            apart = (own[name, torch.float64][entry] - value).abs().max()
            assert apart <= 1e-5 * value.abs().max() + 1e-9 * largest, entry


@pytest.mark.parametrize("name", sorted(TINY))
def test_half_a_batch_alone_has_another_gradient(name: str) -> None:
    whole, half = (parted(trained(name, torch.float32, rank))[1] for rank in (None, 0))
    assert whole.shape != half.shape or (whole - half).norm() > 0.01 * whole.norm()
