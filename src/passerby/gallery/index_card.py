"""A gallery's vector index as index.json tells of it: how it is asked, and what that finds.

The index itself is LanceDB's, in the table. It is asked only while the card names it and tells what
share of the photos it finds, measured on this gallery; else every vector is compared.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from passerby.gallery.disk import refusing, write_whole

FILE = "index.json"
SCHEMA = 1
K = 10  # an answer's photos, as users see them
DEPTH = 200  # and a shortlist's: nothing is known of the index beyond, so it is not asked for more
WHY = {  # there is none, by what was asked for
    "never": "--index never was asked for; every vector is compared",
    "always": "the next passerby index builds it; every vector is compared",
}
ENOUGH = 0.5  # share of the photos that the index must hold; the others are compared one by one
DAMAGED = (
    f"its {FILE} is damaged, so every vector is compared; the next passerby index builds its "
    "index anew"
)
_STALE = (
    f"its {FILE} tells of an index that is not there, so every vector is compared; the next "
    "passerby index builds it anew"
)


@dataclass(frozen=True)
class IndexCard:
    """What was built and measured, when the gallery held `rows` photos in table version `version`.

    name: LanceDB's of the index, drawn anew for each, so that no other gallery's has it; "" when
    none is used, and `why` says why. probes of its `partitions` are searched, vectors are kept in
    `bits` bits a number, and the `refine` times n photos that seem nearest are compared by their
    whole vectors. recall: share of the 10 nearest photos that it finds (deep: of the 200), the mean
    over `queries` sentences. milliseconds: median of a shortlist with it, flat_milliseconds:
    without. seconds: it took to build and to measure. few: with a filter that no more photos pass,
    these are compared one by one. date: ISO 8601, UTC. asked: "auto", or what the user asked for
    with --index, "always" or "never": it lasts until another is asked for.
    """

    fingerprint: str
    rows: int
    version: int
    date: str
    name: str = ""
    why: str = ""
    partitions: int = 0
    bits: int = 0
    probes: int = 0
    refine: int = 0
    goal: float = 0.0
    recall: float = 0.0
    deep: float = 0.0
    queries: int = 0
    milliseconds: float = 0.0
    flat_milliseconds: float = 0.0
    seconds: float = 0.0
    few: int = 0
    asked: str = "auto"
    schema: int = SCHEMA

    def note(self, *, filtered: bool) -> str:
        """For an answer that was found with it. The share is rounded down."""
        where = "this gallery without filters" if filtered else "this gallery"
        return (
            f"approximate: recall@{K} {down(self.recall)} measured on {where}; --exact compares all"
        )

    @property
    def line(self) -> str:
        """What the command line says of it."""
        if not self.name:
            return f"no index: {self.why}"
        return (
            f"index built in {self.seconds:.0f} s: recall@{K} {down(self.recall)} of flat search "
            f"over {self.queries} sentences, {self.milliseconds:.1f} ms against "
            f"{self.flat_milliseconds:.1f} ms"
        )


def down(share: float) -> str:
    """Three decimals, rounded down: 0.9996 is not 1."""
    return f"{int(share * 1000 + 1e-6) / 1000:.3f}"


def read_index(folder: Path) -> IndexCard | None:
    """None when there is none. Raises ValueError when it is damaged."""
    try:
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(str(error)) from None
    kinds = {field.name: type(getattr(_BLANK, field.name)) for field in fields(IndexCard)}
    if not isinstance(told, dict) or told.keys() != kinds.keys() or told["schema"] != SCHEMA:
        raise ValueError(FILE)
    for name, kind in kinds.items():
        if type(told[name]) is not kind and not (kind is float and type(told[name]) is int):
            raise ValueError(name)
    card = IndexCard(**told)
    if card.asked not in ("auto", *WHY):
        raise ValueError("asked")
    if card.name and not (card.probes > 0 and card.refine > 0 and 0 <= card.recall <= 1):
        raise ValueError(FILE)
    return card


def write_index(folder: Path, card: IndexCard) -> None:
    """Whole or not at all."""
    with refusing(folder):
        write_whole(folder / FILE, asdict(card))


def forget_index(folder: Path, asked: str | None = None) -> None:
    """From now on every vector is compared. asked: what the user asks for; None for what was asked
    for before.
    """
    if asked is None:
        asked = asked_before(folder)
    if asked in WHY:
        write_index(folder, IndexCard("", 0, 0, "", why=WHY[asked], asked=asked))
        return
    with refusing(folder):
        (folder / FILE).unlink(missing_ok=True)


def asked_before(folder: Path) -> str:
    """What the user asked for with --index; "auto" for nothing."""
    try:
        card = read_index(folder)
    except ValueError:
        return "auto"
    return "auto" if card is None else card.asked


def usable(
    folder: Path, table: Any | None, fingerprint: str
) -> tuple[IndexCard | None, str | None]:
    """The card of the index that queries of a LanceDB table may ask; None with the reason, one
    line, when there should be one.
    """
    try:
        card = read_index(folder)
    except ValueError:
        return None, DAMAGED
    if card is None or not card.name or table is None:
        return None, None
    with refusing(folder, table):
        there = {index.name: index for index in table.list_indices()}
    if card.fingerprint != fingerprint or card.name not in there:
        return None, _STALE
    held, left = there[card.name].num_indexed_rows or 0, there[card.name].num_unindexed_rows or 0
    if held < ENOUGH * (held + left):
        share = f"its index holds {held:,} of {held + left:,} photos"
        return None, f"{share}, so every vector is compared; the next passerby index renews it"
    return card, None


_BLANK = IndexCard("", 0, 0, "")
