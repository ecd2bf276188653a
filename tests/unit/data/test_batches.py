"""Training batches depend on seed, epoch and position alone; evaluation batches keep the order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from passerby.data.augment import Augment
from passerby.data.batches import Batches, photo_batches, train_batches
from passerby.data.cache import ResizedPhotos
from passerby.data.images import read_photo, to_tensor
from passerby.errors import BadData, BadPhoto, BadRecipe
from passerby.method import PhotoSpec
from passerby.types import Batch, Caption, Photo, Split, Texts

SPEC = PhotoSpec(height=32, width=16)
STRONG = Augment(brightness=0.3, hue=10, crop=0.2, rotate=5, blur=1, noise=8, downsample=1)
Make = Callable[..., Batches[Batch]]


def read(texts: Sequence[str], rngs: Sequence[np.random.Generator]) -> Texts:
    """Letters as ids, padded to the longest, and a number drawn for each text: as a method does."""
    rows = [torch.tensor([ord(letter) for letter in text]) for text in texts]
    drawn = torch.tensor([rng.random() for rng in rngs])
    return Texts(ids=torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), drawn=drawn)


def words(batch: Batch) -> list[str]:
    return ["".join(chr(i) for i in row if i) for row in batch.texts.ids.tolist()]


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """7 persons with 1 to 4 photos, each with 1 to 3 captions of various lengths."""
    rng = np.random.default_rng(5)
    photos, captions = [], []
    for person in range(7):
        for n in range(1 + person % 4):
            path = tmp_path / f"{person}_{n}.png"
            Image.fromarray(rng.integers(0, 255, (40, 20, 3), np.uint8)).save(path)
            photos.append(Photo(path.name, path, f"p{person}"))
            for c in range(1 + (person + n) % 3):
                text = f"{path.name} " + "x" * int(rng.integers(0, 30)) + str(c)
                captions.append(Caption(f"{path.name}#{c}", text, path.name, f"p{person}"))
    return Split("made", tuple(photos), tuple(captions))


@pytest.fixture
def make(split: Split) -> Make:
    return functools.partial(
        train_batches, split, read, SPEC, batch=4, seed=3, epoch=1, augment=STRONG
    )


def same(one: Batch, other: Batch) -> bool:
    return (
        one.images.equal(other.images)
        and one.texts.ids.equal(other.texts.ids)
        and one.persons.equal(other.persons)
        and one.photos.equal(other.photos)
    )


@pytest.mark.parametrize("pairs", ["caption", "photo"])
@pytest.mark.parametrize("sampler", ["random", "identity"])
def test_any_number_of_workers_gives_the_same_bits(make: Make, pairs: str, sampler: str) -> None:
    made = [
        list(make(pairs=pairs, sampler=sampler, each=2, workers=workers)) for workers in (0, 1, 2)
    ]
    assert len(made[0]) >= 3
    for others in made[1:]:
        assert len(others) == len(made[0])
        assert all(same(a, b) for a, b in zip(made[0], others, strict=True))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_starting_at_a_batch_gives_the_tail_of_the_unbroken_epoch(make: Make, workers: int) -> None:
    whole, tail = list(make()), make(start=3, workers=workers)
    assert tail.steps == len(whole)
    assert len(tail) == len(whole) - 3
    assert all(same(a, b) for a, b in zip(whole[3:], tail, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_kept_photos_give_the_same_bits_and_are_read_once(
    split: Split, make: Make, workers: int
) -> None:
    plain = [list(make(epoch=epoch)) for epoch in (0, 1)]
    kept = ResizedPhotos(split.photos, SPEC, keep=True)
    first = list(make(epoch=0, photos=kept, workers=workers))
    for _ in make(epoch=2, pairs="photo", batch=1, photos=kept, workers=workers):
        pass  # every photo has had its turn
    for photo in split.photos:
        photo.path.unlink()
    second = list(make(epoch=1, photos=kept, workers=workers))
    for made, wanted in zip((first, second), plain, strict=True):
        assert all(same(a, b) for a, b in zip(made, wanted, strict=True))


def test_the_global_random_numbers_are_left_alone(make: Make) -> None:
    torch.manual_seed(7)
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    for workers in (0, 2):
        list(make(workers=workers))
    assert torch.get_rng_state().equal(state)
    assert np.array_equal(np.random.get_state()[1], numbers)


def test_epochs_and_seeds_differ(make: Make) -> None:
    base = next(iter(make()))
    assert not same(base, next(iter(make(epoch=2))))
    assert not same(base, next(iter(make(seed=4))))


def test_a_pair_is_a_photo_with_its_own_caption_and_person(split: Split, make: Make) -> None:
    for batch in make(augment=None):
        for row, text in enumerate(words(batch)):
            photo = split.photos[int(batch.photos[row])]
            assert text.split()[0] == photo.id
            assert split.persons[int(batch.persons[row])] == photo.person
            assert batch.images[row].equal(to_tensor(read_photo(photo.path), SPEC))


def test_an_epoch_holds_each_caption_once_or_each_photo_once(split: Split, make: Make) -> None:
    texts = [text for batch in make(batch=1) for text in words(batch)]
    assert sorted(texts) == sorted(caption.text for caption in split.captions)
    photos = [int(p) for batch in make(batch=1, pairs="photo") for p in batch.photos]
    assert sorted(photos) == list(range(len(split.photos)))
    told: set[str] = set()
    for epoch in range(12):
        for batch in make(batch=1, pairs="photo", epoch=epoch, augment=None):
            told.update(words(batch))
    assert told == {caption.text for caption in split.captions}, "each caption has its turn"


def test_a_last_incomplete_batch_is_dropped_unless_it_is_the_only_one(
    split: Split, make: Make
) -> None:
    assert all(len(batch) == 4 for batch in make())
    assert [len(batch) for batch in make(batch=1000)] == [len(split.captions)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_photo_is_refused_in_one_line_from_any_worker(
    split: Split, make: Make, workers: int
) -> None:
    split.photos[2].path.write_text("no photo")
    for batches in (
        make(workers=workers),
        photo_batches(split.photos, SPEC, batch=4, workers=workers),
    ):
        with pytest.raises(BadPhoto) as caught:
            list(batches)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sampler", ["random", "identity"])
def test_a_broken_photo_gives_its_place_to_the_next_and_nothing_else_changes(
    split: Split, make: Make, sampler: str, workers: int
) -> None:
    given = {"pairs": "photo", "sampler": sampler, "each": 2, "broken": "skip"}
    whole = list(make(**given))
    assert all(batch.skipped == () for batch in whole)
    split.photos[2].path.write_text("no photo")
    made = list(make(**given, workers=workers))
    assert [b.photos.where(b.photos != 2, 3).tolist() for b in whole] == [
        batch.photos.tolist() for batch in made
    ]
    met = [batch for batch in made if batch.skipped]
    assert met
    for batch in met:
        (line,) = batch.skipped
        assert line.startswith(f"{split.photos[2].path}: not an image")
        assert batch.to("cpu").skipped == batch.skipped
    for one, other in zip(whole, made, strict=True):
        if not other.skipped:
            assert same(one, other)


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_sees_every_photo_in_order(split: Split, workers: int) -> None:
    places: list[int] = []
    for chosen, images in photo_batches(split.photos, SPEC, batch=5, workers=workers):
        for place, image in zip(chosen, images, strict=True):
            assert image.equal(to_tensor(read_photo(split.photos[place].path), SPEC))
        places += chosen
    assert places == list(range(len(split.photos)))
    assert list(photo_batches([], SPEC, batch=5, workers=workers)) == []


def test_workers_survive_a_parent_that_has_used_threads(make: Make) -> None:
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (0, 0), 3.0)
    torch.zeros(2000, 2000).matmul(torch.zeros(2000, 100))
    assert len(list(make(workers=2))) == len(make())


def test_leaving_an_epoch_early_ends_its_workers(make: Make) -> None:
    import multiprocessing

    iterator = iter(make(workers=2))
    next(iterator)
    assert multiprocessing.active_children()
    iterator.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_settings_and_splits_that_cannot_train_are_refused(split: Split, make: Make) -> None:
    wrongs = ({"sampler": "best"}, {"pairs": "words"}, {"broken": "mend"}, {"batch": 0})
    for wrong in (*wrongs, {"seed": -1}):
        with pytest.raises(BadRecipe):
            make(**wrong)
    nobody = Split("made", (Photo("a", Path("a")),), ())
    with pytest.raises(BadData, match="no captions"):
        train_batches(nobody, read, SPEC, batch=1, seed=0, epoch=0)
    unnamed = Split("made", nobody.photos, (Caption("a#0", "he", "a", "p"),))
    with pytest.raises(BadData, match="nobody is named"):
        train_batches(unnamed, read, SPEC, batch=1, seed=0, epoch=0)


def test_photos_that_cannot_fit_in_memory_are_not_kept(split: Split) -> None:
    with pytest.raises(BadRecipe, match="switch the cache off"):
        ResizedPhotos(split.photos, PhotoSpec(height=10**6, width=10**5), keep=True)


def test_views_of_a_photo_are_changed_each_by_itself_and_stand_view_by_view(make: Make) -> None:
    one, three = next(iter(make())), next(iter(make(views=3)))
    assert three.images.shape == (12, *one.images.shape[1:])
    assert len(three) == len(one) == 4
    torch.testing.assert_close(three.images[:4], one.images, atol=0, rtol=0)
    assert not torch.equal(three.images[:4], three.images[4:8])
    assert words(three) == words(one)
    still = next(iter(make(views=2, augment=None)))
    torch.testing.assert_close(still.images[:4], still.images[4:], atol=0, rtol=0)


@pytest.mark.parametrize("sampler", ["random", "identity"])
@pytest.mark.parametrize("workers", [0, 1])
def test_the_shares_of_all_processes_are_the_batch_of_one(
    make: Make, sampler: str, workers: int
) -> None:
    given = {"batch": 8, "sampler": sampler, "each": 2, "workers": workers}
    whole = list(make(**given))
    parts = [list(make(**given, share=(part, 2))) for part in range(2)]
    assert len(whole) == len(parts[0]) == len(parts[1]) >= 2
    for batch, *both in zip(whole, *parts, strict=True):
        assert torch.cat([part.images for part in both]).equal(batch.images)
        assert torch.cat([part.texts.drawn for part in both]).equal(batch.texts.drawn)
        assert torch.cat([part.persons for part in both]).equal(batch.persons)
        assert [word for part in both for word in words(part)] == words(batch)
        for part in both:
            assert len(part) == 4
            if sampler == "identity":
                assert [part.persons.tolist().count(p) for p in part.persons] == [2] * 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch": 9, "share": (0, 2)}, "2 processes cannot share a batch of 9 pairs evenly; make"),
        (
            {"batch": 6, "sampler": "identity", "each": 2, "share": (1, 2)},
            "2 pairs a person together; make .* multiple of 4",
        ),
        ({"batch": 500, "share": (0, 3)}, "3 processes cannot share a batch of"),
    ],
)
def test_a_batch_that_processes_cannot_share_evenly_is_refused(make: Make, settings, said) -> None:
    with pytest.raises(BadRecipe, match=said):
        make(**settings)
