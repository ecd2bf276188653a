"""Why re-ranked numbers of NAFS and ACSA cannot be compared: synthetic embeddings, nothing trained.

    python benchmarks/leak.py [--out results/leak.json]

The released re-ranking takes, for each photo, the numbers of its five best captions, and intersects
them with the numbers of the five photos nearest to photo j; the overlap goes to the column of
caption j. Numbers of captions and of photos have nothing in common but the order in which a loader
puts persons. In ACSA's gallery each photo stands once for each of its captions, so row j is the
photo of caption j, and that column is ranked with the neighbours of its own right answer. Rank-1 of
captions, in the loader's order and with captions or gallery shuffled; and of the formula as the
paper means it (photos with photos), which no order changes. 200 persons, mean of ten draws.
"""

import argparse
from pathlib import Path

import numpy as np
from report import finish, machine

PERSONS, PHOTOS, CAPTIONS, DIM = 200, 3, 2, 64  # photos a person, captions a photo
NOISE, K, WEIGHTS = (0.9, 2.9), 5, {"NAFS": 1.0, "ACSA": 1.7}  # of photos, of captions


def drawn(dice: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Unit vectors of photos and captions, whose person and whose photo each is: loader's order."""
    persons = np.repeat(np.arange(PERSONS), PHOTOS)
    whose = np.repeat(np.arange(len(persons)), CAPTIONS)
    centre = dice.standard_normal((PERSONS, DIM))
    photos = centre[persons] + NOISE[0] * dice.standard_normal((len(persons), DIM))
    captions = photos[whose] + NOISE[1] * dice.standard_normal((len(whose), DIM))
    return unit(photos), unit(captions), persons, whose


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nearest(scores: np.ndarray) -> np.ndarray:
    """Each row's K best columns as a 0/1 matrix."""
    chosen = np.zeros_like(scores)
    np.put_along_axis(chosen, np.argsort(-scores, axis=1, kind="stable")[:, :K], 1.0, axis=1)
    return chosen


def overlap(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Jaccard index of each row's and each column's set, both of K numbers."""
    common = rows @ columns.T
    return common / (2 * K - common)


def released(scores: np.ndarray, photos: np.ndarray, weight: float) -> np.ndarray:
    """scores: (photos, captions). The columns that have a photo's number are changed."""
    own, near = nearest(scores), nearest(photos @ photos.T)
    count = min(scores.shape)
    changed = scores.copy()
    changed[:, :count] += weight * overlap(own[:, :count], near[:count, :count])
    return changed


def meant(scores: np.ndarray, photos: np.ndarray, weight: float) -> np.ndarray:
    """The neighbours of a photo and the best photos of a caption: sets of photos."""
    return scores + weight * overlap(nearest(photos @ photos.T), nearest(scores.T))


def rank_1(scores: np.ndarray, on_photo: np.ndarray, in_caption: np.ndarray) -> float:
    return 100 * float((on_photo[scores.argmax(0)] == in_caption).mean())


def measured(seed: int) -> dict[str, float]:
    dice = np.random.default_rng(seed)
    photos, captions, persons, whose = drawn(dice)
    told = persons[whose]
    found = {}
    for method, rows in (("NAFS", np.arange(len(photos))), ("ACSA", whose)):
        gallery, on_photo, weight = photos[rows], persons[rows], WEIGHTS[method]
        found[f"{method}'s gallery, not re-ranked"] = rank_1(gallery @ captions.T, on_photo, told)
        for name, photo_order, caption_order in (
            ("in the loader's order", slice(None), slice(None)),
            ("captions shuffled", slice(None), dice.permutation(len(captions))),
            ("gallery shuffled", dice.permutation(len(gallery)), slice(None)),
        ):
            some, few = gallery[photo_order], captions[caption_order]
            scores = released(some @ few.T, some, weight)
            key = f"{method} as released, {name}"
            found[key] = rank_1(scores, on_photo[photo_order], told[caption_order])
    for weight in (1.0, 0.1):
        scores = meant(photos @ captions.T, photos, weight)
        found[f"as meant, weight {weight:g}"] = rank_1(scores, persons, told)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    draws = [measured(seed) for seed in range(10)]
    values = {name: round(float(np.mean([draw[name] for draw in draws])), 1) for name in draws[0]}
    finish("leak of the released re-ranking", values, parser.parse_args().out, machine=machine())


if __name__ == "__main__":
    main()
