"""passerby check-data: what is wrong with a data set, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from passerby.doctor.findings import Count, Finding, Findings
    from passerby.doctor.mending import Mended


def check_data(
    data: Annotated[str, typer.Argument(help="NAME:ROOT, for example cuhk-pedes:data/CUHK-PEDES.")],
    fix: Annotated[
        Path | None, typer.Option(help="Write a repaired JSON here; the original is left alone.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another NAME:ROOT: pictures that both hold.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check a data set: release, counts, photos, duplicates, captions, splits.

    Exits with 1 on missing or unreadable photos, a person or a photo in two splits, and ids of
    another release; with 0 on all else.
    """
    import json

    from passerby.cli.meter import Meter
    from passerby.doctor.examination import examined
    from passerby.doctor.mending import check_place, mend
    from passerby.doctor.reading import read_case
    from passerby.doctor.sharing import sharing

    case = read_case(data)
    other = read_case(against) if against is not None else None
    if fix is not None:
        check_place(case, fix)
    with Meter("reading") as meter:
        found = examined(data, case, meter.hear)
    both: Finding | None = None
    if against is not None and other is not None:
        with Meter("reading the other") as meter:
            both = sharing(found, examined(against, other, meter.hear))
    mended: Mended | None = None
    if not as_json:
        show(found, both)
    try:
        if fix is not None:
            mended = mend(case, found, fix)
    finally:  # the findings are told of what cannot be mended too
        if as_json:
            print(json.dumps(_as_json(found, both, mended), indent=1))
    if mended is not None and not as_json:
        show_mended(mended, case.name, case.file)
    raise typer.Exit(1 if found.grave else 0)


def show(found: Findings, both: Finding | None = None) -> None:
    """Prints a heading, a line a split, and each finding with what to do about it.

    Marks: ! is grave, * is not but stops the reader.
    """
    from passerby.errors import shown

    print(f"{shown(found.file)}: {found.release}")
    for split, count in found.counts.items():
        print(f"  {split}: {counted(count)}")
    for finding in found.findings:
        _show(finding, "! " if finding.grave else "* " if finding.refused else "- ")
    if both is not None:
        _show(both, "- ")
    print("\n".join(verdict(found, both)))


def verdict(found: Findings, both: Finding | None = None) -> list[str]:
    """The last lines: what must be done before the data set is used, or that nothing must."""
    told = []
    if found.grave:
        told.append("lines with ! must be mended before this data set is used")
    stars = [finding for finding in found.findings if finding.refused and not finding.grave]
    if stars:
        fix = "" if all(finding.left for finding in stars) else " (--fix OUT)"
        told.append(f"passerby will not read it until lines with * are corrected{fix}")
    if told:
        return told
    calm = "nothing that must be mended" if found.findings else "nothing is wrong"
    if both is not None and both.count:
        calm += " in it alone; mind the pictures that both data sets hold"
    return [calm]


def counted(count: Count) -> str:
    """Sizes of a split in words, with the published ones."""
    told = f"{count.persons:,} persons, {count.photos:,} photos, {count.captions:,} captions"
    return f"{told} ({count.published})" if count.published else told


def show_mended(mended: Mended, name: str, original: Path) -> None:
    """Prints what was written, what is left, and how to read it."""
    from passerby.errors import shown

    place = shown(mended.file)
    print(
        f"{place}: {mended.records:,} records; {mended.dropped:,} dropped, {mended.joined:,} "
        f"joined, {mended.rewritten:,} captions rewritten"
    )
    if mended.left:
        print(f"  left as they are, to be decided by hand: {', '.join(mended.left)}")
    if mended.file.parent.resolve() == original.parent.resolve():
        print(f"  read it as {name}:{place}")
    else:
        beside = shown(original.parent / mended.file.name)
        print(f"  its paths are relative to the photos: move it to {beside}, read it as "
              f"{name}:{beside}")  # fmt: skip


def _show(finding: Finding, mark: str) -> None:
    print(f"{mark}{finding.line}")
    print(f"  {finding.remedy}")


def _as_json(found: Findings, both: Finding | None, mended: Mended | None) -> dict[str, Any]:
    told = found.as_json()
    if both is not None:
        told["shared"] = vars(both)
    if mended is not None:
        told["fixed"] = {**vars(mended), "file": str(mended.file)}
    return told
