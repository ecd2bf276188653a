"""passerby evaluate: a model on splits of data sets, with the card that says how."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from passerby.cli.measuring import Measured
    from passerby.ranking.metrics import Ap


def evaluate(
    model: Annotated[str, typer.Argument(help='A model folder, or "default".')],
    data: Annotated[
        list[str],
        typer.Option(help="NAME:ROOT, for example cuhk-pedes:data/CUHK-PEDES; may be repeated."),
    ],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    rerank: Annotated[
        str | None,
        typer.Option(help="Also re-ranked, tuned on val: neighbours, k-reciprocal or expansion."),
    ] = None,
    ap: Annotated[
        str, typer.Option(help="standard, or trapezoid: beside it, for IVT's and SSAN's numbers.")
    ] = "standard",
    photo_to_text: Annotated[
        bool,
        typer.Option("--photo-to-text", help="Also the other way: photos ask, captions answer."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the report here, as JSON; of several, X.NAME.json.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with each query's first photos here.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Photos embedded at once.", min=1)] = 128,
    workers: Annotated[int, typer.Option(help="Processes that read photos.", min=0)] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure a model: each caption is a query, each photo once in the gallery. Of several data
    sets each alone: what a model is worth where it was not trained."""
    import passerby
    from passerby.build import device_for
    from passerby.cli.measuring import Asking, Place, measure
    from passerby.data.sources import parse, read_data
    from passerby.reports.domains import trained_on, warnings

    asking = Asking(split, rerank, check_ap(ap), photo_to_text, batch, workers)
    if rerank is not None:
        check_tunable(rerank, split)
    names = labels(data)
    for path, other in ((out, html), (html, out)):
        check_place(path, other, *(parse(spec)[1] for spec in data))
    method = passerby.load(model).to(device_for(device))
    splits = [read_data(spec, split) for spec in data]
    vals = [read_data(spec, "val") if rerank is not None else None for spec in data]
    made = {"model": model, **provenance(model)}
    trained = trained_on(made.get("recipe"))
    found = []
    for spec, name, chosen, val in zip(data, names, splits, vals, strict=True):
        paths = [beside(path, name) if len(data) > 1 else path for path in (out, html)]
        place = Place(name, {**made, "data": spec, "trained_on": trained}, *paths)
        found.append(measure(method, chosen, val, asking, place))
    tell(found, f"{model} on {data[0]} {split}" if len(data) == 1 else f"{model}, {split}")
    for line in warnings(trained, data):
        print(f"beware: {line}")
    if ap == "trapezoid":
        print(
            "mAP-trapezoid is lower than mAP for the same ranking: compare it only with papers "
            "that use it (IVT, SSAN)"
        )


def tell(found: Sequence[Measured], title: str) -> None:
    """Prints what was measured: of one data set a table a report, of several a row each."""
    from passerby.cli.tables import overview, table
    from passerby.errors import shown
    from passerby.reports.told import lines

    alone = len(found) == 1
    for place, first in enumerate(found[0].reports):
        same = len({each.reports[place].title for each in found}) == 1
        named = (first.title if same else first.kind) or title
        if alone:
            table(first.report, named)
        else:
            rows = [(each.name, each.domain, each.reports[place].report) for each in found]
            overview(rows, named)
        for each in found:
            own = each.reports[place]
            for line in lines(own.report) + ([] if same else [own.title]):
                print(line if alone else f"{each.name}: {line}")
            if own.out is not None:
                print(f"report: {shown(own.out)}")
    for each in found:
        for line in each.told:
            print(line if alone else f"{each.name}: {line}")


def check_ap(ap: str) -> Ap:
    """Raises BadRecipe for an unknown definition of average precision."""
    from passerby.ranking import metrics

    return metrics.check_ap(ap)


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


def check_place(path: Path | None, *taken: Path | None) -> None:
    """Makes the folder of a file that is written in the end, and refuses one that cannot be, or
    that is one of `taken`: what is read, or written as well."""
    from passerby.errors import BadRecipe, shown

    if path is None:
        return
    if path.is_dir():
        raise BadRecipe(f"{shown(path)}: a folder; name a file in it")
    if any(path.resolve() == other.resolve() for other in taken if other):
        raise BadRecipe(f"{shown(path)} is read or written here already; name another file for it")
    path.parent.mkdir(parents=True, exist_ok=True)


def labels(data: Sequence[str]) -> list[str]:
    """A name for each data set, unlike those of the others: its own, numbered where it repeats.

    Raises BadData for what is no `NAME:ROOT` and for a data set that is given twice.
    """
    from passerby.data.sources import parse
    from passerby.errors import BadData, shown

    named: list[str] = []
    seen: list[tuple[str, Path]] = []
    for spec in data:
        name, root = parse(spec)
        if (name, root.resolve()) in seen:
            raise BadData(f"{shown(spec)} is given twice; give each data set once")
        count = sum(name == other for other, _ in seen)
        named.append(f"{name}-{count + 1}" if count else name)
        seen.append((name, root.resolve()))
    return named


def beside(out: Path | None, kind: str) -> Path | None:
    """X.KIND.json for X.json: numbers of another kind have a file of their own."""
    if out is None:
        return None
    end = out.suffix if out.suffix in (".json", ".html") else ""
    return out.with_name(f"{out.name.removesuffix(end)}.{kind}{end or '.json'}")


def provenance(model: str) -> dict[str, object]:
    """What the card tells of the making: version, commit of the checkout, seed and recipe."""
    import json

    import passerby
    from passerby.build import model_folder
    from passerby.errors import BadModel, shown

    folder = model_folder(model)
    found = [f for f in (folder / "recipe.json", folder.parent / "recipe.json") if f.is_file()]
    try:
        told = json.loads(found[0].read_text(encoding="utf-8")) if found else None
    except ValueError:
        raise BadModel(f"{shown(found[0])}: damaged; restore it, or remove it") from None
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
