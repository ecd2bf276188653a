"""passerby evaluate-embeddings: anyone's features or scores, measured as our own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.types import Report


def evaluate_embeddings(
    file: Annotated[
        Path,
        typer.Argument(
            help="An .npz: text_ids, image_ids (persons), and text_features with image_features, "
            "or similarity (texts x photos)."
        ),
    ],
    ap: Annotated[
        str, typer.Option(help="standard, or trapezoid: beside it, for IVT's and SSAN's numbers.")
    ] = "standard",
    dot: Annotated[bool, typer.Option("--dot", help="Inner products, not cosines.")] = False,
    photo_to_text: Annotated[
        bool, typer.Option("--photo-to-text", help="Also the other way: photos ask for texts.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the report here, as JSON, for passerby compare.")
    ] = None,
) -> None:
    """Measure anyone's model from arrays: each text is a query, the photos are the gallery."""
    import passerby
    from passerby.cli.evaluate import beside, check_ap, check_place, commit
    from passerby.cli.tables import table
    from passerby.errors import shown
    from passerby.reports.arrays import read_arrays
    from passerby.reports.judging import judge
    from passerby.reports.made import PHOTO_TO_TEXT
    from passerby.reports.told import lines

    definition = check_ap(ap)
    check_place(out, file)
    check_place(beside(out, PHOTO_TO_TEXT), file)
    given = read_arrays(file, dot=dot)
    made = {
        "data": str(file),
        "passerby": passerby.__version__,
        "command": "passerby " + " ".join(sys.argv[1:]),
        "commit": commit(),
    }
    for turned in (False, True) if photo_to_text else (False,):
        report = judge(given, ap=definition, photo_to_text=turned).with_card(**made)
        direction = report.card["direction"]
        place = beside(out, direction) if turned else out
        table(report, f"{shown(file.name)}, {direction}")
        for line in [*lines(report), *told(report)]:
            print(shown(line))
        if place is not None:
            report.write(place)
            print(f"report: {shown(place)}")


def told(report: Report) -> list[str]:
    """How scores were made, and each finding that the table did not say."""
    card = report.card
    found = [each for each in card["findings"] if each["name"] != "queries without a right photo"]
    return [
        f"scores: {card['scores']}; ties: {card['ties']}",
        *(f"note: {note}" for note in card["notes"]),
        *(f"{each['name']}: {each['said']}" for each in found),
    ]
