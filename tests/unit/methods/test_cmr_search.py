"""CMR: what it makes of photos and texts, keeps in a folder, and finds in a gallery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_cmr import CAPTIONS, ENCODERS, PHOTOS, SETTINGS, made
from torch.nn.functional import normalize

from passerby.build import load_method, save_method
from passerby.drawn.world import draw_world
from passerby.embedding import embed_images, embed_texts
from passerby.errors import BadModel
from passerby.gallery.ingest import ingest
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_similarity_is_the_sum_of_cosines_of_its_features(settings) -> None:
    method = made(**settings)
    tokens = method.tokenize(CAPTIONS)
    with torch.no_grad():
        texts, photos = method.features_of_texts(tokens), method.features_of_photos(PHOTOS)
        found = method.similarity(method.encode_texts(tokens), method.encode_images(PHOTOS))
        told = normalize(texts.whole, dim=1) @ normalize(photos.whole, dim=1).T
        if texts.coarse is not None:
            assert texts.coarse.shape == (4, 3, 8)
            one, other = (normalize(f.coarse.flatten(1), dim=1) for f in (texts, photos))
            told = told + one @ other.T
        if texts.fine is not None:
            scores = method.part_scores(texts, photos)
            assert scores.shape == (3, 4, 4)
            weights = torch.full((4, 3), 1 / 3)
            if settings.get("weighting") == "text":
                weights = method.weigh(texts.whole).softmax(1)
            told = told + torch.einsum("ktp,tk->tp", scores, weights)
    torch.testing.assert_close(found, told, atol=1e-5, rtol=0)


def test_the_last_stride_of_a_residual_network_doubles_its_map() -> None:
    for stride, grid in ((1, (12, 4)), (2, (6, 2))):
        looks = made(last_stride=stride).looks_of_photos(PHOTOS)
        assert {name: tuple(each.shape) for name, each in looks.items()} == {
            "coarse": (4, 3, *grid),
            "fine": (4, 3, *grid),
        }
        torch.testing.assert_close(looks["fine"].sum((2, 3)), torch.ones(4, 3))
    assert made(last_stride=1, tables=ENCODERS["vit"]).looks_of_photos(PHOTOS)["fine"].shape == (
        4, 3, 6, 2
    )  # fmt: skip


@pytest.mark.parametrize("parts", ["learned", "stripes"])
def test_looks_of_a_photo_are_in_its_stripe_and_those_of_a_text_on_its_words(parts: str) -> None:
    method = made(parts=parts)
    fine = method.looks_of_photos(PHOTOS)["fine"]
    for k in range(3):
        inside = fine[:, k, 4 * k : 4 * k + 4].sum((1, 2))
        assert torch.allclose(inside, torch.ones(4), atol=1e-5) is (parts == "stripes")
    tokens = method.tokenize(CAPTIONS)
    for looks in method.looks_of_texts(tokens).values():
        assert looks.shape == (4, 3, tokens.ids.shape[1])
        assert not looks[(tokens.mask == 0)[:, None].expand_as(looks)].any()
        torch.testing.assert_close(looks.sum(2), torch.ones(4, 3))


def test_classifiers_are_of_the_whole_of_coarse_parts_together_and_of_each_fine_part() -> None:
    for settings, fine in (({}, (3, 5, 8)), ({"classifiers": "shared"}, (5, 8))):
        shapes = {n: tuple(w.shape) for n, w in made(5, **settings).classes.items()}
        assert shapes == {"whole": (5, 8), "coarse": (5, 24), "fine": fine}
    assert made(5, identity_weight=0.0, commonality="none").classes is None


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_saved_model_gives_equal_scores_with_and_without_classes(settings, tmp_path) -> None:
    for persons in (3, 0):
        method = made(persons, **settings)
        assert (method.classes is not None) == bool(
            persons and settings.get("identity_weight", 1.0)
        )
        save_method(method, "cmr", tmp_path / str(persons))
        again = load_method(tmp_path / str(persons))
        told = {
            "image_encoder": again.config.image_encoder,
            "text_encoder": again.config.text_encoder,
        }
        assert again.config == replace(method.resolved(), **told)
        for embed, given in ((embed_texts, CAPTIONS), (embed_images, PHOTOS)):
            assert torch.equal(embed(again, given).vector, embed(method, given).vector)


def test_without_fine_parts_there_are_no_scores_of_parts() -> None:
    method = made(fine=False)
    found = method.features_of_photos(PHOTOS)
    with pytest.raises(BadModel, match="fine = true"):
        method.part_scores(found, found)
    assert set(method.looks_of_photos(PHOTOS)) == {"coarse"}
    assert made(fine=False, coarse=False).looks_of_photos(PHOTOS) == {}


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    """Photos of 12 drawn persons."""
    folder = tmp_path_factory.mktemp("people")
    draw_world(folder, 12, 3, 0, height=48, width=16, val=0, test=0, workers=1)
    return folder / "imgs"


@pytest.mark.parametrize("settings", [{}, {"weighting": "text"}, {"fine": False}], ids=str)
def test_a_shortlist_is_certain_and_equal_to_comparing_everything(
    settings, people: Path, tmp_path: Path
) -> None:
    method = made(**settings)
    if method.weigh is not None:  # far from even weights
        torch.nn.init.normal_(method.weigh[2].weight, 0, 2.0)
    save_method(method, "cmr", tmp_path / "model")
    method = load_method(tmp_path / "model")
    with Store.write(tmp_path / "gallery", method.fingerprint, "default") as store:
        ingest(method, store, people, workers=1)
    store = Store.open(tmp_path / "gallery")
    whole = Searcher(method, store, shortlist=1000)
    for sentence in CAPTIONS:
        wanted = whole.answer(sentence, 36)
        assert (wanted.compared, wanted.photos, wanted.exact) == (36, 36, True)
        scores = [hit.score for hit in wanted.hits]
        assert scores == sorted(scores, reverse=True)
        for k, exact in ((1, False), (3, False), (3, True), (10, True)):
            answer = Searcher(method, store, shortlist=4).answer(sentence, k, exact=exact)
            assert answer.exact
            assert answer.compared < 36
            assert [(hit.path, hit.score) for hit in answer.hits] == [
                (hit.path, hit.score) for hit in wanted.hits[:k]
            ]


def test_what_is_read_of_a_sentence_is_told() -> None:
    method = made(length=8)
    assert any("first 8" in note for note in method.notes("a red coat and a hat " * 9))
    assert method.left_out(["a man", "a red coat and a hat " * 9]) == [
        "the ends of 1 of 2 captions, longer than 8 tokens"
    ]
    assert method.left_out(["a man"]) == []
    assert method.tokenize(["a red coat and a hat " * 9]).ids.shape == (1, 8)
    assert made(length=10**6).length == 512  # the places of its encoder
