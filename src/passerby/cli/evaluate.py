"""passerby evaluate: a model on a split, with the card that says how."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.types import Report

APS = ("standard", "trapezoid")


def evaluate(
    model: Annotated[str, typer.Argument(help='A model folder, or "default".')],
    data: Annotated[str, typer.Option(help="NAME:ROOT, for example cuhk-pedes:data/CUHK-PEDES.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    rerank: Annotated[
        str | None,
        typer.Option(help="Also re-ranked, tuned on val: neighbours, k-reciprocal or expansion."),
    ] = None,
    ap: Annotated[
        str, typer.Option(help="standard, or trapezoid: beside it, for IVT's and SSAN's numbers.")
    ] = "standard",
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
    from passerby.evaluation import evaluate_each
    from passerby.ranking.rerank import Reranker
    from passerby.tuning import tune

    check_ap(ap)
    if rerank is not None:
        check_tunable(rerank, split)
    method = passerby.load(model).to(device_for(device))
    chosen = read_data(data, split)
    reranks: list[Reranker | None] = [None]
    if rerank is not None:
        val = read_data(data, "val")
        with Meter("embedding val") as meter:
            tuned = tune(method, val, rerank, batch=batch, workers=workers, progress=meter.hear)
        reranks.append(replace(tuned, tuned_on="val"))
    both = ap == "trapezoid"
    with Meter("embedding") as meter:
        reports = evaluate_each(
            method, chosen, reranks,
            batch=batch, workers=workers, trapezoid=both, progress=meter.hear,
        )  # fmt: skip
    made = {"data": data, "model": model, **provenance(model)}
    for again, report in zip(reranks, reports, strict=True):
        title = f"{model} on {data} {split}"
        if again is not None:
            title = "re-ranked: " + str(again).replace(", ", "\n", 1)
        show(report.with_card(**made), title, out if again is None else beside(out, again.kind))
    if both:
        print(
            "mAP-trapezoid is lower than mAP for the same ranking: compare it only with papers "
            "that use it (IVT, SSAN)"
        )


def check_ap(ap: str) -> None:
    """Raises BadRecipe for an unknown definition of average precision."""
    from passerby.errors import BadRecipe

    if ap not in APS:
        raise BadRecipe(f"no average precision is called {ap!r}; there are {', '.join(APS)}")


def check_tunable(rerank: str, split: str) -> None:
    """Raises BadRecipe for an unknown re-ranking, and for a split that holds what tunes it."""
    from passerby.errors import BadRecipe
    from passerby.ranking.rerank import check_kind

    check_kind(rerank)
    if split in ("val", "all"):
        raise BadRecipe(
            f"--rerank is tuned on val, which --split {split} would measure it on; take --split "
            "test, or leave --rerank out"
        )


def beside(out: Path | None, kind: str) -> Path | None:
    """X.KIND.json for X.json: re-ranked numbers have a file of their own."""
    return out and out.with_name(f"{out.name.removesuffix('.json')}.{kind}.json")


def show(report: Report, title: str, out: Path | None) -> None:
    """Prints a report, and writes it where `out` says."""
    from passerby.errors import shown

    table(report.metrics, title)
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
