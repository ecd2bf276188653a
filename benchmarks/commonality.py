"""Estimated against true commonality of the parts of CMR (our reconstruction), on drawn people.

python benchmarks/commonality.py MODEL ... --data DRAWN [--out results/commonality.json]
    [--picture docs/methods/cmr_parts.png]

MODEL: folders of trained models, told apart as "learned" or "stripes". The truth is the share of
the training persons who wear the same in a region of the body (benchmarks/shared_clothes.py). An
estimate is c = 1 - u as in training, by the model's own classifiers and scores in random batches of
32 pairs of the training split, but in eval mode and of unchanged photos; the mean of 8 passes.

A part has no name. On half of the persons, drawn at random, it is given the region whose truth its
estimates follow best (the mean of estimators and sides); every number is of the other half.
"place" is the region at the height where the part looks on average, which for stripes is geometry;
"outfit" is how common all of a person's clothes are. Correlations are Spearman's, over photos or
captions, [rho, low, high] of a bootstrap over persons. quarters: mean c of the rows in each quarter
by true commonality in the chosen region, rarest first. parts alike: the mean cosine of two
different parts of one photo or caption. all parts: of all (row, part) at once. at
the floor: the share of margins there, of all persons.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parts_picture import draw
from rank_correlation import correlation, interval, quarters
from report import finish, machine
from shared_clothes import FIELDS, REGIONS, outfits, region_at, shares
from torch import Tensor, nn

import passerby
from passerby.data.batches import photo_batches
from passerby.data.sampling import random_batches
from passerby.data.sources import read_data
from passerby.drawn.facts import read_wardrobe
from passerby.errors import Refused
from passerby.losses.diversity import diversity
from passerby.losses.identity import person_logits, posteriors
from passerby.losses.ranking import COMMONALITIES, distinctiveness, margins
from passerby.method import Method
from passerby.similarity.parts import part_cosines
from passerby.types import Split

KINDS = tuple(kind for kind in COMMONALITIES if kind != "none")
SIDES = ("photos", "captions")
BATCH, PASSES, BLOCK, LOOKED = 32, 8, 128, 512  # LOOKED: photos whose looks are averaged
Estimate = tuple[np.ndarray, np.ndarray]  # c (N, K), and each part's share of margins at the floor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path, help="of the first model")
    try:
        measure(parser.parse_args())
    except Refused as refusal:
        sys.exit(f"commonality: {refusal}")


def measure(given: argparse.Namespace) -> None:
    models = named([ready(folder) for folder in given.models])
    split = read_data(f"drawn:{given.data}", "train")
    for name, method in models.items():
        if method.config.persons != len(split.persons):
            raise SystemExit(
                f"{name}: trained on {method.config.persons} persons, {given.data} has "
                f"{len(split.persons)}; name the people that it was trained on"
            )
    facts = {str(each.id): each for each in read_wardrobe(given.data, "train")}
    shared = shares([facts[person] for person in split.persons])
    values = {}
    for name, method in models.items():
        features = embedded(method, split)
        found = estimates(method, features, split)
        told = judged(found, shared, split, heights(method, split))
        values |= {f"{name}: {what}": about for what, about in told.items()}
        alike = {side: round(float(diversity(parts)), 4) for side, parts in features.items()}
        values[f"{name}: parts alike"] = alike
        print(f"estimated {name}", flush=True)
    finish(
        "commonality", values, given.out, machine=machine(), regions=FIELDS,
        models={name: method.fingerprint for name, method in models.items()},
        batch=BATCH, passes=PASSES, captions=len(split.captions), photos=len(split.photos),
        persons=len(split.persons), held=len(split.persons) - len(split.persons) // 2,
    )  # fmt: skip
    if given.picture:
        draw(next(iter(models.values())), given.data, given.picture)


def ready(folder: Path) -> Method:
    """The model, if it has what the estimators ask for."""
    method = passerby.load(folder)
    classes = getattr(method, "classes", None)
    if not isinstance(classes, nn.ParameterDict) or "fine" not in classes:
        raise SystemExit(f"{folder}: no CMR model with fine parts and its classifiers; train one")
    return method


def named(methods: Sequence[Method]) -> dict[str, Method]:
    found = {}
    for method in methods:
        slots = ", slots" if method.config.decoder == "slots" else ""
        found[method.config.parts + slots] = method
    if len(found) < len(methods):
        raise SystemExit("two models of one kind of parts; give one of each")
    return found


@torch.inference_mode()
def embedded(method: Method, split: Split) -> dict[str, Tensor]:
    """Raw fine parts of all captions and all photos, each (N, K, D), in the split's order."""
    texts = [caption.text for caption in split.captions]
    blocks = [texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK)]
    photos = photo_batches(split.photos, method.photo_spec, batch=BLOCK)
    return {
        "captions": torch.cat([method.features_of_texts(method.tokenize(b)).fine for b in blocks]),
        "photos": torch.cat([method.features_of_photos(images).fine for _, images in photos]),
    }


def rows_of(split: Split) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """By side the person of each row, numbered as `split.persons`; the photo of each caption."""
    number = {person: place for place, person in enumerate(split.persons)}
    place = {photo.id: place for place, photo in enumerate(split.photos)}
    owners = {
        "photos": np.array([number[photo.person or ""] for photo in split.photos]),
        "captions": np.array([number[caption.person] for caption in split.captions]),
    }
    return owners, np.array([place[caption.photo] for caption in split.captions])


@torch.inference_mode()
def estimates(
    method: Method, features: dict[str, Tensor], split: Split
) -> dict[tuple[str, str], Estimate]:
    """By estimator and side."""
    config = method.config
    owners, photo_of = rows_of(split)
    persons, shape = torch.from_numpy(owners["captions"]), features["photos"].shape[1]
    sums = {(k, s): torch.zeros(len(owners[s]), shape) for k in KINDS for s in SIDES}
    floors = {key: torch.zeros(shape) for key in sums}
    seen = {side: np.zeros(len(owners[side])) for side in SIDES}
    for seed in range(PASSES):
        for rows in random_batches(len(persons), BATCH, np.random.default_rng(seed)):
            places = {"captions": rows, "photos": photo_of[rows]}
            for kind, side, u in distinct(method, features, places, persons[rows]):
                sums[kind, side].index_add_(0, torch.from_numpy(places[side]), 1 - u.T)
                least = margins(u, config.margin, config.floor) <= config.floor
                floors[kind, side] += least.float().sum(1)
            for side in SIDES:
                np.add.at(seen[side], places[side], 1)
    return {
        (kind, side): (
            total.numpy() / seen[side][:, None],
            floors[kind, side].numpy() / seen[side].sum(),
        )
        for (kind, side), total in sums.items()
    }


def distinct(
    method: Method, features: dict[str, Tensor], places: dict[str, np.ndarray], persons: Tensor
) -> list[tuple[str, str, Tensor]]:
    """(estimator, side, u (K, B)) of one batch, as in training."""
    config = method.config
    texts, photos = (features[s][places[s]] for s in ("captions", "photos"))
    scores = part_cosines(texts, photos)
    own = [
        posteriors(
            person_logits(side.transpose(0, 1), method.classes["fine"], config.cosine_scale),
            persons,
        )
        for side in (texts, photos)
    ]
    found = []
    for kind in KINDS:
        by_texts, by_photos = distinctiveness(
            kind, scores, persons, (own[0], own[1]), config.margin, config.entropy_temperature
        )
        found += [(kind, "captions", by_texts), (kind, "photos", by_photos)]
    return found


@torch.inference_mode()
def heights(method: Method, split: Split) -> np.ndarray:
    """(K,): the mean height at which each fine part looks, 0 the top of the photo and 1 its end."""
    some = split.photos[:: max(1, len(split.photos) // LOOKED)]
    found = []
    for _, images in photo_batches(some, method.photo_spec, batch=BLOCK):
        looks = method.looks_of_photos(images)["fine"].sum(3)  # (N, K, h)
        middles = (torch.arange(looks.shape[2]) + 0.5) / looks.shape[2]
        found.append((looks @ middles) / looks.sum(2))
    return torch.cat(found).mean(0).numpy()


def judged(
    found: dict[tuple[str, str], Estimate], shared: np.ndarray, split: Split, heights: np.ndarray
) -> dict[str, Any]:
    """What the estimates of a model are worth, part by part."""
    owners, _ = rows_of(split)
    count = len(shared)
    choosing = np.zeros(count, dtype=bool)
    choosing[np.random.default_rng(0).permutation(count)[: count // 2]] = True
    held = np.cumsum(~choosing) - 1  # the numbers of those that are left
    fits = np.mean(
        [following(c[choosing[owners[side]]], shared[owners[side][choosing[owners[side]]]])
         for (_, side), (c, _) in found.items()],
        axis=0,
    )  # fmt: skip
    chosen = fits.argmax(1)
    place = [REGIONS.index(region_at(height)) for height in heights]
    values: dict[str, Any] = {}
    for part, height in enumerate(heights):
        regions = {"chosen": REGIONS[chosen[part]], "place": REGIONS[place[part]]}
        values[f"part {part + 1}"] = {"height": round(float(height), 3), **regions}
    for (kind, side), (c, floor) in found.items():
        rest = ~choosing[owners[side]]
        persons, c = owners[side][rest], c[rest]
        truth, outfit, people = shared[persons], outfits(shared)[persons], held[persons]
        rhos = following(c, truth)
        for part in range(len(heights)):
            own = c[:, part]
            values[f"part {part + 1}: {kind} of {side}"] = {
                "chosen": interval(own, truth[:, chosen[part]], people),
                "place": interval(own, truth[:, place[part]], people),
                "outfit": interval(own, outfit, people),
                "regions": dict(zip(REGIONS, rhos[part].round(3).tolist(), strict=True)),
                "mean c": round(float(own.mean()), 6),
                "at the floor": round(float(floor[part]), 4),
                "quarters": quarters(own, truth[:, chosen[part]]),
            }
        values[f"all parts: {kind} of {side}"] = interval(
            c.T.ravel(), truth[:, chosen].T.ravel(), np.tile(people, len(heights))
        )
    return values


def following(c: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(K, regions): how estimates (N, K) follow the truth (N, regions)."""
    return np.array([[correlation(own, true) for true in truth.T] for own in c.T])


if __name__ == "__main__":
    main()
