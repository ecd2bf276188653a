"""The command line: one small file a command; the edge where errors become one line and exit 2."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import typer

from passerby.cli.calibrate import calibrate
from passerby.cli.check_data import check_data
from passerby.cli.compare import compare
from passerby.cli.demo import demo
from passerby.cli.draw import draw
from passerby.cli.evaluate import evaluate
from passerby.cli.evaluate_embeddings import evaluate_embeddings
from passerby.cli.gallery import gallery_app
from passerby.cli.import_released import import_released
from passerby.cli.index import index
from passerby.cli.search import search
from passerby.cli.train import train
from passerby.errors import Refused, shown

app = typer.Typer(
    name="passerby",
    help="Find a person in a gallery of photos from a sentence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Misused: Any = typer.BadParameter.__base__  # an option misspelt or missing: click's UsageError

for command in (
    index, search, draw, check_data, train, evaluate, evaluate_embeddings, compare, calibrate, demo,
    import_released,
):  # fmt: skip
    app.command()(command)
app.add_typer(gallery_app, name="gallery")


def version(show: bool) -> None:
    if show:
        from passerby import __version__

        print(f"passerby {__version__}")
        raise typer.Exit


@app.callback()
def options(
    show: bool = typer.Option(
        False, "--version", callback=version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    del show


def main() -> None:
    """Runs a command. Refused input is one line on stderr and exit 2; Ctrl-C is exit 130."""
    # Pillow's advice on odd files is for programmers; what cannot be read is listed by us
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if not sys.argv[1:]:
        app(prog_name="passerby")  # help
    try:
        code = app(standalone_mode=False, prog_name="passerby")
        if code == 130:  # Ctrl-C, as typer tells it
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except Misused as misused:
        helped = misused.ctx.command_path if misused.ctx else "passerby"
        reason = misused.format_message().rstrip(".")
        print(f"passerby: {shown(reason)}; see {helped} --help", file=sys.stderr)
        sys.exit(2)
    except Refused as refused:
        print(f"passerby: {shown(str(refused))}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("passerby: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # a path that cannot be made or written, a full disk
        place = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or error
        line = f"{place}{reason}; check the path, its permissions and the room left"
        print(f"passerby: {shown(line)}", file=sys.stderr)
        sys.exit(2)
