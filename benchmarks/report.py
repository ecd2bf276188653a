"""What every benchmark prints and keeps: a table, one JSON line, a file for results/."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import passerby
from passerby.cli.evaluate import commit


def finish(name: str, values: dict[str, Any], out: Path | None, **card: Any) -> None:
    """Prints a table and, last, the values as one JSON object; writes values and card to `out`."""
    grid = Table("what", "value", title=name)
    for what, value in values.items():
        grid.add_row(what, f"{value:g}" if isinstance(value, float) else str(value))
    Console().print(grid)
    if out is not None:
        told = {
            "benchmark": name,
            "command": "python " + " ".join([_short(sys.argv[0]), *map(_short, sys.argv[1:])]),
            "date": datetime.now(UTC).date().isoformat(),
            "passerby": passerby.__version__,
            "commit": commit(),
            **card,
            "values": values,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(values))


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _short(word: str) -> str:
    """No absolute path goes into results/."""
    return Path(word).name if word.startswith("/") else word
