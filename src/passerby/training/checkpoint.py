"""Checkpoints that are whole or not there: a model folder plus the state of its training."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from passerby.errors import BadModel


@dataclass
class Position:
    """Where training stands: `step` steps of `epoch` are done, `best` is the best so far.
    processes: how many trained together when it was written.
    """

    epoch: int = 0
    step: int = 0
    best: float = -1.0
    best_epoch: int = -1
    seconds: float = 0.0
    processes: int = 1


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Replaces `folder` by what `fill` writes, as a whole.

    The new one is complete on disk (FOLDER.new) before the old one moves aside (FOLDER.old);
    `settle` finishes the exchange when a kill came between. Raises OSError when it cannot be
    written, a full disk say, and leaves nothing half-written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part, new, old = (folder.with_name(folder.name + end) for end in (".part", ".new", ".old"))
    settle(folder)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        fill(part)
        for file in part.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)  # it takes room that may be what is wanting
        raise _as_os_error(error, folder) from None
    part.rename(new)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _as_os_error(error: Exception, folder: Path) -> OSError:
    """What safetensors tells of a failed write holds the system's number in words alone."""
    if isinstance(error, OSError):
        return error
    number = re.search(r"os error (\d+)", str(error))
    code = int(number[1]) if number else errno.EIO
    return OSError(code, os.strerror(code) if number else str(error), str(folder))


def settle(folder: Path) -> None:
    """Finishes an exchange that was killed; a half-written folder (.part) is never taken."""
    new, old = (folder.with_name(folder.name + end) for end in (".new", ".old"))
    if new.exists() and folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    if new.exists():
        new.rename(folder)
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def random_state() -> dict[str, str]:
    """The bytes of torch's random state in this process, in base64, by the kind of device."""
    found = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state()
    return {kind: base64.b64encode(bytes(state.tolist())).decode() for kind, state in found.items()}


def write_state(
    folder: Path,
    position: Position,
    optimizer: Optimizer,
    average: Mapping[str, Tensor],
    randoms: Sequence[Mapping[str, str]] | None = None,
) -> None:
    """Position, optimizer, random state and running mean, beside the model in `folder`.

    randoms: the random state of each process; None for that of this one alone.
    """
    tensors = {f"average/{name}": tensor.contiguous() for name, tensor in average.items()}
    for number, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": t.contiguous() for name, t in entry.items()}
    for rank, states in enumerate(randoms or [random_state()]):
        for kind, state in states.items():
            told = torch.tensor(list(base64.b64decode(state)), dtype=torch.uint8)
            tensors[_random(kind, rank)] = told
    save_file(tensors, folder / "state.safetensors")
    (folder / "state.json").write_text(json.dumps(asdict(position)) + "\n", encoding="utf-8")


def read_state(
    folder: Path, optimizer: Optimizer, rank: int = 0
) -> tuple[Position, dict[str, Tensor]]:
    """Puts optimizer and random state back; gives the position and the running mean.

    rank: of this process; without a state of its own its random numbers stay as they are.
    Raises BadModel when the state is missing, damaged or another recipe's.
    """
    try:
        position = Position(**json.loads((folder / "state.json").read_text(encoding="utf-8")))
        tensors = load_file(folder / "state.safetensors")
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise BadModel(
            f"{folder} cannot be resumed ({error}); remove {folder.parent} and start again"
        ) from None
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, number, entry = name.split("/")
            state.setdefault(int(number), {})[entry] = tensor
    described = optimizer.state_dict()
    try:
        optimizer.load_state_dict({**described, "state": state})
    except (ValueError, KeyError) as error:
        raise BadModel(
            f"{folder} is another recipe's run ({error}); give the run a new name"
        ) from None
    _lay_out(optimizer)
    if _random("cpu", rank) in tensors:
        torch.set_rng_state(tensors[_random("cpu", rank)])
    if torch.cuda.is_available() and _random("cuda", rank) in tensors:
        torch.cuda.set_rng_state(tensors[_random("cuda", rank)])
    average = {
        n.removeprefix("average/"): t for n, t in tensors.items() if n.startswith("average/")
    }
    return position, average


def _random(kind: str, rank: int) -> str:
    return f"random/{kind}/{rank}" if rank else f"random/{kind}"


def _lay_out(optimizer: Optimizer) -> None:
    """Moments in the memory order of their weights (channels last), as the fused step expects."""
    for weight, entry in optimizer.state.items():
        for name, tensor in entry.items():
            if tensor.shape == weight.shape:
                entry[name] = torch.empty_like(weight, dtype=tensor.dtype).copy_(tensor)
