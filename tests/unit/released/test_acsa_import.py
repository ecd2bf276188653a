"""The authors' released ACSA checkpoint becomes a model that computes what theirs did."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import torch
from acsa_checkpoint import BERT, SHAPES, WINDOW, buffer, computed, small_checkpoint
from acsa_written_out import photo_side, score, text_side
from released_files import refusal, store
from torch import Tensor
from torch.nn import functional as F

import passerby
from passerby.build import preset
from passerby.cli import main
from passerby.methods.acsa import Acsa, Config
from passerby.released.acsa import convert, released_name
from passerby.released.container import Container
from passerby.types import Texts

DEAD = [
    "image_model.head.bias", "image_model.head.weight", "image_model.norm_window_stage2.bias",
    "image_model.norm_window_stage2.weight", f"{BERT}pooler.dense.bias",
    f"{BERT}pooler.dense.weight",
]  # fmt: skip
QKV = "image_model.layers.1.blocks.0.attn.qkv.weight"
INDEX = "image_model.layers.0.blocks.0.attn.relative_position_index"
MASK = "image_model.layers.2.blocks.1.attn_mask"
TABLE = "image_model.layers.0.blocks.0.attn.relative_position_bias_table"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return small_checkpoint()


@pytest.fixture(scope="module")
def classes() -> Tensor:
    return torch.randn(48, 7, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def released(state, classes, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("released") / "19.pth.tar"
    store(file, state, classes)
    return file


@pytest.fixture(scope="module")
def folder(released, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("imported") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys, "argv", ["", "import-released", "acsa", str(released), "--out", str(out)]
        )
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 0
    return out


# Names


def test_every_tensor_of_the_full_checkpoint_has_its_place_and_none_is_left() -> None:
    with torch.device("meta"):
        theirs = {name: torch.empty(shape) for name, (shape, _) in SHAPES.items()}
        theirs = {n: t.long() if SHAPES[n][1] == "int64" else t for n, t in theirs.items()}
    stored = {name: buffer(name, 7) for name in theirs if computed(name)}
    assert {n: list(t.shape) for n, t in stored.items()} == {n: SHAPES[n][0] for n in stored}
    assert len(stored) == 12 + 5
    w = torch.empty(768, 11003, device="meta")
    found = convert(Container(theirs | stored, w, 19), "file")
    with torch.device("meta"):
        ours = Acsa(Config(**preset(Config, "released"), persons=11003)).state_dict()
    assert {n: t.shape for n, t in found.weights.items()} == {n: t.shape for n, t in ours.items()}
    assert list(found.skipped) == DEAD
    own: dict[str, list[tuple[str, Tensor]]] = {}
    for name, tensor in ours.items():
        if name != "classes":
            own.setdefault(released_name(name), []).append((name, tensor))
    assert set(own) == set(SHAPES) - set(DEAD) - set(stored)
    for name, parts in own.items():
        shape, kind = SHAPES[name]
        assert len(parts) == (3 if ".qkv." in name else 1), name
        for _, tensor in parts:
            asked = shape[:2] if shape[2:] == [3, 3] else shape
            asked = [asked[0] // 3, *asked[1:]] if len(parts) == 3 else asked
            assert list(tensor.shape) == asked, name
            assert str(tensor.dtype) == f"torch.{kind}", name


def test_the_full_checkpoint_gives_the_settings_of_the_released_preset() -> None:
    with torch.device("meta"):
        theirs = {n: torch.empty(s) for n, (s, _) in SHAPES.items() if not computed(n)}
        theirs = {n: t.long() if SHAPES[n][1] == "int64" else t for n, t in theirs.items()}
        config = convert(Container(theirs, torch.empty(768, 11003)), "file").model.config
    for name, value in preset(Config, "released").items():
        assert getattr(config, name) == value, name
    assert config.photo == Config().photo
    assert config.persons == 11003
    swin = {
        "patch_size": 4, "embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24],
        "window_size": 7, "mlp_ratio": 4.0, "drop_path_rate": 0.2,
    }  # fmt: skip
    assert config.image_encoder.options == swin
    assert config.text_encoder.options["num_attention_heads"] == 12
    assert config.text_encoder.options["num_hidden_layers"] == 12


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


def test_the_folder_has_a_card_that_says_what_was_dropped(folder, released) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "ACSA (Ji et al. 2022)" in card
    assert "8/9" in card
    assert "epoch: 57" in card
    assert hashlib.sha256(released.read_bytes()).hexdigest() in card
    config = passerby.load(folder).config
    assert (config.photo.height, config.photo.width) == (96, 96)
    assert (config.phrases, config.length, config.phrase_length) == (10, 118, 40)


def test_the_command_tells_what_was_skipped_and_that_there_are_no_words(call, released) -> None:
    code, out, _ = call("acsa", released)
    assert code == 0
    assert "7 persons, epoch 57" in out
    assert ", ".join(DEAD) in out
    assert "no tokenizer: it takes token ids only" in out


def test_without_classes_prefix_or_stored_masks_it_is_the_same_but_for_the_classes(
    call, state, folder, tmp_path
) -> None:
    torch.save({n: t for n, t in state.items() if not computed(n)}, tmp_path / "plain.pth")
    code, out, _ = call("acsa", tmp_path / "plain.pth")
    assert code == 0
    assert "no class matrix W" in out
    there, ours = passerby.load(folder), passerby.load(tmp_path / "out")
    assert ours.classes is None
    assert ours.photo_spec == there.photo_spec
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, there.state_dict()[name]), name


def test_a_bert_of_few_places_reads_as_many_tokens_as_it_has(call, state, tmp_path) -> None:
    name = f"{BERT}embeddings.position_embeddings.weight"
    store(tmp_path / "short.pth", {**state, name: state[name][:30]}, None)
    assert call("acsa", tmp_path / "short.pth")[0] == 0
    config = passerby.load(tmp_path / "out").config
    assert (config.length, config.phrase_length) == (30, 30)


def test_a_tokenizer_of_the_same_vocabulary_makes_it_read_words(
    call, released, tmp_path, wordpiece
) -> None:
    code, out, _ = call("acsa", released, "--tokenizer", wordpiece(60))
    assert code == 0
    assert "no tokenizer" not in out
    model = passerby.load(tmp_path / "out")
    texts = model.tokenize(["a man in a red coat"])
    assert texts.phrase_ids.shape[:2] == (1, 10)
    assert len(model.encode_texts(texts).vector) == 1


# What is refused


def changed(state) -> dict[str, dict[str, Tensor]]:
    """What replaces tensors of the checkpoint, by the kind of damage."""
    conv = state["basic_block.conv1.weight"]
    deeper = torch.zeros(1, dtype=torch.int64)
    return {
        "NaN": {"image_model.norm.weight": torch.full((48,), torch.nan)},
        "another shape": {"fc_feet.fc_feet.weight": torch.ones(48, 9)},
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
        "numbers of another kind": {"image_model.norm.bias": torch.ones(48).long()},
        "a strange tensor": {"image_model.absolute_pos_embed": torch.ones(1)},
        "a mask where none is shifted": {"image_model.layers.3.blocks.1.attn_mask": deeper},
    }


WRONG = {
    "NaN": "'image_model.norm.weight' holds values that are not finite",
    "another shape": "'fc_feet.fc_feet.weight' has shape (48, 9)",
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
    "numbers of another kind": "'image_model.norm.bias' holds torch.int64",
    "a strange tensor": "has the strange 'image_model.absolute_pos_embed'",
    "a mask where none is shifted": "has the strange 'image_model.layers.3.blocks.1.attn_mask'",
    "a tensor gone": f"lacks '{QKV}'",
    "a whole stage gone": "is no ACSA checkpoint",
    "W of another width": "'W' has shape (7, 48), not (48, persons)",
    "NaN in W": "'W' holds values that are not finite",
    "cut short": "is cut short or damaged",
    "NAFS": "is no ACSA checkpoint: it lacks 'image_model.patch_embed.proj.weight'",
    "IVT": "another method's checkpoint, IVT by the look of it",
}


def damaged(kind: str, folder: Path, state, classes: Tensor) -> Path:
    """A file that is wrong in this way."""
    file, told = folder / "bad.pth.tar", changed(state)
    if kind in told:
        store(file, {**state, **told[kind]}, classes)
    elif kind == "a tensor gone":
        store(file, {n: t for n, t in state.items() if n != QKV}, classes)
    elif kind == "a whole stage gone":
        store(file, {n: t for n, t in state.items() if "layers.0." not in n}, classes)
    elif kind == "W of another width":
        store(file, state, classes.T)
    elif kind == "NaN in W":
        store(file, state, classes * torch.nan)
    elif kind == "cut short":
        store(file, state, classes)
        file.write_bytes(file.read_bytes()[:-2000])
    elif kind == "NAFS":
        names = ("image_model.conv1.weight", "image_model.branch3_layer4.0.conv1.weight")
        store(file, {name: torch.ones(8) for name in names}, classes)
    elif kind == "IVT":
        torch.save({"temp": torch.ones(()), "encoder_vl.cls_token": torch.ones(1, 1, 8)}, file)
    return file


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_refused_in_one_line_and_nothing_is_written(
    call, state, classes, tmp_path, recwarn, kind: str
) -> None:
    file = damaged(kind, tmp_path, state, classes)
    line = refusal(call("acsa", file))
    assert WRONG[kind] in line
    assert str(file) in line
    assert not recwarn.list  # a warning would be a second line
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_acsa_is_not_taken_for_nafs_and_neither_the_other_way(
    call, released, state, classes, tmp_path
) -> None:
    assert "ACSA by the look of it" in refusal(call("nafs", released))
    nafs = damaged("NAFS", tmp_path, state, classes)
    assert "NAFS by the look of it" in refusal(call("acsa", nafs))
    assert "it is nafs or acsa" in refusal(call("ivt", released))


def test_a_folder_with_files_is_never_written_into(call, released, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert "is not empty" in refusal(call("acsa", released))
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_tokenizer_of_another_vocabulary_is_refused(call, released, tmp_path, wordpiece) -> None:
    line = refusal(call("acsa", released, "--tokenizer", wordpiece(59)))
    assert "the tokenizer has 59 entries" in line
    assert not (tmp_path / "out").exists()
