"""Rank-1 after each harm as bars: a row a harm, a column a data set; robustness.py calls it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parts_picture import FAINT, INK, PAPER, font
from PIL import Image, ImageDraw

NAMES, WIDE, GAP, MARGIN, ROW, HEAD = 210, 300, 90, 20, 22, 54
BAR = 12  # pixels high
RULE = (228, 228, 232)
COLOURS = {"drawn": (76, 120, 168), "real": (228, 137, 58)}
TITLES = {"drawn": "drawn people", "real": "real photos"}
SIDES = {"queries": "the query", "photos": "the photos"}


def draw(values: Mapping[str, Any], out: Path) -> None:
    """Writes the picture, a PNG, of what robustness.py measured. A bar is Rank-1, the line on it
    the 95 % interval of the difference, the upright line what it is without harm."""
    picture(values).quantize(64).save(_made(out), optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} KB", flush=True)


def picture(values: Mapping[str, Any]) -> Image.Image:
    sets = [name for name in COLOURS if f"{name} as they are rank-1" in values]
    rows = [(side, name) for side in SIDES for name in harms(values, sets[0], side)]
    high = HEAD + ROW * (len(rows) + len(SIDES)) + MARGIN
    image = Image.new("RGB", (MARGIN + NAMES + len(sets) * (WIDE + GAP), high), PAPER)
    brush = ImageDraw.Draw(image)
    for number, name in enumerate(sets):
        left = MARGIN + NAMES + number * (WIDE + GAP)
        _column(brush, values, name, left, high)
    brush.text((MARGIN, 14), "lines: 95 % of the difference", FAINT, font(11))
    y = HEAD
    for side, title in SIDES.items():
        brush.text((MARGIN, y + 3), f"Harm to {title}", INK, font(14))
        if side == "queries":
            brush.text((MARGIN + NAMES - 10, y + 5), "changed", FAINT, font(11), anchor="ra")
        y += ROW
        for name in harms(values, sets[0], side):
            _name(brush, values, sets, f"{side} {name}", y)
            for number, where in enumerate(sets):
                left = MARGIN + NAMES + number * (WIDE + GAP)
                _bar(brush, values, f"{where} {side} {name}", COLOURS[where], left, y)
            y += ROW
    return image


def harms(values: Mapping[str, Any], where: str, side: str) -> list[str]:
    """The harms of a side, the least harmful first."""
    start, end = f"{where} {side} ", " rank-1"
    found = [key[len(start) : -len(end)] for key in values if key.startswith(start)
             and key.endswith(end)]  # fmt: skip
    return sorted(found, key=lambda name: -values[f"{start}{name}{end}"])


def _column(
    brush: ImageDraw.ImageDraw, values: Mapping[str, Any], where: str, left: int, high: int
) -> None:
    """A data set's title, its scale and the line of what it is without harm."""
    plain = values[f"{where} as they are rank-1"]
    brush.text((left, 12), f"Rank-1, {TITLES[where]}", COLOURS[where], font(15))
    for tick in range(0, 101, 25):
        x = left + WIDE * tick / 100
        brush.line((x, HEAD, x, high - MARGIN), RULE)
        brush.text((x, HEAD - 4), str(tick), FAINT, font(11), anchor="ms")
    x = left + WIDE * plain / 100
    brush.line((x, HEAD, x, high - MARGIN), INK)
    brush.text((x, high - MARGIN + 3), f"unharmed {plain:.1f}", INK, font(11), anchor="mt")


def _name(
    brush: ImageDraw.ImageDraw, values: Mapping[str, Any], sets: list[str], what: str, y: int
) -> None:
    """The harm, and how many of the queries it changes, where those are not all."""
    name = what.partition(" ")[2]
    brush.text((MARGIN + 12, y + 4), name, INK, font(13))
    parts = [values.get(f"{where} {what} changed", 100.0) for where in sets]
    if min(parts) < 99.5:
        told = ", ".join(f"{part:.0f}" for part in parts) + " %"
        brush.text((MARGIN + NAMES - 10, y + 5), told, FAINT, font(11), anchor="ra")


def _bar(
    brush: ImageDraw.ImageDraw, values: Mapping[str, Any], key: str, colour: Any, left: int, y: int
) -> None:
    reached = values[f"{key} rank-1"]
    mean, low, high = values[f"{key} rank-1 difference"]
    top, middle = y + (ROW - BAR) // 2, y + ROW // 2
    brush.rectangle((left, top, left + WIDE * reached / 100, top + BAR), colour)
    ends = [left + WIDE * min(100, max(0, reached - mean + end)) / 100 for end in (low, high)]
    brush.line((ends[0], middle, ends[1], middle), INK, 2)
    brush.text((left + WIDE + 8, middle), f"{reached:.1f}", INK, font(12), anchor="lm")
    brush.text((left + WIDE + 76, middle), f"{mean:+.1f}", FAINT, font(12), anchor="rm")


def _made(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    return out
