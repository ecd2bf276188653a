"""What is left of Rank-1 when queries are short, misspelt or wrong, and photos small, dark or cut.

    python benchmarks/robustness.py ROOT [--real ROOT2] [--model M] [--out results/robustness.json]
                                    [--picture docs/robustness.png]
    python benchmarks/robustness.py ROOT --persons 100 --seed 42    to try it on other people

ROOT: drawn people as of drawn_people.py, drawn if they are not there; ROOT2: a folder in the
CUHK-PEDES layout, taken whole, as real_photos.py takes it. The same queries search the same gallery
as they are and after each harm, one at a time (harm_texts.py, harm_photos.py; all photos or all
queries are harmed, alike at each run). A "difference" is that to the unharmed, paired query by
query: mean and 95 % interval, whole persons drawn again. "changed": the percentage of queries that
the harm changes; the others count, unchanged, in the mean.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from drawn_people import PERSONS, PHOTOS, SEED
from harm_photos import PHOTOS as PHOTO_HARMS
from harm_photos import harmed_photo
from harm_texts import TEXTS as TEXT_HARMS
from harm_texts import harmed_text
from paired import askers, interval
from PIL import Image
from report import finish, machine
from robustness_picture import draw

import passerby
from passerby.data.images import normalise, open_photo, resize
from passerby.data.sources import read_data
from passerby.drawn.world import draw_world
from passerby.embedding import embed_images
from passerby.errors import Refused
from passerby.evaluation import blocks, embed_photos
from passerby.method import Method, PhotoSpec
from passerby.ranking.metrics import outcomes
from passerby.types import Embeddings, Photo, Split

KS = (1, 10)
BATCH = 128
Heard = Callable[[str], None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--persons", type=int, default=PERSONS, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=SEED, help="of the drawn people")
    given = parser.parse_args()
    try:
        measure(given)
    except Refused as refusal:
        sys.exit(f"robustness: {refusal}")


def measure(given: argparse.Namespace) -> None:
    draw_world(given.root, given.persons, PHOTOS, given.seed, captions=1, val=0, test=given.persons)
    method = passerby.load(given.model)
    splits = {"drawn": read_data(f"drawn:{given.root}", "test")}
    if given.real:
        splits["real"] = read_data(f"cuhk-pedes:{given.real}", "all")
    values: dict[str, Any] = {}
    for where, split in splits.items():
        found = robustness(method, split, lambda told: print(told, flush=True))
        values |= {f"{where} {what}": value for what, value in found.items()}
        sizes = {"queries": split.captions, "photos": split.photos, "persons": split.persons}
        values |= {f"{where} {what}": len(many) for what, many in sizes.items()}
    finish(
        "robustness", values, given.out,
        weights=method.fingerprint, seed=given.seed, machine=machine(),
    )  # fmt: skip
    if given.picture:
        draw(values, given.picture)


def robustness(method: Method, split: Split, heard: Heard | None = None) -> dict[str, Any]:
    """Flat: "as they are rank-1", then "queries NAME rank-1", "... rank-1 difference" (mean, low,
    high), the same of Rank-10, "queries NAME changed", and "photos NAME ..." alike, in percent."""
    persons, photos = askers(split), embed_photos(method, split.photos, BATCH)
    plain = firsts(method, split, photos)
    values: dict[str, Any] = {f"as they are rank-{k}": percent(plain <= k) for k in KS}

    def told(what: str, first: np.ndarray) -> None:
        for k in KS:
            values[f"{what} rank-{k}"] = percent(first <= k)
            lost = (first <= k).astype(float) - (plain <= k)
            values[f"{what} rank-{k} difference"] = interval(lost, persons)
        if heard is not None:
            heard(f"{what}: rank-1 {values[f'{what} rank-1']:.1f} of {percent(plain <= 1):.1f}")

    for name in TEXT_HARMS:
        asked = harmed_split(split, name)
        told(f"queries {name}", firsts(method, asked, photos))
        pairs = zip(asked.captions, split.captions, strict=True)
        values[f"queries {name} changed"] = percent([a.text != b.text for a, b in pairs])
    for name in PHOTO_HARMS:
        shot = embed_harmed(method, split.photos, name)
        told(f"photos {name}", firsts(method, split, shot))
    return values


def firsts(method: Method, split: Split, photos: Embeddings) -> np.ndarray:
    """The rank, from 1, of each caption's first right photo, (Q,)."""
    shown = np.array([str(photo.person) for photo in split.photos])
    asked = np.array([caption.person for caption in split.captions])
    right = torch.from_numpy(asked[:, None] == shown[None, :])
    first = torch.zeros(len(right), dtype=torch.int64)
    for block in blocks(method, split, photos):
        first[block.rows] = outcomes(block.ranking(method), right[block.rows]).first
    return first.numpy()


def harmed_split(split: Split, name: str) -> Split:
    """The same, each of its captions harmed."""
    captions = (replace(c, text=harmed_text(name, c.text, c.id)) for c in split.captions)
    return replace(split, captions=tuple(captions))


def embed_harmed(method: Method, photos: tuple[Photo, ...], name: str) -> Embeddings:
    """As evaluation.embed_photos, each photo harmed before it has the method's size."""
    found, spec = [], method.photo_spec
    for start in range(0, len(photos), BATCH):
        pixels = [shot(photo, spec, name) for photo in photos[start : start + BATCH]]
        found.append(embed_images(method, normalise(np.stack(pixels), spec)))
    return Embeddings.cat(found)


def shot(photo: Photo, spec: PhotoSpec, name: str) -> np.ndarray:
    """uint8 (H, W, 3) of the spec's size, harmed as it is read: a JPEG of more than twice that size
    at a fraction of its own, as for any embedding."""
    pixels = np.asarray(open_photo(photo, (spec.height, spec.width)))
    return resize(Image.fromarray(harmed_photo(name, pixels, photo.id)), spec)


def percent(hits: Any) -> float:
    return round(100 * float(np.mean(hits)), 2)


if __name__ == "__main__":
    main()
