"""What makes numbers of others incomparable, found in their arrays: each with its count and remedy.

What is looked for is what released evaluators of the field were seen to do: galleries with a row a
caption or of every second caption, scores tied at the tail after re-ranking, ties left to the order
of the gallery, two definitions of average precision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from passerby.ranking.metrics import Outcomes, summary
from passerby.reports.arrays import Arrays
from passerby.reports.duplicates import Copies, alike
from passerby.types import Ranking

TAIL = 10  # photos of one least score that are a tail, in most of the queries
HALVED = (6156, 3078)  # CUHK-PEDES's test captions, and the half of them
CUHK_PHOTOS = 3074


@dataclass(frozen=True)
class Finding:
    """Something odd: its name, how many queries, photos or texts it concerns, and what to do."""

    name: str
    count: int
    said: str


class Tails:
    """The photos that share the least score of a query, and how lowest scores fare as best ones."""

    def __init__(self) -> None:
        self.sizes: list[Tensor] = []
        self.right: list[Tensor] = []  # right photos in the tail
        self.least: list[Tensor] = []
        self.photos = 0

    def add(self, ranking: Ranking, relevant: Tensor, scores: Tensor) -> None:
        last = ranking.scores == ranking.scores[:, -1:]
        self.sizes.append(last.sum(1))
        self.right.append((relevant.gather(1, ranking.order) & last).sum(1))
        self.least.append(scores.amin(1))
        self.photos = relevant.shape[1]

    def told(self, right: Tensor) -> tuple[int, int, float, str] | None:
        """(queries, median photos, percent of right photos there, the score) where most queries
        have a tail. right: (Q,), photos of each query that are right."""
        sizes = torch.cat(self.sizes)
        tied = (sizes >= TAIL) & (sizes < self.photos)
        if 2 * int(tied.sum()) <= len(sizes):
            return None
        inside = torch.cat(self.right)[tied].sum() / right[tied].sum().clamp(min=1)
        least = torch.cat(self.least)[tied]
        score = f"{float(least[0]):g}" if bool((least == least[0]).all()) else "their own least one"
        return int(tied.sum()), int(sizes[tied].median()), 100 * float(inside), score

    @property
    def negated(self) -> int:
        """Queries whose first photo would be right if lower scores were better."""
        return int((torch.cat(self.sizes) == torch.cat(self.right)).sum())


def findings(
    given: Arrays,
    found: Outcomes,
    lucky: Outcomes,
    tails: Tails,
    negated: Outcomes | None,
    twice: Copies | None,
    alone: Mapping[str, float] | None,
) -> list[Finding]:
    """All that is odd, most harmful first.

    found, lucky: outcomes with wrong and with right photos first among equal scores. negated: with
    the lowest scores first, where that is `suspicious`. twice: of the gallery's rows, alone:
    metrics without these; None where texts are the gallery.
    """
    whole, best = summary(found), summary(lucky)
    made = [
        None if negated is None else _distances(whole, negated),
        *([] if twice is None else _copies(given, twice, whole, alone)),
        _halved(given) if twice is not None else None,
        _tail(tails, found, whole, best),
        _order(found, whole, best),
        *_broken(given),
        _forms(found),
        _unasked(found),
        _few(given),
    ]
    return [each for each in made if each is not None]


def suspicious(given: Arrays, found: Outcomes, tails: Tails) -> bool:
    """Whether the lowest scores of a matrix find so much more that it may hold distances."""
    return given.similarity is not None and tails.negated > 2 * int((found.first == 1).sum()) + 3


def _distances(whole: Mapping[str, float], negated: Outcomes) -> Finding | None:
    """Only where the places of all right photos say so as the first places do."""
    other = summary(negated)
    if other["mAP"] < 1.5 * whole["mAP"]:
        return None
    return Finding(
        "distances", int((negated.first == 1).sum()),
        f"lower scores find more: Rank-1 of the negated matrix is {other['rank-1']:.1f}, of this "
        f"one {whole['rank-1']:.1f}; if these are distances, give similarity = -distances",
    )  # fmt: skip


def _copies(
    given: Arrays, twice: Copies, whole: Mapping[str, float], alone: Mapping[str, float] | None
) -> list[Finding | None]:
    made: list[Finding | None] = []
    dropped = int(twice.dropped.sum())
    if dropped and alone is not None:
        how = "names" if bool(twice.named.any()) else "numbers"
        every = " (one row a caption)" if len(given.photos) == len(given.texts) else ""
        pairs = ", ".join(f"{n} {whole[n]:.2f} -> {alone[n]:.2f}" for n in whole if n != "R-Sum")
        made.append(
            Finding(
                "duplicated gallery rows",
                dropped,
                f"{dropped} of {len(given.photos)} gallery rows{every} repeat an earlier row of "
                f"the same person, by their {how}; without them {pairs}; the gallery should hold "
                "distinct photos, once each",
            )
        )
    for mask, told in (
        (twice.torn, "the name of a photo of another person; give names that are unique"),
        (twice.shared, "the numbers of a photo of another person: a constant encoder, one photo "
            "under two ids, or rows in another order than their ids"),
    ):  # fmt: skip
        count = int(mask.sum())
        if count:
            made.append(
                Finding("rows shared by persons", count, f"{count} gallery rows have {told}")
            )
    return made


def _halved(given: Arrays) -> Finding | None:
    """Told of the one benchmark where the sizes prove it: elsewhere half may be right."""
    if (len(given.texts), len(given.photos)) != HALVED:
        return None
    return Finding(
        "every second caption's photo", HALVED[1] - CUHK_PHOTOS,
        f"{HALVED[1]} photos are half of the {HALVED[0]} captions; CUHK-PEDES's test split has "
        f"{CUHK_PHOTOS}, some of more than two captions: a gallery cut as [::2] holds photos "
        "twice; make it of distinct photos",
    )  # fmt: skip


def _tail(
    tails: Tails, found: Outcomes, whole: Mapping[str, float], best: Mapping[str, float]
) -> Finding | None:
    told = tails.told(found.right)
    if told is None:
        return None
    queries, size, share, score = told
    return Finding(
        "tied tail", queries,
        f"{queries} queries end in about {size} photos of one score ({score}), {share:.1f} % of "
        f"their right photos among them; their order is not defined, mAP is between "
        f"{whole['mAP']:.2f} and {best['mAP']:.2f}; keep the first stage's order for the tail",
    )  # fmt: skip


def _order(
    found: Outcomes, whole: Mapping[str, float], best: Mapping[str, float]
) -> Finding | None:
    count = int((found.tied > 0).sum())
    if not count:
        return None
    spans = ", ".join(f"{n} {whole[n]:.2f} to {best[n]:.2f}" for n in ("rank-1", "mAP", "mINP"))
    return Finding(
        "order dependence", count,
        f"{count} queries have wrong answers tied with right ones; sorted without care the "
        f"gallery's order decides: {spans}; told here is the worst, which no order makes better",
    )  # fmt: skip


def _broken(given: Arrays) -> list[Finding]:
    """Vectors of zeros, and an encoder that gives most of a side one vector."""
    made = []
    for rows, side in ((given.text_features, "texts"), (given.photo_features, "photos")):
        if rows is None:
            continue
        zero = int((rows == 0).all(1).sum())
        if zero:
            said = f"{zero} {side} have a vector of zeros, which is like nothing; embed them again"
            made.append(Finding("zero vectors", zero, said))
        same = max(Counter(alike(rows, 1e-3)).values())
        if same > len(rows) / 2 and len(rows) > 2:
            said = f"{same} of {len(rows)} {side} have one vector: is the encoder constant?"
            made.append(Finding("constant vectors", same, said))
    return made


def _forms(found: Outcomes) -> Finding:
    asked = found.right > 0
    plain, area = (100 * float(each[asked].mean()) for each in (found.ap, found.trapezoid))
    return Finding(
        "forms of average precision", int(asked.sum()),
        f"mAP {plain:.2f} by precision at each right photo (as IRRA, RaSa, TBPS-CLIP print it); "
        f"{area:.2f} by trapezoids (Market-1501's evaluator, SSAN, IVT); never mix the two in one "
        "column",
    )  # fmt: skip


def _unasked(found: Outcomes) -> Finding | None:
    count = int((found.right == 0).sum())
    if not count:
        return None
    said = f"{count} queries have no right photo in the gallery and do not count"
    return Finding("queries without a right photo", count, said)


def _few(given: Arrays) -> Finding | None:
    if len(given.texts) > 1 and len(given.photos) > 1:
        return None
    said = (
        f"with queries: {len(given.texts)} and gallery rows: {len(given.photos)} the metrics tell "
        "nothing of a model; give a whole split"
    )
    return Finding("too few to measure", 1, said)
