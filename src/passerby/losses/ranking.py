"""Ranking losses: a pair wins over semi-hard negatives by a margin, one for all or each its own.

The semi-hard ranking loss is SSAN's (Ding et al. 2021, arXiv 2107.12666). The commonality-based
margin is a RECONSTRUCTION of CMR (Park et al. 2024, arXiv 2501.00318), whose formula is not public
to us: the product and its floor are inferred, what measures commonality is a choice of three.
Texts are rows, photos are columns; all parts, anchors and pairs at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import relu

from passerby.errors import BadRecipe
from passerby.losses.matching import raised, same_person

COMMONALITIES = ("id_posterior", "sim_entropy", "neighbour_count", "none")
NEGATIVES = ("random", "hardest")
POSITIVES = ("pair", "all")


def ranking(
    scores: Tensor,
    persons: Tensor,
    margin: float = 0.2,
    *,
    negatives: str = "random",
    positives: str = "pair",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Semi-hard margin ranking (Ding et al. 2021, SSAN): the sum of [margin - S_ii + S_ij]+.

    scores: (B, B) or (K, B, B), pair by pair. persons: int64 (B,). Summed over the anchors i of
    both sides, and over parts. j is drawn uniformly among the semi-hard ones, y_j != y_i and
    0 < S_ij - S_ii + margin < margin; an anchor without any adds 0, with a gradient of zero.
    Arguments and errors are those of `cmr`, which this is with margins that are all alike.
    """
    return cmr(scores, persons, None, margin, margin,
               negatives=negatives, positives=positives, generator=generator)  # fmt: skip


def cmr(
    scores: Tensor,
    persons: Tensor,
    distinct: tuple[Tensor, Tensor] | None,
    margin: float = 0.2,
    floor: float = 0.05,
    *,
    negatives: str = "random",
    positives: str = "pair",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Commonality-based margin ranking over parts (our RECONSTRUCTION of Park et al. 2024).

    The sum over parts k, sides and anchors i of [m_ik - S_ii + S_ij]+, where
    m_ik = max(floor, margin u_ik): a part that many share needs to win by the floor only.
    Negatives are semi-hard for `margin` itself, so the loss never falls as a u rises. In fp32 at
    least.

    scores: (K, B, B) or (B, B), pair by pair. persons: int64 (B,). distinct: u in [0, 1] of the
    texts (K, B) and of the photos (K, B), detached here; None is u = 1. negatives: "random", drawn
    on the CPU, so that every device draws alike; "hardest", the most similar semi-hard one.
    positives: "pair", column i; "all", each column of the person in turn, with a negative of its
    own; an anchor's terms are averaged over them. generator: the CPU's; None, torch's own.

    Raises BadRecipe for other names, and unless 0 <= floor <= margin, margin > 0.
    """
    _refuse_unknown("negatives", negatives, NEGATIVES)
    _refuse_unknown("positives", positives, POSITIVES)
    with torch.autocast(scores.device.type, enabled=False):
        anchors = _sides(scores)
        same = same_person(persons, persons)
        if positives == "all":
            wanted, share = anchors, _even(same, anchors)
        else:
            wanted, share = _pairs(anchors), anchors.new_ones(1)
        u = anchors.new_ones(anchors.shape[:-1]) if distinct is None else torch.stack(distinct)
        columns, found = _mined(anchors, wanted, same, margin, negatives, generator)
        asked = margins(u.to(anchors), margin, floor).reshape(*anchors.shape[:-1], 1)
        terms = relu(asked + (anchors.gather(-1, columns) - wanted))
        # What is not finite stays so: the training loop tells of it.
        return (torch.where(found | terms.isnan(), terms, 0) * share).sum()


def margins(distinct: Tensor, margin: float, floor: float) -> Tensor:
    """max(floor, margin u), the same shape, detached; never above `margin`.

    Raises BadRecipe unless 0 <= floor <= margin, margin > 0.
    """
    if not 0 < margin < math.inf:
        raise BadRecipe(f"margin {margin} is no margin to win by; it is above 0, 0.2 for cosines")
    if not 0 <= floor <= margin:
        raise BadRecipe(f"floor {floor} is not from 0 to the margin, {margin}; lower the floor")
    return (margin * raised(distinct.detach())).clamp(floor, margin)


@torch.no_grad()
def distinctiveness(
    kind: str,
    scores: Tensor,
    persons: Tensor,
    posteriors: tuple[Tensor, Tensor] | None = None,
    margin: float = 0.2,
    temperature: float = 0.1,
) -> tuple[Tensor, Tensor] | None:
    """u = 1 - commonality, in [0, 1], of the texts' parts (K, B) and of the photos'; detached.

    A RECONSTRUCTION: which of these the paper has is not known. M is S for texts as anchors, its
    transpose for photos. scores: (K, B, B), pair by pair. persons: int64 (B,).
    "id_posterior": the classifier's probability of the own person, `posteriors` of texts and of
    photos as `losses.identity.posteriors` gives them; what many wear classifies no one.
    "sim_entropy": 1 - H(softmax_j(M_ij / temperature)) / log B; 1 where B = 1.
    "neighbour_count": 1 - the share of other persons j with M_ij > M_ii - margin, M_ij the mean of
    the person's columns; 1 where there is nobody else.
    "none": None, which `cmr` takes for 1 everywhere.
    Raises BadRecipe for another kind, "id_posterior" without posteriors, a temperature not above 0.
    """
    _refuse_unknown("commonality", kind, COMMONALITIES)
    if kind == "none":
        return None
    if kind == "id_posterior":
        if posteriors is None:
            raise BadRecipe(
                'commonality "id_posterior" needs a classifier of parts: train on numbered persons,'
                ' or take "sim_entropy", "neighbour_count" or "none"'
            )
        texts, photos = (raised(each.detach()).clamp(0, 1) for each in posteriors)
        return texts, photos
    with torch.autocast(scores.device.type, enabled=False):
        anchors = _sides(scores)
        if kind == "sim_entropy":
            found = 1 - _entropy(anchors, temperature)
        else:
            found = 1 - _crowd(anchors, same_person(persons, persons), margin)
        texts, photos = found.clamp(0, 1)
        return texts, photos


def _sides(scores: Tensor) -> Tensor:
    """(2, K, B, B): anchors are the rows, texts first, then photos."""
    scores = raised(scores)
    scores = scores if scores.ndim == 3 else scores[None]
    return torch.stack([scores, scores.mT])


def _pairs(anchors: Tensor) -> Tensor:
    """(2, K, B, 1): of each anchor with the other half of its pair."""
    return anchors.diagonal(dim1=-2, dim2=-1)[..., None]


def _even(same: Tensor, anchors: Tensor) -> Tensor:
    """(B, B): 1 / n at each of a row's n columns of the same person; of the anchors' precision."""
    return same.to(anchors) / same.sum(1, keepdim=True)


@torch.no_grad()
def _mined(
    anchors: Tensor,
    wanted: Tensor,
    same: Tensor,
    margin: float,
    negatives: str,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    """Columns of the negatives, int64 (2, K, B, P), and whether there are any, bool.

    anchors: (2, K, B, B). wanted: (2, K, B, P), each anchor's scores of its positives. Of an
    anchor's negatives by score, the semi-hard ones of a positive are a run, between its score less
    the margin and its score: two searches, where a mask would have an entry for each triple.
    """
    ordered, columns = anchors.masked_fill(same, math.inf).sort(dim=-1, stable=True)
    wanted = wanted.contiguous()
    first = torch.searchsorted(ordered, wanted - margin, right=True)
    end = torch.searchsorted(ordered, wanted)
    place = end - 1
    if negatives == "random":
        draws = torch.rand(wanted.shape, generator=generator, device="cpu").to(wanted.device)
        place = place.minimum(first + (draws * (end - first)).long())
    return columns.gather(-1, place.clamp(min=0)), end > first


def _entropy(anchors: Tensor, temperature: float) -> Tensor:
    """(..., B): of each row's softmax, 1 where it is uniform; 0 where there is one column."""
    if not temperature > 0:
        raise BadRecipe(f"entropy temperature {temperature} is not above 0; 0.1 suits cosines")
    if anchors.shape[-1] == 1:
        return torch.zeros_like(anchors[..., 0])
    log_p = (anchors / temperature).log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1) / math.log(anchors.shape[-1])


def _crowd(anchors: Tensor, same: Tensor, margin: float) -> Tensor:
    """(..., B): the share of other persons within the margin of a row's pair; 0 without others.

    Each column stands for its person, with the mean of that person's columns, and counts 1 / n.
    """
    share = _even(same, anchors)
    weight = share.diagonal() * ~same
    near = (anchors @ share > _pairs(anchors) - margin) * weight
    return near.sum(-1) / weight.sum(-1).clamp(min=1)


def _refuse_unknown(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise BadRecipe(f"{what} {name!r} is unknown; it is one of {', '.join(known)}")
