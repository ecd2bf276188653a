"""The model folder that is made of a released checkpoint, and its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from passerby.build import save_method
from passerby.errors import BadModel, shown
from passerby.language.tokenizer import Tokenizer
from passerby.method import Method
from passerby.released.container import Container, check_finite, read


@dataclass(frozen=True)
class Converted:
    """model: with its settings, on the meta device, and weights: to fill it with.

    skipped: names in the checkpoint of what nothing is computed from.
    """

    model: Method
    weights: dict[str, Tensor]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Imported:
    """What was written: tensors, persons (0: no class matrix; None: of a method that never has
    one), epoch, and what was skipped.
    """

    tensors: int
    persons: int | None
    epoch: int | None
    skipped: tuple[str, ...]


def imported(
    kind: str,
    paper: str,
    file: Path,
    out: Path,
    tokenizer: Tokenizer | None,
    convert: Callable[[Container, str, Tokenizer | None], Converted],
    told: Iterable[str] = (),
) -> Imported:
    """The model folder `out` from a released checkpoint file of the method `kind` ("NAFS").

    paper, told: for the card. convert: what makes our names of the file's. Raises BadModel for a
    file that is damaged, would be executed or holds NaN, for what `convert` refuses, and unless
    `out` is new or empty. Nothing is written then.
    """
    check_out(out)
    container = read(file)
    converted = convert(container, shown(file), tokenizer)
    check_finite(container.network, shown(file))
    if container.classes is not None:
        check_finite({"W": container.classes}, shown(file))
    persons: int | None = getattr(converted.model.config, "persons", None)
    classes = "" if persons is None else f" {persons} persons;"
    read_by = "with a tokenizer given by who imported it" if tokenizer else "none; give token ids"
    first = f"{kind} ({paper}), settings of the preset `released`;{classes} tokenizer: {read_by}."
    text = card(kind, file, container.epoch, [first, *told])
    write(converted.model, kind.lower(), converted.weights, text, out)
    return Imported(len(converted.weights), persons, container.epoch, converted.skipped)


def check_out(out: Path) -> None:
    """Raises BadModel unless `out` is a new or an empty folder."""
    if out.is_dir() and any(out.iterdir()):
        raise BadModel(f"{shown(out)} is not empty; name a new folder with --out")
    if out.exists() and not out.is_dir():
        raise BadModel(f"{shown(out)} is a file; name a new folder with --out")


def write(method: Method, name: str, weights: Mapping[str, Tensor], told: str, out: Path) -> None:
    """The model folder `out` with the card `told`; all of it or, after an error, nothing."""
    check_out(out)
    there = out.is_dir()
    try:
        save_method(method, name, out, weights=weights, card=told)
    except BaseException:
        for file in out.glob("*"):
            file.unlink()
        if out.is_dir() and not there:
            out.rmdir()
        raise


def card(kind: str, file: Path, epoch: int | None, told: Iterable[str]) -> str:
    """The model card of an imported checkpoint. told: further sentences, one a paragraph."""
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    when = "unknown" if epoch is None else epoch
    lines = [
        f"# {kind}, imported",
        f"Imported from the authors' released checkpoint `{shown(file.name)}` by passerby "
        "(`passerby import-released`), not trained by it.",
        f"* epoch: {when}\n* sha256 of the file: `{digest}`",
        *told,
        "The weights are their authors': their licence holds, and what the model does is theirs to "
        "answer for. passerby neither trained nor measured it.",
    ]
    return "\n\n".join(lines) + "\n"
