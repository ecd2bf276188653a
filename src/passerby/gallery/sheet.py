"""Answers as one contact sheet: a PNG with a row of ranked photos for each query."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from passerby.errors import shown
from passerby.gallery.answer import Answer, Hit, percent

_GROUND, _TRAY, _LINE = "#ffffff", "#eef0f3", "#d0d5dd"
_INK, _SOFT, _RIGHT = "#16181d", "#667085", "#16a34a"
_PHOTO = (112, 208)  # pixels, width and height of a photo's place
_FRAME, _GAP, _MARGIN, _CAPTION = 5, 10, 28, 26
_ACROSS = 10  # photos in a line
_TEXT = 280  # width of the column of sentences
_LINES = 9  # of a sentence, then it is cut


def write_sheet(
    path: Path, answers: Sequence[Answer], right: Sequence[Collection[str]] | None = None
) -> None:
    """Writes one PNG. right: for each answer the persons or paths to frame in green."""
    named = right if right is not None else [()] * len(answers)
    rows = [_row(answer, good) for answer, good in zip(answers, named, strict=True)]
    width = max((row.width for row in rows), default=1) + 2 * _MARGIN
    height = sum(row.height for row in rows) + _MARGIN * (len(rows) + 1)
    sheet = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(sheet)
    top = _MARGIN
    for place, row in enumerate(rows):
        if place:
            draw.line((_MARGIN, top - _MARGIN / 2, width - _MARGIN, top - _MARGIN / 2), _LINE)
        sheet.paste(row, (_MARGIN, top))
        top += row.height + _MARGIN
    sheet.save(path, "PNG")


def _row(answer: Answer, right: Collection[str]) -> Image.Image:
    across = min(_ACROSS, max(len(answer.hits), 1))
    cell = (_PHOTO[0] + 2 * _FRAME, _PHOTO[1] + 2 * _FRAME + _CAPTION)
    lines = max(1, -(-len(answer.hits) // _ACROSS))
    size = (_TEXT + _MARGIN + across * (cell[0] + _GAP) - _GAP, lines * (cell[1] + _GAP) - _GAP)
    row = Image.new("RGB", size, _GROUND)
    _write_sentence(row, answer)
    for place, hit in enumerate(answer.hits):
        down, along = divmod(place, _ACROSS)
        corner = (_TEXT + _MARGIN + along * (cell[0] + _GAP), down * (cell[1] + _GAP))
        _place(row, hit, corner, hit.among(right))
    return row


def _write_sentence(row: Image.Image, answer: Answer) -> None:
    draw = ImageDraw.Draw(row)
    font, small = ImageFont.load_default(19), ImageFont.load_default(13)
    notes = [
        (line, _INK if note == answer.warning else _SOFT)
        for note in answer.notes
        for line in _wrapped(shown(note), small, 4)
    ][:6]
    room = max(1, (row.height - 6 - 17 * len(notes)) // 26)
    lines = _wrapped(shown(" ".join(answer.query.split())), font, min(_LINES, room))
    draw.multiline_text((0, 2), "\n".join(lines), _INK, font, spacing=5)
    top = 2 + 26 * len(lines) + 4
    for place, (line, colour) in enumerate(notes):
        draw.text((0, top + 17 * place), line, colour, small)


def _place(row: Image.Image, hit: Hit, corner: tuple[int, int], good: bool) -> None:
    draw = ImageDraw.Draw(row)
    left, top = corner
    right, bottom = left + _PHOTO[0] + 2 * _FRAME - 1, top + _PHOTO[1] + 2 * _FRAME - 1
    draw.rounded_rectangle((left, top, right, bottom), 7, _RIGHT if good else _LINE)
    inner = (left + _FRAME, top + _FRAME) if good else (left + 1, top + 1)
    outer = (right - _FRAME, bottom - _FRAME) if good else (right - 1, bottom - 1)
    draw.rounded_rectangle((*inner, *outer), 5, _TRAY)
    with Image.open(io.BytesIO(hit.thumbnail)) as file:
        photo = ImageOps.contain(file.convert("RGB"), _PHOTO, Image.Resampling.LANCZOS)
    spare = ((_PHOTO[0] - photo.width) // 2, (_PHOTO[1] - photo.height) // 2)
    row.paste(photo, (left + _FRAME + spare[0], top + _FRAME + spare[1]))
    bold, plain = ImageFont.load_default(16), ImageFont.load_default(14)
    draw.text((left + 2, bottom + 5), str(hit.rank), _RIGHT if good else _INK, bold)
    draw.text((right - 2, bottom + 7), f"{hit.score:.3f}", _SOFT, plain, anchor="ra")
    middle = (left + right) / 2 - 6  # between the two, whose widths differ
    draw.text((middle, bottom + 5), percent(hit.probability), _INK, bold, anchor="ma")


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, most: int) -> list[str]:
    """Lines that fit the column; words longer than a line are broken; the rest is cut."""
    lines, line = [], ""
    for word in text.split():
        while word:
            joined = f"{line} {word}".strip()
            if font.getlength(joined) <= _TEXT:
                line, word = joined, ""
            elif line:
                lines.append(line)
                line = ""
            else:
                fits = next(n for n in range(len(word), 0, -1) if n == 1
                            or font.getlength(word[:n]) <= _TEXT)  # fmt: skip
                lines.append(word[:fits])
                word = word[fits:]
            if len(lines) > most:
                return [*lines[: most - 1], lines[most - 1][:-1] + "..."]
    lines = [*lines, line] if line else lines
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][:-1] + "..."]
