"""A training step of NAFS equals the form that is written out, which benchmarks/ times."""

import sys
from pathlib import Path

import pytest
import torch

from passerby.encoders.spec import EncoderSpec
from passerby.method import PhotoSpec
from passerby.methods.nafs import Config, Nafs
from passerby.types import Batch, Texts

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from literal_nafs import LiteralNafs

RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 16], "depths": [1, 1, 1]}
BERT = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0}  # fmt: skip


def made(**settings) -> Nafs:
    torch.manual_seed(0)
    config = Config(
        PhotoSpec(96, 32),
        EncoderSpec("resnet", options={**RESNET, "layer_type": "basic"}),
        EncoderSpec("bert", options=BERT),
        persons=3,
        **settings,
    )
    return Nafs(config).train()


def some_batch() -> Batch:
    draw = torch.Generator().manual_seed(1)

    def rows(lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mask = (torch.arange(int(lengths.max())) < lengths[..., None]).long()
        return torch.randint(1, 50, mask.shape, generator=draw) * mask, mask

    ids, mask = rows(torch.tensor([12, 5, 100, 3]))
    part_ids, part_mask = rows(torch.tensor([[7, 6], [2, 4], [40, 51], [3, 2]]))
    texts = Texts(ids=ids, mask=mask, part_ids=part_ids, part_mask=part_mask)
    images = torch.randn(4, 3, 96, 32, generator=draw)
    return Batch(images, texts, torch.tensor([0, 1, 2, 0]), torch.arange(4))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "settings", [{}, {"direction": "t2i"}, Config.presets["released"]], ids=str
)
def test_losses_and_gradients_equal_the_form_that_is_written_out(settings, seed) -> None:
    nafs = made(**settings).double()
    literal, batch = LiteralNafs(nafs), some_batch()
    batch = Batch(batch.images.double(), batch.texts, batch.persons, batch.photos)
    told, expected = {}, {}
    for model, losses in ((nafs, told), (literal, expected)):
        torch.manual_seed(seed)
        losses |= model.losses(batch)
        torch.stack([loss.double() for loss in losses.values()]).sum().backward()
    assert set(told) == set(expected)
    for name, loss in expected.items():
        assert float(told[name].detach()) == pytest.approx(float(loss.detach()), rel=1e-5), name
    own = {n: p.grad for n, p in literal.own.named_parameters() if p.requires_grad}
    greatest = max(float(slope.abs().max()) for slope in own.values())
    for name, parameter in nafs.named_parameters():
        if parameter.requires_grad:
            # Some are zero but for rounding: what shifts a batch norm's input changes nothing.
            bound = 1e-4 * float(own[name].abs().max()) + 1e-8 * greatest
            torch.testing.assert_close(parameter.grad, own[name], rtol=0, atol=bound, msg=name)
