"""ACSA says what its specification says, in every one of its readings."""

import copy
import json
from dataclasses import fields

import pytest
import torch

from passerby.build import build_method, load_method, save_method
from passerby.config import parse_recipe
from passerby.embedding import embed_texts
from passerby.errors import BadModel, BadRecipe
from passerby.losses.matching import cmpm, local_kl
from passerby.methods.acsa import Config
from passerby.training.optim import Optim, optimizer
from passerby.types import Batch, Embeddings, Texts

CAPTIONS = [
    "A man walks. He wears a red coat, and a black hat; no bag!",
    "a woman in blue",
    "The boy, in green trousers, has a yellow bag and white shoes.",
    "...",
]
BASE = {
    "photo": {"height": 64, "width": 64},
    "image_encoder": {"kind": "swin", "embed_dim": 8, "depths": [1, 2, 1], "num_heads": [1, 2, 2],
                      "window_size": 4},
    "text_encoder": {"kind": "bert", "hidden_size": 32, "num_hidden_layers": 1,
                     "num_attention_heads": 2, "intermediate_size": 32},
}  # fmt: skip
RESNET = {"kind": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12, 16], "depths": [1, 1, 1],
          "layer_type": "basic"}  # fmt: skip
PHOTOS = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
READINGS = [
    {},
    {"preset": "released"},
    {"regions": "spatial"},
    {"regions": "spatial", "windows": "shifted"},
    {"windows": "merged", "image_phrase": False},
    {"text": "trained", "text_pooling": "max"},
    {"text_dropout": True, "layer_norm": "matrix"},
    {"fillers": "attended", "phrase_rule": "noun", "phrases": 3},
    {"phrase_rule": "tagged", "target_norm": "l1", "t2i_axis": "texts"},
    {"local_weight": 0.0, "cmpm_floor": 0.5},
    {"identity_weight": 0.0, "text_pooling": "mean"},
]


def made(persons=3, tables=BASE, **settings):
    torch.manual_seed(0)
    recipe = parse_recipe({**copy.deepcopy(tables), "method": {"name": "acsa", **settings}})
    return build_method(recipe, CAPTIONS * 3, persons).eval()


def batch_for(acsa, rows=4) -> Batch:
    persons = torch.tensor([0, 1, 2, 0])[:rows]
    return Batch(PHOTOS[:rows], acsa.tokenize(CAPTIONS[:rows]), persons, torch.arange(rows))


def reached(acsa) -> set[str]:
    acsa.zero_grad(set_to_none=True)
    sum(acsa.losses(batch_for(acsa)).values()).backward()
    return {n for n, p in acsa.named_parameters() if p.grad is not None and p.grad.any()}


@pytest.mark.parametrize("settings", READINGS, ids=str)
def test_every_reading_trains_and_keeps_its_sides_apart(settings) -> None:
    acsa = made(**settings).train()
    losses = acsa.losses(batch_for(acsa))
    sum(losses.values()).backward()
    unreached = [n for n, p in acsa.named_parameters() if p.requires_grad and p.grad is None]
    assert unreached == []
    assert all(torch.isfinite(loss) for loss in losses.values())
    acsa.eval()
    with torch.no_grad():
        photos = acsa.encode_images(PHOTOS)
        texts = acsa.encode_texts(acsa.tokenize(CAPTIONS))
        whole = acsa.similarity(texts, photos)
        for row, caption in enumerate(CAPTIONS):
            alone = acsa.similarity(acsa.encode_texts(acsa.tokenize([caption])), photos.rows([1]))
            torch.testing.assert_close(alone[0, 0], whole[row, 1], atol=1e-5, rtol=0)
    cosines = torch.nn.functional.cosine_similarity(texts.vector[:, None], photos.vector, dim=2)
    assert (whole <= acsa.bound(cosines) + 1e-5).all()


@pytest.mark.parametrize("settings", READINGS, ids=str)
def test_one_pair_can_be_trained_on(settings) -> None:
    acsa = made(**settings).train()
    losses = acsa.losses(batch_for(acsa, 1))
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in acsa.parameters())


@pytest.mark.parametrize("settings", [{}, {"preset": "released"}, {"regions": "spatial"}], ids=str)
def test_only_the_text_encoder_is_frozen_and_every_other_weight_learns(settings) -> None:
    """The released code froze by number: with BERT both residual blocks, the linears of head and
    upper body and half of the lower body's, at random (specification, "Frozen")."""
    acsa = made(**settings).train()
    frozen = {n for n, p in acsa.named_parameters() if not p.requires_grad}
    of_text = {n for n, _ in acsa.named_parameters() if n.startswith("text_encoder.")}
    assert frozen == of_text | {"photo_norm.bias", "text_norm.bias"}
    before = {n: p.detach().clone() for n, p in acsa.named_parameters()}
    buffers = {n: b.clone() for n, b in acsa.text_encoder.named_buffers()}
    step = optimizer(acsa, Optim(decay=0.0))
    held = {id(p) for group in step.param_groups for p in group["params"]}
    assert held == {id(p) for n, p in acsa.named_parameters() if n not in frozen}
    sum(acsa.losses(batch_for(acsa)).values()).backward()
    for group in step.param_groups:
        group["lr"] = 1e-3
    step.step()
    same = {n for n, p in acsa.named_parameters() if p.equal(before[n])}
    # Keys have no bias gradient under a softmax.
    assert {n for n in same if not n.endswith("k_proj.bias")} == frozen
    assert all(b.equal(buffers[n]) for n, b in acsa.text_encoder.named_buffers())
    assert all(p.grad is None for n, p in acsa.named_parameters() if n in of_text)


def test_groups_are_named_and_the_text_encoder_is_one_when_it_learns() -> None:
    assert set(made().parameter_groups()) == {"image_encoder", "heads"}
    trained = made(text="trained").train()
    assert set(trained.parameter_groups()) == {"image_encoder", "text_encoder", "heads"}
    assert any(name.startswith("text_encoder.") for name in reached(trained))


def test_a_frozen_text_encoder_drops_out_only_where_it_is_asked_to() -> None:
    for settings, drops in (
        ({}, False),
        ({"text_dropout": True}, True),
        ({"text": "trained"}, True),
    ):
        acsa = made(**settings)
        acsa.train()
        assert acsa.text_encoder.training is drops
        texts = acsa.tokenize(CAPTIONS[:1])
        reads = [acsa._read(texts.ids, texts.mask) for _ in range(2)]
        assert torch.equal(*reads) is not drops
        acsa.eval()
        assert torch.equal(*[acsa._read(texts.ids, texts.mask) for _ in range(2)])


def test_prepared_texts_are_the_texts_and_the_encoder_is_not_asked_again(
    tmp_path, monkeypatch
) -> None:
    acsa = made()
    plain = acsa.encode_texts(acsa.tokenize(CAPTIONS))
    heard = []
    acsa.prepare(CAPTIONS, tmp_path / "vectors", lambda done, of: heard.append((done, of)))
    assert heard[-1] == (4, 4)
    kept = {len(acsa.vectors), len(made().vectors or ())}
    assert kept == {len({p.text for c in CAPTIONS for p in acsa.phrases(c)}) + 4, 0}
    monkeypatch.setattr(acsa.text_encoder, "forward", None)  # whoever asks it fails
    for name, tensor in acsa.encode_texts(acsa.tokenize(CAPTIONS[::-1])).tensors().items():
        own = getattr(plain, name).flip(0)
        torch.testing.assert_close(tensor, own, atol=1e-5, rtol=1e-5)
    again = made()
    monkeypatch.setattr(again.text_encoder, "forward", None)
    again.prepare(CAPTIONS, tmp_path / "vectors")  # by another run: nothing is left to read
    assert len(again.vectors) == len(acsa.vectors)
    monkeypatch.undo()
    words = ["a girl with a blue dress", CAPTIONS[0]]
    new, without = acsa.encode_texts(acsa.tokenize(words)), made()
    for name, tensor in without.encode_texts(without.tokenize(words)).tensors().items():
        torch.testing.assert_close(getattr(new, name), tensor, atol=1e-5, rtol=1e-5)


def test_vectors_of_another_encoder_pooling_or_of_a_half_written_file_are_never_used(
    tmp_path,
) -> None:
    acsa, other = made(), made(text_pooling="max")
    acsa.prepare(CAPTIONS, tmp_path)
    other.prepare(CAPTIONS, tmp_path)
    with torch.no_grad():
        own = made(text_pooling="max").encode_texts(other.tokenize(CAPTIONS))
        found = other.encode_texts(other.tokenize(CAPTIONS))
    torch.testing.assert_close(found.vector, own.vector, atol=1e-5, rtol=1e-5)
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert len({file.parent for file in files}) == 2
    mine = next(f for f in files if f.parent == acsa.vectors.folder)
    theirs = next(f for f in files if f.parent != acsa.vectors.folder)
    whole = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    with pytest.raises(BadModel, match="of another model; remove it"):
        made().prepare(CAPTIONS, tmp_path)
    mine.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadModel, match="remove it: it is made again"):
        made().prepare(CAPTIONS, tmp_path)


@pytest.mark.parametrize("settings", [{"text": "trained"}, {"text_dropout": True}], ids=str)
def test_texts_that_change_are_not_prepared(settings, tmp_path) -> None:
    acsa = made(**settings)
    acsa.prepare(CAPTIONS, tmp_path / "vectors")
    assert acsa.vectors is None
    assert not (tmp_path / "vectors").exists()


def literal_texts(acsa, caption: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """3.1 and 3.3 of the specification, for one caption, as the released code reads it."""
    read, (first, last) = acsa.tokenizer.rules.encode, acsa.tokenizer.ends

    def encoded(rows, length):
        ids = torch.tensor([[*row[:length], *[0] * (length - len(row))] for row in rows])
        mask = torch.tensor([[int(place < len(row)) for place in range(length)] for row in rows])
        return acsa.text_encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]

    ids = read(caption).ids
    own = [read(phrase.text).ids for phrase in acsa.phrases(caption)]
    rows = (own + [[first, acsa.tokenizer.pad, last]] * 10)[:10]
    vector = acsa.text_norm(encoded([ids], 118))
    read = encoded(rows, 40)[None]
    used = min(10, min(len(ids), 118) + 3)
    keys = acsa.text_parts.key_norm(acsa.text_parts.key(read))
    values = acsa.text_parts.value_norm(acsa.text_parts.value(read))
    return vector[0], keys[0, :used], values[0, :used]


@pytest.mark.parametrize("caption", [*CAPTIONS, "a big red coat, " * 80, "x"])
def test_the_preset_released_reads_a_caption_as_the_released_code_does(caption: str) -> None:
    acsa = made(preset="released")
    with torch.no_grad():
        vector, keys, values = literal_texts(acsa, caption)
        found = acsa.encode_texts(acsa.tokenize([caption, "a woman in blue"])).rows([0])
    there = found.mask[0]
    torch.testing.assert_close(found.vector[0], vector, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.parts[0, there], keys, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.values[0, there], values, atol=1e-5, rtol=1e-5)


def test_token_ids_may_be_given_without_a_tokenizer_padded_or_not() -> None:
    acsa = made(preset="released")
    own = acsa.tokenize(CAPTIONS)
    pad = torch.nn.functional.pad
    wide = {"ids": 118, "mask": 118, "phrase_ids": 40, "phrase_mask": 40}
    full = Texts(**{n: pad(t, (0, wide[n] - t.shape[-1])) for n, t in own.tensors.items()})
    assert full.ids.shape == (4, 118)
    assert full.phrase_ids.shape == (4, 10, 40)
    acsa.tokenizer = None
    with torch.no_grad():
        for name, tensor in acsa.encode_texts(own).tensors().items():
            torch.testing.assert_close(tensor, getattr(acsa.encode_texts(full), name))
    with pytest.raises(BadModel, match=r"phrase_ids=\.\.\."):
        acsa.tokenize(["a man"])
    with pytest.raises(BadModel, match=r"phrase_mask \(T, 10, L\)"):
        acsa.encode_texts(Texts(ids=own.ids, mask=own.mask))


def test_a_photo_has_seven_tokens_and_a_text_the_phrases_it_has() -> None:
    acsa = made()
    with torch.no_grad():
        photos = acsa.encode_images(PHOTOS)
        texts = acsa.encode_texts(acsa.tokenize(CAPTIONS))
        weights = acsa.attention(texts, photos)
    assert photos.parts.shape == photos.values.shape == (4, 7, 32)
    assert texts.mask.sum(1).tolist() == [len(acsa.phrases(caption)) for caption in CAPTIONS]
    assert weights.shape == (4, 4, 7, 10)
    torch.testing.assert_close(weights.sum(3)[:3], torch.ones(3, 4, 7))
    assert not weights[3].any()
    for phrase in acsa.phrases(CAPTIONS[2]):
        assert CAPTIONS[2][phrase.start : phrase.end].lower() == phrase.text
    assert acsa.spans(CAPTIONS[2]) == [(p.start, p.end) for p in acsa.phrases(CAPTIONS[2])] != []
    assert made(fusion_weight=0.0).spans(CAPTIONS[2]) == []  # nothing was looked for


def test_fillers_are_attended_in_parity_and_masked_else() -> None:
    clean, literal = made(), made(fillers="attended")
    texts = [acsa.encode_texts(acsa.tokenize(CAPTIONS)) for acsa in (clean, literal)]
    assert texts[0].mask.sum(1).tolist() != [10] * 4
    assert texts[1].mask.sum(1).tolist()[:3] == [10, 7 + 2, 10]  # n + 3 of [CLS] a woman in blue .
    # What a masked phrase holds is nobody's business.
    changed = clean.encode_texts(clean.tokenize(CAPTIONS))
    changed.values[~changed.mask] += 100
    with torch.no_grad():
        photos = clean.encode_images(PHOTOS)
        torch.testing.assert_close(
            clean.similarity(changed, photos), clean.similarity(texts[0], photos)
        )


def test_the_score_is_a_weighed_sum_and_a_text_without_phrases_keeps_its_cosine() -> None:
    acsa = made(fusion_weight=0.3)
    with torch.no_grad():
        photos = acsa.encode_images(PHOTOS)
        texts = acsa.encode_texts(acsa.tokenize(CAPTIONS))
        scores = acsa.similarity(texts, photos)
        local = acsa._local(texts, photos, "i2t")
    cosines = torch.nn.functional.cosine_similarity(texts.vector[:, None], photos.vector, dim=2)
    torch.testing.assert_close(scores, 0.7 * cosines + 0.3 * local)
    torch.testing.assert_close(scores[3], 0.7 * cosines[3])


def test_the_bound_is_reached_by_a_photo_whose_tokens_are_the_phrases() -> None:
    acsa = made(fusion_weight=0.3)
    one = torch.ones(1, 1, 32)
    photo = Embeddings(torch.eye(32)[:1], one.expand(1, 7, 32), one.expand(1, 7, 32))
    text = Embeddings(torch.eye(32)[1:2], one, one)
    cosines = torch.zeros(1, 1)
    torch.testing.assert_close(acsa.similarity(text, photo), acsa.bound(cosines))
    assert acsa.bound(torch.ones(1)) == 1
    assert made(local_weight=0.0).bound(torch.tensor([0.4])) == pytest.approx(0.4)


def test_dropout_acts_where_it_is_set_and_on_each_filler_by_itself() -> None:
    still = {**BASE, "image_encoder": {**BASE["image_encoder"], "drop_path_rate": 0.0}}
    for dropout in (0.0, 0.5):
        acsa = made(tables=still, region_dropout=dropout).train()
        acsa.photo_parts.query, acsa.photo_parts.whole = torch.nn.Identity(), False
        first, second = (acsa.encode_images(PHOTOS).parts for _ in range(2))
        assert torch.allclose(first[:, :4], second[:, :4], atol=1e-5) is (dropout == 0)
        assert torch.allclose(first[:, 4:], second[:, 4:], atol=1e-5)  # windows have none
    acsa = made(text_dropout=True, fillers="attended").train()
    texts = acsa.tokenize(["a man"])
    assert texts.phrase_ids[0, 8].equal(texts.phrase_ids[0, 9])
    read = acsa._read(*acsa._rows(texts)[1])
    assert not torch.allclose(read[8], read[9], atol=1e-3)


def test_without_local_losses_there_is_no_fusion_to_choose() -> None:
    assert dict(made(local_weight=0.0).choices) == {}
    assert "fusion_weight" in made().choices


@pytest.mark.parametrize(("floor", "open_"), [(0.0, True), (1e-3, True), (1e6, False)])
def test_the_gate_closes_below_its_floor_and_passes_no_gradient(floor: float, open_: bool) -> None:
    acsa = made(cmpm_floor=floor, local_weight=0.0, identity_weight=0.0).train()
    loss = acsa.losses(batch_for(acsa))["cmpm"]
    loss.backward()
    assert bool(loss > 0) is open_
    assert any(p.grad is not None and p.grad.any() for p in acsa.parameters()) is open_


def test_losses_are_weighed_and_the_released_axis_is_over_texts() -> None:
    for settings, over in (({"t2i_axis": "photos"}, "t2i"), ({"t2i_axis": "texts"}, "i2t")):
        still = {**BASE, "image_encoder": {**BASE["image_encoder"], "drop_path_rate": 0.0}}
        acsa = made(tables=still, region_dropout=0.0, **settings).train()
        batch = batch_for(acsa)
        losses = acsa.losses(batch)
        photos, texts = acsa.encode_images(batch.images), acsa.encode_texts(batch.texts)
        own = {
            "cmpm": cmpm(texts.vector, photos.vector, batch.persons),
            "local_i2t": 0.1 * local_kl(acsa._local(texts, photos, "i2t"), batch.persons),
            "local_t2i": 0.1
            * local_kl(acsa._local(texts, photos, "t2i"), batch.persons, direction=over),
        }
        assert set(losses) == {*own, "cmpc"}
        for name, value in own.items():
            torch.testing.assert_close(losses[name], value, msg=name)


def test_a_residual_network_gives_the_same_tokens_and_other_widths_are_fitted() -> None:
    for regions in ("channel", "spatial"):
        acsa = made(tables={**BASE, "image_encoder": RESNET}, regions=regions).train()
        assert acsa.encode_images(PHOTOS).parts.shape == (4, 7, 32)
        assert "photo_head.weight" in reached(acsa)
    with pytest.raises(BadRecipe, match="merged"):
        made(tables={**BASE, "image_encoder": RESNET}, windows="shifted")


def test_a_text_encoder_whose_first_token_sees_itself_alone_is_read_another_way() -> None:
    clip = {**BASE["text_encoder"], "kind": "clip-text"}
    with pytest.raises(BadRecipe, match='"encoder"'):
        made(tables={**BASE, "text_encoder": clip})
    acsa = made(tables={**BASE, "text_encoder": clip}, text_pooling="encoder")
    assert torch.isfinite(acsa.encode_texts(acsa.tokenize(CAPTIONS)).values).all()


@pytest.mark.parametrize("size", [(96, 64), (128, 64), (70, 50)])
def test_photos_may_be_of_any_shape_that_has_windows(size: tuple[int, int]) -> None:
    tables = {**BASE, "photo": {"height": size[0], "width": size[1]}}
    for regions in ("channel", "spatial"):
        acsa = made(tables=tables, regions=regions)
        photos = acsa.encode_images(torch.randn(2, 3, *size))
        assert photos.parts.shape == (2, 7, 32)
        assert torch.isfinite(photos.values).all()


def test_a_photo_smaller_than_a_window_is_told_in_one_line() -> None:
    with pytest.raises(BadRecipe, match="windows") as told:
        made(tables={**BASE, "photo": {"height": 24, "width": 24}})
    assert "\n" not in str(told.value)
    with pytest.raises(BadRecipe, match="2 rows, spatial regions need 4"):
        made(tables={**BASE, "photo": {"height": 32, "width": 32}}, regions="spatial")
    small = made(tables={**BASE, "photo": {"height": 64, "width": 24}}, regions="spatial")
    assert small.encode_images(torch.randn(1, 3, 64, 24)).parts.shape == (1, 7, 32)


def test_what_is_read_of_a_sentence_is_told() -> None:
    acsa = made()
    assert any("no phrase" in note for note in acsa.notes("..."))
    many = " ".join(f"a red coat and blue shoes{stop}" for stop in [","] * 100)
    assert any("200 phrases" in note for note in acsa.notes(many))
    assert any("reads the first 118" in note for note in acsa.notes("red coat " * 500))
    assert not any("phrase" in note for note in acsa.notes("a man in a red coat"))
    for settings in ({"local_weight": 0.0}, {"fusion_weight": 0.0}, {"fillers": "attended"}):
        assert not any("phrase" in note for note in made(**settings).notes("..."))
    found = embed_texts(acsa, [many, "一个穿红色外套的女人", "!?", ""])
    assert torch.isfinite(found.parts).all()
    assert found.mask.sum(1).tolist()[0] == 10


def test_a_saved_model_of_a_preset_needs_no_preset_and_keeps_its_fusion(tmp_path) -> None:
    save_method(made(preset="released", fusion_weight=0.25), "acsa", tmp_path)
    again = load_method(tmp_path)
    assert again.config.fusion_weight == 0.25
    assert (again.config.phrase_rule, again.config.fillers) == ("textblob-like", "attended")
    assert json.loads((tmp_path / "config.json").read_text("utf-8"))["config"]["text_dropout"]


def test_the_preset_sets_every_row_that_a_forward_pass_reads() -> None:
    own = {"photo", "image_encoder", "text_encoder", "persons"}
    assert set(Config.presets["released"]) == {f.name for f in fields(Config)} - own


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"regions": "stripes"}, "channel, spatial"),
        ({"windows": "shift"}, "auto, shifted, merged"),
        ({"text": "froze"}, "frozen, trained"),
        ({"text_pooling": "cls"}, "first"),
        ({"phrase_rule": "spacy"}, "garment"),
        ({"fillers": "kept"}, "masked, attended"),
        ({"t2i_axis": "rows"}, "photos, texts"),
        ({"phrases": 0}, "phrases is 1 or more"),
        ({"length": 3}, "length"),
        ({"fusion_weight": 1.5}, "fusion_weight is from 0 to 1"),
        ({"local_weight": -0.1}, "local_weight"),
        ({"region_dropout": 1.0}, "region_dropout"),
    ],
)
def test_settings_that_make_no_acsa_are_refused(settings, told) -> None:
    with pytest.raises(BadRecipe, match=told):
        made(**settings)
