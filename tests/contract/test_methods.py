"""What every method in methods/ promises, and the gallery, search and training rely on."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_methods import CAPTIONS, TINY

import passerby.methods
from passerby.build import load_method, save_method
from passerby.calibration import Calibration
from passerby.embedding import embed_texts
from passerby.training.optim import cover
from passerby.types import Batch, Texts

PHOTOS = torch.randn(6, 3, 64, 32, generator=torch.Generator().manual_seed(0))


def batch_for(method, count=6):
    rngs = [np.random.default_rng(number) for number in range(count)]
    texts = method.draw_texts(CAPTIONS[:count], rngs)
    images = PHOTOS[:count].repeat(method.views, 1, 1, 1)
    return Batch(images, texts, torch.arange(count) % 3, torch.arange(count))


def scores(method, photos=PHOTOS, captions=CAPTIONS):
    with torch.no_grad():
        texts = method.encode_texts(method.tokenize(captions))
        return method.similarity(texts, method.encode_images(photos))


def test_every_method_is_in_this_contract() -> None:
    folder = Path(str(passerby.methods.__file__)).parent
    assert {f.stem for f in folder.glob("*.py")} - {"__init__"} == set(TINY)


def test_texts_are_rows_and_photos_are_columns(tiny) -> None:
    assert scores(tiny, PHOTOS[:4]).shape == (6, 4)


def test_each_side_encodes_alone_so_chunks_never_change_a_score(tiny) -> None:
    whole = scores(tiny)
    for row in range(6):
        for column in range(0, 6, 2):
            part = scores(tiny, PHOTOS[column : column + 2], CAPTIONS[row : row + 1])
            torch.testing.assert_close(
                part, whole[row : row + 1, column : column + 2], atol=1e-5, rtol=0
            )


def test_padding_never_changes_a_score(tiny) -> None:
    texts = tiny.tokenize(CAPTIONS)
    padded = {}
    for name, tensor in texts.tensors.items():
        filler = torch.full((*tensor.shape[:-1], 7), 0 if name.endswith("mask") else 1)
        padded[name] = torch.cat([tensor, filler.to(tensor.dtype)], -1)
    with torch.no_grad():
        photos = tiny.encode_images(PHOTOS)
        long = tiny.similarity(tiny.encode_texts(Texts(**padded)), photos)
    torch.testing.assert_close(long, scores(tiny), atol=1e-5, rtol=0)


def test_losses_are_named_finite_and_reach_every_trainable_weight(tiny) -> None:
    tiny.train()
    losses = tiny.losses(batch_for(tiny))
    assert losses
    assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    unreached = [
        name
        for name, weight in tiny.named_parameters()
        if weight.requires_grad and (weight.grad is None or not weight.grad.any())
    ]
    # Row 0 of a vocabulary is padding, and keys have no bias gradient under softmax; whole weights
    # without any gradient would be dead.
    assert [n for n in unreached if not n.endswith("key.bias")] == []


def test_losses_leave_the_batch_as_it_was(tiny) -> None:
    batch = batch_for(tiny)
    before = copy.deepcopy(batch)
    tiny.train().losses(batch)
    assert torch.equal(batch.images, before.images)
    assert torch.equal(batch.persons, before.persons)
    for name, tensor in batch.texts.tensors.items():
        assert torch.equal(tensor, before.texts.tensors[name])


def test_a_batch_of_one_pair_has_finite_losses(tiny) -> None:
    tiny.eval()
    assert all(torch.isfinite(loss) for loss in tiny.losses(batch_for(tiny, 1)).values())


def test_parameter_groups_hold_each_trainable_weight_once(tiny) -> None:
    cover(tiny, tiny.parameter_groups())


def test_a_saved_model_gives_equal_scores(tiny, tmp_path) -> None:
    name = type(tiny).__module__.rsplit(".", 1)[-1]
    save_method(tiny, name, tmp_path / "model")
    again = load_method(tmp_path / "model")
    assert not again.training
    assert again.fingerprint
    torch.testing.assert_close(scores(again), scores(tiny), atol=0, rtol=0)


def test_a_calibration_survives_saving_and_is_no_part_of_the_fingerprint(tiny, tmp_path) -> None:
    name = type(tiny).__module__.rsplit(".", 1)[-1]
    save_method(tiny, name, tmp_path / "bare")
    bare = load_method(tmp_path / "bare")
    assert bare.calibration is None
    bare.calibration = Calibration(
        middle=0.1, spread=0.2, middle_worth=8.0, spread_worth=4.0, intercept=-6.0,
        steepness=(2.0, 0.5, 0.7, -1.0, -0.5),
        words=(5.0, 12.0, 30.0), thresholds=((50.0, 0.1), (900.0, 0.2)),
        missed=0.05, caught=0.6, rate=0.01, told="a test",
    )  # fmt: skip
    save_method(bare, name, tmp_path / "model")
    again = load_method(tmp_path / "model")
    assert again.calibration == bare.calibration
    assert again.fingerprint == bare.fingerprint
    save_method(tiny, name, tmp_path / "model")
    assert load_method(tmp_path / "model").calibration is None


def test_texts_in_any_order_and_company_embed_alike(tiny) -> None:
    many = embed_texts(tiny, CAPTIONS * 100)
    one = embed_texts(tiny, CAPTIONS[3:4])
    torch.testing.assert_close(many.vector[3:4], one.vector, atol=1e-5, rtol=1e-5)


def test_a_batch_moves_to_a_device_as_a_whole(tiny) -> None:
    batch = batch_for(tiny).to("meta")
    moved = [batch.images, batch.persons, batch.photos, *batch.texts.tensors.values()]
    assert {tensor.device.type for tensor in moved} == {"meta"}


@pytest.mark.parametrize("caption", ["x", "日本語 の 人", "!!!", "a " * 500])
def test_any_sentence_can_be_encoded(tiny, caption: str) -> None:
    with torch.no_grad():
        vector = tiny.encode_texts(tiny.tokenize([caption])).vector
    assert torch.isfinite(vector).all()
