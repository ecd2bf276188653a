"""Rows read in groups of their length give what reading them all at once gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from passerby.encoders.reading import POOLINGS, pooled
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.texts import TextEncoder, TextFeatures, text_encoder
from passerby.errors import BadRecipe

OPTIONS = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 40, "vocab_size": 90, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


class Watched(TextEncoder):
    """Passes on what it is given and remembers the shapes."""

    def __init__(self, inner: TextEncoder) -> None:
        super().__init__(inner.model, inner.spec)
        self.inner, self.met = inner, []

    def forward(self, ids: Tensor, mask: Tensor) -> TextFeatures:
        self.met.append((tuple(ids.shape), int(mask.sum())))
        return self.inner(ids, mask)


@pytest.fixture(params=["bert", "clip-text"])
def encoder(request) -> Watched:
    torch.manual_seed(0)
    return Watched(text_encoder(EncoderSpec(request.param, "", OPTIONS))).eval()


def rows(*lengths: int, wide: int = 20) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 90, (len(lengths), wide), generator=draw)
    return ids, (torch.arange(wide) < torch.tensor(lengths)[:, None]).long()


def at_once(encoder: TextEncoder, ids: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Every row padded to the widest, read in one piece, pooled by a loop."""
    features = encoder(ids, mask)
    pools = {
        "first": lambda tokens: tokens[0],
        "mean": lambda tokens: tokens.mean(0),
        "max": lambda tokens: tokens.max(0).values,
    }
    if pooling == "encoder":
        return features.pooled
    rows = zip(features.tokens, mask.sum(1).tolist(), strict=True)
    return torch.stack([pools[pooling](tokens[:length]) for tokens, length in rows])


LENGTHS = (5, 20, 1, 7, 5, 12, 3)


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize("tokens", [1, 24, 1 << 14])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_groups_give_what_reading_all_rows_at_once_gives(
    encoder: Watched, pooling: str, tokens: int, distinct: bool
) -> None:
    ids, mask = rows(*LENGTHS)
    read = pooled(encoder, ids, mask, pooling, distinct=distinct, tokens=tokens)
    torch.testing.assert_close(read, at_once(encoder, ids, mask, pooling), atol=1e-5, rtol=1e-5)


def test_short_rows_are_not_padded_to_a_long_one(encoder: Watched) -> None:
    pooled(encoder, *rows(*LENGTHS), tokens=24)
    assert [shape for shape, _ in encoder.met] == [(1, 20), (2, 12), (4, 5)]
    assert sum(real for _, real in encoder.met) == sum(LENGTHS)
    encoder.met.clear()
    many = (8,) * 70 + (7,) * 80 + (6, 5, 5)
    ids, mask = rows(*many)
    read = pooled(encoder, ids, mask, "mean")
    assert [shape for shape, _ in encoder.met] == [(70, 8), (80, 7), (3, 6)]
    torch.testing.assert_close(read, at_once(encoder, ids, mask, "mean"), atol=1e-5, rtol=1e-5)


def test_rows_without_a_real_token_give_zeros_and_are_not_read(encoder: Watched) -> None:
    ids, mask = rows(0, 4, 0, 6)
    read = pooled(encoder, ids, mask, "max")
    assert not read[[0, 2]].any()
    torch.testing.assert_close(read[[1, 3]], pooled(encoder, ids[[1, 3]], mask[[1, 3]], "max"))
    assert encoder.met[0] == ((2, 6), 10)
    encoder.met.clear()
    for distinct in (False, True):
        assert not pooled(encoder, ids[[0]], mask[[0]], distinct=distinct).any()
        for shape in ((0, 5), (0, 0), (2, 0)):
            empty = torch.zeros(shape, dtype=torch.int64)
            assert pooled(encoder, empty, empty, distinct=distinct).shape == (shape[0], 16)
    assert all(real == 0 for _, real in encoder.met)


def test_equal_rows_are_read_once_whatever_lies_under_the_mask(encoder: Watched) -> None:
    ids, mask = rows(5, 9, 5, 9, 5)
    ids[2, :5], ids[4, :5] = ids[0, :5], ids[0, :5]  # padded with other ids
    read = pooled(encoder, ids, mask, "mean", distinct=True)
    assert sum(shape[0] for shape, _ in encoder.met) == 3
    assert torch.equal(read[0], read[2])
    assert not torch.allclose(read[1], read[3])
    torch.testing.assert_close(read, at_once(encoder, ids, mask, "mean"), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("distinct", [False, True])
def test_gradients_are_those_of_reading_all_rows_at_once(encoder: Watched, distinct: bool) -> None:
    ids, mask = rows(*LENGTHS)
    ids[4] = ids[0]  # an equal row: its gradient counts twice
    pull = torch.randn(len(ids), 16)
    found = []
    for way in (at_once, lambda *given: pooled(*given, distinct=distinct, tokens=24)):
        encoder.zero_grad()
        (way(encoder, ids, mask, "mean") * pull).sum().backward()
        found.append([p.grad.clone() for p in encoder.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1])
    assert any(grad.any() for grad in found[0])
    for expected, given in zip(*found, strict=True):
        torch.testing.assert_close(given, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_rows_are_read_without_gradients_and_in_half_precision(
    encoder: Watched, pooling: str
) -> None:
    ids, mask = rows(*LENGTHS, 0)
    whole = pooled(encoder, ids, mask, pooling)
    for quiet in (torch.no_grad, torch.inference_mode):
        with quiet():
            read = pooled(encoder, ids, mask, pooling, distinct=True, tokens=24)
        assert not read.requires_grad
        torch.testing.assert_close(read, whole.detach(), atol=1e-5, rtol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        half = pooled(encoder, ids, mask, pooling, distinct=True, tokens=24)
    torch.testing.assert_close(half.float(), whole, atol=0.1, rtol=0.1)


def test_another_pooling_is_refused_with_the_ones_there_are(encoder: Watched) -> None:
    with pytest.raises(BadRecipe, match=r"no pooling 'last'.*first, mean, max, encoder"):
        pooled(encoder, *rows(3), "last")
