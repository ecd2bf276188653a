"""passerby demo: the main job on drawn people, from drawing to a page, and then your own folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.gallery.answer import Answer
    from passerby.gallery.search import Searcher
    from passerby.types import Caption, Split

SEED = 770_001  # of people that no recipe draws
QUERIES = 3


def demo(
    out: Annotated[Path, typer.Option(help="Folder for photos, gallery, page and sheet.")] = Path(
        "demo"
    ),
    persons: Annotated[int, typer.Option(help="Persons to draw, two photos each.", min=20)] = 300,
) -> None:
    """Draw people, index them with the default model, answer three sentences, write a page."""
    import time

    began = time.monotonic()
    split = _people(out / "people", persons)
    searcher = _gallery(out, split)
    asked = _questions(split)
    answers = [searcher.answer(caption.text, k=10) for caption in asked]
    for caption, answer in zip(asked, answers, strict=True):
        _show(caption, answer)
    from passerby.gallery.page import write_page
    from passerby.gallery.sheet import write_sheet

    right = [{caption.person} for caption in asked]
    write_page(out / "page.html", answers, right=right)
    write_sheet(out / "sheet.png", answers, right=right)
    print(f"page: {out / 'page.html'}   contact sheet: {out / 'sheet.png'}")
    seconds = time.monotonic() - began
    print(f"{len(split.photos)} photos drawn, indexed and searched in {seconds:.0f} s")
    print("\nYour own photos:")
    print("  .venv/bin/passerby index FOLDER --gallery G")
    print('  .venv/bin/passerby search "a woman in a red coat with a white handbag" --gallery G')


def _people(root: Path, persons: int) -> Split:
    """Drawn people whom the default model has never seen."""
    from passerby.data.sources import read_data
    from passerby.drawn.world import draw_world

    print(f"drawing {persons} persons, 2 photos each, into {root}")
    draw_world(root, persons, 2, SEED, val=0, test=persons)
    return read_data(f"drawn:{root}", "all")


def _gallery(out: Path, split: Split) -> Searcher:
    from passerby.build import load_method
    from passerby.gallery.ingest import ingest
    from passerby.gallery.search import Searcher
    from passerby.gallery.store import Store

    known = {photo.path.resolve(): photo.person for photo in split.photos}
    method = load_method()
    place = out / f"gallery-{method.fingerprint[:8]}"  # another model makes another gallery
    with Store.write(place, method.fingerprint, "default") as store:
        summary = ingest(
            method,
            store,
            (out / "people" / "imgs").resolve(),
            describe=lambda path: {"person": known.get(path.resolve())},
        )
    if summary.embedded:
        print(f"indexed {summary.embedded} photos, {summary.photos_per_second:.0f} photos/s")
    return Searcher(method, Store.open(place))


def _questions(split: Split) -> Sequence[Caption]:
    """Three captions of the middle length, spread over the persons: no choice by the answer."""
    step = len(split.captions) // QUERIES
    parts = [split.captions[n * step : (n + 1) * step] for n in range(QUERIES)]
    return [min(part, key=lambda c: (abs(len(c.text.split()) - 22), c.id)) for part in parts]


def _show(caption: Caption, answer: Answer) -> None:
    from rich.console import Console
    from rich.table import Table

    from passerby.gallery.answer import percent

    judged = [] if answer.match is None else ["match"]
    columns = ["rank", "score", *judged, "photo", "person"]
    table = Table(*columns, title=f'"{caption.text}"', title_justify="left")
    for hit in answer.hits[:5]:
        right = hit.person == caption.person
        told = f"{hit.person} (right)" if right else str(hit.person)
        match = [percent(hit.probability)] if judged else []
        cells = [str(hit.rank), f"{hit.score:.3f}", *match, hit.path.name, told]
        table.add_row(*cells, style="bold green" if right else None)
    Console().print(table)
    if answer.warning is not None:
        print(f"note: {answer.warning}")
