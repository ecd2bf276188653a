"""A contact sheet of drawn people as a camera gives them, for docs/why/drawn-people.md.

python benchmarks/drawn_sheet.py docs/drawn_people.jpg [--seed 770002]

Each person three times, side by side: another view, pose, place, light and camera. Nobody is
chosen: they are the first persons of the seed.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from passerby.drawn.figure import draw_photo
from passerby.drawn.wardrobe import draw_wardrobe

PERSONS, PHOTOS, ACROSS = 30, 3, 18
HEIGHT, WIDTH, GAP = 128, 64, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=770_002)
    given = parser.parse_args()
    rows = -(-PERSONS * PHOTOS // ACROSS)
    sheet = Image.new("RGB", (ACROSS * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + GAP), "white")
    for place in range(PERSONS * PHOTOS):
        number, photo = divmod(place, PHOTOS)
        person = draw_wardrobe(np.random.default_rng([given.seed, number, 0]))
        drawn = draw_photo(
            person, np.random.default_rng([given.seed, number, 1, photo]), HEIGHT, WIDTH
        )
        down, across = divmod(place, ACROSS)
        corner = (GAP + across * (WIDTH + GAP), GAP + down * (HEIGHT + GAP))
        sheet.paste(Image.fromarray(drawn.pixels), corner)
    sheet.save(given.out, optimize=True, quality=85)
    print(f"{given.out}: {given.out.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
