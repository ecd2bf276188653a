"""passerby search: the photos of a gallery that a sentence tells of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.gallery.answer import Answer
    from passerby.gallery.search import Searcher


def search(
    gallery: Annotated[Path, typer.Option(help="The gallery's folder.")],
    sentence: Annotated[
        str | None, typer.Argument(help="What the person looks like and wears.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="A photo instead of a sentence; compared by vector alone.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("-k", "--k", help="How many photos; else 10, with --min-score all.", min=1),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Only photos of this camera.")] = None,
    after: Annotated[
        str | None, typer.Option(help="Only photos taken then or later (ISO 8601).")
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Only photos taken earlier (ISO 8601).")
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(help="Only photos that score as much; without -k all (to 1,000)."),
    ] = None,
    sort: Annotated[
        str, typer.Option(help="score, best first; or time, earliest first.")
    ] = "score",
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare until no other photo can be among them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, nothing else.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the answer as a page here.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet (PNG) here.")] = None,
    copy_to: Annotated[
        Path | None, typer.Option(help="Copy the photos found into this folder, with a list.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The gallery's model, when its folder has moved.")
    ] = None,
) -> None:
    """Search a gallery: the photos most like the sentence, best first."""
    import passerby
    from passerby.errors import BadQuery

    if (sentence is None) == (like is None):
        met = "neither a sentence nor --like" if like is None else "a sentence and --like"
        raise BadQuery(f"{met}: ask with a sentence or with --like PHOTO, one of them")
    searcher = passerby.open(gallery, model)
    asked = k, camera, after, before, exact, min_score, sort
    for note in _placed(searcher, html, sheet, copy_to):
        print(f"note: {note}", file=sys.stderr)
    answer = searcher.like(like, *asked) if like else searcher.answer(sentence or "", *asked)
    for note in answer.notes:
        print(f"note: {note}", file=sys.stderr)
    write(answer, html, sheet, copy_to)
    if as_json:
        import json

        print(json.dumps(answer.record(), indent=1))
    else:
        tell(answer)


def _placed(
    searcher: Searcher, html: Path | None, sheet: Path | None, copy_to: Path | None
) -> list[str]:
    """What should be said of where results go. Raises BadQuery for the gallery's own folder."""
    from passerby.gallery.files import placed

    store = searcher.store
    outs = [(html, ()), (sheet, store.roots), (copy_to, store.roots)]  # a page is no photo
    told = [placed(out, store.path, roots) for out, roots in outs if out is not None]
    return [note for note in told if note is not None]


def write(answer: Answer, html: Path | None, sheet: Path | None, copy_to: Path | None) -> None:
    """The files that a user asked for; said on stderr."""
    if html is not None:
        from passerby.gallery.page import write_page

        save(html, lambda file: write_page(file, [answer]))
    if sheet is not None:
        from passerby.gallery.sheet import write_sheet

        save(sheet, lambda file: write_sheet(file, [answer]))
    if copy_to is not None:
        from passerby.errors import shown
        from passerby.gallery.copies import copy_out

        copies = copy_out(answer, copy_to)
        for copy in copies:
            if copy.problem:
                print(f"note: {copy.problem}", file=sys.stderr)
        number = sum(copy.name is not None for copy in copies)
        print(f"copied {number} of {len(copies)} photos to {shown(copy_to)}", file=sys.stderr)


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
