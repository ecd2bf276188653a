"""Identity losses: a classifier over the persons of the training split."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import cross_entropy, normalize


def identity(vectors: Tensor, weight: Tensor, persons: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy of person classes (Zheng et al. 2020, Dual-Path, eq. 3).

    vectors: (B, D). weight: (C, D), one row a person. persons: int64 (B,) below C.
    """
    with torch.autocast(vectors.device.type, enabled=False):
        return cross_entropy(vectors.float() @ weight.float().T, persons, label_smoothing=smoothing)


def cmpc(texts: Tensor, photos: Tensor, weight: Tensor, persons: Tensor) -> Tensor:
    """Cross-modal projection classification (Zhang & Lu 2018, as NAFS, Gao et al. 2021, trains it).

    texts, photos: raw (B, D), pair by pair. weight: (C, D), one row a person, normalised here.
    persons: int64 (B,) below C. Each vector is projected on its partner of the other side and
    classified: the projection (x . z^) z^ is the unit vector z^ scaled, so its logits are z^ W^T
    scaled. Mean over the batch, photos plus texts.
    """
    with torch.autocast(texts.device.type, enabled=False):
        texts, photos, weight = texts.float(), photos.float(), weight.float()
        own, others = torch.cat([photos, texts]), torch.cat([texts, photos])
        units = normalize(others, dim=1)
        # Logits over the rows' lengths, where a normalised copy of all persons would be made.
        lengths = vector_norm(weight, dim=1).clamp(min=1e-12)
        logits = (own * units).sum(1, keepdim=True) * (units @ weight.T) / lengths
        return 2 * cross_entropy(logits, persons.repeat(2))
