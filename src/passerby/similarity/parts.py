"""A sum of cosines of parts as one dot product, so that one vector search is exact.

A photo is [g, C, F1 / sqrt(K) ... FK / sqrt(K)], unit vectors of the whole, of the coarse parts and
of K fine parts; so is a text, and the dot product of both is cos(g) + cos(C) + mean of cos(Fk).
Where a text weighs its parts (PLOT, Park et al. 2024), weights stand on the text's side alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from passerby.similarity.cosine import cosine


def flat_photos(
    whole: Tensor, coarse: Tensor | None, fine: Tensor | None, weighted: bool = False
) -> Tensor:
    """(N, F) of whole (N, D), coarse (N, D'), fine (N, K, D); None where there are none.

    weighted: texts weigh their parts; a last 0 then meets what fills their length up.
    """
    found = _units(whole, coarse)
    if fine is not None:
        found.append((normalize(fine, dim=2) / fine.shape[1] ** 0.5).flatten(1))
        if weighted:
            found.append(whole.new_zeros(len(whole), 1))
    return torch.cat(found, 1)


def flat_texts(
    whole: Tensor, coarse: Tensor | None, fine: Tensor | None, weights: Tensor | None = None
) -> Tensor:
    """As `flat_photos`; weights: (N, K), each row 0 or more and summing to 1, which make the mean
    of the fine cosines a weighted one. All texts are of one length, whatever they weigh.
    """
    if fine is None or weights is None:
        return flat_photos(whole, coarse, fine)
    parts = fine.shape[1]
    weighed = normalize(fine, dim=2) * weights[:, :, None] * parts**0.5
    rest = (parts * (1 - weights.square().sum(1, keepdim=True)).clamp(min=0)).sqrt()
    return torch.cat([*_units(whole, coarse), weighed.flatten(1), rest], 1)


def reach(coarse: bool, parts: int, weighted: bool = False) -> float:
    """The product of the lengths of a flat text and a flat photo: what their cosine is short of
    their dot product. parts: fine ones, K; 0 for none.
    """
    units = 1 + coarse
    if not parts:
        return float(units)
    return float((units + (parts if weighted else 1)) * (units + 1)) ** 0.5


def part_similarity(texts: Tensor, photos: Tensor, reach: float) -> Tensor:
    """(T, P): dot products of flat vectors (T, F) and (P, F), whose lengths may have been lost."""
    return reach * cosine(texts, photos)


def part_cosines(texts: Tensor, photos: Tensor) -> Tensor:
    """(K, T, P) of fine parts (T, K, D) and (P, K, D), part by part, in fp32 at least."""
    with torch.autocast(texts.device.type, enabled=False):
        kind = torch.promote_types(texts.dtype, torch.float32)
        one, other = (normalize(each.to(kind), dim=2).transpose(0, 1) for each in (texts, photos))
        return one @ other.transpose(1, 2)


def _units(whole: Tensor, coarse: Tensor | None) -> list[Tensor]:
    return [normalize(each, dim=1) for each in (whole, coarse) if each is not None]
