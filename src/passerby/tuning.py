"""Settings of a re-ranking, chosen on validation: no change is always among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

from torch import Tensor

from passerby.evaluation import Progress, outcomes_of
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

    def variants(ranking: Ranking, photos: Tensor) -> Iterator[Ranking]:
        yield ranking
        for maker in makers:
            yield from maker.weighed(ranking, photos, weights)

    found = outcomes_of(
        method, split, variants, batch=batch, workers=workers, block=block, progress=progress
    )
    metrics = [summary(each) for each in found]
    # max takes the first of equals
    best = max(range(len(found)), key=lambda n: (metrics[n]["rank-1"], metrics[n]["mAP"]))
    return replace([plain, *tried][best], tuned_on=split.name)
