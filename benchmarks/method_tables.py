"""Tables of a method's page: what its parts are worth, what it costs, what its recipe reaches."""

from collections.abc import Mapping, Sequence
from typing import Any

from results import read

FORMS = ("ours", "literal")
METRICS = ("rank-1", "rank-5", "rank-10", "mAP")
NAMES = {"cmr": "cmr, a reconstruction"}


def ablation(
    method: str,
    chosen: Mapping[str, str] | None = None,
    trapezoid: bool = False,
    seen: Mapping[str, str] | None = None,
    besides: Mapping[str, str] | None = None,
) -> str:
    """What the parts of a method are worth, each against the variant it is built on.

    chosen: settings that validation chooses in each run, and the words for them. trapezoid: whether
    the trapezoid's mAP stands beside the standard one. seen: what runs measured beside their
    losses, and the words for it. besides: what was measured of each run besides, and its words.
    """
    seen, besides = seen or {}, besides or {}
    told, chosen = read(f"{method}_ablation"), chosen or {}
    asked = {"mAP-trapezoid": "mAP, trapezoid"} if trapezoid else {}
    heads = ["variant", "Rank-1", "Rank-5", "Rank-10", "mAP", *asked.values(), *chosen.values()]
    heads += [*seen.values(), *besides.values()]
    head = row(*heads, "Rank-1 against", "difference [95 %]")
    rows = [f"{head}\n{'|---' * (len(heads) + 2)}|"]
    again = []
    minutes = [m for found in told["values"].values() for m in found.get("minutes", ())]
    for name, found in told["values"].items():
        other, change = found.get("against", ""), ""
        if other:
            change = spread(found["difference"], "+")
        numbers = [f"{found[m]:.1f}" for m in (*METRICS, *asked)]
        choices = [", ".join(f"{value:g}" for value in found.get(key, ())) for key in chosen]
        measured = found.get("seen", {})
        choices += [f"{measured[key]:.2f}" if key in measured else "" for key in seen]
        choices += [f"{found[key]:.1f}" for key in besides]
        line = row(name, *numbers, *choices, other, change)
        if "k" in found:
            again = ["", f"Re-ranked, {reranking(found)} chosen on validation (seed by seed):", "",
                     rows[0], line]  # fmt: skip
        else:
            rows.append(line)
    count = len(told["seeds"])
    seeds = f"means of {count} seeds" if count > 1 else "one seed"
    by_validation = " and the ".join(["epoch", *chosen.values()])
    said = (
        f"\nDrawn people, {told['queries']:,} captions x {told['photos']:,} photos of "
        f"{told['persons']} persons never seen; {seeds}; the best "
        f"{by_validation} by validation; paired intervals over persons. Each run has one core, "
        f"{min(minutes):.0f} to {max(minutes):.0f} minutes. `results/{method}_ablation.json`."
    )
    return "\n".join([*rows, *again, said])


def reranking(found: Mapping[str, Any]) -> str:
    pairs = zip(found["k"], found["weight"], strict=True)
    return ", ".join(f"k = {k} and weight {weight:g}" for k, weight in pairs)


def drawn(method: str) -> str:
    """The drawn recipe, from nothing to a model."""
    told = read(f"{method}_drawn")["values"]
    chosen = "".join(
        f", {name.removeprefix('chosen ')} {value:g}"
        for name, value in told.items()
        if name.startswith("chosen ")
    )
    lower = told.get("test mAP-trapezoid")
    trapezoid = "" if lower is None else f" (by trapezoids {lower:.1f})"
    return (
        f"`recipes/{method}-drawn.toml` takes {told['minutes in all']:.0f} minutes on 2 cores, "
        f"people drawn and validations counted in ({told['epochs']} epochs, {told['pairs']:,} "
        f"pairs). Validation Rank-1 {told['validation rank-1']:.1f} (epoch "
        f"{told['best epoch']}{chosen}; the last: "
        f"{told['validation rank-1 of the last epoch']:.1f}); test Rank-1 / 5 / 10 "
        f"{told['test rank-1']:.1f} / {told['test rank-5']:.1f} / {told['test rank-10']:.1f}, mAP "
        f"{told['test mAP']:.1f}{trapezoid}, {told['queries']:,} captions x {told['photos']:,} "
        f"photos. `results/{method}_drawn.json`."
    )


def comparison() -> str:
    """All methods on the same people for the same minutes: what they find, and what they cost."""
    told = read("compare")
    heads = ["Rank-1 [95 %]", "Rank-5", "Rank-10", "mAP [95 %]"]
    rows = [row("method", *heads, "Rank-1 against twotower", "mAP against it")]
    rows.append("|---" * 7 + "|")
    for name, found in told["values"].items():
        first, ap = (spread(found[metric]) for metric in ("rank-1", "mAP"))
        between = [f"{found[metric][0]:.1f}" for metric in ("rank-5", "rank-10")]
        apart = found.get("difference", {})
        rows.append(
            row(NAMES.get(name, name), first, *between, ap, *(
                spread(apart[metric], "+") if apart else "" for metric in ("rank-1", "mAP")
            ))
        )  # fmt: skip
    rows += ["", *comparison_cost(told)]
    rows.append(
        f"\nDrawn people, {told['queries']:,} captions x {told['photos']:,} photos of "
        f"{told['persons']} persons never seen; one run each of {told['minutes']:g} minutes on one "
        "core, two at once, the best epoch by validation; intervals over persons, differences "
        f"paired by query. {told['machine']}. `results/compare.json`."
    )
    return "\n".join(rows)


def comparison_cost(told: Mapping[str, Any]) -> list[str]:
    """What each method needed to be trained, and needs to search."""
    heads = ("pairs seen", "epochs (best)", "minutes", "weights trained, million",
             "weights to search, million", "bytes a photo", "photos/s", "ms a query")  # fmt: skip
    rows = [row("method", *heads), "|---" * (len(heads) + 1) + "|"]
    for name, found in told["values"].items():
        weights = [f"{found[f'weights {what}'] / 1e6:.2f}" for what in ("trained", "to search")]
        rows.append(
            row(
                NAMES.get(name, name), f"{found['pairs']:,}",
                f"{found['epochs']} ({found['best epoch']})",
                f"{found['minutes']:.1f}", *weights, f"{found['bytes a photo']:,}",
                f"{found['photos a second']:.0f}", f"{found['milliseconds a query']:.1f}",
            )
        )  # fmt: skip
    return rows


def spread(found: Sequence[float], sign: str = "") -> str:
    """A mean and its interval."""
    mean, low, high = (f"{value:{sign}.1f}" for value in found)
    return f"{mean} [{low}, {high}]"


def nafs_cost() -> str:
    """A training step and local similarity against the literal form, and a ranking at full size."""
    step, ranking = read("nafs_step")["values"], read("ranking")["values"]
    rows = steps(step, {"ours": "fp32", "ours in bf16": "bf16 (literal: fp32)"})
    local = {what: step[f"local similarity: {what}"] for what in (
        "CPU seconds, literal", "CPU seconds, ours", "MiB, literal", "MiB, ours",
        "times less CPU", "times less memory",
    )}  # fmt: skip
    rows += [
        row("local similarity and its gradients, batch 64", f"{local['CPU seconds, literal']:.2f}",
            f"{local['CPU seconds, ours']:.3f}", f"{1 / local['times less CPU']:.3f}"),
        row("its memory, MiB", f"{local['MiB, literal']:.0f}", f"{local['MiB, ours']:.0f}",
            f"{1 / local['times less memory']:.3f}"),
        "\nThe literal form is the method as it is written down: texts padded to 100 ids, a loop "
        "over captions, keys and values copied for each photo. "
        f"{equal_losses(step)} `results/nafs_step.json`.",
    ]  # fmt: skip
    found = ranking["percent of the first 10 that the shortlist finds"]
    rows.append(
        f"\nRanking {ranking['photos']:,} photos for {ranking['captions']:,} captions of 15 to 60 "
        f"items takes {ranking['CPU seconds, whole gallery']:.0f} CPU seconds and "
        f"{ranking['peak memory of the process, GiB']:.2f} GiB for the process, texts made chunk "
        "by chunk; by way of a shortlist of 200 "
        f"{ranking['CPU seconds, shortlist of 200']:.0f} seconds, with {found:.1f} % of the same "
        "first ten (of drawn vectors: a trained model's may agree less). `results/ranking.json`."
    )
    return "\n".join(rows)


def acsa_cost() -> str:
    """A training step against the literal form."""
    step = read("acsa_step")["values"]
    rows = steps(
        step,
        {
            "ours": "fp32",
            "ours with cached texts": "fp32, texts prepared",
            "ours in bf16": "bf16 (literal: fp32)",
        },
    )
    ours, literal = (step[f"default: weights with gradients, {form}"] for form in FORMS)
    rows.append(
        "\nThe literal form is the method as it is written down: BERT in the graph, sentences "
        "padded to 118 ids and each of ten phrases to 40, a loop over captions; no dropout in "
        f"either (the preset's own dropout on texts leaves nothing to prepare). "
        f"{equal_losses(step)} {ours / 1e6:.1f} million weights get gradients here, "
        f"{literal / 1e6:.1f} million in the literal form. `results/acsa_step.json`."
    )
    return "\n".join(rows)


def ivt_cost() -> str:
    """A training step, the text side and token dropping against the literal form."""
    step = read("ivt_step")["values"]
    rows = [row("CPU seconds, one thread", "literal", "here", "times"), "|---|---|---|---|"]
    for part, form, words in (
        ("whole step", "ours", "a step of 4 pairs, full size, fp32"),
        ("whole step", "ours in bf16", "a step of 4 pairs, full size, bf16 (literal: fp32)"),
        ("texts alone", "ours", "its texts alone, fp32"),
        ("dropping alone", "ours", "its dropping of tokens alone"),
    ):
        literal = step[f"{part}: CPU seconds a step, literal"]
        times = step[f"{part}: {form}, times the literal seconds"]
        ours = times * literal
        rows.append(row(words, f"{literal:.2f}", f"{ours:.2f}", f"{times:.2f}"))
    rows.append(
        "\nThe literal form is the method as it is written down: all texts padded to the longest "
        "sentence, every token read to the end, tokens dropped by joining slices of one; no "
        f"dropout and no dropped paths in either. {equal_losses(step)} In bf16 the literal form "
        f"itself takes {step['whole step: literal in bf16, times the literal seconds']:.2f} of its "
        "fp32 seconds. `results/ivt_step.json`."
    )
    return "\n".join(rows)


def steps(step: Mapping[str, float], forms: Mapping[str, str]) -> list[str]:
    """Rows of a step's seconds, for each preset; forms: those beside the literal, and the words."""
    rows = [row("CPU seconds, one thread", "literal", "here", "times"), "|---|---|---|---|"]
    for preset in ("default", "released"):
        literal = step[f"{preset}: CPU seconds a step, literal"]
        for name, words in forms.items():
            rows.append(
                row(
                    f"a step of 4 pairs, full size, {preset}, {words}", f"{literal:.2f}",
                    f"{step[f'{preset}: CPU seconds a step, {name}']:.2f}",
                    f"{step[f'{preset}: {name}, times the literal seconds']:.2f}",
                )
            )  # fmt: skip
    return rows


def equal_losses(step: Mapping[str, float]) -> str:
    off = max(v for what, v in step.items() if what.endswith("off by") and "bf16" not in what)
    half = max(v for what, v in step.items() if what.endswith("bf16, loss off by"))
    return f"Losses are equal to {off:.0e} in fp32, and to {100 * half:.2f} % in bf16."


def fusion(method: str) -> str:
    """Validation over the weight of the local similarity, where every run chooses its own."""
    told = read(f"{method}_ablation")
    found = {name: own for name, own in told["values"].items() if "curve" in own}
    heads = [f"{name}: {metric}" for name in found for metric in ("Rank-1", "mAP")]
    rows = [row("fusion weight", *heads), "|---" * (len(heads) + 1) + "|"]
    for same in zip(*(own["curve"] for own in found.values()), strict=True):
        numbers = [f"{entry[metric]:.1f}" for entry in same for metric in ("rank-1", "mAP")]
        rows.append(row(f"{same[0]['fusion_weight']:g}", *numbers))
    chosen = "; ".join(
        f"{name} {' and '.join(f'{weight:g}' for weight in own['fusion_weight'])}"
        for name, own in found.items()
    )
    rows.append(
        f"\nValidation, means of {len(told['seeds'])} seeds. Chosen, seed by seed: {chosen}. "
        f"`results/{method}_ablation.json`."
    )
    return "\n".join(rows)


def leak() -> str:
    """What the order of a test set is worth to the released re-ranking."""
    told = read("leak")["values"]
    rows = [row("synthetic embeddings", "Rank-1"), "|---|---|"]
    rows += [row(name, f"{value:.1f}") for name, value in told.items()]
    rows.append("\nMean of ten draws, 200 persons; `results/leak.json`.")
    return "\n".join(rows)


def acsa_phrases() -> str:
    """How well each rule finds the phrases of judged captions of each kind."""
    told = read("phrases")["values"]
    scores = {
        "precision": "precision", "recall": "recall",
        "relaxed_precision": "precision, relaxed", "relaxed_recall": "recall, relaxed",
    }  # fmt: skip
    heads = ["`phrase_rule`", "captions", *scores.values(), "captions/s"]
    rows = [row(*heads), "|---" * len(heads) + "|"]
    for line in [key.removesuffix(": recall") for key in told if key.endswith(": recall")]:
        mode, _, part = line.partition(", ")
        numbers = [f"{100 * told[f'{line}: {score}']:.1f}" for score in scores]
        rows.append(row(mode, part, *numbers, f"{told[f'{mode}: captions a second']:,.0f}"))
    rows.append(
        f"\nPercent, {told['captions']} captions of {told['words a caption']:.0f} words, "
        f"{told['phrases judged']:,} phrases judged by hand; relaxed: spans that overlap and have "
        "the same head. The rules of garment were made with those written in sight, and mended "
        "once those kept back had been read: `tests/unit/language/judged_phrases.txt` says how "
        "they did at first. Captions a second of one core. `results/phrases.json`."
    )
    return "\n".join(rows)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
