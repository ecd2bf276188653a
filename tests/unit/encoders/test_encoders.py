"""Encoders come from a plain configuration, a local folder, or say what to do."""

import json

import pytest
import torch

from passerby.encoders.photos import photo_encoder
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.texts import text_encoder
from passerby.encoders.weights import resize_positions
from passerby.errors import BadModel, BadRecipe

VIT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "patch_size": 16,
}  # fmt: skip
PHOTO_OPTIONS = {
    "resnet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "layer_type": "basic",
    },
    "vit": VIT,
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
    "clip-vision": VIT,
}
TEXT_OPTIONS = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 40, "vocab_size": 90, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


@pytest.mark.parametrize("size", [(96, 32), (70, 50)])
@pytest.mark.parametrize("kind", sorted(PHOTO_OPTIONS))
def test_a_photo_encoder_takes_any_rectangle(kind: str, size: tuple[int, int]) -> None:
    encoder = photo_encoder(EncoderSpec(kind, "", PHOTO_OPTIONS[kind]), size).eval()
    features = encoder(torch.randn(2, 3, *size))
    assert features.map.shape[:2] == (2, encoder.width)
    assert features.pooled.shape == (2, encoder.width)


@pytest.mark.parametrize("kind", sorted(PHOTO_OPTIONS))
def test_a_map_keeps_rows_and_columns_in_place(kind: str) -> None:
    torch.manual_seed(0)
    encoder = photo_encoder(EncoderSpec(kind, "", PHOTO_OPTIONS[kind]), (128, 32)).eval()
    dark = torch.zeros(1, 3, 128, 32)
    lit = dark.clone()
    lit[:, :, -16:] = 3
    with torch.no_grad():
        change = (encoder(lit).map - encoder(dark).map).abs().mean((0, 1, 3))
    assert change.argmax() >= len(change) * 3 // 4


@pytest.mark.parametrize("kind", sorted(PHOTO_OPTIONS))
def test_a_resolved_spec_builds_the_same_encoder_without_its_source(kind: str) -> None:
    encoder = photo_encoder(EncoderSpec(kind, "", PHOTO_OPTIONS[kind]), (96, 32)).eval()
    spec = json.loads(json.dumps(dict(encoder.spec.options)))
    again = photo_encoder(EncoderSpec(kind, "", spec), (96, 32)).eval()
    again.load_state_dict(encoder.state_dict())
    photos = torch.randn(1, 3, 96, 32)
    assert torch.equal(again(photos).pooled, encoder(photos).pooled)


@pytest.mark.parametrize("kind", sorted(PHOTO_OPTIONS))
def test_weights_come_from_a_local_folder(kind: str, tmp_path) -> None:
    import transformers

    prefix = {"resnet": "ResNet", "vit": "ViT", "swin": "Swin", "clip-vision": "CLIPVision"}[kind]
    options = dict(PHOTO_OPTIONS[kind])
    if kind in ("vit", "clip-vision"):
        options["image_size"] = 64
    config = getattr(transformers, f"{prefix}Config")(**options)
    source = getattr(transformers, f"{prefix}Model")(config).eval()
    source.save_pretrained(tmp_path)
    encoder = photo_encoder(EncoderSpec(kind, str(tmp_path)), (64, 64)).eval()
    photos = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = source(photos).last_hidden_state
        found = encoder(photos).map
    if kind != "resnet":
        expected = expected[:, -found.shape[2] * found.shape[3] :].transpose(1, 2)
    torch.testing.assert_close(found.flatten(2), expected.flatten(2), atol=1e-5, rtol=1e-5)
    wide = photo_encoder(EncoderSpec(kind, str(tmp_path)), (96, 32))
    assert wide(torch.randn(1, 3, 96, 32)).pooled.shape == (1, wide.width)


@pytest.mark.parametrize("kind", ["bert", "clip-text"])
def test_a_text_encoder_comes_from_a_local_folder(kind: str, tmp_path) -> None:
    made = text_encoder(EncoderSpec(kind, "", TEXT_OPTIONS)).eval()
    made.model.save_pretrained(tmp_path)
    again = text_encoder(EncoderSpec(kind, str(tmp_path))).eval()
    ids = torch.tensor([[1, 5, 6, 2]])
    mask = torch.ones_like(ids)
    assert torch.equal(made(ids, mask).pooled, again(ids, mask).pooled)
    assert again(ids, mask).tokens.shape == (1, 4, again.width)


def test_positions_of_the_same_grid_are_kept_and_of_another_are_resized() -> None:
    positions = torch.randn(1 + 4 * 4, 3)
    assert torch.equal(resize_positions(positions, (4, 4), (4, 4)), positions)
    wide = resize_positions(positions, (4, 4), (8, 2))
    assert wide.shape == (17, 3)
    assert torch.equal(wide[0], positions[0])


def test_settings_of_a_source_that_its_class_does_not_know_do_not_stay(tmp_path) -> None:
    """Old BERT folders carry keys such as gradient_checkpointing, which no class takes today."""
    text_encoder(EncoderSpec("bert", "", TEXT_OPTIONS)).model.save_pretrained(tmp_path)
    told = json.loads((tmp_path / "config.json").read_text())
    told["gradient_checkpointing"] = False
    (tmp_path / "config.json").write_text(json.dumps(told))
    spec = text_encoder(EncoderSpec("bert", str(tmp_path))).spec
    assert "gradient_checkpointing" not in spec.options
    text_encoder(spec)


@pytest.mark.parametrize("kind", ["bert", "clip-text"])
def test_different_sentences_have_different_vectors(kind: str) -> None:
    """With a tokenizer whose closing token is not the one of the configuration's default."""
    options = {n: v for n, v in TEXT_OPTIONS.items() if n != "eos_token_id"}
    encoder = text_encoder(EncoderSpec(kind, "", options)).eval()
    ids = torch.tensor([[1, 5, 6, 3], [1, 7, 8, 3], [1, 7, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]])
    pooled = encoder(ids, mask).pooled
    assert torch.cdist(pooled, pooled)[0, 1:].min() > 1e-3


def test_a_shallower_vit_takes_the_first_layers_of_its_source(tmp_path) -> None:
    import transformers

    config = transformers.ViTConfig(**{**VIT, "num_hidden_layers": 2}, image_size=64)
    transformers.ViTModel(config).save_pretrained(tmp_path)
    spec = EncoderSpec("vit", str(tmp_path), {"num_hidden_layers": 1})
    assert photo_encoder(spec, (96, 32))(torch.randn(1, 3, 96, 32)).pooled.shape == (1, 16)


def test_an_unreachable_hub_name_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BadModel, match="hf download"):
        photo_encoder(EncoderSpec("resnet", "someone/no-such-model"), (64, 32))


def test_a_folder_of_another_kind_is_refused(tmp_path) -> None:
    text_encoder(EncoderSpec("bert", "", TEXT_OPTIONS)).model.save_pretrained(tmp_path)
    with pytest.raises(BadModel, match="'bert'"):
        photo_encoder(EncoderSpec("resnet", str(tmp_path)), (64, 32))


def test_an_incomplete_checkpoint_is_refused_by_name(tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    text_encoder(EncoderSpec("bert", "", TEXT_OPTIONS)).model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    gone = next(name for name in weights if "query.weight" in name)
    del weights[gone]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadModel, match="unset"):
        text_encoder(EncoderSpec("bert", str(tmp_path)))


def test_weights_cut_short_or_of_other_sizes_are_refused(tmp_path, capfd) -> None:
    made = photo_encoder(EncoderSpec("resnet", "", PHOTO_OPTIONS["resnet"]), (64, 32)).model
    made.save_pretrained(tmp_path)
    wider = EncoderSpec("resnet", str(tmp_path), {"hidden_sizes": [8, 32]})
    with pytest.raises(BadModel, match=r"has shape \(16, .* ask for \(32, "):
        photo_encoder(wider, (64, 32))
    assert "MISMATCH" not in capfd.readouterr().err
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(BadModel, match="no model at"):
        photo_encoder(EncoderSpec("resnet", str(tmp_path)), (64, 32))


def test_a_pickle_is_never_read(tmp_path) -> None:
    made = text_encoder(EncoderSpec("bert", "", TEXT_OPTIONS)).model
    made.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(made.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(BadModel):
        text_encoder(EncoderSpec("bert", str(tmp_path)))


def test_unknown_kinds_and_settings_name_the_nearest() -> None:
    with pytest.raises(BadRecipe, match="'resnet'"):
        photo_encoder(EncoderSpec("resnett"), (64, 32))
    with pytest.raises(BadRecipe, match="'depths'"):
        photo_encoder(EncoderSpec("resnet", "", {"depth": [1]}), (64, 32))


def test_photos_smaller_than_a_patch_are_refused() -> None:
    with pytest.raises(BadRecipe, match="patch"):
        photo_encoder(EncoderSpec("vit", "", VIT), (8, 8))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_mask_of_rows_hides_tokens_from_a_token(attention: str) -> None:
    torch.manual_seed(0)
    encoder = text_encoder(EncoderSpec("bert", "", TEXT_OPTIONS)).eval()
    encoder.model.config._attn_implementation = attention
    ids = torch.randint(1, 50, (2, 6))
    mask = torch.ones(2, 6, dtype=torch.int64)
    whole = encoder(ids, mask).tokens
    torch.testing.assert_close(encoder(ids, mask[:, None].expand(2, 6, 6)).tokens, whole)
    looks = torch.ones(2, 6, 6, dtype=torch.bool)
    looks[:, 0, 3:] = False  # the first token must not see the last three
    changed = ids.clone()
    changed[:, 3:] = 1
    first = [encoder(i, looks).tokens[:, 0] for i in (ids, changed)]
    torch.testing.assert_close(first[0], first[1])  # one layer: nothing leaks through others
    assert not torch.allclose(first[0], whole[:, 0], atol=1e-3)
