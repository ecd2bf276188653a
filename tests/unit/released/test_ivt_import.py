"""The authors' released IVT checkpoint becomes a model that computes what theirs did.

What every importer promises is in test_imports.py and test_imports_refused.py.
"""

from __future__ import annotations

import pytest
import torch
from ivt_checkpoint import ORDER, SKIPPED
from ivt_written_out import photo_side, text_side
from released_files import store
from released_kinds import IVT, Kind
from torch import Tensor
from torch.nn import functional as F

import passerby
from passerby.methods.ivt import Ivt
from passerby.released.ivt import stride
from passerby.types import Texts

HEADS = 2  # of the small checkpoint
PLACES = "encoder_vl.pos_embed"
TYPES = "encoder_vl.type_embed"
WORDS = "encoder_vl.embeddings.word_embeddings.weight"
PATCHES = "encoder_vl.patch_embed.proj.weight"


@pytest.fixture(scope="module")
def kind() -> Kind:
    return IVT


def test_the_full_checkpoint_gives_the_sizes_of_the_released_model() -> None:
    config = IVT.converted().model.config
    assert (config.photo.height, config.photo.width) == (384, 128)
    assert (config.stride, config.length) == (12, 512)
    assert config.image_encoder.options == {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072, "patch_size": 16,
    }  # fmt: skip
    assert config.text_encoder.options == {
        "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2,
    }  # fmt: skip


# Numbers


IMAGES = torch.randn(3, 3, 384, 128, generator=torch.Generator().manual_seed(2))


def token_ids() -> dict[str, Tensor]:
    ids = torch.randint(1, 60, (4, 40), generator=torch.Generator().manual_seed(3))
    ids[:, 0] = 2  # as [CLS]: what texts differ by must come to it from other tokens
    mask = (torch.arange(40) < torch.tensor([7, 40, 2, 25])[:, None]).long()
    return {"ids": ids * mask, "mask": mask}


@pytest.fixture(scope="module")
def model(folder) -> Ivt:
    return passerby.load(folder)


def close(found: Tensor, asked: Tensor) -> None:
    torch.testing.assert_close(found, asked, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_photos_texts_and_scores_are_what_the_checkpoint_written_out_literally_makes(
    state, model
) -> None:
    given = token_ids()
    photos, texts = model.encode_images(IMAGES), model.encode_texts(Texts(**given))
    seen, read = photo_side(state, IMAGES, 12, HEADS), text_side(state, **given, heads=HEADS)
    assert min(seen.std(0).mean(), read.std(0).mean()) > 0.1  # each is told apart
    close(photos.vector, seen)
    close(texts.vector, read)
    scores = model.similarity(texts, photos)
    assert scores.std() > 0.01
    close(scores, F.cosine_similarity(read[:, None], seen[None], dim=2))


@torch.no_grad()
def test_a_checkpoint_of_wider_strides_lays_its_patches_side_by_side(call, state, tmp_path) -> None:
    wide = {**state, PLACES: state[PLACES][:, :193], TYPES: state[TYPES][:, -193:]}
    torch.save(wide, tmp_path / "rstp.pth")
    assert call("ivt", tmp_path / "rstp.pth")[0] == 0
    model = passerby.load(tmp_path / "out")
    assert model.config.stride == 16
    close(model.encode_images(IMAGES).vector, photo_side(wide, IMAGES, 16, HEADS))


@pytest.mark.parametrize(
    ("places", "patch", "step"),
    [(310, 16, 12), (192, 16, 16), (48, 32, 32), (3, 128, 128), (257, 128, 1),
     (311, 16, None), (0, 16, None), (1, 128, None), (192, 200, None)],
)  # fmt: skip
def test_the_stride_is_the_one_that_makes_as_many_places(places, patch, step) -> None:
    assert stride(places, patch, 384, 128) == step


def test_of_several_strides_that_make_as_many_places_it_is_the_largest() -> None:
    fitting = [step for step in range(1, 17) if ((48 - 16) // step + 1) ** 2 == 9]
    assert fitting == [11, 12, 13, 14, 15, 16]
    assert stride(9, 16, 48, 48) == 16
    # At 384x128 none is in doubt: that of 16 wide patches follows from their number.
    numbers = [((384 - 16) // s + 1) * ((128 - 16) // s + 1) for s in range(1, 17)]
    assert len(set(numbers)) == 16


# The folder


def test_without_what_is_dead_it_is_the_same_model_and_nothing_is_skipped(
    call, state, folder, tmp_path
) -> None:
    torch.save({n: t for n, t in state.items() if n not in SKIPPED}, tmp_path / "less.pth")
    code, out, _ = call("ivt", tmp_path / "less.pth")
    assert code == 0
    assert "skipped" not in out
    assert passerby.load(tmp_path / "out").fingerprint == passerby.load(folder).fingerprint


def test_a_checkpoint_of_few_places_for_words_reads_as_many_tokens_as_it_has(
    call, state, tmp_path
) -> None:
    name = "encoder_vl.embeddings.position_embeddings.weight"
    short = {**state, name: state[name][:30], ORDER: state[ORDER][:, :30]}
    torch.save(short, tmp_path / "short.pth")
    assert call("ivt", tmp_path / "short.pth")[0] == 0
    assert passerby.load(tmp_path / "out").config.length == 30


# What is refused


def changed(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """What replaces tensors of the checkpoint, by the kind of damage."""
    return {
        "places of no stride": {PLACES: torch.ones(1, 300, 128)},
        "no places": {PLACES: torch.ones(1, 0, 128)},
        "types of fewer places": {TYPES: torch.ones(1, 193, 128)},
        "places of another width": {PLACES: torch.ones(1, 311, 64)},
        "patches that are not square": {PATCHES: torch.ones(128, 3, 16, 8)},
        "grey patches": {PATCHES: torch.ones(128, 1, 16, 16)},
        "words of another width": {WORDS: torch.ones(60, 64)},
        "segments of another width": {WORDS.replace("word", "token_type"): torch.ones(3, 64)},
        "heads that do not divide": {
            PATCHES: torch.ones(200, 3, 16, 16),
            WORDS: torch.ones(60, 200),
        },
        "qkv of two": {"encoder_vl.blocks.0.attn.qkv.weight": torch.ones(256, 128)},
        "words in another order": {ORDER: state[ORDER].flip(1)},
        "fewer words in order": {ORDER: state[ORDER][:, 1:]},
        "an unknown norm": {"encoder_vl.norm_pre.weight": torch.ones(128)},
        "a fusion layer": {"fusion.layer.0.weight": torch.ones(128)},
        "much like a dead one": {"temperature": torch.ones(1)},
    }


WRONG = {
    "places of no stride": f"{PLACES!r} has 300 places; patches of 16x16 on photos of 384x128 make",
    "no places": f"{PLACES!r} has 0 places",
    "types of fewer places": f"{TYPES!r} has shape (1, 193, 128), the rest of the checkpoint asks "
    "for (1, 311, 128)",
    "places of another width": f"{PLACES!r} has shape (1, 311, 64)",
    "patches that are not square": f"{PATCHES!r} has patches of 16x8, not square ones",
    "grey patches": f"{PATCHES!r} has shape (128, 1, 16, 16)",
    "words of another width": f"{WORDS!r} has shape (60, 64), the rest of the checkpoint asks for "
    "(60, 128)",
    "segments of another width": "has shape (3, 64), the rest of the checkpoint asks for (3, 128)",
    "heads that do not divide": "3 heads do not divide the 200 numbers",
    "qkv of two": "'encoder_vl.blocks.0.attn.qkv.weight' has shape (256, 128)",
    "words in another order": f"{ORDER!r} does not count from 0 on",
    "fewer words in order": f"{ORDER!r} does not count from 0 on",
    "an unknown norm": "has the strange 'encoder_vl.norm_pre.weight'",
    "a fusion layer": "has the strange 'fusion.layer.0.weight'",
    "much like a dead one": "has the strange 'temperature'",
}


@pytest.mark.parametrize("damage", WRONG)
def test_tensors_that_make_no_ivt_are_refused(refused, state, tmp_path, damage: str) -> None:
    store(tmp_path / "bad.pth", {**state, **changed(state)[damage]}, None)
    assert WRONG[damage] in refused(tmp_path / "bad.pth")


@pytest.mark.parametrize("gone", ["cls_token", "blocks.0.", "mlp_vis.fc2.bias"])
def test_a_tensor_or_a_block_that_is_gone_is_told_as_damage(
    refused, state, tmp_path, gone: str
) -> None:
    torch.save({n: t for n, t in state.items() if gone not in n}, tmp_path / "bad.pth")
    line = refused(tmp_path / "bad.pth")
    assert "is no IVT checkpoint: it lacks 'encoder_vl." in line
    assert "; it is damaged or of another version; " in line
