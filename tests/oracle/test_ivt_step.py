"""A training step of IVT equals the form that is written out, which benchmarks/ times."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from passerby.encoders.network import dropped
from passerby.encoders.spec import EncoderSpec
from passerby.language.tokenizer import Tokenizer, train_wordpiece
from passerby.method import PhotoSpec
from passerby.methods.ivt import Config, Ivt
from passerby.types import Batch, Texts

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from literal_ivt import LiteralIvt, left

SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32, "hidden_dropout_prob": 0.0}  # fmt: skip
VIT = EncoderSpec("vit", options={**SIZES, "patch_size": 8})
BERT = EncoderSpec("bert", options={**SIZES, "vocab_size": 60, "max_position_embeddings": 40})
# So many tokens go that each draw below takes some.
MASKED = {"photo_masking": 0.6, "text_masking": 0.6}
RELEASED = {**Config.presets["released"], "drop_path": 0.0}
TALL, UNEVEN = PhotoSpec(32, 16), PhotoSpec(43, 28)
LENGTHS = {"": (14, 9, 11, 21), "phrase_": (6, 9, 7, 5), "word_": (3, 5, 2, 4)}
CAPTIONS = (
    "A woman in a red coat, blue jeans and black boots. She carries a white bag.",
    "a man",
    "The man wears a long grey coat, a cap, and brown shoes.",
    "Seen from behind.",
)


def made(tokenizer: Tokenizer | None = None, **settings) -> Ivt:
    torch.manual_seed(0)
    settings = {"photo": TALL, "image_encoder": VIT, "text_encoder": BERT, "drop_path": 0.0,
                **MASKED, **settings}  # fmt: skip
    ivt = Ivt(Config(**settings), tokenizer).train().double()
    for name, weight in ivt.named_parameters():
        # Untrained, biases and positions are so small that none would be missed.
        nn.init.normal_(weight, float("norm" in name and name.endswith("weight")), 0.2)
    return ivt


def some_texts(pairs: int = 4) -> Texts:
    draw = torch.Generator().manual_seed(1)
    tensors: dict[str, Tensor] = {}
    for level, lengths in LENGTHS.items():
        mask = (torch.arange(max(lengths[:pairs])) < torch.tensor(lengths[:pairs])[:, None]).long()
        tensors[f"{level}ids"] = torch.randint(1, 60, mask.shape, generator=draw) * mask
        tensors[f"{level}mask"] = mask
    return Texts(**tensors)


def some_batch(ivt: Ivt, persons: tuple[int, ...] = (0, 1, 2, 3), texts: Texts | None = None):
    photo, draw = ivt.photo_spec, torch.Generator().manual_seed(2)
    shape = (ivt.views * len(persons), 3, photo.height, photo.width)
    images = torch.randn(shape, generator=draw).double()
    texts = some_texts(len(persons)) if texts is None else texts
    return Batch(images, texts, torch.tensor(persons), torch.arange(len(persons)))


def step(model: nn.Module, batch: Batch) -> float:
    torch.manual_seed(3)  # what is dropped is drawn alike
    losses = model.losses(batch)
    assert set(losses) == {"cmpm"}
    losses["cmpm"].backward()
    return float(losses["cmpm"].detach())


def assert_same_step(ivt: Ivt, batch: Batch) -> float:
    """The loss and the gradients of all weights, of which each gets some; gives the loss."""
    literal = LiteralIvt(ivt)
    told, expected = step(ivt, batch), step(literal, batch)
    assert told == pytest.approx(expected, rel=1e-5)
    own = dict(literal.own.named_parameters())
    for name, weight in ivt.named_parameters():
        slope, there = weight.grad, own[name].grad
        assert there.any(), name
        bound = 1e-4 * float(there.abs().max())  # the loss is in single precision
        torch.testing.assert_close(slope, there, rtol=0, atol=bound, msg=name)
    return told


@pytest.mark.parametrize(
    "settings",
    [
        {},
        RELEASED,
        {**RELEASED, **MASKED},
        {"levels": ("sentence",), "views": 1},
        {"levels": ("sentence",)},
        {"levels": ("phrase", "sentence"), "views": 2},
        {"levels": ("sentence", "word"), "views": 1},
        {"photo_masking": 0.0},
        {"text_masking": 0.0},
        {"photo_masking": 0.0, "text_masking": 0.0},
        {"mask_mode": "mask"},
        {"mask_mode": "mask", "mask_draw": "sample"},
        {"mask_draw": "sample"},
        {"mask_pads": True},
        {"mask_pads": True, "mask_draw": "sample"},
        {"target_norm": "l1"},
        {"types": "none"},
        {"types": "place"},
        {"attention": "separate"},
        {"attention": "separate", "mask_draw": "sample"},
        {"photo": UNEVEN, "stride": 6},
        {"photo": UNEVEN},
    ],
    ids=lambda settings: "released" if settings == RELEASED else str(settings)[:60],
)
def test_the_loss_and_its_gradients_equal_the_form_that_is_written_out(settings) -> None:
    ivt = made(**settings)
    assert_same_step(ivt, some_batch(ivt))


@pytest.mark.parametrize("settings", [{}, RELEASED], ids=["default", "released"])
@pytest.mark.parametrize("persons", [(0,), (5, 5), (0, 1, 0, 2)], ids=str)
def test_pairs_alone_and_persons_with_two_pairs_equal_the_form_that_is_written_out(
    settings, persons
) -> None:
    ivt = made(**settings)
    assert_same_step(ivt, some_batch(ivt, persons))


@pytest.mark.parametrize("rule", ["attributes", "clause"])
def test_texts_drawn_from_captions_equal_the_form_that_is_written_out(rule) -> None:
    tokenizer = train_wordpiece(CAPTIONS, 120, seen=1)
    words = EncoderSpec("bert", options={**BERT.options, "vocab_size": len(tokenizer)})
    ivt = made(tokenizer, text_encoder=words, word_rule=rule)
    texts = ivt.draw_texts(CAPTIONS, [np.random.default_rng(n) for n in range(len(CAPTIONS))])
    assert texts.word_ids.shape[1] < texts.ids.shape[1]
    assert_same_step(ivt, some_batch(ivt, texts=texts))


def test_hidden_tokens_cost_the_same_loss_as_dropped_ones_and_each_side_has_its_own() -> None:
    losses = {}
    for ratios in ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.6, 0.6)):
        for mode in ("drop", "mask"):
            ivt = made(mask_mode=mode, photo_masking=ratios[0], text_masking=ratios[1])
            losses[ratios, mode] = assert_same_step(ivt, some_batch(ivt))
    dropped_losses = [loss for (_, mode), loss in losses.items() if mode == "drop"]
    assert len({round(loss, 4) for loss in dropped_losses}) == 4
    for (ratios, _), loss in losses.items():
        assert loss == pytest.approx(losses[ratios, "drop"], rel=1e-5)


def test_what_is_left_has_the_tokens_of_the_slices_that_are_written_out() -> None:
    tokens, draw = torch.randn(3, 9, 2), torch.Generator().manual_seed(0)
    mask = torch.ones(3, 9, dtype=torch.long)
    for count in (1, 3):
        gone = torch.rand(count, 9, generator=draw) < 0.4
        gone[:, 0] = False
        slices, there = left(tokens, mask, gone)
        packed = dropped(tokens, gone)
        assert packed.rows.lengths.tolist() == there.sum(1).tolist()
        assert gone.any()
        for row, own in enumerate(packed.tokens.split(packed.rows.lengths.tolist())):
            assert torch.equal(own[0], slices[row, 0])
            found, expected = (
                rows[rows[:, 0].argsort()] for rows in (own, slices[row][there[row] > 0])
            )
            assert torch.equal(found, expected)
