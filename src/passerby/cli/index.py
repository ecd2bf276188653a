"""passerby index: a folder of photos into a gallery."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.gallery.plan import Summary


def index(
    folder: Annotated[Path, typer.Argument(help="Photos; all folders below it as well.")],
    gallery: Annotated[Path, typer.Option(help="The gallery's folder; made when not there.")],
    model: Annotated[Path | None, typer.Option(help="A model folder; else the default.")] = None,
    meta: Annotated[
        Path | None, typer.Option(help="CSV with the columns path, camera, time, person.")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help=r"Regular expression on paths, e.g. '(?P<camera>c\d+)_(?P<time>[^_]+)'."),
    ] = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Exit 0 though files could not be read.")
    ] = False,
    batch: Annotated[int, typer.Option(help="Photos that are stored together.", min=1)] = 128,
) -> None:
    """Index photos so that they can be searched; run it again whenever the folder has changed."""
    from passerby.data.folder import walk
    from passerby.gallery.metadata import Metadata

    paths = walk(Path(os.path.abspath(folder)), [])  # noqa: PTH100 - as ingest walks it
    describe = Metadata(folder, meta, pattern)
    for note in describe.notes(paths):
        print(f"note: {note}", file=sys.stderr)

    from passerby.build import DEFAULT, load_method, model_folder
    from passerby.gallery.ingest import ingest
    from passerby.gallery.store import Store

    own = model_folder(model)
    name = "default" if own == DEFAULT else os.path.abspath(own)  # noqa: PTH100
    method = load_method(model)
    with Store.write(gallery, method.fingerprint, name) as store:
        with _progress() as hear:
            summary = ingest(method, store, folder, describe=describe, batch=batch, progress=hear)
        photos = len(store)
    tell(summary, photos, gallery)
    if summary.broken and not skip_broken:
        raise typer.Exit(2)


@contextmanager
def _progress() -> Iterator[Callable[[int, int, int], None]]:
    """A bar on stderr with files done, photos embedded per second and the time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    rate = TextColumn("{task.fields[rate]:.0f} photos/s")
    columns = (TextColumn("indexing"), BarColumn(), MofNCompleteColumn(), rate)
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rate=0.0)

        def hear(done: int, total: int, embedded: int) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = embedded / elapsed if elapsed > 0 else 0.0
            bar.update(task, completed=done, total=total, rate=rate)

        yield hear


def tell(summary: Summary, photos: int, gallery: Path) -> None:
    """What happened, on stdout; the files that were not stored, on stderr, at the end."""
    from passerby.errors import shown

    counts = {
        "new": summary.added,
        "changed": summary.changed,
        "moved": summary.moved,
        "told anew": summary.updated,
        "unchanged": summary.unchanged,
        "not readable": len(summary.broken),
    }
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    print(f"{summary.found} files: {told}")
    if summary.vanished:
        print(f"{summary.vanished} photos of the gallery are no longer in the folder; they stay")
    if summary.embedded:
        print(
            f"{summary.embedded} photos embedded in {summary.seconds:.1f} s "
            f"({summary.photos_per_second:.0f} photos/s)"
        )
    print(f"gallery {shown(gallery)} holds {photos} photos")
    if summary.broken:
        print(f"{len(summary.broken)} could not be stored:", file=sys.stderr)
    for _, reason in summary.broken:
        print(f"  {reason}", file=sys.stderr)
