"""An encoder may start from the one a model folder of ours holds."""

import json

import pytest
import torch

from passerby.build import DEFAULT, build_method, save_method
from passerby.config import parse_recipe
from passerby.encoders.photos import photo_encoder
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.texts import text_encoder
from passerby.errors import BadModel

CAPTIONS = ["a man in a red coat", "a woman with a blue bag", "a boy walks away"] * 3
TABLES = {
    "photo": {"height": 64, "width": 32},
    "image_encoder": {"kind": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16, 16],
                      "depths": [1, 1, 1], "layer_type": "basic"},
    "text_encoder": {"kind": "bert", "hidden_size": 16, "num_hidden_layers": 1,
                     "num_attention_heads": 2, "intermediate_size": 32},
}  # fmt: skip


def model(name: str):
    torch.manual_seed(4)
    return build_method(parse_recipe({**TABLES, "method": {"name": name}}), CAPTIONS, 3)


@pytest.fixture
def folder(tmp_path):
    save_method(model("twotower"), "twotower", tmp_path / "donor")
    return tmp_path / "donor"


def test_both_towers_start_with_the_donor_s_weights_and_settings(folder) -> None:
    own = model("twotower").state_dict()
    photos = photo_encoder(EncoderSpec("resnet", str(folder)), (64, 32))
    texts = text_encoder(EncoderSpec("bert", str(folder), {"hidden_dropout_prob": 0.3}))
    for name, tensor in photos.model.state_dict().items():
        assert torch.equal(tensor, own[f"image_encoder.model.{name}"])
    for name, tensor in texts.model.state_dict().items():
        assert torch.equal(tensor, own[f"text_encoder.model.{name}"])
    assert texts.spec.options["hidden_dropout_prob"] == 0.3
    assert photos.spec.source == ""


def test_a_recipe_names_the_shipped_model_default_and_takes_its_words() -> None:
    tables = {"method": {"name": "nafs", "length": 64}, "photo": {"height": 128, "width": 64},
              "image_encoder": {"kind": "resnet", "source": "default"},
              "text_encoder": {"kind": "bert", "source": "default"}}  # fmt: skip
    nafs = build_method(parse_recipe(tables), CAPTIONS, 3)
    words = (DEFAULT / "words.txt").read_text(encoding="utf-8").split()
    assert nafs.tokenizer.words == frozenset(words)
    assert "default" not in json.dumps(str(nafs.resolved()))


def test_a_donor_that_does_not_fit_is_refused_in_one_line(folder, tmp_path) -> None:
    with pytest.raises(BadModel, match="holds 'resnet' as image_encoder, not 'vit'"):
        photo_encoder(EncoderSpec("vit", str(folder)), (64, 32))
    with pytest.raises(BadModel, match="leave out options that change sizes"):
        photo_encoder(EncoderSpec("resnet", str(folder), {"hidden_sizes": [8, 16, 24]}), (64, 32))
    save_method(model("nafs"), "nafs", tmp_path / "nafs")
    with pytest.raises(BadModel, match="keeps this encoder whole"):
        photo_encoder(EncoderSpec("resnet", str(tmp_path / "nafs")), (64, 32))
    (folder / "model.safetensors").write_bytes(b"no")
    with pytest.raises(BadModel, match="no model at"):
        text_encoder(EncoderSpec("bert", str(folder)))
