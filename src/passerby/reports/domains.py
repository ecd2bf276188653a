"""In-domain, cross-domain or neither: what a model was trained on beside what it is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from passerby.data.sources import FILES, TARS, parse
from passerby.errors import BadData

IN, CROSS, UNKNOWN = "in-domain", "cross-domain", "unknown"
SHARED = "shared source"

VARIANTS = {"cuhk-pedes-acsa": "cuhk-pedes"}
# Benchmarks cut from the same photos, with ids and names given anew.
SAME_SOURCE = {frozenset({"icfg-pedes", "rstpreid"}): "MSMT17"}


def trained_on(recipe: Any) -> str | None:
    """`NAME:ROOT` of what a run's recipe.json says it trained with, None where that is not told."""
    try:
        return str(recipe["data"]["train"]) or None
    except (KeyError, TypeError):
        return None


def domain(trained: str | None, measured: str) -> str:
    """ "in-domain", "cross-domain", "shared source" or "unknown", of two `NAME:ROOT`.

    A benchmark is the same wherever it lies; the user's own files only at the same place: what else
    they show is unknown.
    """
    if trained is None:
        return UNKNOWN
    try:
        (one, here), (other, there) = parse(trained), parse(measured)
    except BadData:  # a recipe of another version
        return UNKNOWN
    if {one, other} & {FILES, TARS}:
        return IN if (one, here.resolve()) == (other, there.resolve()) else UNKNOWN
    if source(one, other):
        return SHARED
    return IN if VARIANTS.get(one, one) == VARIANTS.get(other, other) else CROSS


def source(one: str, other: str) -> str | None:
    """What two benchmarks were both cut from, by their names."""
    return SAME_SOURCE.get(frozenset({one, other}))


def warnings(trained: str | None, measured: Sequence[str]) -> list[str]:
    """A line for each pair of benchmarks with one source: measured together, or trained on the one
    and measured on the other."""
    there = dict.fromkeys(_names(measured))
    told = [
        f"{one} and {other} are both cut from {source(one, other)}: they are no two independent "
        "data sets"
        for one, other in combinations(there, 2)
        if source(one, other)
    ]
    for own in _names([trained] if trained else []):
        told += [
            f"the model was trained on {own}, and {other} is cut from {source(own, other)} as "
            "well: this is not cross-domain, and persons of the test may have been trained on"
            for other in there
            if source(own, other)
        ]
    return told


def _names(specs: Iterable[str]) -> list[str]:
    """Names of data sets; what a recipe of another version calls one may be none."""
    found = []
    for spec in specs:
        try:
            found.append(parse(spec)[0])
        except BadData:
            continue
    return found
