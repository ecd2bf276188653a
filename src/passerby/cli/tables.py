"""Reports as tables of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passerby.types import Report

WHOLE = ("rank-1", "mAP")  # metrics with their interval where a row holds all


def table(report: Report, title: str) -> None:
    """A metric a row, in percent, with its interval."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from passerby.errors import shown

    print(shown(title))
    grid = Table("", "percent", "95 % interval", box=box.SIMPLE_HEAD, show_edge=False)
    for metric, value in report.metrics.items():
        low, high = report.intervals.get(metric, (None, None))
        sure = "" if low is None else f"[{low:.2f}, {high:.2f}]"
        grid.add_row(metric, f"{value:.2f}", escape(sure))
    Console().print(grid)


def overview(rows: Sequence[tuple[str, str, Report]], title: str) -> None:
    """A data set a row: (its name, in-domain or not, its report). Intervals of Rank-1 and mAP; the
    others stand in the reports."""
    from passerby.errors import shown
    from passerby.reports.told import cell

    metrics = list(rows[0][2].metrics)
    widths = [max(len(name), 18 if name in WHOLE else 5) for name in metrics]
    gap = "  " if sum(widths) + 2 * len(widths) <= 80 else " "
    heads = (name.ljust(width) for name, width in zip(metrics, widths, strict=True))
    print(shown(title))
    print((" " + gap.join(heads)).rstrip())
    for name, where, report in rows:
        print(f"{name}, {where}")
        cells = (
            cell(report, metric, 1).ljust(width)
            if metric in WHOLE
            else f"{report.metrics[metric]:.1f}".ljust(width)
            for metric, width in zip(metrics, widths, strict=True)
        )
        print((" " + gap.join(cells)).rstrip())
