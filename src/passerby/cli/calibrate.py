"""passerby calibrate: what a model's scores mean, from validation data into its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.calibration import Calibration


def calibrate(
    model: Annotated[str, typer.Argument(help="A model folder of yours.")],
    data: Annotated[str, typer.Option(help="NAME:ROOT, for example drawn:runs/people.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "val",
    seed: Annotated[int, typer.Option(help="Of the galleries that are drawn.", min=0)] = 0,
    batch: Annotated[int, typer.Option(help="Photos embedded at once.", min=1)] = 128,
    workers: Annotated[int, typer.Option(help="Processes that read photos.", min=0)] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Learn what scores mean, so that searches tell probabilities; writes calibration.json into
    the model's folder."""
    from passerby.build import device_for, load_method, model_folder
    from passerby.calibration import write_calibration
    from passerby.cli.meter import Meter
    from passerby.errors import shown
    from passerby.fitting.curves import fit
    from passerby.fitting.judging import asked, judge

    folder = model_folder(model)
    check_own(folder)
    method = load_method(model, calibrated=False).to(device_for(device))
    given = asked(data, split, seed=seed)
    with Meter("embedding") as meter:
        judged = judge(method, given, batch=batch, workers=workers, progress=meter.hear)
    found, tried = fit(judged, given.told, seed)
    write_calibration(folder, found)
    show(found, tried)
    print(f"calibration: {shown(folder / 'calibration.json')}")


def check_own(folder: Path) -> None:
    """Raises BadModel for a model folder that is not the user's to write into, before any work."""
    import os

    from passerby.build import DEFAULT
    from passerby.errors import BadModel, shown

    if folder.resolve() == DEFAULT.resolve():
        raise BadModel(
            f"the shipped model keeps the calibration that it came with; copy {shown(folder)} to a "
            "folder of your own, and name the copy, here and with --model when you search"
        )
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise BadModel(
            f"{shown(folder)} cannot be written; copy the model folder to one that can, and name "
            "the copy"
        )


def show(found: Calibration, tried: dict[str, float]) -> None:
    """The curves that were tried, the best first, and where "no good match" begins."""
    from rich.console import Console
    from rich.table import Table

    grid = Table("curve", "log loss on persons left out", title=found.told)
    for name, loss in sorted(tried.items(), key=lambda each: each[1]):
        grid.add_row(name, f"{loss:.4f}")
    Console().print(grid)
    told = ", ".join(f"{least:.1%} of {photos:,.0f} photos" for photos, least in found.thresholds)
    print(
        f"no good match: best photo below {told}; so are called {found.missed:.1%} of the queries "
        f"whose person is there, and {found.caught:.1%} of those without a right photo"
    )
