"""Batches of pairs for training and of photos for evaluation, made in worker processes.

Every choice of an epoch is a function of (seed, epoch, position), so the batches from `start` on
are, bit for bit, those of an unbroken epoch, whatever the number of workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from passerby.data.augment import Augment
from passerby.data.cache import ResizedPhotos
from passerby.data.images import met, normalise, open_photo
from passerby.data.sampling import (
    SAMPLERS,
    identity_batches,
    order_rng,
    pair_rng,
    random_batches,
)
from passerby.errors import BadData, BadPhoto, BadRecipe, Refused
from passerby.method import PhotoSpec
from passerby.types import Batch, Photo, Split, Texts

PAIRS = ("caption", "photo")
BROKEN = ("stop", "skip")
IN_A_ROW = 100  # pairs that cannot be read: no longer single photos, but the whole data
Made = TypeVar("Made")


class Batches(Generic[Made]):
    """`make(number)` for the numbers from `start` to `steps` - 1, in order, ahead of time.

    steps: batches in the whole epoch; len() is what is left of it. Each iteration starts anew.
    Raises what `make` raises; a Refused comes out of a worker as its own one line.
    """

    def __init__(
        self, make: Callable[[int], Made], steps: int, start: int = 0, workers: int = 0
    ) -> None:
        self.make, self.steps, self.start, self.workers = make, steps, start, workers

    def __len__(self) -> int:
        return max(0, self.steps - self.start)

    def __iter__(self) -> Iterator[Made]:
        numbers = range(self.start, self.steps)
        if not self.workers or not numbers:
            yield from map(self.make, numbers)
            return
        loader = DataLoader(
            _Caught(self.make),
            batch_size=None,
            sampler=numbers,
            num_workers=min(self.workers, len(numbers)),
            collate_fn=_as_it_is,
            worker_init_fn=_settle,
            multiprocessing_context="fork",
            generator=torch.Generator(),  # else the loader draws from, and so moves, the global one
        )
        for made in loader:
            if isinstance(made, Refused):
                raise made
            yield made


def train_batches(
    split: Split,
    read: Callable[[Sequence[str], Sequence[np.random.Generator]], Texts],
    spec: PhotoSpec,
    *,
    batch: int,
    seed: int,
    epoch: int,
    start: int = 0,
    augment: Augment | None = None,
    workers: int = 0,
    sampler: str = "random",
    each: int = 4,
    pairs: str = "caption",
    photos: ResizedPhotos | None = None,
    steps: int | None = None,
    views: int = 1,
    broken: str = "stop",
    share: tuple[int, int] = (0, 1),
) -> Batches[Batch]:
    """The batches of one epoch from number `start` on.

    read, views: a method's `draw_texts` and how many views of each photo it takes.
    pairs: "caption", each caption with its photo once an epoch (the field's protocol), or "photo",
    each photo once with one of its captions. sampler: "random", or "identity", `each` pairs of
    batch // each persons. Persons are numbered in the order of `split.persons`. photos: made once
    with keep=True for all epochs, it saves decoding. The last, incomplete batch is dropped, unless
    it is the only one. steps: batches at most. broken: "stop" at a photo that cannot be read, or
    "skip": the pair that follows in the split takes its place, and `Batch.skipped` tells of it.
    share: (r, n), the r-th of n equal parts of each batch, for process r of n: the parts of all are
    the batch of one, pair by pair; persons of the identity sampler stay whole.

    Raises BadRecipe for a setting out of range, BadData for a split without pairs or persons, and
    while iterating BadPhoto, or with "skip" BadData after 100 such pairs in a row.
    """
    _check_settings(sampler, pairs, broken, min(batch - 1, seed, epoch, start, workers))
    samples = _Samples(split, pairs)
    order = samples.order(sampler, batch, each, order_rng(seed, epoch))
    resized = photos if photos is not None else ResizedPhotos(split.photos, spec)
    part, parts = share
    _check_shares({len(rows) for rows in order}, parts, each if sampler == "identity" else 1)

    def make(number: int) -> Batch:
        own = np.split(np.arange(len(order[number])), parts)[part]
        chosen, kept, skipped = _readable(samples, order[number][own], resized, broken)
        rngs = [pair_rng(seed, epoch, number * batch + int(place)) for place in own]
        texts = [samples.caption(s, own) for s, own in zip(chosen, rngs, strict=True)]
        change, both = augment or _unchanged, list(zip(kept, rngs, strict=True))
        pixels = [change(photo, own) for _ in range(views) for photo, own in both]
        return Batch(
            images=normalise(np.stack(pixels), spec),
            texts=read(texts, rngs),
            persons=torch.from_numpy(samples.persons[chosen]),
            photos=torch.from_numpy(samples.photos[chosen]),
            skipped=skipped,
            epoch=epoch,
        )

    return Batches(make, len(order) if steps is None else min(steps, len(order)), start, workers)


def photo_batches(
    photos: Sequence[Photo], spec: PhotoSpec, *, batch: int, workers: int = 0
) -> Batches[tuple[list[int], Tensor]]:
    """(places in `photos`, float (n, 3, H, W)) of all photos in order. Raises BadPhoto."""
    resized = ResizedPhotos(photos, spec)

    def make(number: int) -> tuple[list[int], Tensor]:
        places = list(range(number * batch, min((number + 1) * batch, len(photos))))
        return places, normalise(np.stack([resized[place] for place in places]), spec)

    return Batches(make, -(-len(photos) // batch), workers=workers)


def without_broken(split: Split, workers: int = 0) -> Split:
    """The split without photos that cannot be read, each read once now; `left_out` tells of them.

    Raises BadData when none is left.
    """

    def make(place: int) -> str:
        try:
            open_photo(split.photos[place])
        except BadPhoto as error:
            return met(error)
        return ""

    told = list(Batches(make, len(split.photos), workers=workers))
    lost = {photo.id for photo, broken in zip(split.photos, told, strict=True) if broken}
    if not lost:
        return split
    if len(lost) == len(split.photos):
        raise BadData(
            f"{split.name}: no photo can be read, the first is {told[0]}; copy them again"
        )
    return Split(
        split.name,
        tuple(photo for photo in split.photos if photo.id not in lost),
        tuple(caption for caption in split.captions if caption.photo not in lost),
        (*split.left_out, *filter(None, told)),
    )


def _check_settings(sampler: str, pairs: str, broken: str, least: int) -> None:
    if sampler not in SAMPLERS or pairs not in PAIRS or broken not in BROKEN:
        raise BadRecipe(f"sampler is one of {SAMPLERS}, pairs one of {PAIRS}, broken of {BROKEN}; "
                        f"got {sampler!r}, {pairs!r} and {broken!r}")  # fmt: skip
    if least < 0:
        raise BadRecipe(
            "a batch holds at least one pair; seed, epoch, start, workers are 0 or more"
        )


def _check_shares(sizes: set[int], parts: int, each: int) -> None:
    """Refuses batches that processes cannot share evenly, `each` pairs of a person together."""
    for size in sizes:
        if parts > 1 and size % (parts * each):
            groups = f", {each} pairs a person together" if each > 1 else ""
            raise BadRecipe(
                f"{parts} processes cannot share a batch of {size} pairs evenly{groups}; make "
                f"[data] batch a multiple of {parts * each}, or start another number of processes"
            )


def _readable(
    samples: _Samples, wanted: np.ndarray, photos: ResizedPhotos, broken: str
) -> tuple[np.ndarray, list[np.ndarray], tuple[str, ...]]:
    """The samples of a batch, one that cannot be read replaced by the next of the split that can;
    their pixels; what was met."""
    chosen, pixels, skipped = wanted.copy(), [], []
    for place, first in enumerate(wanted):
        for sample in (first + np.arange(IN_A_ROW + 1)) % len(samples):
            try:
                pixels.append(photos[samples.photos[sample]])
            except BadPhoto as error:
                if broken == "stop":
                    raise
                skipped.append(met(error))
                continue
            chosen[place] = sample
            break
        else:
            raise BadData(
                f"more than {IN_A_ROW} pairs in a row cannot be read, the last for {skipped[-1]}; "
                "see that the disk is there, or copy the data again"
            )
    return chosen, pixels, tuple(dict.fromkeys(skipped))


class _Samples:
    """What an epoch is made of: the photo and the person of each sample, and its captions."""

    def __init__(self, split: Split, pairs: str) -> None:
        places = {photo.id: place for place, photo in enumerate(split.photos)}
        if pairs == "caption":
            told = [(places[caption.photo], [caption.text]) for caption in split.captions]
        else:
            by_photo: dict[int, list[str]] = {}
            for caption in split.captions:
                by_photo.setdefault(places[caption.photo], []).append(caption.text)
            told = sorted(by_photo.items())
        if not told:
            raise BadData(f"{split.name}: no captions to train with; add some")
        classes = {person: number for number, person in enumerate(split.persons)}
        nameless = next((p.id for p in split.photos if p.person is None), None)
        if nameless is not None:
            raise BadData(f"{split.name}: nobody is named on photo {nameless!r}; name the person")
        self.photos = np.array([place for place, _ in told], dtype=np.int64)
        self.texts = [texts for _, texts in told]
        persons = [classes[str(split.photos[place].person)] for place, _ in told]
        self.persons = np.array(persons, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.texts)

    def order(
        self, sampler: str, batch: int, each: int, rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Which samples form which batch."""
        if sampler == "random":
            return random_batches(len(self), batch, rng)
        return identity_batches(self.persons.tolist(), batch, each, rng)

    def caption(self, sample: int, rng: np.random.Generator) -> str:
        texts = self.texts[sample]
        return texts[0] if len(texts) == 1 else texts[int(rng.integers(len(texts)))]


class _Caught(Dataset[Any]):
    """Hands a Refused on as a value: the loader would wrap it in a traceback of many lines."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, number: int) -> Any:
        try:
            return self.make(number)
        except Refused as refusal:
            return refusal


def _unchanged(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return photo


def _as_it_is(made: Any) -> Any:
    return made


def _settle(worker: int) -> None:  # noqa: ARG001 - torch's signature
    """One thread in each worker, as two on a busy core are slower than one."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # 1 would wait for ever for the threads that the fork left behind
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads do not survive the fork
