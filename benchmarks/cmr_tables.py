"""Tables of CMR's page: what estimates of commonality know of the truth."""

from collections.abc import Iterable, Mapping
from typing import Any

from method_tables import row
from results import read

ESTIMATORS = ("id_posterior", "sim_entropy", "neighbour_count")
SIDES = ("photos", "captions")


def commonality() -> str:
    """Rank correlation of estimated and true commonality, part by part; then what the estimates
    are like.
    """
    told = read("commonality")
    values = told["values"]
    lines = [_parts(values, model) for model in told["models"]]
    said = (
        "Spearman's correlation of estimated and true commonality [95 %, over persons], of the "
        f"{told['held']:,} drawn persons of the training split that did not choose the region; a "
        "part is given the region whose truth its estimates follow best on the others. Looks at: "
        "the mean height of a part's attention, 0 the top of the photo, and the region there. "
        f"`results/commonality.json`, which says what a region is. A reconstruction: {len(lines)} "
        f"model{'s' if len(lines) > 1 else ''} of ours."
    )
    alike = "; ".join(
        f"{model} {values[f'{model}: parts alike']['photos']:.2f} and "
        f"{values[f'{model}: parts alike']['captions']:.2f}"
        for model in told["models"]
    )
    said += f" The mean cosine of two parts of one photo, and of one caption: {alike}."
    return "\n\n".join([*lines, said, _estimates(told)])


def _parts(values: Mapping[str, Any], model: str) -> str:
    heads = (f"{model}: part", "looks at", "region", "of", *(f"`{name}`" for name in ESTIMATORS))
    rows = [row(*heads), "|---" * len(heads) + "|"]
    for part in _numbers(values, model):
        about = values[f"{model}: part {part}"]
        for side in SIDES:
            found = [values[f"{model}: part {part}: {name} of {side}"] for name in ESTIMATORS]
            own = ("", "", "")
            if side == SIDES[0]:
                own = (str(part), f"{about['height']:.2f} ({about['place']})", about["chosen"])
            rows.append(row(*own, side, *(_rho(each["chosen"]) for each in found)))
    for side in SIDES:
        found = [values[f"{model}: all parts: {name} of {side}"] for name in ESTIMATORS]
        rows.append(row("all", "", "its own", side, *map(_rho, found)))
    return "\n".join(rows)


def _estimates(told: Mapping[str, Any]) -> str:
    """Of each estimator, the mean over parts."""
    heads = (
        "parts", "estimator", "of", "mean c", "margins at the floor, %",
        "mean c by quarters of true commonality, rarest first", "rising in",
        "correlation: region chosen", "region looked at", "whole outfit",
    )  # fmt: skip
    rows = [row(*heads), "|---" * len(heads) + "|"]
    for model in told["models"]:
        parts = _numbers(told["values"], model)
        for name in ESTIMATORS:
            for side in SIDES:
                found = [told["values"][f"{model}: part {k}: {name} of {side}"] for k in parts]
                rising = sum(_rises(each["quarters"]) for each in found)
                rows.append(
                    row(
                        model, f"`{name}`", side, f"{_mean(f['mean c'] for f in found):.2f}",
                        f"{100 * _mean(f['at the floor'] for f in found):.0f}",
                        " ".join(_quarter(f["quarters"][q] for f in found) for q in range(4)),
                        f"{rising} of {len(parts)} parts",
                        *(f"{_mean(f[of][0] for f in found):+.2f}" for of in
                          ("chosen", "place", "outfit")),
                    )
                )  # fmt: skip
    said = (
        "\nMeans over parts. Quarters are of the region chosen; rising: no quarter's mean c is "
        "below that of a rarer one, nor are all alike, as the margin means it to be."
    )
    return "\n".join([*rows, said])


def _numbers(values: Mapping[str, Any], model: str) -> list[int]:
    """The numbers of a model's parts."""
    start = f"{model}: part "
    told = (name.removeprefix(start) for name in values if name.startswith(start))
    return [int(number) for number in told if number.isdigit()]


def _rho(found: tuple[float, float, float]) -> str:
    mean, low, high = found
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def _rises(quarters: list[float | None]) -> bool:
    known = [quarter for quarter in quarters if quarter is not None]
    return known == sorted(known) and known[-1] > known[0]


def _quarter(found: Iterable[float | None]) -> str:
    known = [each for each in found if each is not None]
    return f"{_mean(known):.4f}" if known else "-"


def _mean(found: Iterable[float]) -> float:
    numbers = list(found)
    return sum(numbers) / len(numbers)
