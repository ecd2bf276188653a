"""Which pairs form which batch of an epoch: all from the seed, nothing from what came before."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np

from passerby.errors import BadRecipe

SAMPLERS = ("random", "identity")
_ORDER, _PAIR = 1, 2  # two streams of numbers; the first number keeps them apart


def order_rng(seed: int, epoch: int) -> np.random.Generator:
    """What orders an epoch."""
    return np.random.default_rng((_ORDER, seed, epoch))


def pair_rng(seed: int, epoch: int, position: int) -> np.random.Generator:
    """What changes the pair at a position of an epoch."""
    return np.random.default_rng((_PAIR, seed, epoch, position))


def random_batches(count: int, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Numbers 0 .. count-1 shuffled, `batch` at a time; what is left over waits for another epoch.

    Fewer than one batch are one small batch.
    """
    order = rng.permutation(count)
    whole = count // batch
    return [order[i * batch : (i + 1) * batch] for i in range(whole)] or [order]


def identity_batches(
    persons: Sequence[int], batch: int, each: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Batches of batch // each distinct persons with `each` of their pairs.

    persons: the class of every pair. A person's pairs are shuffled and cut into groups of `each`, a
    short group filled with others of the same person, again and again if need be. Groups that no
    longer fill a batch with distinct persons wait for another epoch; with fewer persons than a
    batch wants, each batch holds them all.
    """
    if each < 1 or batch % each:
        raise BadRecipe(f"a batch of {batch} is not a multiple of {each} pairs a person: change it")
    groups = _groups(persons, each, rng)
    wanted = min(batch // each, len(set(persons)))
    waiting = deque(groups[i] for i in rng.permutation(len(groups)))
    batches: list[np.ndarray] = []
    while True:
        taken: dict[int, np.ndarray] = {}
        aside: list[np.ndarray] = []
        while waiting and len(taken) < wanted:
            group = waiting.popleft()
            person = persons[group[0]]
            if person in taken:
                aside.append(group)
            else:
                taken[person] = group
        if len(taken) < wanted:
            return batches
        waiting.extendleft(reversed(aside))
        batches.append(np.concatenate(list(taken.values())))


def _groups(persons: Sequence[int], each: int, rng: np.random.Generator) -> list[np.ndarray]:
    pairs: dict[int, list[int]] = defaultdict(list)
    for pair, person in enumerate(persons):
        pairs[person].append(pair)
    groups = []
    for own in pairs.values():
        shuffled = rng.permutation(own)
        full = -(-len(shuffled) // each) * each
        filled = np.resize(shuffled, full)
        groups += np.split(filled, full // each)
    return groups
