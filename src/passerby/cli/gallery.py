"""passerby gallery: what is in a gallery, whether it is sound, what to take out, a copy to go."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from passerby.gallery.inventory import Inventory
    from passerby.gallery.store import Store
    from passerby.method import Method

gallery_app = typer.Typer(
    help="Look after a gallery: info, check, prune, export.",
    rich_markup_mode=None,
)
Folder = Annotated[Path, typer.Argument(help="The gallery's folder.", metavar="G")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, nothing else.")]
Model = Annotated[Path | None, typer.Option(help="The gallery's model, when its folder has moved.")]


@gallery_app.command()
def info(gallery: Folder, as_json: Json = False) -> None:
    """Tell what is in a gallery: its model, how many photos, cameras, times, bytes."""
    from passerby.gallery.inventory import inventory, told_model
    from passerby.gallery.store import Store

    store = Store.open(gallery)
    told = inventory(store, told_model(store.fingerprint, _fingerprint(store, None)))
    if as_json:
        _print_json(told.record())
        return
    for name, text in _lines(told):
        print(f"{name:<11} {text}")


@gallery_app.command()
def check(
    gallery: Folder,
    canaries: Annotated[
        int, typer.Option(help="Stored photos that are embedded again and compared.", min=0)
    ] = 32,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Check model, embeddings, rows and files of a gallery; nothing is changed.

    Exit 1 when the model is gone or another, when embeddings are not finite, not of length 1, all
    alike, shared by photos that look different, or not what the model gives (a canary: cosine below
    0.9999, of parts below 0.999), when a thumbnail does not decode or a row is there twice. Exit 0
    else: files that are gone or changed are told, and leave it at 0.
    """
    from passerby.cli.meter import Meter
    from passerby.gallery.findings import photos
    from passerby.gallery.health import check as look_over
    from passerby.gallery.store import Store

    store = Store.open(gallery)
    fingerprint = _fingerprint(store, model)
    method = _method(store, model) if fingerprint == store.fingerprint and canaries else None
    with Meter("checking") as meter:
        found = look_over(
            store,
            method,
            fingerprint=fingerprint,
            given=None if model is None else os.fspath(model),
            canaries=canaries,
            progress=meter.hear,
        )
    if as_json:
        _print_json(found.record())
    else:
        for finding in found.findings:
            print(f"{'wrong' if finding.wrong else 'note'}: {finding.line}")
        again = "no photo was embedded again"
        if found.canaries:
            least = "" if found.least is None else f", least cosine {found.least:.6f}"
            again = f"{found.canaries} embedded again{least}"
        verdict = "nothing is wrong" if found.sound else "see what is wrong above"
        print(f"{photos(found.photos)} looked at, {again}: {verdict}")
    if not found.sound:
        raise typer.Exit(1)


@gallery_app.command()
def prune(
    gallery: Folder,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go; take out nothing.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option(help="Photos taken earlier (ISO 8601), whether their file is there or not."),
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="This photo, or all photos of this folder and below.")
    ] = None,
    all_missing: Annotated[
        bool, typer.Option("--all-missing", help="Also where a whole folder is gone or empty.")
    ] = False,
) -> None:
    """Take photos out whose files were deleted: rows, vectors and thumbnails leave the disk.

    With --older-than or --path those photos go instead (both told: both must hold). A folder that
    is gone or empty may only not be mounted: then nothing is taken out without --all-missing.
    """
    from passerby.errors import shown
    from passerby.gallery.findings import photos
    from passerby.gallery.indexing import due
    from passerby.gallery.names import to_path
    from passerby.gallery.prune import doomed
    from passerby.gallery.prune import prune as take_out
    from passerby.gallery.store import Store

    store = Store.open(gallery)
    when = _time(older_than)
    if dry_run:
        going = doomed(store, older_than=when, path=path, all_missing=all_missing)
        for row in going.rows:
            print(shown(to_path(row.path)))
        print(f"{len(going.rows)} of {len(store)} photos would be taken out")
    else:
        with Store.write(gallery, store.fingerprint, store.model_folder) as writing:
            going = doomed(writing, older_than=when, path=path, all_missing=all_missing)
            done = take_out(writing, going.rows)
            print(f"{photos(len(going.rows))} taken out, {_bytes(max(0, done.freed))} freed")
            print(f"gallery {shown(gallery)} holds {photos(len(writing))}")
            if done.unindexed:
                again = "passerby index" if due(writing) else "passerby index --index always"
                print(f"its index went too, as it may hold what is gone: {again} builds another")
    for note in going.notes():
        print(f"note: {note}", file=sys.stderr)


@gallery_app.command()
def export(
    gallery: Folder,
    out: Annotated[Path, typer.Argument(help="A new file: .parquet, .csv or .npz.", metavar="OUT")],
) -> None:
    """Write rows and embeddings to a file that other tools read (.csv: rows alone)."""
    from passerby.errors import shown
    from passerby.gallery.export import export as write
    from passerby.gallery.store import Store

    number = write(Store.open(gallery), out)
    print(f"wrote {number} photos to {shown(out)}")


def _lines(told: Inventory) -> list[tuple[str, str]]:
    """Names and texts, as `info` shows them."""
    from passerby.errors import shown

    cameras = [f"{shown(name)} ({number})" for name, number in told.cameras.items()]
    more = f", and {len(cameras) - 12} more" if len(cameras) > 12 else ""
    lines = [
        ("gallery", shown(told.gallery)),
        ("model", f"{shown(told.model)} ({told.fingerprint[:12]}): {told.model_now}"),
        ("photos", f"{told.photos}; with a person {told.with_person} ({told.persons} persons), "
                   f"camera {told.with_camera}, time {told.with_time}"),
        ("cameras", f"{len(cameras)}: {', '.join(cameras[:12])}{more}" if cameras else "none told"),
    ]  # fmt: skip
    if told.first is not None and told.last is not None:
        lines.append(("times", f"{told.first.isoformat()} to {told.last.isoformat()}"))
    if told.dimension is not None:
        lines.append(("embedding", f"{', '.join(told.columns)}; {told.dimension} numbers a vector"))
    lines += [
        ("bytes", f"{_bytes(told.whole)} in all: embeddings {_bytes(told.vectors)}, thumbnails "
                  f"about {_bytes(told.thumbnails)}"),
        ("written", told.written.isoformat()),
        *(("folder", shown(root)) for root in told.roots),
        ("index", told.index),
    ]  # fmt: skip
    if told.filling is not None:
        lines.append(("note", told.filling.note(told.photos)))
    return lines


def _fingerprint(store: Store, model: Path | None) -> str | None:
    """Of the model's folder as it is now; None where there is none."""
    from passerby.build import fingerprint, model_folder

    folder = model_folder(model or store.model_folder)
    return fingerprint(folder) if (folder / "model.safetensors").is_file() else None


def _method(store: Store, model: Path | None) -> Method:
    from passerby.build import load_method, model_folder

    return load_method(model_folder(model or store.model_folder))


def _time(text: str | None) -> Any:
    from passerby.errors import BadQuery, shown
    from passerby.gallery.metadata import read_time

    try:
        return None if text is None else read_time(text)
    except ValueError:
        raise BadQuery(
            f"--older-than {shown(text or '')!r} is not a time; write ISO 8601, e.g. 2026-05-01"
        ) from None


def _bytes(number: int) -> str:
    """As users read it: 3.4 MB."""
    size, units = float(number), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{number} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _print_json(record: dict[str, Any]) -> None:
    import json

    print(json.dumps(record, indent=1))
