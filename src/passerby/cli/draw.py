"""passerby draw: a data set of drawn people, in the CUHK-PEDES layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def draw(
    out: Annotated[Path, typer.Argument(help="The folder to write, new or begun before.")],
    persons: Annotated[int, typer.Option(help="Persons in all splits.")] = 2000,
    photos: Annotated[int, typer.Option(help="Photos of each person.")] = 4,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    captions: Annotated[int, typer.Option(help="Captions of each photo.")] = 2,
    height: Annotated[int, typer.Option(help="Height of a photo, in pixels.")] = 128,
    width: Annotated[int, typer.Option(help="Width of a photo, in pixels.")] = 64,
    val_persons: Annotated[
        int | None, typer.Option(help="Persons for validation; a tenth when not given.")
    ] = None,
    test_persons: Annotated[
        int | None, typer.Option(help="Persons for test; a tenth when not given.")
    ] = None,
    fixed_size: Annotated[
        bool, typer.Option("--fixed-size", help="All photos of one size, not as detectors crop.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes that draw; one a core when not given.", min=1)
    ] = None,
) -> None:
    """Draws people, their photos and captions; run again after a break, it goes on."""
    from passerby.cli.meter import Meter
    from passerby.drawn.world import draw_world
    from passerby.errors import shown

    with Meter("drawing") as meter:
        settings = draw_world(
            out,
            persons,
            photos,
            seed,
            captions=captions,
            height=height,
            width=width,
            val=0.1 if val_persons is None else val_persons,
            test=0.1 if test_persons is None else test_persons,
            vary=not fixed_size,
            workers=workers,
            progress=meter.hear,
        )
    train = settings.persons - settings.val - settings.test
    place = shown(out)
    print(f"{place}: {train} persons to train, {settings.val} to validate, {settings.test} to test")
    print(f"{meter.done} photos drawn now, {meter.rate():.0f} a second; data name: drawn:{place}")
