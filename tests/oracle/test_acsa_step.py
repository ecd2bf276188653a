"""A training step of ACSA equals the form that is written out, which benchmarks/ times."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from passerby.encoders.spec import EncoderSpec
from passerby.method import PhotoSpec
from passerby.methods.acsa import Acsa, Config
from passerby.types import Batch, Texts

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from literal_acsa import LiteralAcsa

# The last two stages of Swin-T on 224x224: maps of 14x14 and 7x7, windows of 7, shifted by 3.
SWIN = EncoderSpec("swin", options={
    "embed_dim": 12, "depths": [2, 2], "num_heads": [2, 4], "window_size": 7, "drop_path_rate": 0.0,
})  # fmt: skip
RESNET = EncoderSpec("resnet", options={
    "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic",
})  # fmt: skip
BERT = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0}  # fmt: skip
RELEASED = {**Config.presets["released"], "region_dropout": 0.0, "text_dropout": False}


def made(**settings) -> Acsa:
    torch.manual_seed(0)
    settings = {
        "image_encoder": SWIN,
        "text_encoder": EncoderSpec("bert", options=BERT),
        "region_dropout": 0.0,
        "persons": 3,
        **settings,
    }
    acsa = Acsa(Config(PhotoSpec(56, 56), **settings)).train().double()
    for name, weight in acsa.named_parameters():
        # Untrained, positions are all alike, and some weights so small that none would be missed.
        if "relative_position" in name or "norm" in name:
            nn.init.normal_(weight, float("norm" in name and "weight" in name), 0.5)
    return acsa


def some_batch(phrases: tuple[int, ...] = (10, 3, 1, 6), attended: bool = False) -> Batch:
    draw = torch.Generator().manual_seed(1)

    def rows(lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = (torch.arange(int(lengths.max())) < lengths[..., None]).long()
        return torch.randint(4, 50, mask.shape, generator=draw) * mask, mask

    ids, mask = rows(torch.tensor([12, 5, 118, 3]))
    there = torch.arange(10) < torch.tensor(phrases)[:, None]
    phrase_ids, phrase_mask = rows(torch.randint(3, 9, there.shape, generator=draw) * there)
    if attended:  # a row of [CLS] [PAD] [SEP] in place of each that is missing
        filler = nn.functional.pad(torch.tensor([1, 0, 2]), (0, phrase_ids.shape[2] - 3))
        phrase_ids = torch.where(there[..., None], phrase_ids, filler)
        phrase_mask[..., :3] = 1
    texts = Texts(ids=ids, mask=mask, phrase_ids=phrase_ids, phrase_mask=phrase_mask)
    images = torch.randn(4, 3, 56, 56, generator=draw).double()
    return Batch(images, texts, torch.tensor([0, 1, 2, 0]), torch.arange(4))


def step(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    losses = model.losses(batch)
    torch.stack([loss.double() for loss in losses.values()]).sum().backward()
    return {name: loss.detach() for name, loss in losses.items()}


def assert_same_step(acsa: Acsa, batch: Batch) -> dict[str, Tensor]:
    """Losses and the gradients of all that the model trains; gives the losses."""
    literal = LiteralAcsa(acsa)
    told, expected = step(acsa, batch), step(literal, batch)
    assert set(told) == set(expected)
    for name, loss in expected.items():
        assert float(told[name]) == pytest.approx(float(loss), rel=1e-5), name
    own = literal.slopes()
    trained = {n: p.grad for n, p in acsa.named_parameters() if p.requires_grad}
    greatest = max(float(own[name].abs().max()) for name in trained)
    for name, slope in trained.items():
        # Some are zero but for rounding: what shifts a batch norm's input changes nothing.
        bound = 1e-4 * float(own[name].abs().max()) + 1e-8 * greatest
        torch.testing.assert_close(slope, own[name], rtol=0, atol=bound, msg=name)
    return told


@pytest.mark.parametrize(
    "settings",
    [
        {},
        RELEASED,
        {"regions": "spatial"},
        {"windows": "merged"},
        {"regions": "spatial", "windows": "shifted"},
        {"image_phrase": False},
        {"t2i_axis": "texts"},
        {"target_norm": "l1"},
        {"layer_norm": "matrix"},
        {"text": "trained"},
        {**RELEASED, "text": "trained", "t2i_axis": "photos"},
        {"image_encoder": RESNET, "regions": "spatial"},
        {"image_encoder": RESNET},
    ],
    ids=lambda settings: "released" if settings == RELEASED else str(settings)[:60],
)
def test_losses_and_gradients_equal_the_form_that_is_written_out(settings) -> None:
    assert_same_step(made(**settings), some_batch(attended=settings.get("fillers") == "attended"))


@pytest.mark.parametrize("phrases", [(10, 0, 1, 6), (0, 0, 0, 0)], ids=str)
@pytest.mark.parametrize("layer_norm", ["token", "matrix"])
def test_captions_without_phrases_equal_the_form_that_is_written_out(phrases, layer_norm) -> None:
    assert_same_step(made(layer_norm=layer_norm), some_batch(phrases))


def test_phrases_missing_in_between_equal_the_form_that_is_written_out() -> None:
    batch = some_batch()
    batch.texts.phrase_mask[0, 2:5] = 0
    assert_same_step(made(), batch)


def test_below_its_floor_the_global_loss_is_zero_and_trains_nothing() -> None:
    plain = made()
    loss = float(assert_same_step(plain, some_batch())["cmpm"])
    assert loss > 0.1
    slopes = plain.photo_norm.weight.grad
    for floor, counts in ((0.9 * loss, True), (1.1 * loss, False)):
        gated = made(cmpm_floor=floor)
        found = assert_same_step(gated, some_batch())
        assert float(found["cmpm"]) == (pytest.approx(loss) if counts else 0)
        same = torch.allclose(gated.photo_norm.weight.grad, slopes, rtol=1e-3)
        assert same == counts
    only = made(cmpm_floor=1.1 * loss).losses(some_batch())["cmpm"]
    weights = [w for w in plain.parameters() if w.requires_grad]
    assert not only.requires_grad or all(
        slope is None or not slope.any()
        for slope in torch.autograd.grad(only, weights, allow_unused=True)
    )


def test_the_written_out_form_pays_for_gradients_through_the_text_encoder_and_ours_does_not() -> (
    None
):
    acsa = made()
    literal, batch = LiteralAcsa(acsa), some_batch()
    for model in (acsa, literal):
        step(model, batch)
    assert all(weight.grad is None for weight in acsa.text_encoder.parameters())
    reached = [weight.grad is not None for weight in literal.own.text_encoder.parameters()]
    assert reached == [n < 17 for n in range(len(reached))]
    assert all(weight.grad is not None for weight in literal.parameters() if weight.requires_grad)
