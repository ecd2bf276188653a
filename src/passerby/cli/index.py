"""passerby index: a folder of photos into a gallery."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passerby.cli.vector_index import When, tend

if TYPE_CHECKING:
    from passerby.gallery.plan import Summary
    from passerby.gallery.store import Store
    from passerby.method import Method


def index(
    gallery: Annotated[Path, typer.Option(help="The gallery's folder; made when not there.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Photos; all folders below it as well.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A gallery whose photos are indexed again, for a new --model."),
    ] = None,
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
    vector_index: Annotated[
        When | None,
        typer.Option(
            "--index",
            help="For a large gallery: auto (where it pays), always or never; lasts until another.",
        ),
    ] = None,
) -> None:
    """Index photos so that they can be searched; run it again whenever the folder has changed."""
    from passerby.errors import BadData

    if (folder is None) == (source is None):
        met = "neither FOLDER nor --from" if folder is None else "FOLDER and --from"
        raise BadData(f"{met}: name a folder of photos or a gallery with --from, one of them")
    if folder is not None:
        broken = _index_folder(
            folder, gallery, model, meta, pattern, skip_broken, batch, vector_index
        )
    else:
        if meta is not None or pattern is not None:
            raise BadData("--meta and --pattern: --from takes facts as its gallery has them; "
                          "leave them out")  # fmt: skip
        assert source is not None
        broken = _index_again(source, gallery, model, skip_broken, batch, vector_index)
    if broken and not skip_broken:
        raise typer.Exit(2)


def _index_folder(
    folder: Path,
    gallery: Path,
    model: Path | None,
    meta: Path | None,
    pattern: str | None,
    skip_broken: bool,
    batch: int,
    vector_index: When | None,
) -> bool:
    """Photos of a folder into a gallery. Gives whether some could not be stored."""
    from passerby.cli.meter import Meter
    from passerby.gallery.ingest import ingest, list_photos
    from passerby.gallery.metadata import Metadata

    listing = list_photos(folder)
    describe = Metadata(folder, meta, pattern)
    for note in describe.notes(listing.paths):
        print(f"note: {note}", file=sys.stderr)
    with _writing(gallery, model) as (method, store):
        with Meter("indexing") as meter:
            summary = ingest(
                method,
                store,
                listing,
                describe=describe,
                batch=batch,
                progress=lambda done, total, _: meter.hear(done, total),
            )
        # told first: should the index fail, it is known what was stored
        tell(summary, len(store), gallery)
        if skip_broken or not summary.broken:
            _filled(store)
        _tend(method, store, vector_index)
    return bool(summary.broken)


def _filled(store: Store) -> None:
    """A gallery that was being filled from another, and has it all now or cannot get the rest."""
    from passerby.errors import shown

    filling = store.filling
    if filling is not None and filling.over(len(store)):
        store.note(filling=None)
        print(
            f"it no longer counts as being filled from {shown(filling.source)}, which had "
            f"{filling.total} photos"
        )


def _tend(method: Method, store: Store, vector_index: When | None) -> None:
    """Said when it is done; what was said before is out by then, come what may."""
    sys.stdout.flush()
    told = tend(method, store, vector_index)
    if told:
        print(told)


def _index_again(
    source: Path,
    gallery: Path,
    model: Path | None,
    skip_broken: bool,
    batch: int,
    vector_index: When | None,
) -> bool:
    """Photos of another gallery into this one. Gives whether some could not be stored."""
    from passerby.cli.meter import Meter
    from passerby.errors import shown
    from passerby.gallery.refill import refill, source_of
    from passerby.gallery.store import Store

    old = source_of(Store.open(source))
    with _writing(gallery, model) as (method, store):
        with Meter("indexing") as meter:
            done = refill(
                method,
                store,
                old,
                skip_broken=skip_broken,
                batch=batch,
                progress=lambda done, total, _: meter.hear(done, total),
            )
        tell(done.summary, len(store), gallery)
        for what, paths in (
            ("gone, left out", done.gone),
            ("changed since, as it is now", done.changed),
        ):
            for path in paths:
                print(f"{what}: {shown(path)}", file=sys.stderr)
        for note in done.notes:
            print(f"note: {note}", file=sys.stderr)
        print(done.verdict)
        _tend(method, store, vector_index)
    return bool(done.summary.broken)


@contextmanager
def _writing(gallery: Path, model: Path | None) -> Iterator[tuple[Method, Store]]:
    """The model, and the gallery open for writing."""
    from passerby.build import DEFAULT, load_method, model_folder
    from passerby.gallery.store import Store

    own = model_folder(model)
    name = "default" if own == DEFAULT else os.path.abspath(own)  # noqa: PTH100
    method = load_method(model)
    with Store.write(gallery, method.fingerprint, name) as store:
        yield method, store


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
        print(
            f"{summary.vanished} photos of the gallery are no longer in the folder; they stay "
            "until passerby gallery prune"
        )
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
