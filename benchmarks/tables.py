"""Writes the tables of the docs from results/, between their marks.

python benchmarks/tables.py [--check]

A table stands between <!-- results:NAME --> and <!-- results:end -->; TABLES below says what makes
it. --check writes nothing and exits 1 when a page is not current.
"""

import re
import sys
from functools import partial
from pathlib import Path

from cmr_tables import commonality
from gallery_tables import gallery
from method_tables import (
    ablation,
    acsa_cost,
    acsa_phrases,
    comparison,
    drawn,
    fusion,
    ivt_cost,
    leak,
    nafs_cost,
)
from model_tables import attributes, calibration, calibration_curves, robustness
from results import ROOT, read

PAGES = (
    "README.md", "src/passerby/default_model/README.md", "docs/methods/nafs.md",
    "docs/methods/acsa.md", "docs/methods/ivt.md", "docs/methods/cmr.md",
    "docs/methods/comparison.md", "docs/why/default-model.md", "docs/why/calibration.md",
    "docs/why/large-galleries.md", "docs/why/intervals.md",
)  # fmt: skip
MARK = re.compile(r"(<!-- results:(\w+) -->\n)(.*?)(<!-- results:end -->)", re.S)


def default_model() -> str:
    """How well the shipped model finds people."""
    drawn, real = read("drawn_people")["values"], read("real_photos")["values"]
    head = "| gallery | queries x photos | Rank-1 | Rank-5 | Rank-10 | mAP | file |\n"
    rows = [head + "|---|---|---|---|---|---|---|"]
    for name, told, file in (
        ("drawn people, never seen", drawn, "drawn_people"),
        ("real pedestrians, never seen one", real, "real_photos"),
    ):
        numbers = " | ".join(f"{told[m]:.1f}" for m in ("rank-1", "rank-5", "rank-10", "mAP"))
        size = f"{told['queries']:,} x {told['photos']:,}"
        rows.append(f"| {name} | {size} | {numbers} | `results/{file}.json` |")
    rows.append(
        f"\nA reader who knows the drawn wardrobes reaches Rank-1 {drawn['ceiling rank-1']:.1f} on "
        "the drawn photos: captions leave things out, and some persons dress alike. Chance on the "
        f"real photos is {real['chance rank-1']:.1f}."
    )
    return "\n".join(rows)


def speed() -> str:
    """Photos a second."""
    told, run = read("speed"), read("default_training")["values"]
    minutes = run["minutes of them in training and validation"]
    values = told["values"] | {
        "photos trained per second, validation counted in": run["pairs"] / minutes / 60,
        "minutes to the default model from nothing": run["minutes in all"],
    }
    rows = ["| what | value |", "|---|---|"]
    rows += [f"| {what} | {value:,.0f} |" for what, value in values.items()]
    files = "`results/speed.json`, `results/default_training.json`"
    said = f"{told['machine']}; rates are the fastest of five turns, training is one run; {files}."
    return "\n".join([*rows, f"\n{said}"])


def metrics() -> str:
    """What all metrics of a test split cost, beside the textbook formulas in a loop."""
    told = read("metrics")
    values = told["values"]
    rows = ["| road | CPU seconds | peak memory, MiB |", "|---|---|---|"]
    for road, name in (
        ("ours", "a report, block by block"),
        ("literal", "the formulas, query by query, all scores at once"),
        ("evaluate-embeddings", "`evaluate-embeddings`, its checks included"),
    ):
        seconds, peak = values[f"{road}: CPU seconds"], values[f"{road}: peak memory, MiB"]
        rows.append(f"| {name} | {seconds:.1f} | {peak:,.0f} |")
    rows.append(
        f"\n{values['captions']:,} captions x {values['photos']:,} photos, metrics, intervals, ROC "
        f"and histograms; {values['numbers compared, none 1e-9 apart']:,} numbers of the first two "
        f"roads compared, none 1e-9 apart. Imports alone take "
        f"{values['ours: of it before, MiB']:,.0f} MiB. {told['machine']}, one thread; "
        "`results/metrics.json`."
    )
    return "\n".join(rows)


TABLES = {
    "default_model": default_model,
    "speed": speed,
    "attributes": attributes,
    "calibration": calibration,
    "calibration_curves": calibration_curves,
    "robustness": robustness,
    "gallery": gallery,
    "metrics": metrics,
    "default_ablation": partial(
        ablation,
        "default",
        besides={
            "rank-1 of misspelt queries": "queries misspelt",
            "rank-1 of harmed photos": "photos harmed",
            "swapped words noticed": "words swapped",
        },
    ),
    "nafs_ablation": partial(ablation, "nafs"),
    "nafs_cost": nafs_cost,
    "nafs_drawn": partial(drawn, "nafs"),
    "acsa_ablation": partial(ablation, "acsa", chosen={"fusion_weight": "fusion weight"}),
    "acsa_fusion": partial(fusion, "acsa"),
    "acsa_swin": partial(ablation, "acsa_swin", chosen={"fusion_weight": "fusion weight"}),
    "acsa_swin_fusion": partial(fusion, "acsa_swin"),
    "acsa_cost": acsa_cost,
    "leak": leak,
    "acsa_phrases": acsa_phrases,
    "acsa_drawn": partial(drawn, "acsa"),
    "ivt_ablation": partial(ablation, "ivt", trapezoid=True),
    "ivt_cost": ivt_cost,
    "ivt_drawn": partial(drawn, "ivt"),
    "cmr_ablation": partial(
        ablation, "cmr", seen={"floor share": "at the floor", "parts alike": "parts alike"}
    ),
    "cmr_drawn": partial(drawn, "cmr"),
    "commonality": commonality,
    "compare": comparison,
}


def table(name: str) -> str:
    try:
        return TABLES[name]()
    except FileNotFoundError as missing:
        return f"Not measured yet: results/{Path(missing.filename).name}."


def main() -> None:
    check = "--check" in sys.argv
    stale = []
    for file in (ROOT / page for page in PAGES if (ROOT / page).exists()):
        page = str(file.relative_to(ROOT))
        text = file.read_text(encoding="utf-8")
        new = MARK.sub(lambda m: m[1] + table(m[2]) + "\n" + m[4], text)
        if new != text:
            stale.append(page)
            if not check:
                file.write_text(new, encoding="utf-8")
    print("stale: " + ", ".join(stale) if stale else "tables are current")
    if check and stale:
        sys.exit("run: python benchmarks/tables.py")


if __name__ == "__main__":
    main()
