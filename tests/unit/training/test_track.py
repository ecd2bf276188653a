"""Curves for TensorBoard: the log of the run, once, whatever killed it in between."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from passerby.config import Recipe, parse_recipe
from passerby.drawn.world import draw_world
from passerby.errors import BadRecipe
from passerby.runs import train
from passerby.training.log import read_journal
from passerby.training.track import scalars
from small import towers

RECIPE = {
    "data": {"batch": 4, "workers": 0},
    "method": {"name": "cmr", "dim": 8, "heads": 2, "part_count": 2, "warmup": 0},
    **towers(512),
    "train": {"epochs": 2, "device": "cpu", "threads": 1, "save_every": 2},
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    draw_world(folder, 10, 2, 0, captions=1, height=32, width=16, val=4, test=0, workers=1)
    return folder


def recipe_for(people: Path, out: Path, name: str) -> Recipe:
    told: dict[str, Any] = {**RECIPE, "run": {"name": name, "out": str(out)}}
    return parse_recipe({**told, "data": {**RECIPE["data"], "train": f"cuhk-pedes:{people}"}})


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of every curve in the event files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    read.Reload()
    return {
        name: [(event.step, event.value) for event in read.Scalars(name)]
        for name in read.Tags()["scalars"]
    }


def in_log(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for event in read_journal(folder / "log.jsonl"):
        for name, value in scalars(event).items():
            found.setdefault(name, []).append((event["at"], pytest.approx(value, rel=1e-6)))
    return found


def test_every_number_of_the_log_is_a_point_of_a_curve(people, tmp_path) -> None:
    folder = train(recipe_for(people, tmp_path, "seen"), track=True)
    found = curves(folder)
    assert found == in_log(folder)
    assert [step for step, _ in found["loss"]] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in found["validation/rank-1"]] == [3, 6]
    assert {"rate", "losses/cmr", "seen/floor_share", "validation/mAP"} <= set(found)
    assert not {"at", "losses/epoch", "losses/step", "losses/seen"} & set(found)


def test_a_run_taken_up_again_has_each_step_once_also_those_before_it_was_followed(
    people, tmp_path
) -> None:
    class Enough(Exception):  # noqa: N818
        pass

    def stop_at(step: int):
        def watch(event: dict[str, Any]) -> None:
            if event.get("at") == step and "loss" in event:
                raise Enough

        return watch

    recipe = recipe_for(people, tmp_path, "again")
    with pytest.raises(Enough):
        train(recipe, watch=stop_at(3))  # a checkpoint at 2; not followed
    with pytest.raises(Enough):
        train(recipe, resume=True, watch=stop_at(5), track=True)  # a checkpoint at 3
    folder = train(recipe, resume=True, track=True)
    assert [step for step, _ in curves(folder)["loss"]] == [1, 2, 3, 4, 5, 6]
    assert curves(folder) == in_log(folder)


def test_without_tensorboard_the_remedy_is_one_line_before_anything_is_made(
    people, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    recipe = recipe_for(people, tmp_path, "bare")
    with pytest.raises(BadRecipe, match=r"pip install 'passerby\[track\]'$"):
        train(recipe, track=True)
    assert not (tmp_path / "bare").exists()
    train(recipe)
    assert not (tmp_path / "bare" / "tensorboard").exists()
