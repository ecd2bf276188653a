"""passerby compare: whether one report is better than another, metric by metric."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.reports.compared import Comparison


def compare(
    a: Annotated[
        Path, typer.Argument(help="A report that evaluate --out wrote.", metavar="A.json")
    ],
    b: Annotated[Path, typer.Argument(help="Another, of the same queries.", metavar="B.json")],
    draws: Annotated[int, typer.Option(help="Of the bootstrap.", min=100)] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two reports of one protocol: B less A, by drawing persons again."""
    import json

    from passerby.reports import compared
    from passerby.reports.written import read_report

    names = (str(a), str(b))
    found = compared.compare(read_report(a), read_report(b), names, draws, seed)
    if not as_json:
        show(found, names)
        return
    told = {
        "a": names[0],
        "b": names[1],
        "queries": found.queries,
        "persons": found.persons,
        "draws": found.draws,
        "seed": seed,
        "metrics": [row.told() for row in found.rows],
        "notes": list(found.notes),
    }
    print(json.dumps(told, indent=1))


def show(found: Comparison, names: tuple[str, str]) -> None:
    """A metric a row, then what a reader should know."""
    from passerby.errors import shown

    for letter, name in zip("AB", names, strict=True):
        print(f"{letter}: {shown(name)}")
    print(f"{'':13} {'A':6} {'B':6} {'B - A [95 %]':24} p")
    for row in found.rows:
        change = row.difference
        told = f"{change.difference:+.2f} [{change.low:+.2f}, {change.high:+.2f}]"
        numbers = f"{row.a:<6.2f} {row.b:<6.2f} {told:24} {p_value(change.p):5}"
        print(f"{row.metric:13} {numbers} {row.word}")
    print(f"{found.queries} queries of {found.persons} persons, drawn {found.draws} times")
    for note in found.notes:
        print(note)


def p_value(p: float) -> str:
    """Three decimals, one digit below a thousandth."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}".replace("e-0", "e-")
