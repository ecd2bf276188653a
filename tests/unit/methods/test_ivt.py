"""IVT: levels and views, masking that is drawn apart, the start from folders, what is refused."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from passerby.build import build_method, load_method, save_method
from passerby.config import parse_recipe
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe
from passerby.methods.ivt import Config, Ivt
from passerby.types import Batch, Texts

CAPTIONS = [
    "A man in a red shirt, blue jeans and white shoes. He carries a black bag.",
    "The woman is wearing a long white dress, black sandals and a green hat.",
    "person",
    "He wears a dark coat",
]
PERSONS = torch.tensor([0, 1, 0, 2])
VIT = {
    "kind": "vit", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "patch_size": 8,
}  # fmt: skip
BERT = {
    "kind": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 48, "hidden_dropout_prob": 0.0,
}  # fmt: skip


def ivt(image=None, text=None, size=(32, 16), **settings) -> Ivt:
    torch.manual_seed(0)
    recipe = parse_recipe(
        {
            "photo": {"height": size[0], "width": size[1]},
            "method": {"name": "ivt", "drop_path": 0.0, **settings},
            "image_encoder": image if image and "kind" in image else VIT | (image or {}),
            "text_encoder": BERT | (text or {}),
        }
    )
    return build_method(recipe, CAPTIONS * 4, 3)


def a_batch(method: Ivt, seed: int = 0) -> Batch:
    rngs = [np.random.default_rng([seed, n]) for n in range(4)]
    draw = torch.Generator().manual_seed(1)
    size = (method.config.photo.height, method.config.photo.width)
    images = torch.randn(4 * method.views, 3, *size, generator=draw)
    return Batch(images, method.draw_texts(CAPTIONS, rngs), PERSONS, torch.arange(4))


def words_of(method: Ivt, ids) -> list[str]:
    told = [method.tokenizer.rules.decode(row.tolist()) for row in ids]
    return [re.sub(r" ?\[(CLS|SEP|PAD)\] ?", "", text) for text in told]


def test_a_batch_holds_each_level_padded_to_its_own_longest_text() -> None:
    method = ivt()
    texts = a_batch(method).texts
    assert set(texts.tensors) == {
        "ids", "mask", "phrase_ids", "phrase_mask", "word_ids", "word_mask",
    }  # fmt: skip
    for level in ("", "phrase_", "word_"):
        assert texts.tensors[f"{level}mask"].sum(1).max() == texts.tensors[f"{level}ids"].shape[1]
    assert texts.phrase_ids.shape[1] < texts.ids.shape[1]
    assert words_of(method, texts.phrase_ids)[2] == "person"  # one word: there is no phrase in it


@pytest.mark.parametrize("rule", ["attributes", "clause"])
def test_the_word_level_is_attributes_or_a_clause(rule) -> None:
    method = ivt(word_rule=rule)
    found = {words_of(method, a_batch(method, seed).texts.word_ids)[3] for seed in range(30)}
    phrase = {"he wears a dark coat"}
    assert found == (phrase if rule == "clause" else {"dark coat"})


def test_levels_that_are_switched_off_are_not_even_drawn() -> None:
    method = ivt(levels=["sentence"], views=1)
    assert set(a_batch(method).texts.tensors) == {"ids", "mask"}
    assert len(a_batch(method).images) == 4


@pytest.mark.parametrize(
    ("levels", "views"),
    [(["word", "phrase", "sentence"], 3), (["sentence"], 2), (["phrase", "sentence"], 1)],
)
def test_the_loss_matches_every_view_with_every_level(levels, views) -> None:
    method = ivt(levels=levels, views=views, photo_masking=0.0, text_masking=0.0).double().eval()
    batch = a_batch(method)
    batch = replace(batch, images=batch.images.double())
    with torch.no_grad():
        found = method.losses(batch)["cmpm"]
        photos = method.network.photos(batch.images).first
        parts = [
            method.network.texts(*(batch.texts.tensors[f"{start}{kind}"] for kind in KINDS)).first
            for start in ("" if level == "sentence" else f"{level}_" for level in levels)
        ]
    texts = torch.cat(parts)
    expected = 0.0
    for own, others, mine, theirs in (
        (photos, texts, PERSONS.repeat(views), PERSONS.repeat(len(levels))),
        (texts, photos, PERSONS.repeat(len(levels)), PERSONS.repeat(views)),
    ):
        shares = torch.softmax(own.float() @ normalize(others.float(), dim=1).T, 1)
        for row, person in zip(shares, mine, strict=True):
            same = (theirs == person).float()
            target = same / same.norm()
            expected += float((row * (row.log() - (target + 1e-8).log())).sum()) / len(own)
    assert float(found) == pytest.approx(expected, rel=1e-5)


KINDS = ("ids", "mask")


def test_masking_is_drawn_in_training_alone_and_again_alike_from_one_seed() -> None:
    method = ivt(photo_masking=0.5, text_masking=0.5)
    batch = a_batch(method)
    assert method.eval().maskings(batch) == (None, None)
    method.train()
    torch.manual_seed(3)
    first = method.maskings(batch)
    torch.manual_seed(3)
    again = method.maskings(batch)
    other = method.maskings(batch)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert first[0].shape == (1, method.network.photo_places)
    assert first[1].shape == (12, batch.texts.ids.shape[1])


def test_each_view_of_each_photo_may_lose_tokens_of_its_own() -> None:
    method = ivt(mask_draw="sample", photo_masking=0.8).train()
    batch = a_batch(method)
    photos, texts = method.maskings(batch)
    assert photos.shape == (12, method.network.photo_places)
    assert len(photos.unique(dim=0)) > 2
    assert texts.shape == (12, batch.texts.ids.shape[1])


def test_what_texts_lose_is_the_same_whatever_photos_lose() -> None:
    told = []
    for ratio in (0.0, 0.5):
        method = ivt(photo_masking=ratio, text_masking=0.5).train()
        torch.manual_seed(2)
        told.append(method.maskings(a_batch(method))[1])
    assert torch.equal(*told)


def test_the_loss_is_of_the_rows_of_all_processes(monkeypatch) -> None:
    method = ivt(photo_masking=0.0, text_masking=0.0).eval()
    batch = a_batch(method)
    alone = method.losses(batch)["cmpm"]
    seen = []

    def twice(*tensors):
        seen.extend(len(tensor) for tensor in tensors)
        return tuple(torch.cat([tensor, tensor]) for tensor in tensors)

    monkeypatch.setattr("passerby.methods.ivt.gathered", twice)
    both = method.losses(batch)["cmpm"]
    assert seen == [12, 12, 12, 12]
    assert not torch.isclose(alone, both)


def test_how_much_is_masked_does_not_move_other_random_choices() -> None:
    states = []
    for settings in ({}, {"photo_masking": 0.0}, {"mask_draw": "sample", "text_masking": 0.9}):
        method = ivt(**settings).train()
        torch.manual_seed(5)
        method.maskings(a_batch(method))
        states.append(torch.get_rng_state())
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])


def test_texts_made_to_search_are_not_taken_for_training() -> None:
    method = ivt()
    batch = replace(a_batch(method), texts=method.tokenize(CAPTIONS))
    with pytest.raises(BadModel, match="make them with draw_texts"):
        method.losses(batch)


def test_training_on_a_batch_makes_its_loss_small() -> None:
    method = ivt().train()
    batch = a_batch(method)
    optimizer = torch.optim.AdamW(method.parameters(), 3e-3)
    told = []
    for _ in range(60):
        (loss,) = method.losses(batch).values()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told.append(float(loss.detach()))
    assert sum(told[-5:]) / 5 < 0.5 * told[0]


def test_biases_are_a_group_of_their_own() -> None:
    assert set(ivt().parameter_groups()) == {"network", "text", "biases"}
    method = ivt(attention="separate")
    named = {id(p): name for name, p in method.named_parameters()}
    names = [named[id(p)] for p in method.parameter_groups()["biases"]]
    assert all(name.endswith("bias") for name in names)
    assert len(names) == sum(name.endswith("bias") for name in named.values())
    texts = {named[id(p)] for p in method.parameter_groups()["text"]}
    own = ("word_tokens", "text_blocks", "text_norm")
    expected = {n for n in named.values() if n.split(".")[1] in own and not n.endswith("bias")}
    assert texts == expected
    stem = ivt(STEM).parameter_groups()
    assert set(stem) == {"image_encoder", "network", "text", "biases"}


STEM = {
    "kind": "resnet", "embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1],
    "layer_type": "basic",
}  # fmt: skip


def test_a_model_starts_from_another_on_a_finer_grid_and_says_the_same_on_its_own(tmp_path) -> None:
    first = ivt(types="place").eval()
    save_method(first, "ivt", tmp_path / "first")
    source = {"source": str(tmp_path / "first")}
    images = torch.randn(2, 3, 32, 16)
    same = ivt(source, source, types="one").eval()
    texts = first.tokenize(CAPTIONS)
    with torch.no_grad():
        torch.testing.assert_close(
            same.encode_images(images).vector, first.encode_images(images).vector
        )
        torch.testing.assert_close(
            same.encode_texts(texts).vector, first.encode_texts(texts).vector
        )
    finer = ivt(source, source, (48, 24), stride=4).eval()
    assert finer.network.photo_tokens.grid == (11, 5)
    assert torch.isfinite(finer.encode_images(torch.randn(1, 3, 48, 24)).vector).all()
    save_method(finer, "ivt", tmp_path / "finer")
    again = load_method(tmp_path / "finer")
    assert again.config.image_encoder.source == again.config.text_encoder.source == ""
    fine = {"source": str(tmp_path / "finer")}
    coarse = ivt(fine, fine | {"hidden_dropout_prob": 0.4}, (48, 24)).eval()
    assert coarse.network.photo_tokens.grid == (6, 3)
    assert coarse.network.word_tokens.dropout.p == 0.4
    moved = coarse.network.photo_tokens.positions[0, 1:].mean(0)
    kept = finer.network.photo_tokens.positions[0, 1:].mean(0)
    torch.testing.assert_close(moved, kept, atol=0.02, rtol=0)


def test_types_of_places_go_with_the_places(tmp_path) -> None:
    upright = ivt(types="place", size=(64, 32))
    with torch.no_grad():
        upright.network.photo_tokens.types.normal_()
    save_method(upright, "ivt", tmp_path / "upright")
    source = {"source": str(tmp_path / "upright")}
    lying = ivt(source, source, (32, 64), types="place")
    own, theirs = (m.network.photo_tokens.types for m in (lying, upright))
    assert own.shape == theirs.shape
    torch.testing.assert_close(own[0, 0], theirs[0, 0])
    assert not torch.allclose(own[0, 1:], theirs[0, 1:], atol=0.1)


def test_a_model_of_fewer_layers_is_no_start(tmp_path) -> None:
    save_method(ivt(), "ivt", tmp_path / "first")
    source = {"source": str(tmp_path / "first")}
    with pytest.raises(BadModel, match="ask for no more layers than it has"):
        ivt(source | {"num_hidden_layers": 3}, source)


def test_a_folder_of_the_network_without_its_photos_size_is_refused(tmp_path) -> None:
    save_method(ivt(), "ivt", tmp_path / "first")
    told = json.loads((tmp_path / "first" / "config.json").read_text())
    del told["config"]["photo"]
    (tmp_path / "first" / "config.json").write_text(json.dumps(told))
    with pytest.raises(BadModel, match="copy the whole model folder"):
        ivt({"source": str(tmp_path / "first")})


def test_a_model_of_other_sizes_is_no_start(tmp_path) -> None:
    save_method(ivt(), "ivt", tmp_path / "first")
    source = {"source": str(tmp_path / "first")}
    with pytest.raises(BadModel, match="take a source of the same sizes") as refused:
        ivt(source | {"intermediate_size": 40}, source)
    assert "\n" not in str(refused.value)


def test_a_long_sentence_is_said_to_be_cut() -> None:
    method = ivt()
    (said, *_) = method.notes("a man in a red shirt " * 20)
    assert "the model reads the first 48" in said
    assert ivt(length=20).length == 20


def test_dropped_paths_and_words_are_as_the_settings_say() -> None:
    method = ivt(drop_path=0.3, text={"hidden_dropout_prob": 0.1})
    assert [block.drop_path for block in method.network.blocks] == [0.0, 0.3]
    assert method.network.word_tokens.dropout.p == 0.1


def test_captions_that_training_cuts_are_counted() -> None:
    method = ivt()
    assert method.left_out(CAPTIONS) == []
    (said,) = method.left_out([*CAPTIONS, "a man in a red shirt " * 20])
    assert "the ends of 1 of 5 captions" in said
    assert "48 tokens" in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"photo_masking": 1.0}, "from 0 to below 1"),
        ({"text_masking": -0.1}, "from 0 to below 1"),
        ({"levels": []}, "word, phrase, sentence"),
        ({"levels": ["clause"]}, "word, phrase, sentence"),
        ({"levels": ["sentence", "sentence"]}, "each level once"),
        ({"views": 0}, "views is 1 or more"),
        ({"attention": "none"}, "shared, separate"),
        ({"mask_mode": "replace"}, "drop, mask"),
        ({"drop_path": 1.0}, "from 0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(settings, words) -> None:
    with pytest.raises(BadRecipe, match=words) as refused:
        ivt(**settings)
    assert "\n" not in str(refused.value)


def test_the_preset_gives_the_released_settings() -> None:
    config = ivt(preset="released").config
    assert (config.types, config.mask_pads, config.views) == ("place", True, 3)
    assert config.levels == ("word", "phrase", "sentence")


def test_without_a_tokenizer_ids_are_read_and_words_refused() -> None:
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Config(
        image_encoder=EncoderSpec("vit", options={**size, "patch_size": 64}),
        text_encoder=EncoderSpec("bert", options={**size, "vocab_size": 50}),
    )
    method = Ivt(config).eval()
    ids = torch.tensor([[1, 4, 2]])
    assert method.encode_texts(Texts(ids=ids, mask=torch.ones_like(ids))).vector.shape == (1, 16)
    with pytest.raises(BadModel, match="no tokenizer"):
        method.tokenize(["a man"])
