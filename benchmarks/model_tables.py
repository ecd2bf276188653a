"""Tables of the default model's card: what it is blind to, what its scores mean, what harms it."""

from collections.abc import Mapping
from typing import Any

from calibration import PROBABILITIES
from harm_photos import PHOTOS
from harm_texts import TEXTS
from method_tables import row, spread
from results import read

SETS = {"drawn": "drawn, whole captions", "drawn, short": "drawn, one to three things",
        "real": "real"}  # fmt: skip


def attributes() -> str:
    """How often a true sentence beats the one with a word changed, by attribute."""
    told = read("attributes")
    values, goals = told["values"], told["goals"]
    names = [name.removesuffix(" pairs") for name in values if name.endswith(" pairs")]
    rows = [row("attribute", "true sentence higher, %", "95 %", "pairs", "goal",
                "with another person's photo")]  # fmt: skip
    rows.append("|---" * 6 + "|")
    for name in names:
        if name in values:
            between = f"{values[f'{name} low']:.1f} to {values[f'{name} high']:.1f}"
            rows.append(row(
                name, f"{values[name]:.1f}", between, f"{values[f'{name} pairs']:,}",
                str(goals.get(name, "")), f"{values[f'{name} elsewhere']:.1f}",
            ))  # fmt: skip
    worst = ", ".join(
        f"{' and '.join(each['colours'])} ({each['right']:.0f})"
        for each in told["confused_colours"][:4]
    )
    said = (
        f"\n{values['persons']:,} drawn persons x 2 photos x 2 captions, one word of a sentence "
        "exchanged for one that is false and not confused with it; 50 is chance, and what a model "
        f"without eyes would have. Colours told apart least: {worst}. `results/attributes.json`."
    )
    return "\n".join([*rows, said])


def calibration() -> str:
    """What the probabilities are worth on each set of queries."""
    told = read("calibration")
    values = told["values"]
    sets = [name for name in SETS if f"{name}: queries" in values]
    rows = [row("", *(SETS[name] for name in sets)), "|---" * (1 + len(sets)) + "|"]

    def line(words: str, what: str, form: str = ".1f") -> None:
        rows.append(row(words, *(f"{values[f'{name}: {what}']:{form}}" for name in sets)))

    line("queries", "queries", ",.0f")
    for part in ("all photos", "the ten best"):
        line(f"expected calibration error, {part}, points",
             f"expected calibration error of {part}, %", ".2f")  # fmt: skip
    for least in PROBABILITIES:
        line(f"false alarms per 1,000 photos at {least:.0%}",
             f"false alarms per 1,000 photos at {least}", ".2f")  # fmt: skip
        line(f"right photos kept at {least:.0%}, %", f"right photos kept at {least}, %")
    line('called "no good match", right person there, %', "no good match, right person there, %")
    line("the same, right photos taken out, %", "no good match, right photos taken out, %")
    least = ", ".join(f"{p:.1%} of {photos:,.0f} photos" for photos, p in told["thresholds"])
    said = (
        f'\nFitted on {told["fitted_on"]}. "No good match" is said where the best is below '
        f"{least}. On drawn people a photo is right when all that is told is true "
        "of it; on real ones only the person is known, so theirs is a lower bound. "
        "`results/calibration.json`."
    )
    return "\n".join([*rows, said])


def calibration_curves() -> str:
    """The curves that were compared on validation."""
    told = read("calibration_curves")
    values = told["values"]
    names = [name.removeprefix("logistic of ") for name in values if name.startswith("logistic")]
    rows = [row("the curve knows", "logistic", "isotonic"), "|---|---|---|"]
    for name in names:
        pair = (values[f"{form} of {name}"] for form in ("logistic", "isotonic"))
        rows.append(row(name, *(f"{loss:.4f}" for loss in pair)))
    rows.append(f"\n{told['fitted_on'].capitalize()}. `results/calibration_curves.json`.")
    return "\n".join(rows)


def robustness() -> str:
    """Rank-1 after each harm, beside that of the unharmed."""
    values = read("robustness")["values"]
    sets = [name for name in ("drawn", "real") if f"{name} queries" in values]
    heads = [head for name in sets for head in (f"{name} Rank-1", "difference [95 %]")]
    rows = [row("harm", *heads), "|---" * (1 + len(heads)) + "|"]
    plain = [cell for name in sets for cell in (f"{values[f'{name} as they are rank-1']:.1f}", "")]
    rows.append(row("none", *plain))
    for what, harms in (("queries", TEXTS), ("photos", PHOTOS)):
        for harm in harms:
            cells = [cell for name in sets for cell in _harmed(values, f"{name} {what} {harm}")]
            rows.append(row(f"{what}: {harm}", *cells))
    said = (
        "\nOne harm at a time, on all queries or all photos; paired intervals over persons. Six "
        "words, first clothes alone, a wrong colour and grayscale take away what was told or "
        "shown: any model falls there. `results/robustness.json`."
    )
    return "\n".join([*rows, said])


def _harmed(values: Mapping[str, Any], name: str) -> list[str]:
    return [f"{values[f'{name} rank-1']:.1f}", spread(values[f"{name} rank-1 difference"], "+")]
