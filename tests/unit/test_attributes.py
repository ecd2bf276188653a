"""benchmarks/attributes.py: who knows the truth is always right, who sees nothing half the time."""

import json
import re
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from passerby.build import build_method, save_method
from passerby.config import parse_recipe
from passerby.drawn.ceiling import Reader
from passerby.drawn.facts import read_wardrobe
from passerby.drawn.swaps import ATTRIBUTES
from passerby.drawn.world import draw_world
from small import towers

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import attributes
from attributes import LEAST, confused, table, trials, wins

PERSONS = 20
RECIPE = {"method": {"name": "twotower", "dim": 8, "identity_weight": 0.0}, **towers(64)}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("attributes") / "world"
    draw_world(out, PERSONS, 2, 42, captions=2, val=0, test=PERSONS, workers=1)
    return out


@pytest.fixture(scope="module")
def people(world):
    return read_wardrobe(world)


@pytest.fixture(scope="module")
def asked(people):
    return trials(people)


class Knowing:
    """The reader of the ceiling, who knows wardrobes."""

    def __init__(self, people, asked):
        self.reader = Reader(people)
        self.tells = {s.slot.caption.text: s.slot.caption.tells for s in asked.swaps}
        self.tells |= {s.false.text: s.false.tells for s in asked.swaps}
        self.row = {photo.file_path: place for place, photo in enumerate(
            photo for facts in people for photo in facts.photos)}  # fmt: skip

    def __call__(self, texts, photos):
        pairs = zip(texts, photos, strict=True)
        return np.array([self.reader.scores(self.tells[t])[self.row[p]] for t, p in pairs])


def liking(texts, photos):
    """A reader of words alone, who likes some better than others but for articles."""
    words = [re.findall(r"\w+", text.lower()) for text in texts]
    return np.array([sum(zlib.crc32(w.encode()) for w in each if w not in ("a", "an"))
                     for each in words])  # fmt: skip


def test_a_reader_who_knows_the_wardrobe_is_always_right(people, asked):
    right, _ = wins(Knowing(people, asked), asked)
    assert right.mean() == 1
    values = table(asked, right, right)
    assert values["upper colour"] == values["upper colour low"] == 100


def test_a_reader_of_words_alone_is_right_half_the_time(asked):
    right, strange = wins(liking, asked)
    assert right.mean() == strange.mean() == 0.5
    assert right.std() > 0  # not by ties
    assert table(asked, right, strange)["upper colour"] == 50


def test_a_model_without_opinions_ties_and_a_tie_counts_half(asked):
    right, _ = wins(lambda texts, _: np.zeros(len(texts)), asked)
    assert (right == 0.5).all()


def test_the_other_photo_is_of_another_person(people, asked):
    person = {photo.file_path: row for row, facts in enumerate(people) for photo in facts.photos}
    assert [person[name] for name in asked.photo] == asked.person.tolist()
    assert not [1 for own, name in zip(asked.person, asked.other, strict=True)
                if person[name] == own]  # fmt: skip


def test_the_colours_told_apart_least_come_first(people):
    many = trials(people * 8)  # pairs enough for each
    of = [frozenset((s.slot.word, s.word)) if s.slot.attribute == "upper colour" else None
          for s in many.swaps]  # fmt: skip
    common = Counter(pair for pair in of if pair).most_common(1)[0][0]
    lower = [s.slot.attribute == "lower colour" and {s.slot.word, s.word} == common
             for s in many.swaps]  # fmt: skip
    missed = np.array([pair == common for pair in of]) | np.array(lower)
    worst = confused(many, 1.0 - missed)
    assert worst[0] == {"colours": sorted(common), "right": 0, "pairs": int(missed.sum())}
    assert all(row["pairs"] >= LEAST and row["right"] == 100 for row in worst[1:])


def test_a_tiny_model_is_measured_and_drawn(world, tmp_path, monkeypatch, capsys):
    texts = [c.text for facts in read_wardrobe(world) for p in facts.photos for c in p.captions]
    save_method(build_method(parse_recipe(RECIPE), texts, PERSONS), "twotower", tmp_path / "model")
    out, picture = tmp_path / "attributes.json", tmp_path / "attributes.png"
    monkeypatch.setattr(sys, "argv", [
        "attributes.py", str(world), "--model", str(tmp_path / "model"), "--out", str(out),
        "--picture", str(picture), "--persons", str(PERSONS), "--seed", "42",
    ])  # fmt: skip
    attributes.main()
    told = json.loads(out.read_text())
    values = told["values"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == values
    assert {f"{name} pairs" for name in ATTRIBUTES} <= set(values)
    for name in ("upper colour", "lower colour", "bag"):
        assert 0 <= values[f"{name} low"] <= values[name] <= values[f"{name} high"] <= 100
        assert f"{name} elsewhere" in values
    assert isinstance(told["confused_colours"], list)
    assert told["goals"]["upper colour"] == 95
    assert str(tmp_path) not in out.read_text()
    with Image.open(picture) as image:
        assert image.width > image.height > 100
