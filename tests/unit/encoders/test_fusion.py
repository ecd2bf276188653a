"""The fusion encoder is BERT's layers with a look at the photo between, and starts from them."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm, linear, softmax
from transformers import BertConfig, BertModel

from passerby.encoders.fusion import Fusion, WordHead, start
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe

SIZES = {
    "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24,
    "vocab_size": 40, "max_position_embeddings": 12,
}  # fmt: skip
LENGTHS = torch.tensor([5, 2, 7, 1])
MASK = (torch.arange(7) < LENGTHS[:, None]).long()
LOOKS = torch.tensor([1, 0, 1, 2])


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def fusion(layers: int = 2, **options) -> Fusion:
    torch.manual_seed(0)
    made = Fusion(EncoderSpec("bert", "", {**SIZES, **options}), layers)
    for parameter in made.parameters():  # biases and norms that are not 0 and 1
        nn.init.normal_(parameter, std=0.3)
    return made.eval()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(1)
    model = BertModel(BertConfig(**SIZES), add_pooling_layer=False).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return model, str(folder)


def literal_attention(query, key, value, heads: int) -> torch.Tensor:
    """One text's tokens (L, D) to what they look at (N, D), head by head."""
    found = []
    for q, k, v in zip(*(t.chunk(heads, 1) for t in (query, key, value)), strict=True):
        found.append(softmax(q @ k.T / math.sqrt(q.shape[1]), 1) @ v)
    return torch.cat(found, 1)


def literal_layer(layer, tokens, photo) -> torch.Tensor:
    def normed(norm, rows):
        return layer_norm(rows, rows.shape[1:], norm.weight, norm.bias, 1e-12)

    own, cross, feed = layer.attention, layer.cross, layer.feed
    seen = literal_attention(*own.qkv(tokens).chunk(3, 1), 2)
    tokens = normed(layer.attention_norm, tokens + own.proj(seen))
    seen = literal_attention(cross.query(tokens), *cross.both(photo).chunk(2, 1), 2)
    tokens = normed(layer.cross_norm, tokens + cross.proj(seen))
    inner = linear(tokens, feed.fc1.weight, feed.fc1.bias)
    inner = 0.5 * inner * (1 + torch.erf(inner / math.sqrt(2)))
    return normed(layer.feed_norm, tokens + feed.fc2(inner))


def test_it_equals_its_formula_text_by_text() -> None:
    made, texts, photos = fusion(), drawn(4, 7, 16), drawn(3, 5, 16)
    found = made(texts, MASK, photos, LOOKS)
    assert found.shape == texts.shape
    for row, length in enumerate(LENGTHS.tolist()):
        tokens = texts[row, :length]
        for layer in made.layers:
            tokens = literal_layer(layer, tokens, photos[LOOKS[row]])
        torch.testing.assert_close(found[row, :length], tokens, atol=2e-5, rtol=1e-4)
        assert not found[row, length:].any()


def test_what_lies_under_the_mask_changes_nothing() -> None:
    made, texts, photos = fusion(), drawn(4, 7, 16), drawn(3, 5, 16)
    other = torch.where(MASK[..., None] == 1, texts, 9.0)
    assert torch.equal(made(other, MASK, photos, LOOKS), made(texts, MASK, photos, LOOKS))


def test_without_its_look_at_photos_it_is_berts_first_layers(source) -> None:
    model, folder = source
    made = Fusion(EncoderSpec("bert", folder), 2).eval()
    for layer in made.layers:
        nn.init.zeros_(layer.cross.proj.weight)
        layer.cross_norm = nn.Identity()
    ids = torch.arange(28).reshape(4, 7)
    with torch.no_grad():
        words = model.embeddings(ids)
        model.encoder.layer = model.encoder.layer[:2]
        expected = model(input_ids=ids, attention_mask=MASK).last_hidden_state
        found = made(words, MASK, drawn(3, 5, 16), LOOKS)
    torch.testing.assert_close(found, expected * MASK[..., None], atol=1e-5, rtol=1e-4)


def test_every_tensor_of_those_layers_is_used_once_and_cross_attention_alone_is_fresh() -> None:
    model = BertModel(BertConfig(**SIZES), add_pooling_layer=False)
    for number, parameter in enumerate(model.parameters()):
        nn.init.constant_(parameter, number)
    given = {n: t for n, t in model.state_dict().items() if n.startswith("encoder.layer.")}
    found = start(model.state_dict(), 3)
    values = [float(v) for tensor in found.values() for v in tensor.flatten().unique()]
    assert sorted(values) == sorted(float(tensor.flatten()[0]) for tensor in given.values())
    assert sum(t.numel() for t in found.values()) == sum(t.numel() for t in given.values())
    own = fusion(3).state_dict()
    assert {name for name in own if name not in found} == {n for n in own if ".cross" in n}
    assert all(own[name].shape == tensor.shape for name, tensor in found.items())


def test_cross_attention_from_a_source_starts_fresh(source) -> None:
    torch.manual_seed(0)
    made = Fusion(EncoderSpec("bert", source[1]), 3)
    cross = made.layers[0].cross
    assert float(cross.both.weight.detach().std()) == pytest.approx(0.02, rel=0.2)
    assert not cross.both.bias.any()
    assert bool((made.layers[0].cross_norm.weight == 1).all())


def test_layers_that_a_source_has_not_are_refused(source) -> None:
    with pytest.raises(BadRecipe, match="has 3 layers"):
        Fusion(EncoderSpec("bert", source[1]), 4)
    with pytest.raises(BadRecipe, match="1 or more"):
        fusion(0)
    with pytest.raises(BadModel, match="hf download"):
        Fusion(EncoderSpec("bert", str(source[1]) + "/nowhere/at/all"), 1)


def test_dropout_is_berts_and_only_in_training() -> None:
    made, given = fusion(), (drawn(4, 7, 16), MASK, drawn(3, 5, 16), LOOKS)
    assert torch.equal(made(*given), made(*given))
    made.train()
    assert not torch.equal(made(*given), made(*given))
    calm = fusion(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).train()
    assert torch.equal(calm(*given), calm(*given))


def test_words_are_guessed_by_the_embeddings_they_came_from() -> None:
    head, words = WordHead(16, 40), drawn(40, 16).requires_grad_()
    nn.init.normal_(head.bias)
    tokens = drawn(3, 16)
    found = head(tokens, words)
    inner = head.norm(nn.GELU()(head.dense(tokens)))
    expected = [[(t @ w + b).item() for w, b in zip(words, head.bias, strict=True)] for t in inner]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=1e-4)
    found.sum().backward()
    assert words.grad is not None
