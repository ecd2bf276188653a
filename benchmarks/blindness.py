"""The picture of benchmarks/attributes.py: a bar an attribute, its interval, its goal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from parts_picture import FAINT, INK, PAPER, font
from PIL import Image, ImageDraw

LEFT, BAR, RIGHT, ROW, TOP, BOTTOM = 130, 500, 140, 26, 48, 44
LOW = 40  # percent at the left edge
FILL, GOAL, CHANCE = (90, 140, 190), (189, 0, 38), (190, 190, 196)


def picture(
    values: Mapping[str, float], names: Sequence[str], goals: Mapping[str, float], out: Path
) -> None:
    """Writes a PNG of the attributes that have pairs; `values` as `attributes.table` gives them."""
    shown = [name for name in names if values.get(f"{name} pairs")]
    size = (LEFT + BAR + RIGHT, TOP + ROW * len(shown) + BOTTOM)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    head = "true sentence scores higher than one with a word changed, percent"
    pen.text((16, 14), head, INK, font(14))
    axis(pen, TOP, TOP + ROW * len(shown))
    for place, name in enumerate(shown):
        row(pen, values, name, goals.get(name), TOP + ROW * place)
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(64).save(out, optimize=True)


def across(percent: float) -> float:
    return LEFT + BAR * (max(LOW, percent) - LOW) / (100 - LOW)


def axis(pen: ImageDraw.ImageDraw, top: int, bottom: int) -> None:
    for percent in range(LOW, 101, 10):
        x = across(percent)
        pen.line([(x, top), (x, bottom)], INK if percent == 50 else CHANCE, 1)
        pen.text((x, bottom + 12), str(percent), FAINT, font(12), anchor="mm")
    pen.text((across(50), bottom + 28), "a guess", FAINT, font(12), anchor="mm")
    pen.line([(across(86), bottom + 22), (across(86), bottom + 34)], GOAL, 3)
    pen.text((across(86) + 8, bottom + 28), "goal", FAINT, font(12), anchor="lm")


def row(
    pen: ImageDraw.ImageDraw, values: Mapping[str, float], name: str, goal: float | None, y: int
) -> None:
    middle = y + ROW / 2
    pen.text((LEFT - 10, middle), name, INK, font(13), anchor="rm")
    pen.rectangle((across(LOW), y + 5, across(values[name]), y + ROW - 6), FILL)
    low, high = across(values[f"{name} low"]), across(values[f"{name} high"])
    pen.line([(low, middle), (high, middle)], INK, 2)
    for x in (low, high):
        pen.line([(x, middle - 4), (x, middle + 4)], INK, 2)
    if goal is not None:
        pen.line([(across(goal), y + 1), (across(goal), y + ROW - 2)], GOAL, 3)
    told = f"{values[name]:.1f} of {values[f'{name} pairs']:,}"
    pen.text((LEFT + BAR + 12, middle), told, INK, font(12), anchor="lm")
