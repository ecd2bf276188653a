"""benchmarks/robustness.py: every harm is told of, in pairs with what was there without it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from passerby.build import build_method, save_method
from passerby.config import parse_recipe
from passerby.data.sources import read_data
from passerby.evaluation import embed_photos, evaluate
from passerby.method import PhotoSpec
from small import towers

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import robustness
from harm_photos import PHOTOS
from harm_texts import TEXTS
from robustness_picture import harms, picture

RECIPE = {"method": {"name": "twotower", "dim": 8, "mirror": True}, **towers(96)}
SMALL = ("--persons", "20", "--seed", "41")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the benchmark, run from the command line, keeps of 20 persons and a tiny model; where
    the people, taken as real ones too, and the model are."""
    root = tmp_path_factory.mktemp("robustness")
    people, real, out = root / "people", root / "real", root / "out.json"
    captions = [f"a man in a {colour} coat" for colour in ("red", "blue", "black")] * 3
    save_method(build_method(parse_recipe(RECIPE), captions, 0), "twotower", root / "model")
    robustness.draw_world(real, 5, 2, 42, captions=1, val=0, test=2, workers=1)
    wanted = ["robustness.py", str(people), "--real", str(real), "--model", str(root / "model")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys,
            "argv",
            [*wanted, "--out", str(out), "--picture", str(root / "a" / "b.png"), *SMALL],
        )
        robustness.main()
    return json.loads(out.read_text()), root


def test_every_harm_has_its_numbers_for_drawn_and_for_real_people(told):
    values, root = told[0]["values"], told[1]
    wanted = {f"{where} {what}" for where in ("drawn", "real") for what in [
        "queries", "photos", "persons", *(f"as they are rank-{k}" for k in (1, 10)),
        *(f"queries {name} {end}" for name in TEXTS for end in
          ("changed", "rank-1", "rank-1 difference", "rank-10", "rank-10 difference")),
        *(f"photos {name} {end}" for name in PHOTOS for end in
          ("rank-1", "rank-1 difference", "rank-10", "rank-10 difference")),
    ]}  # fmt: skip
    assert set(values) == wanted
    sizes = [values[f"{w} {n}"] for w in ("drawn", "real") for n in ("queries", "photos")]
    assert sizes == [40, 40, 10, 10]  # all splits of the real ones, whatever they are called
    for key, value in values.items():
        if key.endswith("difference"):
            mean, low, high = value
            assert low <= mean <= high
            own = values[key.removesuffix(" difference")]
            plain = f"{key.split()[0]} as they are {key.split()[-2]}"
            assert mean == pytest.approx(own - values[plain], abs=0.02)
    assert told[0]["seed"] == 41
    assert Image.open(root / "a" / "b.png").width > 700


def test_unharmed_numbers_are_those_of_an_evaluation(told):
    split = read_data(f"drawn:{told[1] / 'people'}", "test")
    metrics = evaluate(robustness.passerby.load(told[1] / "model"), split).metrics
    for k in (1, 10):
        assert told[0]["values"][f"drawn as they are rank-{k}"] == metrics[f"rank-{k}"]


def test_what_changes_no_word_and_no_pixel_changes_no_rank(told, monkeypatch):
    values = told[0]["values"]
    assert values["drawn queries capitals changed"] == 100
    assert values["drawn queries capitals rank-1 difference"] == [0, 0, 0]
    split = read_data(f"drawn:{told[1] / 'people'}", "test")
    method = robustness.passerby.load(told[1] / "model")
    plain = embed_photos(method, split.photos)
    monkeypatch.setitem(robustness.PHOTO_HARMS, "none", lambda pixels, _: pixels)
    harmed = robustness.embed_harmed(method, split.photos, "none")
    assert np.array_equal(harmed.vector.numpy(), plain.vector.numpy())
    dark = robustness.embed_harmed(method, split.photos, "dark")
    assert not np.allclose(dark.vector.numpy(), plain.vector.numpy(), atol=1e-3)


def test_mirrored_photos_change_nothing_where_the_model_averages_mirrors(told):
    split = read_data(f"drawn:{told[1] / 'people'}", "test")
    method = robustness.passerby.load(told[1] / "model")
    plain = embed_photos(method, split.photos).vector
    mirrored = robustness.embed_harmed(method, split.photos, "mirrored").vector
    # Odd widths are resized to other pixels by a rounding here and there.
    assert np.allclose(plain.numpy(), mirrored.numpy(), atol=0.02 * float(plain.abs().max()))


def test_a_photo_is_harmed_before_the_model_makes_it_small(told, monkeypatch):
    photo = read_data(f"drawn:{told[1] / 'people'}", "test").photos[0]
    sizes = []
    monkeypatch.setitem(
        robustness.PHOTO_HARMS, "none", lambda pixels, _: sizes.append(pixels.shape) or pixels
    )
    assert robustness.shot(photo, PhotoSpec(96, 48), "none").shape == (96, 48, 3)
    assert sizes == [np.asarray(Image.open(photo.path)).shape]
    assert sizes != [(96, 48, 3)]


def test_people_of_another_seed_are_refused_in_one_line(told, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["robustness.py", str(told[1] / "people"), "--persons", "20", "--seed", "43"]
    )
    with pytest.raises(SystemExit, match=r"^robustness: .*people") as refusal:
        robustness.main()
    assert "\n" not in str(refusal.value)


def test_the_picture_has_a_bar_as_long_as_what_is_reached(told):
    values = told[0]["values"] | {"drawn as they are rank-1": 80.0}
    drawn = {key: value for key, value in values.items() if key.startswith("drawn")}
    drawn |= {"drawn photos dark rank-1": 50.0, "drawn photos dark rank-1 difference": (-30,) * 3}
    assert harms(drawn, "drawn", "photos")[0] == "dark"  # the least harmful comes first
    one, two = picture(drawn), picture(values)
    assert two.width > one.width
    pixels = np.asarray(one)
    colour = np.array((76, 120, 168))
    longest = (pixels == colour).all(2).sum(1).max()
    assert longest == pytest.approx(150, abs=6)  # of 300, less what lines hide
