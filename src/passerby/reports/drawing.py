"""The curves of a report as inline SVG: how scores lie, and the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log10
from typing import Any

WIDE, HIGH = 492, 220
LEFT, RIGHT, TOP, BOTTOM = 40, 470, 10, 190  # where the axes are
SIDES = ("wrong", "right")


def drawings(curves: Mapping[str, Any] | None) -> str:
    """Both figures as HTML, those that there are data for."""
    if not curves:
        return ""
    made = [_histogram(curves.get("histogram") or {}), _roc(curves.get("roc") or {})]
    return f'<div class="curves">{"".join(made)}</div>' if any(made) else ""


def _histogram(counts: Mapping[str, Sequence[float]]) -> str:
    """Right and wrong scores, each as shares of their own: wrong ones are a thousand times more."""
    edges = counts.get("edges", ())
    totals = {side: sum(counts.get(side, ())) for side in SIDES}
    if len(edges) < 2 or not any(totals.values()):
        return ""
    shares = {
        side: [count / (totals[side] or 1) for count in counts.get(side, ())] for side in SIDES
    }
    most = max(max(share) for share in shares.values() if share)
    across = [_between(edge, edges[0], edges[-1], LEFT, RIGHT) for edge in edges]
    shapes = []
    for side, share in shares.items():
        up = [_between(each, 0, most, BOTTOM, TOP) for each in share]
        steps = "".join(
            f"H{left:.1f}V{y:.1f}H{right:.1f}"
            for left, right, y in zip(across, across[1:], up, strict=False)
        )
        shapes.append(f'<path class="{side}" d="M{LEFT} {BOTTOM}{steps}V{BOTTOM}Z"/>')
    digits = _digits(edges[0], edges[-1])
    marks = "".join(
        _label(
            f"{_between(part, 0, 1, edges[0], edges[-1]):.{digits}g}", _across(part), BOTTOM + 16
        )
        for part in (0, 0.25, 0.5, 0.75, 1)
    )
    told = f"Scores of right pairs (green, {totals['right']:,}) and wrong ones (red, "
    return _figure("".join(shapes) + marks, f"{told}{totals['wrong']:,}), each in shares of all.")


def _roc(curve: Mapping[str, Any]) -> str:
    """The true positive rate by the false one, which is on a log scale from a millionth."""
    points = [(rate, true) for rate, true in curve.get("points", ()) if rate > 0]
    if not points:
        return ""
    least = log10(points[0][0])
    places = [
        (_between(log10(rate), least, 0, LEFT, RIGHT), _between(true, 0, 1, BOTTOM, TOP))
        for rate, true in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = "".join(
        _label(f"{10.0**power:g}", _between(power, least, 0, LEFT, RIGHT), BOTTOM + 16)
        for power in range(round(least), 1)
    )
    marks += "".join(
        _label(f"{share:.0%}", LEFT - 6, _between(share, 0, 1, BOTTOM, TOP) + 4, "end")
        for share in (0, 0.5, 1)
    )
    told = ", ".join(f"{true:.1%} at {rate}" for rate, true in curve.get("tpr_at", {}).items())
    within = curve.get("within", 0)
    unsure = f", all to within {within:.2%}" if within else ""
    caption = (
        f"Share of right pairs found by share of wrong ones taken: {told}. "
        f"Area {curve['auc']:.4f}, equal error rate {curve['eer']:.2%}{unsure}."
    )
    return _figure(f'<polyline class="curve" points="{line}"/>{marks}', caption)


def _digits(low: float, high: float) -> int:
    """Enough to tell a quarter of the way from low to high, however far from 0 both are."""
    size, width = max(abs(low), abs(high)), high - low
    return 3 + max(0, ceil(log10(size / width))) if 0 < width < size else 3


def _figure(inner: str, caption: str) -> str:
    axes = f'<path class="axis" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>'
    return (
        f'<figure><svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{caption}">{axes}{inner}'
        f"</svg><figcaption>{caption}</figcaption></figure>"
    )


def _label(text: str, x: float, y: float, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _across(part: float) -> float:
    return _between(part, 0, 1, LEFT, RIGHT)


def _between(value: float, low: float, high: float, start: float, end: float) -> float:
    """Where `value` of low .. high lies from start to end."""
    return start + (end - start) * ((value - low) / (high - low) if high > low else 0)
