"""NAFS says what its specification says, in every one of its readings."""

import copy

import pytest
import torch

from passerby.build import build_method, load_method, save_method
from passerby.config import parse_recipe
from passerby.embedding import embed_texts
from passerby.errors import BadModel, BadRecipe
from passerby.types import Batch, Embeddings, Texts

CAPTIONS = [
    "A man walks. He wears a red coat, and a hat; no bag!",
    "a woman in blue",
    "The boy, in green, has a yellow bag and white shoes.",
    "...",
]
BASE = {
    "photo": {"height": 64, "width": 32},
    "image_encoder": {"kind": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16, 16],
                      "depths": [1, 1, 1], "layer_type": "basic"},
    "text_encoder": {"kind": "bert", "hidden_size": 16, "num_hidden_layers": 1,
                     "num_attention_heads": 2, "intermediate_size": 32},
}  # fmt: skip
PHOTOS = torch.randn(4, 3, 64, 32, generator=torch.Generator().manual_seed(0))
READINGS = [
    {},
    {"preset": "released"},
    {"text": "masked"},
    {"text": "masked", "parts": 0},
    {"layer_norm": "matrix"},
    {"text_items": "n+1"},
    {"parts": 0},
    {"local_weight": 0.0},
    {"direction": "both", "stripes": [4, 2]},
    {"direction": "t2i", "shuffle": "sample", "context": False, "target_norm": "l1"},
    {"bn_group": 2, "stripes": [0, 2]},
]


def made(persons=3, **settings):
    torch.manual_seed(0)
    recipe = parse_recipe({**copy.deepcopy(BASE), "method": {"name": "nafs", **settings}})
    return build_method(recipe, CAPTIONS * 3, persons).eval()


def batch_for(nafs, rows=4) -> Batch:
    persons = torch.tensor([0, 1, 2, 0])[:rows]
    return Batch(PHOTOS[:rows], nafs.tokenize(CAPTIONS[:rows]), persons, torch.arange(rows))


@pytest.mark.parametrize("settings", READINGS, ids=str)
def test_every_reading_trains_and_keeps_its_sides_apart(settings) -> None:
    nafs = made(**settings).train()
    losses = nafs.losses(batch_for(nafs))
    sum(losses.values()).backward()
    unreached = [n for n, p in nafs.named_parameters() if p.requires_grad and p.grad is None]
    assert unreached == []
    assert all(torch.isfinite(loss) for loss in losses.values())
    nafs.eval()
    with torch.no_grad():
        photos = nafs.encode_images(PHOTOS)
        whole = nafs.similarity(nafs.encode_texts(nafs.tokenize(CAPTIONS)), photos)
        for row, caption in enumerate(CAPTIONS):
            alone = nafs.similarity(nafs.encode_texts(nafs.tokenize([caption])), photos.rows([1]))
            torch.testing.assert_close(alone[0, 0], whole[row, 1], atol=1e-5, rtol=0)
    bound = nafs.bound(torch.nn.functional.cosine_similarity(
        nafs.encode_texts(nafs.tokenize(CAPTIONS)).vector[:, None], photos.vector[None], dim=2
    ))  # fmt: skip
    assert (whole <= bound + 1e-5).all()


@pytest.mark.parametrize("settings", READINGS, ids=str)
def test_one_pair_can_be_trained_on(settings) -> None:
    nafs = made(**settings).train()
    losses = nafs.losses(batch_for(nafs, 1))
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in nafs.parameters())


def literal_texts(nafs, caption: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """2.1, 2.3 and 2.4 of the specification, for one caption, as the released code reads it."""
    read = nafs.tokenizer.rules.encode
    first, last = nafs.tokenizer.ends

    def encoded(ids):
        count = len(ids)
        row = torch.tensor([ids + [0] * (100 - count)])
        mask = (torch.arange(100) < count).long()[None]
        return nafs.text_encoder.model(input_ids=row, attention_mask=mask).last_hidden_state, count

    tokens, count = encoded(read(caption).ids[:100])
    for delimiter in ";!?.":
        caption = caption.replace(delimiter, ",")
    parts = caption.split(",")[:2]
    rows = [read(p).ids[:100] for p in parts] + [[first, 0, last]] * (2 - len(parts))
    subs = [encoded(ids)[0][:, 0] for ids in rows]
    vector = nafs.text_norm(nafs.text_head(tokens[:, 0]))
    items = torch.cat([vector[:, None], torch.stack(subs, 1), tokens[:, 1:99]], 1)
    assert items.shape[1] == 101
    keys = nafs.text_parts.key_norm(nafs.text_parts.key(items))
    values = nafs.text_parts.value_norm(nafs.text_parts.value(items))
    used = min(count + 3, 101)
    return vector[0], keys[0, :used], values[0, :used]


@pytest.mark.parametrize("caption", [*CAPTIONS, "a red coat " * 80, "Blue. " * 3])
def test_the_preset_released_reads_a_caption_as_the_released_code_does(caption: str) -> None:
    nafs = made(preset="released")
    with torch.no_grad():
        vector, keys, values = literal_texts(nafs, caption)
        found = nafs.encode_texts(nafs.tokenize([caption, "a woman in blue"])).rows([0])
    there = found.mask[0]
    torch.testing.assert_close(found.vector[0], vector, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.parts[0, there], keys, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.values[0, there], values, atol=1e-5, rtol=1e-5)


def test_token_ids_may_be_given_without_a_tokenizer_padded_or_not() -> None:
    nafs = made(preset="released")
    own = nafs.tokenize(CAPTIONS)
    pad = torch.nn.functional.pad
    full = Texts(**{n: pad(t, (0, 100 - t.shape[-1])) for n, t in own.tensors.items()})
    assert full.ids.shape == (4, 100)
    assert full.part_ids.shape == (4, 2, 100)
    nafs.tokenizer = None
    with torch.no_grad():
        for name, tensor in nafs.encode_texts(own).tensors().items():
            torch.testing.assert_close(tensor, getattr(nafs.encode_texts(full), name))
    with pytest.raises(BadModel, match=r"Texts\(ids="):
        nafs.tokenize(["a man"])


def test_texts_of_another_reading_or_of_nothing_are_told_or_read() -> None:
    nafs = made()
    own = nafs.tokenize(CAPTIONS)
    with pytest.raises(BadModel, match=r"part_ids and part_mask \(T, 2, L\)"):
        nafs.encode_texts(Texts(ids=own.ids, mask=own.mask))
    nothing = Texts(**{n: t * (0 if "mask" in n else 1) for n, t in own.tensors.items()})
    assert torch.isfinite(nafs.encode_texts(nothing).vector).all()


def test_every_sub_sentence_is_marked_and_one_that_lost_its_words_is_absent() -> None:
    nafs = made(text="masked")
    told = nafs.tokenize(["A man, in a red coat, with a hat, white shoes, and a bag."])
    assert int(told.part.min()) == -5
    assert nafs.encode_texts(told).mask[0, 1:6].all()
    short = made(text="masked", length=4)  # [CLS], [CLS] of the first part, one word, [SEP]
    told = short.tokenize(["A man, in a red coat", ", a hat"])
    assert short.encode_texts(told).mask[:, 1].tolist() == [True, True]
    two = made(text="masked", length=5).tokenize(["coat, hat"])
    assert two.part.tolist() == [[0, -1, 1, 1, 0]]


def test_the_order_of_stripes_may_come_from_a_generator_of_one_s_own() -> None:
    nafs = made().train()
    found = []
    for seed in (1, 1, 2):
        nafs.generator = torch.Generator().manual_seed(seed)
        found.append(nafs.encode_images(PHOTOS).parts)
    torch.testing.assert_close(found[0], found[1])
    assert not torch.allclose(found[0], found[2], atol=1e-4)


def test_attention_tells_what_each_part_of_a_photo_looks_at() -> None:
    for settings, axis in (({}, 3), ({"direction": "t2i"}, 2)):
        nafs = made(**settings)
        with torch.no_grad():
            texts, photos = nafs.encode_texts(nafs.tokenize(CAPTIONS)), nafs.encode_images(PHOTOS)
            weights = nafs.attention(texts.rows([0, 1]), photos.rows([2]))
        assert weights.shape == (2, 1, 6, texts.parts.shape[1])
        sums = weights.sum(axis)
        expected = torch.ones_like(sums) if axis == 3 else texts.mask[:2, None].float()
        torch.testing.assert_close(sums, expected.expand_as(sums))


def test_a_text_encoder_whose_first_token_sees_itself_alone_is_refused() -> None:
    tables = {**copy.deepcopy(BASE), "method": {"name": "nafs"}}
    tables["text_encoder"]["kind"] = "clip-text"
    recipe = parse_recipe(tables)
    with pytest.raises(BadRecipe, match='kind is "bert"'):
        build_method(recipe, CAPTIONS, 3)


def test_a_photo_has_its_whole_and_its_stripes_by_maps_of_their_own() -> None:
    nafs = made()
    with torch.no_grad():
        seen, found = nafs.image_encoder(PHOTOS), nafs.encode_images(PHOTOS)
        own = nafs.photo_parts
        vector = nafs.photo_norm(nafs.photo_head(seen.pooled))
        torch.testing.assert_close(found.vector, vector)
        torch.testing.assert_close(found.parts[:, 0], own.query(vector))
        torch.testing.assert_close(found.values[:, 0], own.value(vector))
        fourth = own.narrow[3](seen.stripes[:, 3])
        torch.testing.assert_close(found.parts[:, 4], own.queries[3](fourth))
        torch.testing.assert_close(found.values[:, 4], own.values[3](fourth))


def test_a_masked_sub_sentence_knows_only_its_own_words() -> None:
    nafs = made(text="masked")
    with torch.no_grad():
        red = nafs.encode_texts(nafs.tokenize(["a red coat, white shoes"]))
        blue = nafs.encode_texts(nafs.tokenize(["a blue hat, white shoes"]))
    torch.testing.assert_close(red.parts[:, 2], blue.parts[:, 2])  # "white shoes" in both
    for own, other in ((red.parts[:, 1], blue.parts[:, 1]), (red.vector, blue.vector)):
        assert not torch.allclose(own, other, atol=1e-5)


def test_batch_norm_sees_the_groups_it_is_told_to_see() -> None:
    grouped, whole = made(bn_group=2, shuffle="none").train(), made(shuffle="none").train()
    halves = [whole.encode_images(half) for half in PHOTOS.split(2)]
    found = grouped.encode_images(PHOTOS)
    # The norm of two rows divides by their small difference, and so magnifies rounding.
    torch.testing.assert_close(found.vector, Embeddings.cat(halves).vector, atol=1e-3, rtol=0)
    assert not torch.allclose(whole.encode_images(PHOTOS).vector, found.vector, atol=0.1)


def test_the_shift_of_the_norms_is_frozen_and_no_group_wants_it() -> None:
    nafs = made()
    held = {id(p) for group in nafs.parameter_groups().values() for p in group if p.requires_grad}
    assert not {id(nafs.photo_norm.bias), id(nafs.text_norm.bias)} & held
    assert set(nafs.parameter_groups()) == {"image_encoder", "text_encoder", "heads"}


def test_a_saved_model_of_a_preset_needs_no_preset(tmp_path) -> None:
    save_method(made(preset="released"), "nafs", tmp_path)
    again = load_method(tmp_path)
    assert (again.config.text_items, again.config.layer_norm) == ("n+3", "matrix")


def test_what_is_set_beside_a_preset_comes_first_and_presets_are_known() -> None:
    assert made(preset="released", target_norm="l1", text_items="n+2").config.text_items == "n+2"
    with pytest.raises(BadRecipe, match="did you mean 'released'"):
        made(preset="relesed")
    other = parse_recipe({**BASE, "method": {"name": "twotower", "preset": "x"}})
    with pytest.raises(BadRecipe, match="has none"):
        build_method(other, CAPTIONS, 3)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"text": "mask"}, "separate, masked"),
        ({"stripes": [20, 2]}, "at most 8 stripes"),
        ({"text": "masked", "part_rule": "literal"}, "clean"),
        ({"text": "masked", "layer_norm": "matrix"}, "token"),
        ({"delimiters": ""}, "parts = 0"),
        ({"shuffle": "bath"}, "batch, sample, none"),
        ({"bn_group": 1}, "bn_group"),
        ({"sharpness": 0.0}, "sharpness"),
        ({"direction": "p2t"}, "i2t"),
    ],
)
def test_settings_that_make_no_nafs_are_refused(settings, told) -> None:
    with pytest.raises(BadRecipe, match=told):
        made(**settings)


def test_a_thousand_words_and_no_delimiters_are_told() -> None:
    nafs = made()
    assert any("reads the first 100" in note for note in nafs.notes("red coat " * 500))
    assert any("one part" in note for note in nafs.notes("a woman in blue"))
    assert torch.isfinite(embed_texts(nafs, ["red coat " * 500, "?!"]).parts).all()
