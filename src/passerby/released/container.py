"""A released checkpoint file: what is in it, and whether it fits."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerby.errors import BadModel, shown

ZIP, LEGACY = b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF"  # how a file of torch.save begins
AS_RELEASED = "take the file as its authors released it"  # a remedy
SIGNS = {  # a name that only this method's checkpoints have
    "NAFS": "image_model.branch3_layer4.",
    "ACSA": "image_model.patch_embed.",
    "IVT": "encoder_vl.",
}


@dataclass(frozen=True)
class Container:
    """network: tensors by name, without the "module." that data parallelism puts before them.

    classes: (D, C), the class matrix, a column a person. epoch: as the authors counted it. Either
    is None where the file is a plain state dict.
    """

    network: dict[str, Tensor]
    classes: Tensor | None = None
    epoch: int | None = None


def read(path: Path) -> Container:
    """The tensors of a torch file: {network, W, optimizer, epoch}, or a plain state dict.

    The optimizer's are dropped, and where the file is a zip (torch 1.6 and later) never even read.
    Raises BadModel when there is no file, when it is damaged or none of torch's, when it would have
    to be executed (its code never is), or when it holds no weights.
    """
    held = _unpickled(path)
    parted = isinstance(held, Mapping) and isinstance(held.get("network"), Mapping)
    network = held["network"] if parted else held
    if not _is_state(network):
        raise BadModel(
            f"{shown(path)} holds no weights: neither {{network, W, epoch}} nor one plain state "
            f"dict; {AS_RELEASED}"
        )
    classes, epoch = (held.get("W"), held.get("epoch")) if parted else (None, None)
    if classes is not None and not _is_plain(classes):
        raise BadModel(f"{shown(path)}: its class matrix W is no tensor; fetch the file again")
    start = "module."
    parallel = all(name.startswith(start) for name in network)
    return Container(
        {name[len(start) if parallel else 0 :]: tensor for name, tensor in network.items()},
        classes,
        epoch if isinstance(epoch, int) else None,
    )


def filled(
    own: Mapping[str, Tensor], given: Mapping[str, tuple[str, Tensor]], where: str
) -> dict[str, Tensor]:
    """Weights for every tensor of `own`, in its shape and type.

    given: by the own name, the name in the checkpoint and the tensor, which may lack or have more
    axes of length 1. Raises BadModel, with the name in the checkpoint, for another shape.
    """
    weights = {}
    for name, tensor in own.items():
        theirs, found = given[name]
        if not _fits(found.shape, tensor.shape):
            raise other_shape(where, theirs, found.shape, tensor.shape)
        if found.is_floating_point() != tensor.is_floating_point():
            raise BadModel(
                f"{where}: {theirs!r} holds {found.dtype}, not {tensor.dtype}; {AS_RELEASED}"
            )
        weights[name] = found.detach().reshape(tensor.shape).to(tensor.dtype)
    return weights


def check_finite(network: Mapping[str, Tensor], where: str) -> None:
    """Raises BadModel with the name of the first tensor that holds NaN or infinity."""
    for name, tensor in network.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise BadModel(
                f"{where}: {name!r} holds values that are not finite; take another epoch's file"
            )


def another(
    network: Iterable[str], method: str, missing: Sequence[str], strange: Sequence[str], where: str
) -> BadModel:
    """What to say of a checkpoint whose names are not those of `method` ("NAFS")."""
    names = list(network)
    told = [
        f"{word} {', '.join(map(repr, some[:2]))}"
        + (f" and {len(some) - 2} more" if len(some) > 2 else "")
        for word, some in (("lacks", missing), ("has the strange", strange))
        if some
    ]
    like = [kind for kind, sign in SIGNS.items() if any(name.startswith(sign) for name in names)]
    if method in like:
        remedy = f"it is damaged or of another version; {AS_RELEASED}"
    else:
        guess = f", {like[0]} by the look of it" if like else ""
        remedy = f"it is another method's checkpoint{guess}"
    line = f"{where} is no {method} checkpoint: it {' and '.join(told)}; {remedy}"
    return BadModel(shown(line))


def left_over(
    network: Mapping[str, Tensor],
    taken: Iterable[str],
    dead: Callable[[str], bool],
    method: str,
    where: str,
    strange: Sequence[str] = (),
) -> tuple[str, ...]:
    """Names of what nothing is computed from, those that `dead` is true of.

    taken: names that the model has. strange: what does not belong there, besides names. Raises
    BadModel unless all that is taken is there, and all else is dead.
    """
    wanted = list(dict.fromkeys(taken))
    missing = [name for name in wanted if name not in network]
    left = sorted(set(network) - set(wanted))
    odd = [*(name for name in left if not dead(name)), *strange]
    if missing or odd:
        raise another(network, method, missing, odd, where)
    return tuple(left)


def other_shape(where: str, name: str, found: Sequence[int], asked: Sequence[int]) -> BadModel:
    """What to say of a tensor that has another shape than the others lead to."""
    return BadModel(
        f"{where}: {name!r} has shape {tuple(found)}, the rest of the checkpoint asks for "
        f"{tuple(asked)}; {AS_RELEASED}"
    )


def check_axes(network: Mapping[str, Tensor], sized: Mapping[str, int], where: str) -> None:
    """Raises BadModel unless tensors have the axes that `sized` says, by name."""
    for name, axes in sized.items():
        if network[name].ndim != axes:
            shape = tuple(network[name].shape)
            raise BadModel(f"{where}: {name!r} has shape {shape}, not {axes} axes; {AS_RELEASED}")


def persons(container: Container, width: int, where: str) -> int:
    """How many persons the class matrix tells apart, 0 without one.

    Raises BadModel where a column of it is not as long as the embeddings, `width`.
    """
    classes = container.classes
    if classes is None:
        return 0
    if classes.ndim != 2 or len(classes) != width:
        raise BadModel(
            f"{where}: 'W' has shape {tuple(classes.shape)}, not ({width}, persons); {AS_RELEASED}"
        )
    return classes.shape[1]


def count(network: Iterable[str], start: str) -> int:
    """How many numbers follow `start` in names: blocks, layers, stripes."""
    return len({n.removeprefix(start).split(".")[0] for n in network if n.startswith(start)})


def _unpickled(path: Path) -> Any:
    """What torch finds in the file, on the CPU, no code of it ever executed."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise BadModel(f"{shown(path)} {what}; name the checkpoint file that its authors released")
    with path.open("rb") as handle:
        start = handle.read(len(LEGACY))
    zipped = start.startswith(ZIP)
    try:
        with warnings.catch_warnings(action="ignore"):  # on odd pickles, which are refused anyway
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # a broken pickle can raise anything, an OSError too
        code = re.search(r"(?i)unsupported global:? (?:global )?([\w.]+)", str(error))
        if code:
            raise BadModel(
                f"{shown(path)} would have to be executed ({code[1]}), and a pickle's code never "
                "is; take a file that holds nothing but tensors"
            ) from None
        if zipped or start == LEGACY:
            raise BadModel(f"{shown(path)} is cut short or damaged; fetch it again") from None
        pickled = " (it is a pickle, which is never executed)" if start[:1] == b"\x80" else ""
        raise BadModel(
            f"{shown(path)} is no file of torch.save{pickled}; name the checkpoint that its "
            "authors released"
        ) from None


def _is_state(network: Any) -> bool:
    return (
        isinstance(network, Mapping)
        and bool(network)
        and all(isinstance(name, str) and _is_plain(t) for name, t in network.items())
    )


def _is_plain(tensor: Any) -> bool:
    return isinstance(tensor, Tensor) and tensor.layout is torch.strided


def _fits(found: Sequence[int], own: Sequence[int]) -> bool:
    """Whether shapes are equal but for axes of length 1 at the end: a 1x1 convolution is linear."""
    ones = len(found) - len(own)
    return tuple(found) == (*own, *[1] * ones)
