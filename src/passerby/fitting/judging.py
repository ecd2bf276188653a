"""Queries of a data set compared with its photos, and of which photos what they tell is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from passerby.data.batches import photo_batches
from passerby.data.sources import parse, read_data
from passerby.drawn.brief import brief
from passerby.drawn.facts import PersonFacts, read_wardrobe
from passerby.drawn.truth import Truth
from passerby.drawn.wording import Tell
from passerby.embedding import embed_images
from passerby.evaluation import blocks
from passerby.fitting.cameras import CAMERAS, retaken
from passerby.fitting.galleries import MOST_QUERIES, Judged
from passerby.method import Method
from passerby.types import Caption, Embeddings, Photo, Split

DRAWN = "drawn"
MOST_PHOTOS = 4000
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Asked:
    """A split whose captions are the queries, and right: bool (Q, P), what is true of what.

    told: the data and the meaning of "right", in words.
    """

    split: Split
    right: np.ndarray
    told: str


def asked(
    data: str,
    split: str,
    *,
    seed: int = 0,
    short: float = 0.5,
    queries: int = MOST_QUERIES,
    photos: int = MOST_PHOTOS,
) -> Asked:
    """At most so many `queries` and (of whole persons) `photos` of a data set NAME:ROOT.

    Of drawn people the wardrobe says what is true, and the share `short` of the queries is of one
    to three things, as users ask. In other data sets a photo of the same person is right, and no
    other: some of the others fit the sentence as well, so what is fitted is a lower bound.

    Raises BadData when there is no such data, or it is no whole data set.
    """
    rng = np.random.default_rng(seed)
    whole = read_data(data, split)
    chosen = _fewer(whole, queries, photos, rng)
    name, root = parse(data)
    told = f"{name} {split}: {len(chosen.captions)} queries, {len(chosen.photos)} photos"
    told += f" of {len(chosen.persons)} persons"
    if name != DRAWN:
        on_photo = np.array([photo.person or "" for photo in chosen.photos])
        right = np.array([on_photo == caption.person for caption in chosen.captions])
        told += "; right: photos of the same person, a lower bound"
        return Asked(chosen, right, told)
    facts = read_wardrobe(root, None if split == "all" else split)
    captions, right = _drawn(chosen, facts, short, rng)
    told += "; right: photos that all that is told is true of"
    return Asked(replace(chosen, captions=captions), right, told)


def judge(
    method: Method,
    given: Asked,
    *,
    cameras: bool = True,
    batch: int = 128,
    workers: int = 0,
    progress: Progress | None = None,
) -> Judged:
    """The method's scores of all pairs; with `cameras` also of the photos as CAMERAS take them.

    progress: called with (photos embedded, photos). Raises BadData for too few persons or pairs.
    """
    split = given.split
    places = {person: place for place, person in enumerate(split.persons)}
    persons = np.array([places.get(caption.person, -2) for caption in split.captions])
    on_photo = np.array([places[p.person] if p.person else -1 for p in split.photos])
    words = np.array([max(1, len(caption.text.split())) for caption in split.captions])
    unscored = np.zeros(given.right.shape, np.float32)
    judged = Judged(unscored, given.right, persons, on_photo, words)  # refuses before the work
    embedded = _embedded(method, split.photos, cameras, batch, workers, progress)
    first, *others = [_scores(method, split, photos) for photos in embedded]
    return replace(judged, scores=first, others=tuple(others))


def _fewer(split: Split, queries: int, photos: int, rng: np.random.Generator) -> Split:
    """Chance persons with all their photos, and chance captions of these."""
    kept: set[str] = set()
    counts: dict[str, int] = {}
    for photo in split.photos:
        counts[photo.person or ""] = counts.get(photo.person or "", 0) + 1
    total = 0
    for place in rng.permutation(len(split.persons)):
        person = split.persons[place]
        if total + counts[person] > photos and kept:
            break
        total += counts[person]
        kept.add(person)
    captions = [caption for caption in split.captions if caption.person in kept]
    some = sorted(rng.permutation(len(captions))[:queries].tolist())
    return Split(
        split.name,
        tuple(photo for photo in split.photos if photo.person in kept),
        tuple(captions[place] for place in some),
    )


def _drawn(
    split: Split, facts: list[PersonFacts], short: float, rng: np.random.Generator
) -> tuple[tuple[Caption, ...], np.ndarray]:
    """The split's captions, a share of them shortened, and what they are true of."""
    truth = Truth(facts)
    files = [photo for person in facts for photo in person.photos]
    place = {photo.file_path: number for number, photo in enumerate(files)}
    columns = np.array([place[photo.id] for photo in split.photos])
    captions, rows = [], []
    for caption in split.captions:
        told = files[place[caption.photo]].captions[int(caption.id.rpartition("#")[2])]
        text, tells = told.text, list[Tell](told.tells)
        if rng.random() < short:
            shortened, fewer = brief(tells, rng)
            text, tells = (shortened, fewer) if fewer else (text, tells)
        captions.append(replace(caption, text=text))
        rows.append(truth.of(tells)[columns])
    return tuple(captions), np.array(rows, dtype=bool).reshape(len(rows), len(columns))


def _embedded(
    method: Method,
    photos: tuple[Photo, ...],
    cameras: bool,
    batch: int,
    workers: int,
    progress: Progress | None,
) -> list[Embeddings]:
    """Embeddings of the photos as they are, then through each camera; each file is read once."""
    takes: list[list[Embeddings]] = [[] for _ in range(1 + cameras * len(CAMERAS))]
    spec, done = method.photo_spec, 0
    for _, images in photo_batches(photos, spec, batch=batch, workers=workers):
        takes[0].append(embed_images(method, images))
        for take, camera in zip(takes[1:], CAMERAS.values(), strict=cameras):
            take.append(embed_images(method, retaken(images, spec, camera)))
        done += len(images)
        if progress is not None:
            progress(done, len(photos))
    return [Embeddings.cat(take) for take in takes]


def _scores(method: Method, split: Split, photos: Embeddings) -> np.ndarray:
    """(Q, P), on the road of every evaluation and search."""
    found = torch.zeros(len(split.captions), len(split.photos))
    for block in blocks(method, split, photos):
        ranking = block.ranking(method)
        rows = torch.zeros(len(block.rows), len(split.photos))
        found[block.rows] = rows.scatter_(1, ranking.order, ranking.scores.float())
    return found.numpy()
