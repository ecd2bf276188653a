"""Settings chosen on validation: a method's own, and those of a re-ranking.

What is there without any choice (the method's own settings, no re-ranking) is always tried, first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import Any

from passerby.evaluation import Block, Progress, outcomes_of
from passerby.method import Method
from passerby.ranking.metrics import summary
from passerby.ranking.rerank import KINDS, Reranker, check_kind
from passerby.types import Ranking, Split

# For each kind the k and the weights that are tried.
GRIDS = MappingProxyType(
    {
        "neighbours": ((3, 5, 10), (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)),
        "k-reciprocal": ((10, 20, 30), (0.9, 0.7, 0.5, 0.3)),
        "expansion": ((1, 3, 5), (0.05, 0.1, 0.2, 0.5, 1.0)),
    }
)


@dataclass(frozen=True)
class Chosen:
    """settings: the best by validation, by the field of the method's `config`. curve: one entry a
    combination in the order tried, its settings and "rank-1", "rank-5", "rank-10" and "mAP".
    """

    settings: dict[str, Any]
    curve: list[dict[str, Any]]

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value!r}" for name, value in self.settings.items())


def choose(
    method: Method,
    split: Split,
    *,
    batch: int = 128,
    workers: int = 0,
    block: int = 256,
    progress: Progress | None = None,
) -> Chosen:
    """Of the method's `choices` the settings with the best Rank-1 on `split`, then the best mAP;
    among equals the first, and the method's own come first. Of several fields every combination.

    Photos and captions are embedded once, compared once a combination; the method stays as it is.
    Arguments and BadData as in `evaluate`; BadRecipe as in `with_settings`.
    """
    settings = combinations(method)
    made = [with_settings(method, each) for each in settings]

    def variants(each: Block) -> Iterator[Ranking]:
        return (each.ranking(other) for other in made)

    found = outcomes_of(
        method, split, variants, batch=batch, workers=workers, block=block, progress=progress
    )
    metrics = [summary(each) for each in found]
    names = ("rank-1", "rank-5", "rank-10", "mAP")
    curve = [
        own | {name: told[name] for name in names}
        for own, told in zip(settings, metrics, strict=True)
    ]
    return Chosen(settings[_best(metrics)], curve)


def combinations(method: Method) -> list[dict[str, Any]]:
    """Every combination of the method's `choices`, its own settings first."""
    values = []
    for name, listed in method.choices.items():
        own = getattr(method.config, name)
        values.append([own, *(value for value in listed if value != own)])
    return [dict(zip(method.choices, each, strict=True)) for each in product(*values)]


def with_settings(method: Method, settings: Mapping[str, Any]) -> Method:
    """The method with other `settings` that `similarity` alone reads; weights are shared.

    Raises BadRecipe for what its Config refuses.
    """
    other = copy(method)
    if settings:
        other.config = replace(method.config, **settings)
    return other


def tune(
    method: Method,
    split: Split,
    kind: str,
    *,
    ks: Sequence[int] | None = None,
    weights: Sequence[float] | None = None,
    batch: int = 128,
    workers: int = 0,
    block: int = 256,
    progress: Progress | None = None,
) -> Reranker:
    """The re-ranking of this kind, its k and weight those with the best Rank-1 on `split`, then
    the best mAP; among equals the first, and no change comes first.

    ks, weights: what to try, GRIDS where None. Photos and captions are embedded and compared once,
    re-ranked once a pair. Raises BadRecipe for an unknown kind or settings out of range.
    """
    check_kind(kind)
    own = GRIDS[kind]
    ks, weights = ks or own[0], weights or own[1]
    plain = Reranker(kind, ks[0], KINDS[kind].plain)
    tried = [replace(plain, k=k, weight=weight) for k in ks for weight in weights]
    # one a k, as what it makes of the gallery is kept for all weights and blocks
    makers = [replace(plain, k=k) for k in ks]

    def variants(each: Block) -> Iterator[Ranking]:
        ranking = each.ranking(method)
        yield ranking
        for maker in makers:
            yield from maker.weighed(ranking, each.photos.vector, weights)

    found = outcomes_of(
        method, split, variants, batch=batch, workers=workers, block=block, progress=progress
    )
    best = _best([summary(each) for each in found])
    return replace([plain, *tried][best], tuned_on=split.name)


def _best(metrics: Sequence[Mapping[str, float]]) -> int:
    """The place of the best Rank-1, then mAP; max takes the first of equals."""
    return max(range(len(metrics)), key=lambda n: (metrics[n]["rank-1"], metrics[n]["mAP"]))
