"""The table of docs/why/large-galleries.md, from results/gallery.json."""

from typing import Any

from results import read

CORES = ("cores 1", "cores 2")
TEN, LIST = "10 nearest", "shortlist of 200"


def gallery() -> str:
    """A gallery with its index and without, and FAISS, at each size."""
    told = read("gallery")
    tables = [_table(one) for one in told["values"]["galleries"]]
    met = told["values"].get("goal of 10 ms at recall 0.99 met", {})
    said = [
        f"the goal at a million photos, 10 ms at the median with recall@10 0.99, is "
        f"{'met' if reached else 'not met'} with {cores.split()[1]} of the cores"
        for cores, reached in met.items()
    ]
    asked = (
        "10 nearest: the index asked for 10, as FAISS is, with the setting fitted to 201; a search "
        "asks for the shortlist"
    )
    drawn = f"{told['dim']} numbers a vector, {told['parts']} parts of as many a photo"
    files = "`results/gallery.json`"
    return "\n\n".join(
        [*tables, f"{told['machine']}; {'; '.join([drawn, asked, *said])}; {files}."]
    )


def _table(one: dict[str, Any]) -> str:
    own, theirs = one["passerby"], one["faiss"]
    rows = [
        f"**{one['rows']:,} photos** (milliseconds at the median / 99 of 100, with 1 and 2 cores)",
        "",
        "| | built, s | 10 nearest, 1 core | 2 cores | recall@10 | shortlist, 1 core | 2 cores "
        "| recall@200 | memory, GiB | on disk, GB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    size = own["build"]["bytes of the gallery"] / 1e9
    index = own["build"]["bytes of the index"] / 1e9
    ways = {cores: own[cores] for cores in CORES}
    built = own["build"]["seconds to build"]
    if TEN in ways["cores 1"]["index"]:
        rows.append(_row("gallery, index", built, {c: w["index"] for c, w in ways.items()}, index))
    rows.append(_row("gallery, flat", None, {c: w["flat"] for c, w in ways.items()}, size))
    for kind, name in (("flat", "FAISS flat"), ("hnsw", "FAISS HNSW")):
        found = theirs[kind]
        rows.append(_row(name, found["build"]["seconds to build"], found,
                         found["build"]["bytes"] / 1e9))  # fmt: skip
    rates = "; ".join(
        f"{value:,} {name}" for name, value in own["store"].items() if name.startswith("rows")
    )
    filters = "; ".join(
        f"{name} in {found['p50']:.1f} ms, recall {found['recall']:.3f} ({found['way']})"
        for name, found in ways["cores 1"]["filtered"].items()
        if isinstance(found, dict)
    )
    share = f"{own['build']['bytes a row']:,} bytes a photo"
    rows.append(f"\nStored: {rates}; {share}. With a filter, 1 core: {filters}.")
    return "\n".join(rows)


def _row(name: str, built: float | None, found: dict[str, Any], size: float) -> str:
    one, two = (found[cores] for cores in CORES)
    cells = [name, "" if built is None else f"{built:,.0f}"]
    for what in (TEN, LIST):
        cells += [f"{told[what]['p50']:.1f} / {told[what]['p99']:.1f}" for told in (one, two)]
        cells.append(f"{one[what]['recall']:.3f}")
    memory = f"{one['peak memory, GiB']:.1f}"
    return "| " + " | ".join([*cells, memory, f"{size:.2f}"]) + " |"
