"""passerby search: the photos of a gallery that a sentence tells of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.gallery.answer import Answer


def search(
    sentence: Annotated[str, typer.Argument(help="What the person looks like and wears.")],
    gallery: Annotated[Path, typer.Option(help="The gallery's folder.")],
    k: Annotated[int, typer.Option("-k", "--k", help="How many photos.", min=1)] = 10,
    camera: Annotated[str | None, typer.Option(help="Only photos of this camera.")] = None,
    after: Annotated[
        str | None, typer.Option(help="Only photos taken then or later (ISO 8601).")
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Only photos taken earlier (ISO 8601).")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare until no other photo can be among them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, nothing else.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the answer as a page here.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet (PNG) here.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="The gallery's model, when its folder has moved.")
    ] = None,
) -> None:
    """Search a gallery: the photos most like the sentence, best first."""
    import passerby

    answer = passerby.open(gallery, model).answer(sentence, k, camera, after, before, exact)
    for note in answer.notes:
        print(f"note: {note}", file=sys.stderr)
    if html is not None:
        from passerby.gallery.page import write_page

        save(html, lambda file: write_page(file, [answer]))
    if sheet is not None:
        from passerby.gallery.sheet import write_sheet

        save(sheet, lambda file: write_sheet(file, [answer]))
    if as_json:
        import json

        print(json.dumps(answer.record(), indent=1))
    else:
        tell(answer)


def save(file: Path, write: Callable[[Path], None]) -> None:
    """Writes a result and says so on stderr. Raises BadQuery when the file cannot be written."""
    from passerby.errors import BadQuery, shown

    try:
        write(file)
    except OSError as error:
        raise BadQuery(
            f"{shown(file)}: cannot be written ({error.strerror}); choose another file"
        ) from None
    print(f"wrote {shown(file)}", file=sys.stderr)


def tell(answer: Answer) -> None:
    """The ranked table, on stdout; paths are shown whole, folded on a narrow terminal.

    match: the probability that all the sentence tells is true of the photo, for a model that is
    calibrated.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from passerby.errors import shown
    from passerby.gallery.answer import percent

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    if answer.match is not None:
        table.add_column("match", justify="right", no_wrap=True)
    table.add_column("path", overflow="fold")
    names = ("camera", "time", "person")
    present = [n for n in names if any(getattr(hit, n) is not None for hit in answer.hits)]
    for name in present:
        table.add_column(name)
    for hit in answer.hits:
        match = [] if answer.match is None else [percent(hit.probability)]
        cells = [str(hit.rank), f"{hit.score:.3f}", *match, shown(hit.path)]
        for name in present:
            value = getattr(hit, name)
            value = (
                value.isoformat(sep=" ", timespec="seconds")[:19]
                if name == "time" and value
                else value
            )
            cells.append(shown(value or ""))
        table.add_row(*map(Text, cells))
    # Into a pipe or a file, a line is a photo.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)
