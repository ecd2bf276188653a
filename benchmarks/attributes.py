"""What a model is blind to: how often a true sentence scores higher than one with a word changed.

    python benchmarks/attributes.py [ROOT] [--model M] [--out results/attributes.json]
        [--picture docs/attributes.png] [--persons 1000] [--seed 990017]

Drawn people, ROOT if it is given, drawn if it is not there: 1,000 persons with 2 photos and 2
captions a photo, from a seed that no recipe uses and that nobody looks at while building. Each
caption has one word changed, of an attribute that shows on its photo, to one that nobody would use
of this person (passerby.drawn.swaps); ties count half. Two captions exchange words, so a reader of
sentences alone is right half the time; the same pairs, scored with a photo of another person, say
how near to that the model comes. Intervals (95 %) draw whole persons again.

Goals: colour of upper and of lower clothes 95 %, bags (kind and colour) 80 %, hair length 75 %.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from blindness import picture
from paired import interval
from report import finish, machine

import passerby
from passerby.data.sources import read_data
from passerby.drawn.facts import PersonFacts, read_wardrobe
from passerby.drawn.swaps import ATTRIBUTES, Slot, Swap, exchange, slots
from passerby.drawn.world import draw_world
from passerby.embedding import device_of, embed_texts
from passerby.errors import BadData
from passerby.evaluation import embed_photos
from passerby.method import Method
from passerby.types import Split

PERSONS, PHOTOS, CAPTIONS, SEED = 1000, 2, 2, 990_017
GOALS = {"upper colour": 95, "lower colour": 95, "bag colour": 80, "bag kind": 80, "bag": 80,
         "hair length": 75}  # fmt: skip
TOGETHER = {"bag": ("bag colour", "bag kind")}
WORST, LEAST = 10, 10  # colour pairs that are told, and swaps that one must have
BLOCK = 256

# sentences and the file_path of a photo for each -> (S,)
Score = Callable[[Sequence[str], Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Trials:
    """Swaps with their photos, as arrays in one order.

    person: int (S,), the row in `people`; photo: the file_path of the photo that the caption is of,
    and of a photo of another person.
    """

    swaps: tuple[Swap, ...]
    person: np.ndarray
    photo: tuple[str, ...]
    other: tuple[str, ...]


def trials(people: Sequence[PersonFacts], seed: int = 0) -> Trials:
    """Every swap that the captions of these persons allow."""
    rng = np.random.default_rng(seed)
    found: list[Slot] = []
    of: dict[int, tuple[int, str]] = {}
    for row, facts in enumerate(people):
        for photo in facts.photos:
            for caption in photo.captions:
                for slot in slots(caption, facts.person, photo.sight):
                    of[id(slot)] = (row, photo.file_path)
                    found.append(slot)
    swaps = exchange(found, rng)
    rows = np.array([of[id(swap.slot)][0] for swap in swaps], dtype=int)
    others = (rows + rng.integers(1, max(2, len(people)), size=len(rows))) % len(people)
    strange = [people[row].photos for row in others.tolist()]
    other = tuple(photos[int(rng.integers(len(photos)))].file_path for photos in strange)
    return Trials(tuple(swaps), rows, tuple(of[id(s.slot)][1] for s in swaps), other)


def wins(score: Score, asked: Trials) -> tuple[np.ndarray, np.ndarray]:
    """(S,) each, 1 where the true sentence scores higher, 0.5 at a tie: with the caption's photo,
    and with the other person's.
    """
    true = [swap.slot.caption.text for swap in asked.swaps]
    false = [swap.false.text for swap in asked.swaps]
    found = []
    for photos in (asked.photo, asked.other):
        right, wrong = score(true, photos), score(false, photos)
        found.append((right > wrong) + (right == wrong) / 2)
    return found[0], found[1]


class Scorer:
    """A model's scores of sentences with photos; each photo and sentence is embedded once."""

    def __init__(self, method: Method, split: Split, asked: Trials) -> None:
        texts = {t for swap in asked.swaps for t in (swap.slot.caption.text, swap.false.text)}
        self.method, self.photos = method, embed_photos(method, split.photos)
        self.place = {photo.id: place for place, photo in enumerate(split.photos)}
        self.row = {text: row for row, text in enumerate(sorted(texts))}
        self.texts = embed_texts(method, list(self.row))

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str], photos: Sequence[str]) -> np.ndarray:
        """(S,): of each text with its photo. Those of like photos are compared together."""
        rows = torch.tensor([self.row[text] for text in texts])
        at = torch.tensor([self.place[name] for name in photos])
        device, scores = device_of(self.method), torch.zeros(len(rows))
        order = at.argsort(stable=True)
        for start in range(0, len(order), BLOCK):
            block = order[start : start + BLOCK]
            shown, place = at[block].unique(return_inverse=True)
            some = self.texts.rows(rows[block]).to(device), self.photos.rows(shown).to(device)
            scores[block] = (
                self.method.similarity(*some).float().cpu().gather(1, place[:, None])[:, 0]
            )
        return scores.numpy()


def table(asked: Trials, right: np.ndarray, strange: np.ndarray) -> dict[str, float]:
    """Shares in percent, pairs and intervals by attribute, flat; attributes without pairs have
    none. "NAME elsewhere" is the share with another person's photo.
    """
    names = np.array([swap.slot.attribute for swap in asked.swaps])
    values: dict[str, float] = {}
    for name in (*ATTRIBUTES, *TOGETHER):
        mine = np.isin(names, TOGETHER.get(name, (name,)))
        values[f"{name} pairs"] = int(mine.sum())
        if mine.any():
            persons = np.unique(asked.person[mine], return_inverse=True)[1]
            values[name], low, high = interval(right[mine], persons)
            values |= {f"{name} low": low, f"{name} high": high}
            values[f"{name} elsewhere"] = round(100 * float(strange[mine].mean()), 2)
    return values


def confused(asked: Trials, right: np.ndarray) -> list[dict[str, Any]]:
    """The colours of upper and lower clothes that are told apart least: the worst first."""
    found: dict[tuple[str, str], list[float]] = {}
    for swap, hit in zip(asked.swaps, right.tolist(), strict=True):
        if swap.slot.attribute in ("upper colour", "lower colour"):
            pair = (swap.slot.word, swap.word)
            found.setdefault((min(pair), max(pair)), []).append(hit)
    rows = [
        {"colours": list(pair), "right": round(100 * float(np.mean(hits)), 1), "pairs": len(hits)}
        for pair, hits in found.items()
        if len(hits) >= LEAST
    ]
    return sorted(rows, key=lambda row: (row["right"], row["colours"]))[:WORST]


def measure(method: Method, root: Path) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """`table` and `confused` of all persons drawn into `root`."""
    asked = trials(read_wardrobe(root))
    if not asked.swaps:
        raise BadData(f"{root}: no caption has a word to change; draw more persons")
    right, strange = wins(Scorer(method, read_data(f"drawn:{root}", "all"), asked), asked)
    return table(asked, right, strange), confused(asked, right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, nargs="?")
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()

    method = passerby.load(given.model)
    with tempfile.TemporaryDirectory() if given.root is None else nullcontext(given.root) as root:
        draw_world(
            Path(root), given.persons, PHOTOS, given.seed,
            captions=CAPTIONS, val=0, test=given.persons,
        )  # fmt: skip
        values, worst = measure(method, Path(root))
    for row in worst:
        print(f"{' / '.join(row['colours'])}: {row['right']} % of {row['pairs']}")
    if given.picture is not None:
        picture(values, ATTRIBUTES, GOALS, given.picture)
    values |= {"persons": given.persons, "photos": given.persons * PHOTOS}
    finish(
        "attributes", values, given.out,
        weights=method.fingerprint, seed=given.seed, machine=machine(), goals=GOALS,
        confused_colours=worst,
    )  # fmt: skip


if __name__ == "__main__":
    main()
