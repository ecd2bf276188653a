"""The authors' released NAFS checkpoint becomes a model that computes what theirs did.

What every importer promises is in test_imports.py and test_imports_refused.py.
"""

from __future__ import annotations

import pytest
import torch
from released_files import store
from released_kinds import NAFS, Kind
from torch import Tensor
from written_out import photo_side, score, text_side

import passerby
from passerby.types import Texts


@pytest.fixture(scope="module")
def kind() -> Kind:
    return NAFS


def test_the_full_checkpoint_gives_the_sizes_of_the_released_model() -> None:
    config = NAFS.converted().model.config
    settings = (config.stripes, config.length, config.part_rule, config.layer_norm)
    assert settings == ((3, 2), 100, "literal", "matrix")
    assert (config.photo.height, config.photo.width) == (384, 128)
    assert config.image_encoder.options == {
        "layer_type": "bottleneck", "embedding_size": 64, "hidden_sizes": [256, 512, 1024, 2048],
        "depths": [3, 4, 6, 3],
    }  # fmt: skip


# Numbers


IMAGES = torch.randn(2, 3, 384, 128, generator=torch.Generator().manual_seed(2))


def token_ids() -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(3)
    ids = torch.randint(1, 60, (3, 100), generator=chance)
    part_ids = torch.randint(1, 60, (3, 2, 100), generator=chance)
    places = torch.arange(100)
    mask = (places < torch.tensor([5, 100, 98])[:, None]).long()
    part_mask = (places < torch.tensor([[3, 2], [60, 100], [1, 40]])[..., None]).long()
    return {
        "ids": ids * mask, "mask": mask, "part_ids": part_ids * part_mask, "part_mask": part_mask,
    }  # fmt: skip


def close(found: Tensor, asked: Tensor) -> None:
    torch.testing.assert_close(found, asked, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_photo_becomes_what_the_checkpoint_written_out_literally_makes_of_it(
    state, folder
) -> None:
    found = passerby.load(folder).encode_images(IMAGES)
    vector, queries, values = photo_side(state, IMAGES)
    assert vector.std() > 0.1
    close(found.vector, vector)
    close(found.parts, queries)
    close(found.values, values)


@torch.no_grad()
def test_token_ids_and_scores_are_what_the_checkpoint_written_out_literally_makes(
    state, classes, folder
) -> None:
    model, given = passerby.load(folder), token_ids()
    texts, photos = model.encode_texts(Texts(**given)), model.encode_images(IMAGES)
    vector, keys, values = text_side(state, **given)
    lengths = given["mask"].sum(1).tolist()
    close(texts.vector, vector)
    for row, tokens in enumerate(lengths):
        used = min(tokens + 3, 101)
        assert int(texts.mask[row].sum()) == used
        close(texts.parts[row, :used], keys[row, :used])
        close(texts.values[row, :used], values[row, :used])
    sides = photo_side(state, IMAGES)
    asked = [
        [
            score([s[i] for s in sides], (vector[j], keys[j], values[j]), lengths[j])
            for i in range(2)
        ]
        for j in range(3)
    ]
    scores = model.similarity(texts, photos)
    assert scores.std() > 0.01
    close(scores, torch.tensor(asked))
    close(model.classes, classes.T)


# What is refused


def changed(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """What replaces tensors of the checkpoint, by the kind of damage."""
    return {
        "a 3x3 convolution": {"conv_images.weight": torch.ones(16, 64, 3, 3)},
        "more stripes than rows": {
            f"fc_p2_list{part}.{n}.{what}": state[f"fc_p2_list{part}.0.{what}"]
            for n in range(25)
            for part in ("", "_query", "_value")
            for what in ("weight", "bias")
        },
        "more tokens than places": {
            f"local_bottleneck_text_{part}.{what}": torch.ones(114, 16)
            for part in ("key", "value")
            for what in ("weight", "bias")
        },
    }


WRONG = {
    "a 3x3 convolution": "'conv_images.weight' has shape (16, 64, 3, 3)",
    "more stripes than rows": "at most 24 stripes",
    "more tokens than places": "reads 113 tokens, its BERT has places for 112",
}


@pytest.mark.parametrize("damage", WRONG)
def test_tensors_that_make_no_nafs_are_refused(
    refused, state, classes, tmp_path, damage: str
) -> None:
    store(tmp_path / "bad.pth", {**state, **changed(state)[damage]}, classes)
    assert WRONG[damage] in refused(tmp_path / "bad.pth")


def test_a_stripe_that_lacks_its_value_is_named(refused, state, classes, tmp_path) -> None:
    gone = "fc_p2_list_value.1.bias"
    store(tmp_path / "bad.pth", {n: t for n, t in state.items() if n != gone}, classes)
    assert f"lacks {gone!r}; it is damaged" in refused(tmp_path / "bad.pth")
