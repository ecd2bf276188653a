"""Which pairs form which batch."""

from __future__ import annotations

import numpy as np
import pytest

from passerby.data.sampling import identity_batches, order_rng, pair_rng, random_batches
from passerby.errors import BadRecipe


def test_random_batches_hold_each_number_once_and_drop_the_rest() -> None:
    batches = random_batches(23, 5, order_rng(0, 0))
    assert [len(batch) for batch in batches] == [5] * 4
    assert len(set(np.concatenate(batches))) == 20


def test_fewer_than_a_batch_are_one_small_batch() -> None:
    assert sorted(random_batches(3, 8, order_rng(0, 0))[0]) == [0, 1, 2]


def test_seed_epoch_and_position_all_change_the_numbers() -> None:
    draws = [rng.random() for rng in (order_rng(0, 0), order_rng(0, 1), order_rng(1, 0))]
    draws += [pair_rng(0, 0, 0).random(), pair_rng(0, 0, 1).random(), pair_rng(0, 1, 0).random()]
    assert len(set(draws)) == len(draws)
    assert order_rng(3, 4).random() == order_rng(3, 4).random()


@pytest.mark.parametrize("each", [1, 2, 4])
def test_identity_batches_hold_distinct_persons_with_the_same_number_of_pairs(each: int) -> None:
    persons = [*np.random.default_rng(0).integers(0, 12, 100).tolist(), 12]
    batches = identity_batches(persons, 8, each, order_rng(0, 0))
    assert len(batches) > 5
    for batch in batches:
        own = [persons[pair] for pair in batch]
        assert len(set(own)) == 8 // each
        assert all(own.count(person) == each for person in own)
    seen = np.concatenate(batches)
    assert len(set(seen)) > 60, "most pairs have their turn"


def test_identity_batches_of_few_persons_hold_them_all() -> None:
    batches = identity_batches([0, 0, 1], 8, 2, order_rng(0, 0))
    assert len(batches) == 1
    assert len(batches[0]) == 4


def test_a_batch_that_cannot_hold_whole_persons_is_refused() -> None:
    with pytest.raises(BadRecipe, match="multiple of 3"):
        identity_batches([0, 1], 8, 3, order_rng(0, 0))
