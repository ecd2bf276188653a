"""A report's file, read again: what is damaged or something else is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from passerby.errors import BadData, shown
from passerby.types import Report

COLUMNS = ("id", "person", "first", "ap", "trapezoid", "inp", "right")
LARGEST = 2**63
AGAIN = "write it again with `passerby evaluate --out`"


def read_report(path: Path) -> Report:
    """The Report that `Report.write` wrote.

    Raises BadData when the file is missing, cut off, no report, or its parts do not fit together.
    """
    told = _read(path)
    metrics, card = told.get("metrics"), told.get("card")
    if not isinstance(metrics, dict) or not metrics or not isinstance(card, dict):
        raise BadData(
            f"{shown(path)}: JSON, but no report (it has no metrics and card); give a file that "
            "`passerby evaluate --out` wrote"
        )
    if not all(_number(value) for value in metrics.values()):
        raise BadData(f"{shown(path)}: a metric is no number; {AGAIN}")
    curves, intervals = told.get("curves"), told.get("intervals", {})
    if not isinstance(intervals, dict) or not all(map(_pair, intervals.values())):
        raise BadData(f"{shown(path)}: an interval is not two numbers; {AGAIN}")
    return Report(
        metrics,
        card,
        {name: (low, high) for name, (low, high) in intervals.items()},
        _columns(told.get("queries"), path),
        curves if isinstance(curves, dict) else None,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadData(f"{shown(path)}: no such file; {AGAIN}") from None
    except IsADirectoryError:
        raise BadData(f"{shown(path)}: a folder; give a report, a JSON file") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits too
        at = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadData(f"{shown(path)}: cut off or no JSON{at}; {AGAIN}") from None
    if not isinstance(told, dict):
        raise BadData(f"{shown(path)}: JSON, but no report; give a file of `passerby evaluate`")
    return told


def _columns(queries: Any, path: Path) -> dict[str, list[Any]] | None:
    """Columns of equal length and of the right kind, None where an older file has none."""
    if queries is None:
        return None
    fits = isinstance(queries, dict) and all(isinstance(queries.get(n), list) for n in COLUMNS)
    if fits:
        fits = len({len(queries[name]) for name in COLUMNS}) == 1
    if fits:
        fits = all(isinstance(text, str) for name in COLUMNS[:2] for text in queries[name])
        fits = fits and all(_number(value) for name in COLUMNS[2:] for value in queries[name])
    if not fits:
        raise BadData(f"{shown(path)}: its columns of queries do not fit together; {AGAIN}")
    if len(set(queries["id"])) != len(queries["id"]):
        raise BadData(f"{shown(path)}: two queries share an id; {AGAIN}")
    return {name: queries[name] for name in COLUMNS}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_number, value))
