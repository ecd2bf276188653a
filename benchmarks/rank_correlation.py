"""Spearman's correlation of rows that may count several times, and its bootstrap over persons."""

import numpy as np

DRAWS, AT_ONCE = 1000, 100


def ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(R, N): ranks of `values` (N,), equal ones sharing their mean, where row n counts
    weights[r, n] times; as a share of all rows, from 0 to 1.
    """
    order = np.argsort(values, kind="stable")
    _, first, place = np.unique(values[order], return_index=True, return_inverse=True)
    counts = np.add.reduceat(weights[:, order], first, axis=1)
    ends = np.cumsum(counts, axis=1)
    found = np.empty(weights.shape)
    found[:, order] = ((ends - counts / 2) / ends[:, -1:])[:, place]
    return found


def spearman(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(R,): rank correlations of (N,) and (N,) by weights (R, N); nan where either never varies."""
    a, b = (each - 0.5 for each in (ranks(one, weights), ranks(other, weights)))  # their mean: 0.5
    with np.errstate(invalid="ignore"):
        spread = (weights * a * a).sum(1) * (weights * b * b).sum(1)
        return (weights * a * b).sum(1) / np.sqrt(spread)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """0 where either never varies: what is always alike follows nothing."""
    return float(np.nan_to_num(spearman(one, other, np.ones((1, len(one))))[0]))


def interval(one: np.ndarray, other: np.ndarray, persons: np.ndarray) -> list[float]:
    """The correlation and its 95 % interval, whole persons drawn again. persons: (N,), from 0."""
    count, dice = int(persons.max()) + 1, np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS // AT_ONCE):
        times = dice.multinomial(count, np.full(count, 1 / count), size=AT_ONCE).astype(float)
        drawn.append(spearman(one, other, times[:, persons]))
    low, high = np.quantile(np.nan_to_num(np.concatenate(drawn)), (0.025, 0.975))
    return [round(float(v), 3) for v in (correlation(one, other), low, high)]


def quarters(estimate: np.ndarray, truth: np.ndarray) -> list[float | None]:
    """Mean of `estimate` over four bins of the ranks of `truth`; equal ones share a bin, and None
    is said of one that nobody is in.
    """
    bins = np.minimum((4 * ranks(truth, np.ones((1, len(truth))))[0]).astype(int), 3)
    means = [estimate[bins == q].mean() if (bins == q).any() else None for q in range(4)]
    return [None if mean is None else round(float(mean), 6) for mean in means]
