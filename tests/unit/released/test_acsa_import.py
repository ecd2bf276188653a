"""The authors' released ACSA checkpoint becomes a model that computes what theirs did.

What every importer promises is in test_imports.py and test_imports_refused.py.
"""

from __future__ import annotations

import pytest
import torch
from acsa_checkpoint import SHAPES, WINDOW, buffer, computed
from acsa_written_out import photo_side, score, text_side
from released_files import BERT, store
from released_kinds import ACSA, Kind
from torch import Tensor
from torch.nn import functional as F

import passerby
from passerby.methods.acsa import Acsa
from passerby.types import Texts

QKV = "image_model.layers.1.blocks.0.attn.qkv.weight"
INDEX = "image_model.layers.0.blocks.0.attn.relative_position_index"
MASK = "image_model.layers.2.blocks.1.attn_mask"
TABLE = "image_model.layers.0.blocks.0.attn.relative_position_bias_table"


@pytest.fixture(scope="module")
def kind() -> Kind:
    return ACSA


def test_the_full_checkpoint_gives_the_sizes_of_the_released_model() -> None:
    config = ACSA.converted().model.config
    assert config.image_encoder.options == {
        "patch_size": 4, "embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24],
        "window_size": 7, "mlp_ratio": 4.0, "drop_path_rate": 0.2,
    }  # fmt: skip
    assert (config.photo.height, config.photo.width) == (224, 224)


def test_positions_and_masks_written_out_have_the_shapes_that_the_full_checkpoint_stores() -> None:
    stored = {name: buffer(name, 7) for name in SHAPES if computed(name)}
    assert len(stored) == 12 + 5
    assert {n: list(t.shape) for n, t in stored.items()} == {n: SHAPES[n][0] for n in stored}


# Numbers, in double precision: these weights make much of a rounding in the first layers


IMAGES = torch.randn(3, 3, 96, 96, generator=torch.Generator().manual_seed(2)).double()


@pytest.fixture(scope="module")
def precise(state) -> dict[str, Tensor]:
    return {name: t.double() if t.is_floating_point() else t for name, t in state.items()}


@pytest.fixture(scope="module")
def model(folder) -> Acsa:
    return passerby.load(folder).double()


def token_ids() -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(3)
    ids = torch.randint(1, 60, (3, 118), generator=chance)
    phrase_ids = torch.randint(1, 60, (3, 10, 40), generator=chance)
    lengths = torch.tensor([7, 118, 30])
    shares = torch.randint(2, 41, (3, 10), generator=chance)
    read = (torch.arange(118) < lengths[:, None]).long()
    phrase_read = (torch.arange(40) < shares[..., None]).long()
    return {
        "ids": ids * read, "mask": read, "phrase_ids": phrase_ids * phrase_read,
        "phrase_mask": phrase_read,
    }  # fmt: skip


def close(found: Tensor, asked: Tensor) -> None:
    torch.testing.assert_close(found, asked, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_a_photo_becomes_what_the_checkpoint_written_out_literally_makes_of_it(
    precise, model
) -> None:
    found = model.encode_images(IMAGES)
    vector, queries, values = photo_side(precise, IMAGES, WINDOW)
    assert min(vector.std(0).mean(), queries[:, 5:].std(0).mean()) > 0.1  # photos are told apart
    close(found.vector, vector)
    close(found.parts, queries)
    close(found.values, values)


@torch.no_grad()
def test_token_ids_and_scores_are_what_the_checkpoint_written_out_literally_makes(
    precise, classes, model
) -> None:
    given = token_ids()
    texts, photos = model.encode_texts(Texts(**given)), model.encode_images(IMAGES)
    vector, keys, values = text_side(precise, **given)
    close(texts.vector, vector)
    close(texts.parts, keys)
    close(texts.values, values)
    assert texts.mask.all()
    sides = photo_side(precise, IMAGES, WINDOW)
    asked = [
        [score([s[i] for s in sides], [s[j] for s in (vector, keys, values)]) for i in range(3)]
        for j in range(3)
    ]
    scores = model.similarity(texts, photos)
    assert scores.std() > 0.01
    close(scores, torch.tensor(asked).double())
    local = 10 * (scores - 0.9 * F.cosine_similarity(vector[:, None], sides[0][None], dim=2))
    assert local.std() > 0.01  # the fused score would hide a local one that is always the same
    close(model.classes, classes.T.double())


def test_only_the_centre_of_a_kernel_is_kept(state, folder) -> None:
    weights = passerby.load(folder).state_dict()
    same = {"block.first": "basic_block.conv1", "window_block.second": "window_conv.conv2"}
    for ours, theirs in same.items():
        kernels = state[f"{theirs}.weight"]
        assert torch.equal(weights[f"photo_parts.{ours}.weight"], kernels[:, :, 1, 1])


# The folder


def test_the_card_says_what_was_dropped_and_photos_are_as_large_as_its_windows_ask(folder) -> None:
    assert "8/9" in (folder / "README.md").read_text(encoding="utf-8")
    config = passerby.load(folder).config
    assert (config.photo.height, config.photo.width) == (96, 96)
    assert (config.phrases, config.length, config.phrase_length) == (10, 118, 40)


def test_without_the_stored_masks_and_positions_it_is_the_same_model(
    call, state, classes, folder, tmp_path
) -> None:
    store(tmp_path / "less.pth", {n: t for n, t in state.items() if not computed(n)}, classes)
    assert call("acsa", tmp_path / "less.pth")[0] == 0
    assert passerby.load(tmp_path / "out").fingerprint == passerby.load(folder).fingerprint


def test_a_bert_of_few_places_reads_as_many_tokens_as_it_has(call, state, tmp_path) -> None:
    name = f"{BERT}embeddings.position_embeddings.weight"
    store(tmp_path / "short.pth", {**state, name: state[name][:30]}, None)
    assert call("acsa", tmp_path / "short.pth")[0] == 0
    config = passerby.load(tmp_path / "out").config
    assert (config.length, config.phrase_length) == (30, 30)


# What is refused


def changed(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """What replaces tensors of the checkpoint, by the kind of damage."""
    conv = state["basic_block.conv1.weight"]
    deeper = torch.zeros(1, dtype=torch.int64)
    return {
        "qkv that three do not divide": {QKV: torch.ones(37, 12)},
        "qkv of another width": {QKV: torch.ones(33, 12)},
        "qkv a number": {QKV: torch.tensor(1.0)},
        "a 5x5 kernel": {"basic_block.conv1.weight": F.pad(conv, (1, 1, 1, 1))},
        "a kernel already cut": {"window_conv.conv2.weight": torch.ones(24, 24)},
        "phrases of one norm": {"bottleneck_text_key.weight": torch.ones(9, 48)},
        "no window's table": {TABLE: torch.ones(24, 3)},
        "a table of numbers": {TABLE: torch.ones(25)},
        "a stage's table of another window": {TABLE.replace("0", "3", 1): torch.ones(9, 24)},
        "heads that do not divide": {TABLE: torch.ones(25, 4)},
        "no heads": {TABLE: torch.ones(25, 0)},
        "another order of positions": {INDEX: state[INDEX].T.contiguous()},
        "masks of another photo": {MASK: torch.zeros(9, 9, 9)},
        "masks of another shift": {MASK: torch.zeros(4, 9, 9)},
        "a shorter BERT": {f"{BERT}embeddings.word_embeddings.weight": torch.ones(60, 32)},
        "a BERT that reads 3 tokens": {
            f"{BERT}embeddings.position_embeddings.weight": torch.ones(3, 48)
        },
        "a strange tensor": {"image_model.absolute_pos_embed": torch.ones(1)},
        "a mask where none is shifted": {"image_model.layers.3.blocks.1.attn_mask": deeper},
    }


WRONG = {
    "qkv that three do not divide": f"{QKV!r} has shape (37, 12), the rest of the checkpoint asks "
    "for (36, 12)",
    "qkv of another width": f"{QKV!r} has shape (33, 12), the rest of the checkpoint asks for (36",
    "qkv a number": f"{QKV!r} has shape ()",
    "a 5x5 kernel": "'basic_block.conv1.weight' has shape (48, 48, 5, 5), the rest of the "
    "checkpoint asks for (48, 48, 3, 3)",
    "a kernel already cut": "'window_conv.conv2.weight' has shape (24, 24)",
    "phrases of one norm": "'bottleneck_text_key.bias' has shape (10, 48)",
    "no window's table": f"{TABLE!r} has 24 rows",
    "a table of numbers": f"{TABLE!r} has shape (25,), not 2 axes",
    "a stage's table of another window": "has shape (9, 24)",
    "heads that do not divide": "4 heads do not divide the 6 channels of stage 1",
    "no heads": "num_heads is 1 or more",
    "another order of positions": f"{INDEX!r} is not what passerby computes",
    "masks of another photo": f"{MASK!r} has shape (9, 9, 9), not (4, 9, 9): photos of another",
    "masks of another shift": f"{MASK!r} is not what passerby computes",
    "a shorter BERT": "do not end in the 32 numbers of its BERT",
    "a BERT that reads 3 tokens": "length and phrase_length are 4 or more",
    "a strange tensor": "has the strange 'image_model.absolute_pos_embed'",
    "a mask where none is shifted": "has the strange 'image_model.layers.3.blocks.1.attn_mask'",
}


@pytest.mark.parametrize("damage", WRONG)
def test_tensors_that_make_no_acsa_are_refused(
    refused, state, classes, tmp_path, damage: str
) -> None:
    store(tmp_path / "bad.pth", {**state, **changed(state)[damage]}, classes)
    assert WRONG[damage] in refused(tmp_path / "bad.pth")


@pytest.mark.parametrize(
    ("gone", "told"), [(QKV, f"lacks {QKV!r}; "), ("layers.0.", "lacks ")], ids=["matrix", "stage"]
)
def test_a_matrix_or_a_stage_that_is_gone_is_told_once_as_damage(
    refused, state, classes, tmp_path, gone: str, told: str
) -> None:
    store(tmp_path / "bad.pth", {n: t for n, t in state.items() if gone not in n}, classes)
    line = refused(tmp_path / "bad.pth")
    assert f"is no ACSA checkpoint: it {told}" in line
    assert "; it is damaged or of another version; " in line
