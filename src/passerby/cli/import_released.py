"""passerby import-released: a checkpoint that a method's authors released, as a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_released(
    method: Annotated[str, typer.Argument(help="Whose checkpoint it is: nafs, acsa or ivt.")],
    file: Annotated[Path, typer.Argument(help="The file, for example best_model.pth.tar.")],
    out: Annotated[Path, typer.Option(help="The model folder to write, new or empty.")],
    tokenizer: Annotated[
        str | None, typer.Option(help="A folder with the tokenizer that belongs to the weights.")
    ] = None,
) -> None:
    """Make a model folder of the checkpoint that a method's authors released."""
    from passerby.errors import BadRecipe, shown
    from passerby.language.tokenizer import read_tokenizer
    from passerby.released.acsa import import_acsa
    from passerby.released.folder import check_out
    from passerby.released.ivt import import_ivt
    from passerby.released.nafs import import_nafs

    importers = {"nafs": import_nafs, "acsa": import_acsa, "ivt": import_ivt}
    if method not in importers:
        known = " or ".join(importers)
        raise BadRecipe(f"no released checkpoint of {method!r} can be read; it is {known}")
    check_out(out)
    words = read_tokenizer(tokenizer) if tokenizer is not None else None
    made = importers[method](file, out, words)
    epoch = "unknown" if made.epoch is None else made.epoch
    place = shown(out)
    classes = "" if made.persons is None else f"{made.persons} persons, "
    print(f"{place}: {method}, {made.tensors} tensors, {classes}epoch {epoch}")
    if made.persons == 0:
        print("no class matrix W in the file: the model searches, but holds no classes")
    if made.skipped:
        print(f"skipped, as nothing is computed from them: {', '.join(map(shown, made.skipped))}")
    if words is None:
        print("no tokenizer: it takes token ids only; give --tokenizer FOLDER to search by words")
