"""What benchmarks/compare.py stands on: equal minutes, a clock, and going on after a break."""

import dataclasses
import json
import sys
from math import ceil
from pathlib import Path

import pytest
from PIL import Image

from passerby.build import build_method
from passerby.config import parse_recipe
from passerby.errors import BadRecipe
from passerby.types import Caption, Photo, Split
from small import towers

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from budget import Pace, budget, kept, mark
from clocked import Clock, minutes
from compare import drawn, spoke
from serving import footprint

RECIPE = {"method": {"name": "twotower", "dim": 8, "identity_weight": 1.0}, **towers()}


def recipe(**tables):
    return parse_recipe(RECIPE | tables)


@pytest.fixture
def split(tmp_path):
    """Two persons with two photos and a caption a photo each."""
    photos, captions = [], []
    for number in range(4):
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (16, 32), (60 * number, 0, 0)).save(file)
        photos.append(Photo(str(number), file, f"p{number // 2}"))
        told = f"a person in shade number {number}"
        captions.append(Caption(f"c{number}", told, str(number), f"p{number // 2}"))
    return Split("test", tuple(photos), tuple(captions))


@pytest.mark.parametrize("minutes_given", [0.2, 3, 12])
@pytest.mark.parametrize("step", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("epochs", [1, 7, 16])
def test_a_run_has_the_batches_that_its_minutes_hold(minutes_given, step, epochs):
    pace = Pace(step=step, prepare=6.0, epoch=275, recipe="")
    held = int((60 * minutes_given - 6.0) / step)
    number, steps = budget(pace, minutes_given, epochs)
    assert held - number < number * steps <= held
    assert 1 <= steps <= 275
    if number > 10:
        assert number == ceil(held / 275)
    else:
        assert number >= min(4, held)


def test_a_recipes_own_number_of_epochs_stays_where_it_fits():
    pace = Pace(step=0.5, prepare=0.0, epoch=275, recipe="")
    assert budget(pace, 12, 7) == (7, 1440 // 7)


def test_minutes_that_hold_no_step_are_told_in_one_line():
    with pytest.raises(BadRecipe, match=r"hold no step: 3\.0 s .* takes 2\.0 s; give more"):
        budget(Pace(step=2.0, prepare=3.0, epoch=10, recipe=""), 0.05, 4)


def test_a_comparison_that_goes_on_keeps_the_pace_it_began_with(tmp_path):
    asked = []

    def measure(recipes):
        asked.append(sorted(recipes))
        return {name: Pace(len(asked), 0.0, 9, mark(own)) for name, own in recipes.items()}

    file = tmp_path / "calibration.json"
    first = kept(file, {"a": recipe(), "b": recipe()}, measure)
    assert kept(file, {"a": recipe(), "b": recipe()}, measure) == first
    more = kept(file, {"a": recipe(), "c": recipe()}, measure)
    assert more == {"a": first["a"], "c": Pace(2, 0.0, 9, mark(recipe()))}
    changed = {"a": recipe(data={"batch": 8}), "b": recipe()}
    assert kept(file, changed, measure)["b"] == first["b"]
    assert asked == [["a", "b"], ["c"], ["a"]]


def told(clock, epoch, began, steps, validated):
    """An epoch as a run tells of it: its steps end after `steps` seconds, then validation."""
    for second in (began + steps / 2, began + steps):
        clock.hear({"loss": 1.0, "epoch": epoch - 1, "seconds": second})
    if validated:
        ended = {"epoch": epoch, "best": 2.0, "seconds": began + steps + validated}
        clock.hear({"validation": {"rank-1": 1.0}, **ended})


def test_the_clock_stops_during_validation_and_goes_on_after_a_kill(tmp_path, capsys):
    first = Clock(tmp_path, 3)
    told(first, 1, 0, 60, 15)
    told(first, 2, 75, 30, 0)  # killed: the epoch begins anew where the first one had ended
    again = Clock(tmp_path, 3)
    told(again, 2, 75, 90, 15)
    told(Clock(tmp_path, 3), 2, 75, 60, 15)  # killed before the checkpoint of that epoch was whole
    last = Clock(tmp_path, 3)
    told(last, 3, 150, 60, 15)
    assert minutes(tmp_path) == pytest.approx(3)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert "epoch 3 of 3, validation Rank-1 1.0 (best 2.0), 3.0 minutes trained" in said[-1]


def test_differences_are_paired_with_the_two_tower_query_by_query(split, tmp_path):
    ranks = {"twotower": [1, 4, 1, 20], "acsa": [1, 1, 2, 6]}
    for name, first in ranks.items():
        (tmp_path / name).mkdir()
        said = {"first": first, "ap": [1 / rank for rank in first]}
        (tmp_path / name / "test.json").write_text(json.dumps(said))
    values = spoke({name: tmp_path / name for name in ranks}, split)
    assert "difference" not in values["twotower"]
    own = values["acsa"]
    assert (own["rank-1"][0], own["rank-5"][0], own["rank-10"][0]) == (50, 75, 100)
    # The first person gains a query, the second loses one: an interval over two persons says so.
    assert own["difference"]["rank-1"] == (0, -50, 50)
    assert own["difference"]["rank-10"][0] == 25


def test_recipes_that_draw_other_people_are_not_compared():
    with pytest.raises(BadRecipe, match="nafs and ivt draw other people"):
        drawn({"nafs": recipe(draw={"persons": 9}), "ivt": recipe(draw={"persons": 8})})


def test_weights_to_search_leave_out_what_only_training_reads(split):
    captions = [caption.text for caption in split.captions]
    method = build_method(recipe(), captions, persons=5)
    weights = sum(weight.numel() for weight in method.parameters())
    found = footprint(method.eval(), split)
    assert found["weights to search"] == weights - method.classes.numel()
    assert found["weights trained"] == weights
    assert found["bytes a photo"] == 8 * 4
    for parameter in method.text_encoder.parameters():
        parameter.requires_grad_(False)
    frozen = sum(parameter.numel() for parameter in method.text_encoder.parameters())
    assert footprint(method, split)["weights trained"] == weights - frozen
    assert footprint(method, split) == found | {"weights trained": weights - frozen}


def test_the_mark_of_a_recipe_changes_with_any_of_its_settings():
    own = recipe()
    assert mark(own) == mark(recipe())
    assert mark(dataclasses.replace(own, train=dataclasses.replace(own.train, steps=3))) != mark(
        own
    )
