"""Forms of one training step in turns: what they cost, and that their losses are equal; and what
batches for it are drawn of.

Each form is called with nothing, does one step up to its gradients and gives its losses by name;
"literal" is what a method's description writes out. A number is the fastest turn's CPU seconds, as
other work on the machine can only slow it.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from passerby.types import Batch

CLOSE, CLOSE_BF16 = 1e-4, 0.01  # relative: each loss; the sum of losses where a name ends in bf16
STILL = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
Step = Callable[[], dict[str, float]]


def drawn_ids(lengths: Tensor, vocabulary: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random ids and their mask, (..., L), of texts of `lengths` (...)."""
    mask = (torch.arange(int(lengths.max())) < lengths[..., None]).long()
    return torch.randint(1, vocabulary, mask.shape, generator=draw) * mask, mask


def drawn_photos(
    count: int, size: tuple[int, int], cells: tuple[int, int], draw: torch.Generator
) -> Tensor:
    """(count, 3, H, W), of coarse colours in `cells` and noise: to an untrained network photos of
    noise alone are all alike, and batch norm makes the rounding of what little they differ in as
    large as the rest.
    """
    images = interpolate(torch.randn(count, 3, *cells, generator=draw), size=size, mode="bilinear")
    return images + 0.3 * torch.randn(images.shape, generator=draw)


def step(model: nn.Module, batch: Batch, half: bool = False) -> dict[str, float]:
    """One training step up to its gradients, whatever it draws drawn alike each time."""
    torch.manual_seed(2)
    model.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
        losses = model.losses(batch)
    torch.stack([loss.float() for loss in losses.values()]).sum().backward()
    model.zero_grad(set_to_none=True)  # the next form's memory
    return {name: float(loss.detach()) for name, loss in losses.items()}


def compared(preset: str, steps: dict[str, Step], turns: int) -> dict[str, float]:
    """Seconds, ratios and what losses are off by. Stops where losses are not equal."""
    seconds, losses = raced(steps, turns)
    values = {f"CPU seconds a step, {name}": round(s, 2) for name, s in seconds.items()}
    for name in [name for name in steps if name != "literal"]:
        off, half = apart(losses[name], losses["literal"]), name.endswith("bf16")
        held = {"loss": off["loss"]} if half else off
        if not all(part <= (CLOSE_BF16 if half else CLOSE) for part in held.values()):
            raise SystemExit(f"{preset}: {name} has other losses: {losses}")
        values[f"{name}, times the literal seconds"] = seconds[name] / seconds["literal"]
        values |= {f"{name}, {loss} off by": part for loss, part in off.items()}
    return {f"{preset}: {name}": value for name, value in values.items()}


def raced(steps: dict[str, Step], turns: int) -> tuple[dict[str, float], dict[str, dict]]:
    """The fastest turn's CPU seconds of each step, and its losses."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    losses = {}
    for _ in range(turns):
        for name, work in steps.items():
            began = time.process_time()
            losses[name] = work()
            seconds[name].append(time.process_time() - began)
    return {name: min(taken) for name, taken in seconds.items()}, losses


def apart(found: dict[str, float], expected: dict[str, float]) -> dict[str, float]:
    """Relative differences of the losses by name, and of the "loss", their sum."""
    pairs = {name: (found[name], expected[name]) for name in expected | found}
    pairs["loss"] = (sum(found.values()), sum(expected.values()))
    return {name: abs(own / other - 1) for name, (own, other) in pairs.items()}
