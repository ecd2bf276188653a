"""What a method measures beside its losses is logged with each step and added to none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from passerby.build import load_method
from passerby.config import Recipe
from passerby.drawn.world import draw_world
from passerby.runs import train
from small import recipe_of, steps, towers

RECIPE = {
    "run": {"seed": 5},
    "data": {"batch": 4, "workers": 0},
    # Of a wide margin most others are semi-hard: which of them is drawn matters at each step.
    "method": {"name": "cmr", "dim": 8, "heads": 2, "part_count": 2, "warmup": 1, "margin": 0.8},
    **towers(512),
    "optim": {"lr": 1e-3, "warmup": 1.0},
    "train": {"epochs": 3, "device": "cpu", "threads": 1, "save_every": 2},
}  # fmt: skip
MEASURES = {"floor share", "commonality 1", "commonality 2", "parts alike"}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn persons, three of them to validate with."""
    folder = tmp_path_factory.mktemp("people")
    draw_world(folder, 10, 2, 0, captions=1, height=32, width=16, val=3, test=0, workers=1)
    return folder


def recipe_for(people: Path, out: Path, name: str, **tables: Any) -> Recipe:
    return recipe_of(RECIPE, people, out, name, **tables)


def test_each_step_logs_what_was_seen_and_the_loss_is_the_sum_of_losses_alone(
    people: Path, tmp_path: Path
) -> None:
    events: list[dict[str, Any]] = []
    folder = train(recipe_for(people, tmp_path, "seen"), watch=events.append)
    logged = steps(folder)
    assert len(logged) == 9
    beside = {"at", "epoch", "step", "rate", "loss", "seen"}
    for event in logged:
        assert set(event["seen"]) == MEASURES
        shares = {name: value for name, value in event["seen"].items() if name != "parts alike"}
        assert all(0 <= value <= 1 for value in shares.values())
        assert -1 <= event["seen"]["parts alike"] <= 1
        losses = {name: value for name, value in event.items() if name not in beside}
        assert set(losses) == {
            "identity_whole", "identity_coarse", "identity_fine",
            "ranking_whole", "ranking_coarse", "cmr", "diversity",
        }  # fmt: skip
        assert event["loss"] == pytest.approx(sum(losses.values()), rel=1e-5)
    # Margins are whole while they warm up, for one epoch here.
    assert all(event["seen"]["floor share"] == 0 for event in logged[:3])
    assert any(event["seen"]["commonality 1"] > 0 for event in logged[:3])
    assert [event["seen"] for event in events if "loss" in event] == [e["seen"] for e in logged]


def test_the_warm_up_counts_epochs_of_the_run(people: Path, tmp_path: Path) -> None:
    shares = []
    for warmup in (0, 2, 3):
        # Seven persons, untrained: posteriors are about 1 / 7, below a quarter of the margin.
        recipe = recipe_for(
            people, tmp_path, f"warm {warmup}", method={"warmup": warmup, "floor": 0.3}
        )
        shares.append([event["seen"]["floor share"] for event in steps(train(recipe))])
    assert [sum(share > 0.5 for share in row) for row in shares] == [9, 3, 0]
    assert shares[1][:6] == [0] * 6


def test_where_nothing_is_measured_nothing_is_logged(people: Path, tmp_path: Path) -> None:
    folder = train(recipe_for(people, tmp_path, "plain", method={"fine": False}))
    assert all("seen" not in event for event in steps(folder))


@pytest.mark.parametrize("positives", ["pair", "all"])
def test_a_killed_and_resumed_run_draws_the_same_negatives(
    people: Path, tmp_path: Path, killed_at, positives: str
) -> None:
    torch.set_num_threads(1)
    told = {"method": {"positives": positives, "weighting": "text"}}
    whole = train(recipe_for(people, tmp_path, "whole", **told))
    broken = recipe_for(people, tmp_path, "broken", **told)
    for step in (3, 2):
        killed_at(broken, step)
    folder = train(broken, resume=True)
    one, two = (load_method(each / "last").state_dict() for each in (whole, folder))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert steps(whole) == steps(folder)
