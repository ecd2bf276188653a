"""The loss against false twins, beside the sum that it stands for."""

import torch
from torch.nn.functional import normalize

from passerby.losses.matching import against_twins, contrastive

G = torch.Generator().manual_seed(5)
TEXTS, TWINS, PHOTOS = (torch.randn(6, 4, generator=G, dtype=torch.float64) for _ in range(3))
PERSONS = torch.tensor([0, 1, 1, 2, 3, 3])
TOLD = torch.tensor([True, True, False, True, False, True])


def test_it_is_the_mean_over_photos_of_the_literal_cross_entropy() -> None:
    texts, twins, photos = (normalize(side, dim=1) for side in (TEXTS, TWINS, PHOTOS))
    total = 0.0
    for b in range(6):
        own = [c for c in range(6) if PERSONS[c] == PERSONS[b]]
        right = [float(photos[b] @ texts[c]) / 0.1 for c in range(6)]
        wrong = [float(photos[b] @ twins[c]) / 0.1 for c in range(6) if TOLD[c]]
        norm = torch.logsumexp(torch.tensor(right + wrong, dtype=torch.float64), 0)
        total += sum(float(norm) - right[c] for c in own) / len(own) / 6
    loss = against_twins(TEXTS, TWINS, PHOTOS, PERSONS, TOLD, 0.1)
    assert abs(float(loss) - total) < 1e-9


def test_without_any_twin_it_is_the_photos_half_of_the_contrast() -> None:
    none = torch.zeros(6, dtype=torch.bool)
    swapped = against_twins(PHOTOS, PHOTOS, TEXTS, PERSONS, none, 0.1)
    both = against_twins(TEXTS, TWINS, PHOTOS, PERSONS, none, 0.1) + swapped
    assert abs(float(both) / 2 - float(contrastive(TEXTS, PHOTOS, PERSONS, 0.1))) < 1e-6


def test_a_twin_that_is_not_there_has_no_gradient() -> None:
    twins = TWINS.clone().requires_grad_()
    against_twins(TEXTS, twins, PHOTOS, PERSONS, TOLD, 0.1).backward()
    assert twins.grad is not None
    assert (twins.grad[~TOLD] == 0).all()
    assert (twins.grad[TOLD].abs().sum(1) > 0).all()


def test_a_twin_nearer_than_the_caption_costs_more() -> None:
    near = against_twins(TEXTS, PHOTOS, PHOTOS, PERSONS, TOLD, 0.1)
    far = against_twins(TEXTS, -PHOTOS, PHOTOS, PERSONS, TOLD, 0.1)
    assert near > far
