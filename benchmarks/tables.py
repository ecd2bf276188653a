"""Writes the tables of the docs from results/, between their marks.

python benchmarks/tables.py [--check]

A table stands between <!-- results:NAME --> and <!-- results:end -->; NAME is a function below.
--check writes nothing and exits 1 when a page is not current.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "src/passerby/default_model/README.md", "docs/methods/nafs.md")
MARK = re.compile(r"(<!-- results:(\w+) -->\n)(.*?)(<!-- results:end -->)", re.S)


def read(name: str) -> dict:
    return json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))


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


def nafs_ablation() -> str:
    """What the parts of NAFS are worth, each against the variant it is built on."""
    told = read("nafs_ablation")
    head = "| variant | Rank-1 | Rank-5 | Rank-10 | mAP | Rank-1 against | difference [95 %] |\n"
    rows = [head + "|---|---|---|---|---|---|---|"]
    again = []
    for name, found in told["values"].items():
        numbers = " | ".join(f"{found[m]:.1f}" for m in ("rank-1", "rank-5", "rank-10", "mAP"))
        other, change = found.get("against", ""), ""
        if other:
            mean, low, high = found["difference"]
            change = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        row = f"| {name} | {numbers} | {other} | {change} |"
        if "weight" in found:
            chosen = ", ".join(
                f"k = {k} and weight {w:g}"
                for k, w in zip(found["k"], found["weight"], strict=True)
            )
            again = ["", f"Re-ranked, {chosen} chosen on validation (seed by seed):", "",
                     rows[0], row]  # fmt: skip
        else:
            rows.append(row)
    said = (
        f"\nDrawn people, {told['queries']:,} captions x {told['photos']:,} photos of "
        f"{told['persons']} persons never seen; means of {len(told['seeds'])} seeds; the best "
        "epoch by validation; paired intervals over persons. `results/nafs_ablation.json`."
    )
    return "\n".join([*rows, *again, said])


def nafs_cost() -> str:
    """A training step against the literal form, a ranking at full size, the drawn recipe."""
    step, ranking = read("nafs_step"), read("ranking")
    drawn = read("nafs_drawn")
    rows = ["| what | value |", "|---|---|"]
    for told, file in ((step, "nafs_step"), (ranking, "ranking"), (drawn, "nafs_drawn")):
        rows += [
            f"| {what} | {value:,.3g} |" if isinstance(value, float) and value < 1000
            else f"| {what} | {value:,} |"
            for what, value in told["values"].items() if not what.endswith("off by")
        ]  # fmt: skip
        rows.append(f"| | `results/{file}.json` |")
    return "\n".join(rows)


TABLES = {
    "default_model": default_model,
    "speed": speed,
    "nafs_ablation": nafs_ablation,
    "nafs_cost": nafs_cost,
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
