"""One transformer for photos and texts: against ViT, BERT and tokens that are really not there."""

import json
import re

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, ViTConfig, ViTModel

from passerby.encoders.network import Network
from passerby.encoders.origins import LEFT_OUT, from_bert, from_vit
from passerby.encoders.packing import Rows
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe

VIT = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40,
    "patch_size": 8,
}  # fmt: skip
BERT = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 56,
    "vocab_size": 90, "max_position_embeddings": 20, "hidden_dropout_prob": 0.0,
}  # fmt: skip
SIZE = (40, 24)
IDS = torch.randint(1, 90, (3, 9), generator=torch.Generator().manual_seed(2))
MASK = (torch.arange(9) < torch.tensor([9, 2, 5])[:, None]).long()


def network(size=SIZE, vit=None, bert=None, **settings) -> Network:
    torch.manual_seed(0)
    image = vit or EncoderSpec("vit", "", VIT)
    made = Network(image, bert or EncoderSpec("bert", "", BERT), size, **settings)
    if not (image.source or bert):
        spread(made)
    return made.eval()


def spread(module: nn.Module) -> None:
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.2)


def photos(size=SIZE, count=3):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


def saved(folder, model) -> str:
    spread(model)
    model.save_pretrained(folder)
    return str(folder)


def a_vit(folder, **settings) -> str:
    config = ViTConfig(**{**VIT, "image_size": list(SIZE), "layer_norm_eps": 1e-6, **settings})
    return saved(folder, ViTModel(config, add_pooling_layer=False))


def a_bert(folder, **settings) -> str:
    return saved(folder, BertModel(BertConfig(**{**BERT, **settings}), add_pooling_layer=False))


def from_folders(tmp_path, size=SIZE, **settings) -> Network:
    vit = EncoderSpec("vit", a_vit(tmp_path / "vit"))
    bert = EncoderSpec("bert", a_bert(tmp_path / "bert"))
    return network(size, vit, bert, **settings)


def test_from_a_vit_folder_photos_read_as_that_vit_reads_them(tmp_path) -> None:
    made = from_folders(tmp_path, types="none")
    plain = ViTModel.from_pretrained(tmp_path / "vit", add_pooling_layer=False).eval()
    with torch.no_grad():
        found, expected = made.photos(photos()), plain(photos()).last_hidden_state
    torch.testing.assert_close(found.padded()[0], expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.first, expected[:, 0], atol=1e-5, rtol=1e-5)


def test_from_a_bert_folder_words_and_feed_forwards_are_that_bert_s(tmp_path) -> None:
    made = from_folders(tmp_path)
    plain = BertModel.from_pretrained(tmp_path / "bert", add_pooling_layer=False).eval()
    with torch.no_grad():
        words = made.word_tokens(IDS, MASK.bool()).padded()[0]
        torch.testing.assert_close(words, plain.embeddings(IDS) * MASK[..., None])
        for block, layer in zip(made.blocks, plain.encoder.layer, strict=True):
            some = torch.randn(4, 24)
            inner = layer.output.dense(layer.intermediate(some))
            torch.testing.assert_close(block.text(some), inner)


def test_every_tensor_of_both_folders_has_its_place_or_is_left_out_by_name() -> None:
    vit = ViTModel(ViTConfig(**VIT), add_pooling_layer=False).state_dict()
    bert = BertModel(BertConfig(**BERT), add_pooling_layer=False).state_dict()
    taken = {**from_vit(vit), **from_bert(bert)}
    left = [name for name in bert if LEFT_OUT.match(name)]
    merged = sum(tensor.numel() for tensor in taken.values())
    both = sum(t.numel() for t in vit.values()) + sum(t.numel() for t in bert.values())
    assert merged + sum(bert[name].numel() for name in left) == both
    assert {re.sub(r".*layer\.\d+\.", "", name).split(".")[0] for name in left} == {
        "attention", "output",
    }  # fmt: skip
    assert set(dict(network().named_parameters())) - set(taken) == {"photo_tokens.types"}


def test_positions_are_resized_to_any_grid_and_stride(tmp_path) -> None:
    made = from_folders(tmp_path, (48, 40), stride=5)
    assert made.photo_tokens.grid == (9, 7)
    assert made.photo_places == 64
    old = ViTModel.from_pretrained(tmp_path / "vit").embeddings.position_embeddings[0]
    new = made.photo_tokens.positions[0]
    torch.testing.assert_close(new[0], old[0])
    torch.testing.assert_close(new[1:].mean(0), old[1:].mean(0), atol=0.05, rtol=0)
    assert torch.isfinite(made.photos(photos((48, 40))).first).all()


def test_a_photo_that_no_patch_fits_into_is_refused() -> None:
    with pytest.raises(BadRecipe, match="smaller than a patch"):
        network((7, 24))


@pytest.mark.parametrize("mode", ["drop", "mask"])
def test_tokens_that_are_gone_are_as_if_they_had_never_been(mode) -> None:
    made = network()
    gone = torch.zeros(3, made.photo_places, dtype=torch.bool)
    gone[0, 3], gone[1, 4:9], gone[2, 1:] = True, True, True
    with torch.no_grad():
        found = made.photos(photos(), gone, mode).first
        whole = made.photo_tokens(photos())
        for row in range(3):
            left = whole[row : row + 1, ~gone[row]]
            expected = alone(made, left)
            torch.testing.assert_close(found[row : row + 1], expected, atol=1e-5, rtol=1e-5)


def alone(made: Network, tokens):
    rows = Rows.alike(1, tokens.shape[1], tokens.device)
    flat = tokens[0]
    for block in made.blocks:
        flat = block(flat, rows, "photo")
    return made.norm(flat)[:1]


def test_dropping_and_masking_say_the_same_of_texts_and_of_one_draw_for_all() -> None:
    made, gone = network(), torch.zeros(1, 9, dtype=torch.bool)
    gone[0, [1, 4, 8]] = True
    with torch.no_grad():
        texts = [made.texts(IDS, MASK, gone, mode).first for mode in ("drop", "mask")]
        seen = torch.zeros(1, made.photo_places, dtype=torch.bool)
        seen[0, [2, 7]] = True
        images = [made.photos(photos(), seen, mode).first for mode in ("drop", "mask")]
        plain = made.texts(IDS, MASK).first
    torch.testing.assert_close(*texts, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(*images, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(texts[0], plain, atol=1e-3)


def test_a_text_reads_alike_alone_padded_and_beside_longer_ones() -> None:
    made = network()
    with torch.no_grad():
        both = made.texts(IDS, MASK).first
        one = made.texts(IDS[1:2, :2], MASK[1:2, :2]).first
    torch.testing.assert_close(both[1:2], one, atol=1e-5, rtol=1e-5)


def test_tokens_beyond_the_positions_are_not_read() -> None:
    made, ids = network(), torch.randint(1, 90, (1, 30))
    with torch.no_grad():
        long = made.texts(ids, torch.ones_like(ids)).first
        cut = made.texts(ids[:, :20], torch.ones(1, 20)).first
    assert made.length == 20
    torch.testing.assert_close(long, cut)


def test_separate_attention_gives_texts_blocks_of_their_own(tmp_path) -> None:
    shared, apart = network(), network(attention="separate")
    more = len(list(apart.parameters())) - len(list(shared.parameters()))
    assert more == 2 * 8 + 2  # attention and two norms a block, and the last norm
    apart.photos(photos()).first.sum().backward()
    assert all(p.grad is None for p in apart.text_blocks.parameters())
    taken = from_folders(tmp_path, attention="separate")
    plain = BertModel.from_pretrained(tmp_path / "bert")
    own = taken.text_blocks[1].text.fc1.weight
    torch.testing.assert_close(own, plain.encoder.layer[1].intermediate.dense.weight)


def test_whole_branches_of_rows_drop_in_training_and_those_left_make_up_for_it() -> None:
    made = network(drop_path=0.5)
    block, rows = made.blocks[-1].train(), Rows.alike(4000, 1, torch.device("cpu"))
    assert [b.drop_path for b in made.blocks] == [0.0, 0.5]
    with torch.no_grad():
        kept = block._kept(torch.ones(4000, 2), rows)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert abs(float(kept.mean()) - 1) < 0.1
    assert torch.equal(kept[:, 0], kept[:, 1])


def test_both_branches_of_a_row_drop() -> None:
    block, rows = network().blocks[0].train(), Rows.alike(5, 3, torch.device("cpu"))
    block.drop_path, tokens = 1 - 1e-12, torch.randn(15, 24)
    assert torch.equal(block(tokens, rows, "text"), tokens)
    assert torch.equal(block(tokens, rows, "text", first=True), rows.first(tokens))


@pytest.mark.parametrize(
    ("vit", "bert"),
    [
        ({}, {"hidden_dropout_prob": 0.3}),
        ({"hidden_dropout_prob": 0.3}, {}),
        ({"attention_probs_dropout_prob": 0.3}, {}),
    ],
)
def test_dropout_acts_where_the_settings_have_it_and_in_training_alone(vit, bert) -> None:
    made = network(vit=EncoderSpec("vit", "", VIT | vit), bert=EncoderSpec("bert", "", BERT | bert))

    def moved(read) -> bool:
        return not torch.equal(read(), read())

    reads = [
        lambda: made.photos(photos(), first=True).first,
        lambda: made.photos(photos()).first,
        lambda: made.texts(IDS, MASK).first,
    ]
    assert not any(moved(read) for read in reads)
    made.train()
    told = [moved(read) for read in reads]
    assert told == ([False, False, True] if bert else [True, True, "attention" in next(iter(vit))])


def test_linear_maps_start_as_wide_as_their_inputs_ask() -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4}
    made = network(
        vit=EncoderSpec("vit", "", VIT | sizes), bert=EncoderSpec("bert", "", BERT | sizes)
    )
    block = Network(EncoderSpec("vit", "", VIT | sizes), made.text_spec, SIZE).blocks[0]
    for linear, wide in ((block.attention.qkv, 64), (block.text.fc1, 64), (block.photo.fc2, 256)):
        assert linear.weight.std().item() == pytest.approx(wide**-0.5, rel=0.05)
        assert not linear.bias.any()


def test_a_text_of_nothing_and_no_text_at_all_are_read() -> None:
    made = network()
    with torch.no_grad():
        empty = made.texts(IDS[:1], torch.zeros(1, 9)).first
        first = made.texts(IDS[:1, :1], torch.ones(1, 1)).first
        torch.testing.assert_close(empty, first, atol=1e-5, rtol=1e-5)
        for whole in (True, False):
            none = made.texts(IDS[:0], MASK[:0], first=whole).first
            assert none.shape == made.photos(photos()[:0], first=whole).first.shape == (0, 24)


def test_the_first_token_alone_is_that_of_the_whole_reading() -> None:
    made, gone = network(), torch.zeros(3, 9, dtype=torch.bool)
    gone[0, 3], gone[2, 2:4] = True, True
    with torch.no_grad():
        for settings in ((), (gone,), (gone, "mask"), (gone[:1],)):
            whole = made.texts(IDS, MASK, *settings)
            alone = made.texts(IDS, MASK, *settings, first=True)
            assert alone.tokens.shape == (3, 24)
            torch.testing.assert_close(alone.first, whole.first, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            made.photos(photos(), first=True).first, made.photos(photos()).first
        )


SMALL = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}


def test_a_map_of_another_photo_encoder_can_be_the_photo_s_tokens() -> None:
    made = network((64, 32), EncoderSpec("resnet", "", SMALL))
    assert made.photo_tokens.grid == (8, 4)
    assert made.image_spec.kind == "resnet"
    assert made.photos(photos((64, 32))).first.shape == (3, 24)
    stem = made.photo_tokens.patches
    with torch.no_grad():
        seen = stem.encoder(photos((64, 32))).map.flatten(2).transpose(1, 2)
        expected = stem.narrow(stem.norm(seen))
        torch.testing.assert_close(stem(photos((64, 32))).flatten(2).transpose(1, 2), expected)
    fresh = Network(EncoderSpec("resnet", "", SMALL), EncoderSpec("bert", "", BERT), (64, 32))
    assert all(part.training for part in fresh.modules())
    statistics = [b for n, b in fresh.named_buffers() if n.endswith("running_mean")]
    assert statistics
    assert not any(b.any() for b in statistics)  # nothing was learnt of the photo that sized it


def test_a_stride_is_refused_where_there_are_no_patches() -> None:
    with pytest.raises(BadRecipe, match="leave it out beside a 'resnet'"):
        network((64, 32), EncoderSpec("resnet", "", SMALL), stride=3)


@pytest.mark.parametrize(
    ("vit", "bert", "words"),
    [
        ({}, {"hidden_size": 32}, "words of 32 numbers in a network of 24"),
        ({}, {"num_hidden_layers": 3}, "has 3 layers, the network 2"),
        ({"num_attention_heads": 5}, {}, "5 heads do not divide"),
        ({"patch_size": 41}, {}, "smaller than a patch"),
        ({"hidden_act": "relu"}, {}, 'have "gelu" here'),
        ({}, {"hidden_act": "relu"}, 'have "gelu" here'),
        ({"qkv_bias": False}, {}, "qkv_bias is on"),
        ({}, {"hidden_dropout_prob": 1.5}, "from 0 to below 1"),
        ({"attention_probs_dropout_prob": 1.5}, {}, "from 0 to below 1"),
        ({}, {"max_position_embeddings": 2}, "3 or more"),
    ],
)
def test_sizes_that_make_no_network_are_refused_in_one_line(vit, bert, words) -> None:
    with pytest.raises(BadRecipe, match=words) as refused:
        network(SIZE, EncoderSpec("vit", "", VIT | vit), EncoderSpec("bert", "", BERT | bert))
    assert "\n" not in str(refused.value)


def test_a_bert_folder_of_another_width_is_refused_by_its_name(tmp_path) -> None:
    source = a_bert(tmp_path / "bert", hidden_size=32)
    with pytest.raises(BadRecipe, match="words of 32 numbers in a network of 24") as refused:
        network(bert=EncoderSpec("bert", source))
    assert source in str(refused.value)


def test_layers_that_a_bert_has_not_start_at_random(tmp_path) -> None:
    source = a_bert(tmp_path / "bert", num_hidden_layers=1)
    made = network(bert=EncoderSpec("bert", source))
    plain = BertModel.from_pretrained(source).encoder.layer[0].intermediate.dense.weight
    torch.testing.assert_close(made.blocks[0].text.fc1.weight, plain)
    assert not torch.allclose(made.blocks[1].text.fc1.weight, plain)


def test_fewer_layers_of_a_bert_are_its_first(tmp_path) -> None:
    source = a_bert(tmp_path / "bert", num_hidden_layers=3)
    with pytest.raises(BadRecipe, match="set its num_hidden_layers"):
        network(bert=EncoderSpec("bert", source))
    fewer = {"num_hidden_layers": 2, "hidden_dropout_prob": 0.25}
    made = network(bert=EncoderSpec("bert", source, fewer))
    plain = BertModel.from_pretrained(source).encoder.layer[1].intermediate.dense.weight
    torch.testing.assert_close(made.blocks[1].text.fc1.weight, plain)
    assert made.word_tokens.dropout.p == 0.25
    assert made.text_spec.options["num_hidden_layers"] == 2


def test_a_tokenizer_of_another_vocabulary_is_refused() -> None:
    with pytest.raises(BadModel, match="take both from the same folder"):
        network(vocabulary=91)


def test_a_folder_of_another_kind_is_refused(tmp_path) -> None:
    source = a_bert(tmp_path / "bert")
    with pytest.raises(BadModel, match="holds a 'bert' model, not 'vit'"):
        network(vit=EncoderSpec("vit", source))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(BadModel, match="no model at"):
        network(vit=EncoderSpec("vit", str(tmp_path / "odd")))
