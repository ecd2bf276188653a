"""Steps of several batches: their mean gradient, their mean losses, and resuming between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from passerby.build import load_method
from passerby.config import Recipe
from passerby.drawn.world import draw_world
from passerby.errors import BadRecipe
from passerby.runs import train
from small import recipe_of, steps, towers

# A loss of each row by itself, and nothing that is normalised over a batch or dropped.
ROWS = {
    "run": {"seed": 5},
    "data": {"batch": 4, "workers": 0},
    "method": {"name": "twotower", "dim": 8, "sdm_weight": 0.0, "identity_weight": 1.0},
    **towers(),
    "image_encoder": {
        "kind": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "patch_size": 8,
    },
    "text_encoder": {
        **towers()["text_encoder"],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    "optim": {"lr": 1e-2, "warmup": 1.0, "clip": 1.0, "kind": "sgd"},
    "train": {"epochs": 3, "device": "cpu", "threads": 1, "average": 0.9},
}  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 drawn persons, four of them to validate with: 20 pairs to train with."""
    folder = tmp_path_factory.mktemp("people")
    draw_world(folder, 14, 2, 0, captions=1, height=32, width=16, val=4, test=0, workers=1)
    return folder


def recipe_for(people: Path, out: Path, name: str, **tables: Any) -> Recipe:
    return recipe_of(ROWS, people, out, name, **tables)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_method(folder).state_dict()


def test_two_batches_a_step_are_one_batch_twice_as_large_where_rows_stand_alone(
    people, tmp_path
) -> None:
    torch.set_num_threads(1)
    large = train(recipe_for(people, tmp_path, "large", data={"batch": 8}))
    small = train(recipe_for(people, tmp_path, "small", train={"accumulate": 2}))
    one = train(recipe_for(people, tmp_path, "one"))
    # 20 pairs: two batches of 8, or five of 4, of which the fifth waits for another epoch.
    assert [e["at"] for e in steps(large)] == [e["at"] for e in steps(small)] == [1, 2, 3, 4, 5, 6]
    assert len(steps(one)) == 15
    for first, second in zip(steps(large), steps(small), strict=True):
        assert second == pytest.approx(first, rel=1e-5)
    before, after = weights(large / "last"), weights(small / "last")
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, atol=1e-6, rtol=1e-5, msg=name)


def test_a_text_is_compared_with_the_photos_of_its_own_batch_alone(people, tmp_path) -> None:
    tables = {"method": {"sdm_weight": 1.0}}
    large = train(recipe_for(people, tmp_path, "far", data={"batch": 8}, **tables))
    small = train(recipe_for(people, tmp_path, "near", train={"accumulate": 2}, **tables))
    assert steps(small)[0]["sdm"] != pytest.approx(steps(large)[0]["sdm"], rel=1e-2)


def test_a_killed_run_of_several_batches_a_step_resumes_exactly(
    people, tmp_path, killed_at
) -> None:
    torch.set_num_threads(1)
    settings = {"accumulate": 2, "save_every": 1}
    encoder = {"hidden_dropout_prob": 0.2}
    given = {"train": settings, "text_encoder": encoder}
    whole = train(recipe_for(people, tmp_path, "whole", **given))
    broken = recipe_for(people, tmp_path, "broken", **given)
    for kill in (2, 3):
        killed_at(broken, kill)
    folder = train(broken, resume=True)
    one, two = weights(whole / "last"), weights(folder / "last")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert (whole / "log.jsonl").read_text() == (folder / "log.jsonl").read_text()


def test_more_batches_a_step_than_an_epoch_has_are_refused(people, tmp_path) -> None:
    with pytest.raises(BadRecipe, match=r"an epoch has 5 batches, and .* accumulate = 6 wants"):
        train(recipe_for(people, tmp_path, "many", train={"accumulate": 6}))
    with pytest.raises(BadRecipe, match="accumulate are 1 or more"):
        recipe_for(people, tmp_path, "none", train={"accumulate": 0})
