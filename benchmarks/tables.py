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
    minutes = [m for found in told["values"].values() for m in found.get("minutes", ())]
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
        f"epoch by validation; paired intervals over persons. Each run has one core, "
        f"{min(minutes):.0f} "
        f"to {max(minutes):.0f} minutes. `results/nafs_ablation.json`."
    )
    return "\n".join([*rows, *again, said])


def nafs_cost() -> str:
    """A training step and local similarity against the literal form, and a ranking at full size."""
    step, ranking = read("nafs_step")["values"], read("ranking")["values"]
    rows = ["| CPU seconds, one thread | literal | here | times |", "|---|---|---|---|"]
    for preset in ("default", "released"):
        literal = step[f"{preset}: CPU seconds a step, literal"]
        for name, words in (("ours", "fp32"), ("ours in bf16", "bf16 (literal: fp32)")):
            rows.append(
                f"| a step of 4 pairs, full size, {preset}, {words} | {literal:.2f} "
                f"| {step[f'{preset}: CPU seconds a step, {name}']:.2f} "
                f"| {step[f'{preset}: {name}, times the literal seconds']:.2f} |"
            )
    local = {what: step[f"local similarity: {what}"] for what in (
        "CPU seconds, literal", "CPU seconds, ours", "MiB, literal", "MiB, ours",
        "times less CPU", "times less memory",
    )}  # fmt: skip
    rows += [
        f"| local similarity and its gradients, batch 64 | {local['CPU seconds, literal']:.2f} "
        f"| {local['CPU seconds, ours']:.3f} | {1 / local['times less CPU']:.3f} |",
        f"| its memory, MiB | {local['MiB, literal']:.0f} | {local['MiB, ours']:.0f} "
        f"| {1 / local['times less memory']:.3f} |",
    ]
    off = max(v for what, v in step.items() if what.endswith("off by") and "bf16" not in what)
    half = max(v for what, v in step.items() if what.endswith("bf16, loss off by"))
    rows.append(
        f"\nThe literal form is the method as it is written down: texts padded to 100 "
        f"ids, a loop over "
        f"captions, keys and values copied for each photo. Losses are equal to {off:.0e} "
        f"in fp32, and "
        f"to {100 * half:.2f} % in bf16. `results/nafs_step.json`."
    )
    found = ranking["percent of the first 10 that the shortlist finds"]
    rows.append(
        f"\nRanking {ranking['photos']:,} photos for {ranking['captions']:,} captions of "
        f"15 to 60 items "
        f"takes {ranking['CPU seconds, whole gallery']:.0f} CPU seconds and "
        f"{ranking['peak memory of the process, GiB']:.2f} GiB for the process, texts "
        f"made chunk by chunk; by "
        f"way of a shortlist of 200 {ranking['CPU seconds, shortlist of 200']:.0f} seconds, with "
        f"{found:.1f} % of the same first ten (of drawn vectors: a trained model's may "
        f"agree less). "
        "`results/ranking.json`."
    )
    return "\n".join(rows)


def nafs_drawn() -> str:
    """The drawn recipe, from nothing to a model."""
    told = read("nafs_drawn")["values"]
    return (
        f"`recipes/nafs-drawn.toml` takes {told['minutes in all']:.0f} minutes on 2 "
        f"cores, people drawn and "
        f"validations counted in ({told['epochs']} epochs, {told['pairs']:,} pairs). "
        f"Validation Rank-1 "
        f"{told['validation rank-1']:.1f} (epoch {told['best epoch']}; the last: "
        f"{told['validation rank-1 of the last epoch']:.1f}); test Rank-1 / 5 / 10 "
        f"{told['test rank-1']:.1f} / {told['test rank-5']:.1f} / {told['test rank-10']:.1f}, mAP "
        f"{told['test mAP']:.1f}, {told['queries']:,} captions x {told['photos']:,} photos. "
        "`results/nafs_drawn.json`."
    )


TABLES = {
    "default_model": default_model,
    "speed": speed,
    "nafs_ablation": nafs_ablation,
    "nafs_cost": nafs_cost,
    "nafs_drawn": nafs_drawn,
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
