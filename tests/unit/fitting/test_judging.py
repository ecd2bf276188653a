"""Judging: short sentences, other cameras, and what is right on drawn people and elsewhere."""

import numpy as np
import pytest
import torch

from passerby.drawn.brief import brief
from passerby.drawn.wording import Tell
from passerby.drawn.world import draw_world
from passerby.fitting.cameras import CAMERAS, retaken
from passerby.fitting.judging import asked
from passerby.method import PhotoSpec


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    out = tmp_path_factory.mktemp("people") / "drawn"
    draw_world(out, 12, 2, seed=3, captions=1, height=32, width=16, val=0, test=12, workers=1)
    return out


def tells(*pairs: tuple[str, str]) -> list[Tell]:
    return [Tell(attribute, 0, len(words), words) for attribute, words in pairs]


def test_a_short_sentence_reads_as_a_user_would_type_it() -> None:
    given = tells(("sex", "woman"), ("upper", "orange coat"), ("lower", "blue jeans"))
    texts = {brief(given, np.random.default_rng(seed))[0] for seed in range(40)}
    assert texts == {
        "a woman in an orange coat",
        "a woman in blue jeans",
        "a woman in an orange coat and blue jeans",
    }
    text, told = brief(tells(("bag", "black handbag")), np.random.default_rng(0))
    assert (text, len(told)) == ("a person with a black handbag", 1)


def test_what_cannot_stand_in_a_short_sentence_is_left_out() -> None:
    rng = np.random.default_rng(0)
    assert brief(tells(("hair", "hair is black"), ("view", "facing left")), rng) == ("", [])


def test_short_sentences_are_true_of_more_photos(people) -> None:
    whole = asked(f"drawn:{people}", "test", short=0.0)
    short = asked(f"drawn:{people}", "test", short=1.0)
    assert whole.right.shape == short.right.shape == (24, 24)
    assert (short.right >= whole.right).all()
    assert short.right.sum() > whole.right.sum()
    assert [c.photo for c in short.split.captions] == [c.photo for c in whole.split.captions]


def test_of_other_data_the_same_person_is_right(people) -> None:
    given = asked(f"cuhk-pedes:{people}", "test")
    assert (given.right.sum(axis=1) == 2).all()
    assert "a lower bound" in given.told


def test_fewer_photos_are_those_of_whole_persons(people) -> None:
    given = asked(f"drawn:{people}", "test", queries=5, photos=7)
    assert (len(given.split.captions), len(given.split.photos)) == (5, 6)
    assert given.right.shape == (5, 6)


@pytest.mark.parametrize("name", sorted(CAMERAS))
def test_another_camera_changes_photos_and_keeps_them_photos(name: str) -> None:
    spec = PhotoSpec(32, 16)
    mean, std = (torch.tensor(each)[:, None, None] for each in (spec.mean, spec.std))
    images = (torch.rand(2, 3, 32, 16) - mean) / std
    changed = retaken(images, spec, CAMERAS[name])
    pixels = changed * std + mean
    assert changed.shape == images.shape
    assert not torch.allclose(changed, images)
    assert pixels.min() > -1e-5
    assert pixels.max() < 1 + 1e-5
