"""The two-tower: its options do what they say, and it starts from transformers folders."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from passerby.build import build_method, load_method, save_method
from passerby.config import parse_recipe
from passerby.errors import BadModel, BadRecipe
from passerby.types import Batch, Texts

CAPTIONS = ["a man in a red shirt", "a woman with a white bag and blue jeans"] * 3
RESNET = {
    "kind": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1],
    "layer_type": "basic",
}  # fmt: skip
BERT = {
    "kind": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 32,
}  # fmt: skip
PHOTOS = torch.randn(4, 3, 64, 32, generator=torch.Generator().manual_seed(1))


def build(images=RESNET, texts=BERT, **settings):
    torch.manual_seed(0)
    told = {
        "method": {"name": "twotower", "dim": 8, **settings},
        "photo": {"height": 64, "width": 32},
        "image_encoder": images,
        "text_encoder": texts,
    }
    return build_method(parse_recipe(told), CAPTIONS, 3).eval()


@pytest.mark.parametrize("pooling", ["encoder", "mean", "max", "stripes"])
def test_every_photo_pooling_gives_a_vector(pooling: str) -> None:
    assert build(photo_pooling=pooling).encode_images(PHOTOS).vector.shape == (4, 8)


@pytest.mark.parametrize("pooling", ["encoder", "mean", "max"])
def test_every_text_pooling_leaves_padding_out(pooling: str) -> None:
    method = build(text_pooling=pooling)
    short, both = method.tokenize(CAPTIONS[:1]), method.tokenize(CAPTIONS[:2])
    alone = method.encode_texts(short).vector
    torch.testing.assert_close(method.encode_texts(both).vector[:1], alone, atol=1e-5, rtol=0)


def test_with_mirror_a_photo_and_its_mirror_image_are_one() -> None:
    method = build(mirror=True)
    one, other = (normalize(method.encode_images(p).vector) for p in (PHOTOS, PHOTOS.flip(3)))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    plain = build(mirror=False)
    assert not torch.allclose(
        plain.encode_images(PHOTOS).vector, plain.encode_images(PHOTOS.flip(3)).vector
    )


def test_a_text_is_encoded_from_ids_without_a_tokenizer() -> None:
    method = build()
    texts = method.tokenize(CAPTIONS[:2])
    expected = method.encode_texts(texts).vector
    method.tokenizer = None
    found = method.encode_texts(Texts(ids=texts.ids, mask=texts.mask)).vector
    assert torch.equal(found, expected)
    with pytest.raises(BadModel, match="Texts"):
        method.tokenize(CAPTIONS)


def test_each_loss_is_there_when_it_has_a_weight() -> None:
    def names(**settings):
        method = build(**settings)
        batch = Batch(
            PHOTOS, method.tokenize(CAPTIONS[:4]), torch.tensor([0, 1, 2, 0]), torch.arange(4)
        )
        return set(method.losses(batch))

    assert names() == {"sdm"}
    assert names(identity_weight=1.0, contrastive_weight=1.0) == {"sdm", "identity", "contrastive"}
    assert names(sdm_weight=0.0, contrastive_weight=1.0) == {"contrastive"}


def test_a_weight_counts_once_in_its_loss() -> None:
    def loss(weight):
        method = build(sdm_weight=weight)
        batch = Batch(PHOTOS, method.tokenize(CAPTIONS[:4]), torch.arange(4), torch.arange(4))
        return method.losses(batch)["sdm"].item()

    assert loss(3.0) == pytest.approx(3 * loss(1.0), rel=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"photo_pooling": "middle"}, {"text_pooling": "last"}, {"temperature": 0.0}, {"length": 1},
     {"sdm_weight": 0.0}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings) -> None:
    with pytest.raises(BadRecipe):
        build(**settings)


def test_a_sentence_is_read_up_to_the_places_of_its_encoder() -> None:
    method = build(length=77)
    assert method.tokenize(["a man " * 100]).ids.shape == (1, 32)
    assert "reads the first 32" in method.notes("a man " * 100)[0]


@pytest.fixture
def folders(tmp_path):
    """A ResNet, a BERT with its vocabulary, both as transformers writes them."""
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"] + ["man", "red", "shirt"]
    sizes = {name: value for name, value in RESNET.items() if name != "kind"}
    transformers.ResNetModel(transformers.ResNetConfig(**sizes)).save_pretrained(tmp_path / "r")
    sizes = {name: value for name, value in BERT.items() if name != "kind"}
    config = transformers.BertConfig(vocab_size=len(words), **sizes)
    transformers.BertModel(config).save_pretrained(tmp_path / "b")
    (tmp_path / "b" / "vocab.txt").write_text("\n".join(words))
    return tmp_path


def test_it_starts_from_local_folders_and_then_needs_them_no_more(folders) -> None:
    import shutil

    method = build({"kind": "resnet", "source": str(folders / "r")},
                   {"kind": "bert", "source": str(folders / "b")})  # fmt: skip
    save_method(method, "twotower", folders / "model")
    shutil.rmtree(folders / "r")
    shutil.rmtree(folders / "b")
    again = load_method(folders / "model")
    for one, two in zip(
        (method.encode_images(PHOTOS), method.encode_texts(method.tokenize(CAPTIONS))),
        (again.encode_images(PHOTOS), again.encode_texts(again.tokenize(CAPTIONS))),
        strict=True,
    ):
        assert torch.equal(one.vector, two.vector)


def test_a_tokenizer_of_another_size_than_its_encoder_is_refused(folders) -> None:
    with pytest.raises(BadModel, match="tokenizer"):
        build(RESNET, {**BERT, "vocab_size": 9000})
    (folders / "b" / "vocab.txt").unlink()
    with pytest.raises(BadModel, match="tokenizer"):
        build(RESNET, {"kind": "bert", "source": str(folders / "b")})


def words_of(method, ids) -> str:
    return method.tokenizer.rules.decode(ids.tolist()).replace("[PAD]", "").strip()


def test_twins_stand_beside_the_captions_that_they_contradict() -> None:
    method = build(twin_weight=0.5)
    rngs = [np.random.default_rng(place) for place in range(3)]
    texts = method.draw_texts([*CAPTIONS[:2], "a man"], rngs)
    assert texts.told.tolist() == [True, True, False]
    for row in range(2):
        assert words_of(method, texts.ids[row]) != words_of(method, texts.twin_ids[row])
    assert words_of(method, texts.ids[2]) == words_of(method, texts.twin_ids[2])


def test_twins_have_a_loss_of_their_own_that_trains() -> None:
    method = build(twin_weight=0.5).train()
    rngs = [np.random.default_rng(place) for place in range(4)]
    texts = method.draw_texts(CAPTIONS[:4], rngs)
    numbers = torch.arange(4)
    losses = method.losses(Batch(PHOTOS, texts, numbers, numbers))
    assert set(losses) == {"sdm", "twins"}
    losses["twins"].backward()
    assert float(method.text_head.weight.grad.abs().sum()) > 0


def test_respelling_reads_a_slip_as_the_word_and_says_so() -> None:
    plain, respelt = build(), build(respell=True)
    right, slip = "a woman with a white bag", "a womna with a whtie bag"
    assert torch.equal(respelt.tokenize([right]).ids, respelt.tokenize([slip]).ids)
    assert not torch.equal(plain.tokenize([right]).ids.sum(), plain.tokenize([slip]).ids.sum())
    told = respelt.notes(slip)
    assert len(told) == 1
    assert "womna as woman" in told[0]
    assert "whtie as white" in told[0]
    assert respelt.notes(right) == []
    assert "whtie" in plain.notes(slip)[0]
