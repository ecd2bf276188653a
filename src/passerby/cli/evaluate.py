"""passerby evaluate: a model on a split, with the card that says how."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    model: Annotated[str, typer.Argument(help='A model folder, or "default".')],
    data: Annotated[str, typer.Option(help="NAME:ROOT, for example cuhk-pedes:data/CUHK-PEDES.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Write the report here, as JSON.")] = None,
    batch: Annotated[int, typer.Option(help="Photos embedded at once.", min=1)] = 128,
    workers: Annotated[int, typer.Option(help="Processes that read photos.", min=0)] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure a model: each caption is a query, each photo once in the gallery."""
    import passerby
    from passerby.build import device_for
    from passerby.cli.meter import Meter
    from passerby.data.sources import read_data
    from passerby.errors import shown
    from passerby.evaluation import evaluate as measure

    method = passerby.load(model).to(device_for(device))
    chosen = read_data(data, split)
    with Meter("embedding") as meter:
        report = measure(method, chosen, batch=batch, workers=workers, progress=meter.hear)
    report = report.with_card(data=data, model=model, **provenance(model))
    table(report.metrics, f"{model} on {data} {split}")
    card = report.card
    print(f"{card['queries']} queries, {card['photos']} photos, {card['persons']} persons")
    if card["queries_without_right_photo"]:
        print(f"{card['queries_without_right_photo']} queries have no right photo and do not count")
    if out is not None:
        report.write(out)
        print(f"report: {shown(out)}")


def provenance(model: str) -> dict[str, object]:
    """What the card tells of the making: version, commit of the checkout, seed and recipe."""
    import json

    import passerby
    from passerby.build import model_folder

    folder = model_folder(model)
    found = [f for f in (folder / "recipe.json", folder.parent / "recipe.json") if f.is_file()]
    told = json.loads(found[0].read_text(encoding="utf-8")) if found else None
    return {
        "passerby": passerby.__version__,
        "command": "passerby " + " ".join(sys.argv[1:]),
        "commit": commit(),
        "seed": told["run"]["seed"] if told else None,
        "recipe": told,
    }


def commit() -> str | None:
    """The checkout's commit, "-dirty" when files differ from it.

    None without git, and for an installed copy, which may lie in another project's checkout.
    """
    import shutil
    import subprocess

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        folder = Path(__file__).parent
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        )

    if shutil.which("git") is None or git("ls-files", "--error-unmatch", "evaluate.py").returncode:
        return None
    return git("describe", "--always", "--abbrev=40", "--dirty").stdout.strip() or None


def table(metrics: dict[str, float], title: str) -> None:
    """Metrics in percent, side by side."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(*metrics, title=title)
    grid.add_row(*(f"{value:.2f}" for value in metrics.values()))
    Console().print(grid)
