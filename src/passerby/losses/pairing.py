"""Losses of generic pre-training: whether a photo and a text are a pair, and which word is hidden.

As IVT's first stage has them (Shu et al. 2022; our specification, 1.9), after Li et al. 2021
(ALBEF). Which of a batch belong together is ITC, in matching.py. Texts are rows, photos columns.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from passerby.losses.matching import same_person


@torch.no_grad()
def hard_negatives(
    logits: Tensor, persons: Tensor, generator: torch.Generator | None = None
) -> Tensor | None:
    """int64 (B,): for each row a column of another person, likelier the more alike.

    logits: (B, B), pair by pair. Drawn in proportion to softmax + 1e-4, same persons left out: the
    released code leaves out the pair itself alone, and takes another photo of a person for a wrong
    one. None where all are one person.
    """
    same = same_person(persons, persons)
    if bool(same.all()):
        return None
    weights = (logits.float().softmax(1) + 1e-4).masked_fill(same, 0)
    return torch.multinomial(weights, 1, generator=generator)[:, 0]


def itm(logits: Tensor, right: int) -> Tensor:
    """Matching of images and texts: cross entropy of two classes, wrong and right.

    logits: (N, 2), the first `right` of them of pairs that belong together.
    """
    target = torch.arange(len(logits), device=logits.device) < right
    return cross_entropy(logits.float(), target.long())


def mlm(logits: Tensor, labels: Tensor) -> Tensor:
    """Hidden words: mean cross entropy; 0 where none is hidden.

    logits: (M, V). labels: int64 (M,), the entry that stood there.
    """
    return cross_entropy(logits.float(), labels, reduction="sum") / max(len(labels), 1)
