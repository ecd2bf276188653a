"""Classifiers of persons: of the whole, of each part, shared by parts, of cosines."""

import pytest
import torch
from torch import Tensor

from passerby.errors import BadRecipe
from passerby.losses.identity import classified, identity, person_logits, posteriors

PERSONS = torch.tensor([0, 3, 3, 1])


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scale", [0.0, 8.0])
def test_parts_with_classifiers_of_their_own_are_the_mean_of_each_alone(scale: float) -> None:
    vectors, weight = drawn(3, 4, 6), drawn(3, 5, 6, seed=1)
    whole = identity(vectors, weight, PERSONS, 0.1, scale)
    each = [identity(v, w, PERSONS, 0.1, scale) for v, w in zip(vectors, weight, strict=True)]
    torch.testing.assert_close(whole, torch.stack(each).mean())


@pytest.mark.parametrize("scale", [0.0, 8.0])
def test_a_shared_classifier_is_the_same_one_for_each_part(scale: float) -> None:
    vectors, weight = drawn(3, 4, 6), drawn(5, 6, seed=1)
    shared = person_logits(vectors, weight, scale)
    torch.testing.assert_close(shared, person_logits(vectors, weight.expand(3, 5, 6), scale))


def test_a_classifier_of_cosines_knows_no_lengths() -> None:
    vectors, weight = drawn(4, 6), drawn(5, 6, seed=1)
    plain = person_logits(vectors, weight, 8.0)
    stretched = person_logits(
        vectors * torch.tensor([[0.1], [1], [3], [50]]), weight * torch.arange(1, 6)[:, None], 8.0
    )
    torch.testing.assert_close(stretched, plain)
    assert plain.abs().max() <= 8
    assert not torch.allclose(person_logits(vectors, weight), plain)


@pytest.mark.parametrize("scale", [0.0, 8.0])
def test_zero_vectors_and_zero_weights_have_finite_gradients(scale: float) -> None:
    vectors, weight = torch.zeros(2, 4, 6).requires_grad_(), torch.zeros(2, 5, 6).requires_grad_()
    identity(vectors, weight, PERSONS, scale=scale).backward()
    assert vectors.grad.isfinite().all()
    assert weight.grad.isfinite().all()


def test_posteriors_are_the_softmax_at_the_own_person_without_a_gradient() -> None:
    logits = (20 * drawn(3, 4, 5)).requires_grad_()
    found = posteriors(logits, PERSONS)
    assert found.shape == (3, 4)
    assert not found.requires_grad
    own = logits.detach().softmax(-1)[:, torch.arange(4), PERSONS]
    torch.testing.assert_close(found, own)
    assert posteriors(1e4 * torch.eye(4), torch.arange(4)).eq(1).all()


def test_a_confident_posterior_is_never_above_1() -> None:
    logits = 40 * drawn(1000, 8)
    assert posteriors(logits, logits.argmax(1)).max() <= 1


@pytest.mark.parametrize("scale", [0.0, 8.0])
def test_classifiers_are_the_same_inside_bf16_autocast(scale: float) -> None:
    vectors, weight = drawn(3, 4, 64).bfloat16(), drawn(3, 50, 64, seed=1)
    plain = person_logits(vectors.float(), weight, scale)
    with torch.autocast("cpu", torch.bfloat16):
        logits = person_logits(vectors, weight, scale)
        loss, own = classified(logits, PERSONS), posteriors(logits, PERSONS)
    assert {logits.dtype, loss.dtype, own.dtype} == {torch.float32}
    assert logits.equal(plain)
    assert loss.equal(classified(plain, PERSONS))
    assert own.equal(posteriors(plain, PERSONS))


def test_a_scale_below_zero_is_refused() -> None:
    with pytest.raises(BadRecipe, match=r"cosine scale -1.0 is below 0; it is 0 for products"):
        person_logits(drawn(4, 6), drawn(5, 6), -1.0)
