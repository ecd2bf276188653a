"""IVT's network and loss give the released code's own numbers.

tests/fixtures/ivt_tiny.* are numbers from the released network (width 48, two blocks of four heads,
patches of 16 at stride 12) on random photos and random token ids of four captions, at word, phrase
and sentence level: embeddings and gradients of its loss, without and with dropped tokens. No
photo or caption of a person is in them.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from passerby.encoders.network import Network
from passerby.encoders.spec import EncoderSpec
from passerby.losses.matching import cmpm
from passerby.methods.ivt import Config, Ivt
from passerby.released.ivt import released_name
from passerby.similarity.cosine import cosine
from passerby.types import Batch, Texts

FIXTURES = Path(__file__).parents[1] / "fixtures"
SIZES = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 192}  # fmt: skip
PHOTO = EncoderSpec("vit", options={**SIZES, "patch_size": 16})
TEXT = EncoderSpec("bert", options={**SIZES, "vocab_size": 1000, "max_position_embeddings": 128,
                                    "hidden_dropout_prob": 0.0})  # fmt: skip


@cache
def tensors() -> dict[str, Tensor]:
    return load_file(FIXTURES / "ivt_tiny.safetensors")


@cache
def numbers() -> dict:
    return json.loads((FIXTURES / "ivt_tiny.json").read_text(encoding="utf-8"))


@cache
def images() -> Tensor:
    """In double precision, as the network is here: some gradients are sums that nearly cancel, and
    rounding in fp32 moves their norms by 2e-4.
    """
    drawn = np.random.default_rng(0).standard_normal((12, 3, 384, 128), dtype=np.float32)
    return torch.from_numpy(drawn).double()


def gone(call: int) -> Tensor:
    """bool (1, L): the tokens that the photos' (0) or the texts' (1) call went without."""
    drawn = numbers()["train_bmm.drops"][call]
    dropped = torch.zeros(1, 1 + len(drawn["order"]), dtype=torch.bool)
    dropped[0, drawn["order"][: drawn["n_drop"]]] = True
    assert not dropped[0, 0]
    assert dropped.sum() == drawn["n_drop"]
    return dropped


@pytest.fixture
def ivt() -> Ivt:
    sizes = {"image_encoder": PHOTO, "text_encoder": TEXT, "stride": 12, "drop_path": 0.0}
    made = Ivt(Config(**{**Config.presets["released"], **sizes}))
    theirs = {name: f"state.{released_name(name)}" for name in made.state_dict()}
    made.load_state_dict({name: tensors()[their] for name, their in theirs.items()})
    left = {name for name in tensors() if name.startswith("state.")} - set(theirs.values())
    assert left == {"state.encoder_vl.embeddings.position_ids"}
    return made.double().eval()


@pytest.fixture
def network(ivt) -> Network:
    return ivt.network


def vectors(network: Network, masked: bool = False) -> tuple[Tensor, Tensor]:
    """Of the texts and of the photos."""
    places, words = (gone(0), gone(1)) if masked else (None, None)
    texts = network.texts(tensors()["inputs.ids"], tensors()["inputs.att"], words)
    return texts.first, network.photos(images(), places).first


def close(found: Tensor, asked: Tensor) -> None:
    torch.testing.assert_close(found, asked.double(), atol=1e-5, rtol=1e-5)


def assert_slopes(ivt: Ivt, step: str) -> None:
    """The gradient of each weight has the released norm."""
    expected = numbers()[f"{step}.grad_norms"]
    slopes = {released_name(name): weight.grad for name, weight in ivt.named_parameters()}
    assert set(slopes) == set(expected)
    for name, norm in expected.items():
        assert float(slopes[name].norm()) == pytest.approx(norm, rel=1e-4), name


@torch.no_grad()
def test_embeddings_similarities_and_the_loss_are_the_released_ones(network) -> None:
    texts, photos = vectors(network)
    close(texts, tensors()["eval.txt"])
    close(photos, tensors()["eval.vis"])
    close(cosine(texts, photos), tensors()["eval.cos"])
    loss = cmpm(texts, photos, tensors()["inputs.pid3"])
    assert float(loss) == pytest.approx(numbers()["eval.cmpm"], abs=1e-5)


@pytest.mark.parametrize("step", ["train_nodrop", "train_bmm"])
def test_a_training_steps_embeddings_loss_and_gradients_are_the_released_ones(
    ivt, network, step: str
) -> None:
    texts, photos = vectors(network.train(), step == "train_bmm")
    loss = cmpm(texts, photos, tensors()["inputs.pid3"])
    loss.backward()
    close(texts.detach(), tensors()[f"{step}.txt"])
    close(photos.detach(), tensors()[f"{step}.vis"])
    assert float(loss.detach()) == pytest.approx(numbers()[f"{step}.loss"], abs=1e-5)
    assert_slopes(ivt, step)
    if step == "train_nodrop":
        rows = tensors()["train_nodrop.grad_qkv0"]
        slope = network.blocks[0].attention.qkv.weight.grad[: len(rows)]
        torch.testing.assert_close(
            slope.float(), rows, rtol=1e-4, atol=1e-4 * float(rows.abs().max())
        )


def batch() -> Batch:
    """Three texts of each of four captions, each level with its own padding, and three views."""
    texts = {}
    for number, start in enumerate(("word_", "phrase_", "")):
        own = slice(4 * number, 4 * number + 4)
        ids, mask = tensors()["inputs.ids"][own], tensors()["inputs.att"][own]
        longest = int(mask.sum(1).max()) if start else ids.shape[1]
        texts |= {f"{start}ids": ids[:, :longest], f"{start}mask": mask[:, :longest]}
    assert texts["word_ids"].shape[1] < texts["ids"].shape[1]
    return Batch(images(), Texts(**texts), tensors()["inputs.pid"], torch.arange(4))


@pytest.mark.parametrize("step", ["train_nodrop", "train_bmm"])
def test_the_methods_own_training_step_is_the_released_one(ivt, step: str) -> None:
    masked = (gone(0), gone(1)) if step == "train_bmm" else (None, None)
    losses = ivt.train().aligned(batch(), *masked)
    losses["cmpm"].backward()
    assert list(losses) == ["cmpm"]
    assert float(losses["cmpm"].detach()) == pytest.approx(numbers()[f"{step}.loss"], abs=1e-5)
    assert_slopes(ivt, step)


def test_the_methods_losses_without_masking_are_the_released_ones(ivt) -> None:
    loss = ivt.eval().losses(batch())["cmpm"]
    assert float(loss.detach()) == pytest.approx(numbers()["eval.cmpm"], abs=1e-5)
