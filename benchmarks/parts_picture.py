"""What the parts of CMR, a reconstruction, look at: drawn people never trained on, their captions.

A row a photo: the photo, then where each coarse and each fine part looks, then its caption with the
words that each fine part looks at most. Heat is a part's attention over its mean in that photo.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from passerby.data.images import normalise, open_photo, resize
from passerby.data.sources import read_data
from passerby.drawn.facts import PersonFacts, read_wardrobe
from passerby.errors import BadData
from passerby.method import Method
from passerby.types import Photo

PEOPLE, TOLD, WORDS = 5, {"upper", "lower", "shoes"}, 24  # what a caption tells, in how many words
TILE, GAP, BETWEEN, MARGIN, TOP = (72, 144), 4, 16, 20, 56
TEXT, LINE = 470, 16  # TEXT: its column's width
COLOURS = 96, 120  # of the photos, and of all the rest
FULL = 6  # times the mean: the strongest heat
INK, FAINT, PAPER = (30, 30, 34), (125, 125, 132), (255, 255, 255)
HEAT = np.array([[255, 236, 150], [253, 141, 60], [189, 0, 38]], dtype=float)  # from low to high
PIECE = re.compile(r"[\w'-]+|[^\w\s]")


@dataclass(frozen=True)
class Looks:
    """pixels: the photo. heat: by "coarse", "fine" maps (K, h, w). words: by fine part, those it
    looks at most and the share of each.
    """

    pixels: Image.Image
    text: str
    heat: dict[str, np.ndarray]
    words: list[list[tuple[str, float]]]


def draw(method: Method, data: Path, out: Path) -> None:
    """Writes the picture, a PNG, of the drawn people in `data` that the rule of `shown` takes."""
    told = shown(read_wardrobe(data, "val"))
    photos = {photo.id: photo for photo in read_data(f"drawn:{data}", "val").photos}
    if not told:
        raise BadData(f"{data}: no caption of its val split tells enough for a picture; draw more")
    rows = [looks(method, photos[name], text) for name, text in told[:PEOPLE]]
    out.parent.mkdir(parents=True, exist_ok=True)
    few_coloured(picture(rows)).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} KB", flush=True)


def shown(people: Sequence[PersonFacts]) -> list[tuple[str, str]]:
    """(photo, caption) of each person's first photo from the front whose caption is short and tells
    of upper and lower clothes, shoes and a bag: chosen by what is told, not by what parts do.
    """
    found = []
    for facts in people:
        fitting = (
            (photo.file_path, caption.text)
            for photo in facts.photos
            if photo.sight.view.startswith("front")
            for caption in photo.captions
            if {"bag", *TOLD} <= {tell.attribute for tell in caption.tells}
            and len(caption.text.split()) <= WORDS
        )
        found += [one for one in [next(fitting, None)] if one is not None]
    return found


@torch.inference_mode()
def looks(method: Method, photo: Photo, text: str) -> Looks:
    image = open_photo(photo)
    pixels = resize(image, method.photo_spec)[None]
    texts = method.tokenize([text])
    heat = method.looks_of_photos(normalise(pixels, method.photo_spec))
    fine = method.looks_of_texts(texts)["fine"][0]
    return Looks(
        image, text, {side: maps[0].float().numpy() for side, maps in heat.items()},
        [most(method, text, each) for each in fine.float()],
    )  # fmt: skip


def most(
    method: Method, text: str, shares: torch.Tensor, count: int = 4
) -> list[tuple[str, float]]:
    """The words of `text` with the largest shares (L,) of a part's attention, best first; what goes
    to the opening and the closing token counts as a word.
    """
    encoded = method.tokenizer.rules.encode(text)
    pieces = [match.span() for match in PIECE.finditer(text)]
    found: dict[tuple[int, str], float] = {}
    last = len(encoded.ids) - 1
    for token, share in enumerate(shares.tolist()):
        if token > last:
            break
        start, end = encoded.offsets[token]
        if start == end:
            key = (-1, "(start)") if token == 0 else (len(pieces), "(end)")
        else:
            place = next(n for n, span in enumerate(pieces) if span[0] <= start < span[1])
            key = (place, text[slice(*pieces[place])])
        found[key] = found.get(key, 0.0) + share
    best = sorted(found.items(), key=lambda item: -item[1])[:count]
    return [(word, share) for (_, word), share in best]


def picture(rows: Sequence[Looks]) -> Image.Image:
    """All rows, under a head that names the columns."""
    groups = [(side, len(maps)) for side, maps in rows[0].heat.items()]
    starts, x = {}, MARGIN + TILE[0] + BETWEEN
    for side, count in groups:
        starts[side] = x
        x += count * (TILE[0] + GAP) - GAP + BETWEEN
    lines = [wrapped(row.text) for row in rows]
    tall = [max(TILE[1], (len(own) + len(row.words)) * LINE + 6)
            for own, row in zip(lines, rows, strict=True)]  # fmt: skip
    height = TOP + sum(tall) + BETWEEN * (len(rows) - 1) + MARGIN
    sheet = Image.new("RGB", (x + TEXT + MARGIN, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    head(pen, groups, starts, x)
    y = TOP
    for row, own, size in zip(rows, lines, tall, strict=True):
        sheet.paste(row.pixels.resize(TILE, Image.Resampling.LANCZOS), (MARGIN, y))
        for side, maps in row.heat.items():
            for part, heat in enumerate(maps):
                tile = heated(row.pixels, heat)
                sheet.paste(tile, (starts[side] + part * (TILE[0] + GAP), y))
        written(pen, row, own, x, y)
        y += size + BETWEEN
    return sheet


def few_coloured(sheet: Image.Image) -> Image.Image:
    """With a palette, for a small file; the photos, a small share of all, have one of their own."""
    edge = MARGIN + TILE[0]
    boxes = (MARGIN, TOP, edge, sheet.height), (edge, 0, *sheet.size)
    found: list[int] = []
    for count, box in zip(COLOURS, boxes, strict=True):
        found += (sheet.crop(box).quantize(count).getpalette() or [])[: 3 * count]
    both = Image.new("P", (1, 1))
    both.putpalette(found)
    made = sheet.quantize(palette=both, dither=Image.Dither.NONE)
    paper = made.getpixel((0, 0))  # a white of the photos, maybe, as Pillow looks for near ones
    made.putpalette([*found[: 3 * paper], *PAPER, *found[3 * paper + 3 :]])
    return made


def head(
    pen: ImageDraw.ImageDraw, groups: Sequence[tuple[str, int]], starts: dict[str, int], text: int
) -> None:
    pen.text((MARGIN, 12), "photo", INK, font(14))
    for side, count in groups:
        pen.text((starts[side], 12), f"{side} parts", INK, font(14))
        for part in range(count):
            middle = starts[side] + part * (TILE[0] + GAP) + TILE[0] / 2
            pen.text((middle, TOP - 13), str(part + 1), FAINT, font(12), anchor="mm")
    pen.text((text, 12), "caption, and the words that each fine part looks at most", INK, font(14))
    pen.text((text, TOP - 20), "percent of its attention (CMR: a reconstruction)", FAINT, font(12))


def heated(photo: Image.Image, heat: np.ndarray) -> Image.Image:
    """The photo in pale grey under what a part looks at, (h, w)."""
    grey = np.asarray(photo.convert("L").resize(TILE, Image.Resampling.LANCZOS), dtype=float)
    pale = (110 + 0.57 * grey)[:, :, None].repeat(3, 2)
    level = Image.fromarray((heat / heat.mean() / FULL).astype(np.float32))
    share = np.asarray(level.resize(TILE, Image.Resampling.BICUBIC)).clip(0, 1)
    ramp = np.stack([np.interp(share, (0, 0.5, 1), channel) for channel in HEAT.T], 2)
    cover = 0.9 * share[:, :, None] ** 0.7
    shaded = ramp * (0.45 + 0.55 * pale / 255)  # the figure stays to be seen under the heat
    return Image.fromarray(((1 - cover) * pale + cover * shaded).round().astype(np.uint8))


def written(pen: ImageDraw.ImageDraw, row: Looks, lines: Sequence[str], x: int, y: int) -> None:
    for line in lines:
        pen.text((x, y), line, INK, font(13))
        y += LINE
    y += 6
    for part, words in enumerate(row.words):
        pen.text((x + 4, y), str(part + 1), FAINT, font(12))
        at = x + 24.0
        for word, share in words:
            strong = INK if share >= 0.15 else FAINT
            pen.text((at, y), word, strong, font(12))
            at += font(12).getlength(word) + 4
            told = f"{100 * share:.0f}"
            pen.text((at, y + 2), told, FAINT, font(10))
            at += font(10).getlength(told) + 14
        y += LINE


def wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font(13).getlength(longer) <= TEXT:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)  # type: ignore[return-value]
