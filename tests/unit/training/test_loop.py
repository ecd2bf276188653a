"""Training: exact resume, honest groups, atomic checkpoints, a log that is never doubled."""

import contextlib
import json
import random

import numpy as np
import pytest
import torch
from PIL import Image

from passerby.build import load_method
from passerby.config import parse_recipe
from passerby.data.sources import read_data
from passerby.errors import BadModel, BadRecipe
from passerby.evaluation import evaluate
from passerby.methods.twotower import TwoTower
from passerby.runs import train
from passerby.training.checkpoint import settle, write_folder
from passerby.training.log import Journal, read_journal
from passerby.training.optim import Optim, cover, optimizer
from small import towers

RECIPE = {
    "run": {"seed": 5},
    "data": {"batch": 4, "workers": 0},
    "method": {"name": "twotower", "dim": 8, "identity_weight": 0.2, "dropout": 0.2},
    **towers(),
    "optim": {"lr": 1e-3, "warmup": 1.0},
    "train": {"epochs": 3, "device": "cpu", "threads": 1, "average": 0.9},
}  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Ten persons of one colour each, two photos and a caption a photo, in the CUHK layout."""
    root = tmp_path_factory.mktemp("people")
    (root / "imgs").mkdir()
    records = []
    for person in range(10):
        for photo in range(2):
            name = f"{person}_{photo}.png"
            shade = np.full((32, 16, 3), (25 * person, 255 - 25 * person, 128), np.uint8)
            Image.fromarray(shade).save(root / "imgs" / name)
            told = f"a person in shade number {person}" + " and a long coat" * photo
            split = "train" if person < 7 else "val"
            records.append({"id": person, "file_path": name, "captions": [told], "split": split})
    (root / "reid_raw.json").write_text(json.dumps(records))
    return root


NAFS = {  # in training it draws the order of stripes and the dropout of BERT
    "method": {"name": "nafs", "shuffle": "sample"},
    "image_encoder": {**RECIPE["image_encoder"], "hidden_sizes": [8, 8, 8], "depths": [1, 1, 1]},
}


SGD = {"optim": {"kind": "sgd", "lr": 0.02, "warmup": 1.0, "every": "epoch", "offset": False}}


def recipe_for(people, tmp_path, name, base=None, **tables):
    told = {table: dict(settings) for table, settings in (RECIPE | (base or {})).items()}
    told["run"] |= {"name": name, "out": str(tmp_path)}
    told["data"] |= {"train": f"cuhk-pedes:{people}"}
    for table, settings in tables.items():
        told.setdefault(table, {}).update(settings)
    return parse_recipe(told)


def weights(folder):
    return load_method(folder).state_dict()


IVT = {  # in training it draws texts of two levels, tokens that go, dropout and dropped paths
    "method": {"name": "ivt", "views": 2, "drop_path": 0.3},
    "image_encoder": {
        "kind": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "patch_size": 8,
    },
}  # fmt: skip


@pytest.mark.parametrize("base", [{}, NAFS, SGD, IVT], ids=["twotower", "nafs", "sgd", "ivt"])
def test_a_killed_and_resumed_run_ends_with_the_weights_of_an_unbroken_one(
    people, tmp_path, base, killed_at
):
    torch.set_num_threads(1)
    whole = train(recipe_for(people, tmp_path, "whole", base, train={"save_every": 2}))
    broken = recipe_for(people, tmp_path, "broken", base, train={"save_every": 2})
    rng = random.Random(4)
    for _ in range(3):
        killed_at(broken, rng.randint(1, 4))
    folder = train(broken, resume=True)
    for part in ("last", "best"):
        one, two = weights(whole / part), weights(folder / part)
        assert all(torch.equal(one[name], two[name]) for name in one)
    steps = [e["at"] for e in read_journal(folder / "log.jsonl") if "loss" in e]
    assert steps == sorted(set(steps))
    losses = [
        [e["loss"] for e in read_journal(f / "log.jsonl") if "loss" in e] for f in (whole, folder)
    ]
    assert losses[0] == losses[1]


def test_an_epoch_of_some_batches_is_the_beginning_of_a_whole_one(people, tmp_path):
    def losses(folder, epoch):
        return [
            event["loss"]
            for event in read_journal(folder / "log.jsonl")
            if "loss" in event and event["epoch"] == epoch
        ]

    settings = {"epochs": 1, "steps": 0}
    rates = {"schedule": "constant", "warmup": 0.0}  # a schedule's length is that of the run
    whole = train(recipe_for(people, tmp_path, "all", train=settings, optim=rates))
    few = train(recipe_for(people, tmp_path, "few", train={"steps": 2}, optim=rates))
    more = train(recipe_for(people, tmp_path, "more", train={"epochs": 1, "steps": 9}, optim=rates))
    assert len(losses(whole, 0)) == 3
    assert losses(few, 0) == losses(whole, 0)[:2]
    assert [len(losses(few, epoch)) for epoch in range(4)] == [2, 2, 2, 0]
    assert losses(more, 0) == losses(whole, 0)


def test_a_run_of_some_batches_an_epoch_is_resumed_exactly(people, tmp_path, killed_at):
    torch.set_num_threads(1)
    settings = {"steps": 2, "save_every": 1}
    whole = train(recipe_for(people, tmp_path, "whole few", train=settings))
    broken = recipe_for(people, tmp_path, "broken few", train=settings)
    for steps in (1, 2):
        killed_at(broken, steps)
    folder = train(broken, resume=True)
    one, two = weights(whole / "last"), weights(folder / "last")
    assert all(torch.equal(one[name], two[name]) for name in one)
    told = [
        [event for event in read_journal(f / "log.jsonl") if "loss" in event]
        for f in (whole, folder)
    ]
    assert told[0] == told[1]
    assert [event["at"] for event in told[0]] == list(range(1, 7))


@pytest.mark.parametrize("name", ["threads", "save_every", "steps"])
def test_a_number_of_batches_or_threads_below_0_is_refused(people, tmp_path, name):
    with pytest.raises(BadRecipe, match=f"{name}.* 0 or more"):
        recipe_for(people, tmp_path, "below", train={name: -1})


def test_a_run_is_not_overwritten_and_not_resumed_with_another_recipe(people, tmp_path):
    recipe = recipe_for(people, tmp_path, "one", train={"epochs": 1})
    train(recipe)
    with pytest.raises(BadRecipe, match="--resume"):
        train(recipe)
    other = recipe_for(people, tmp_path, "one", train={"epochs": 1}, optim={"lr": 5e-4})
    with pytest.raises(BadRecipe, match="another recipe"):
        train(other, resume=True)


def test_the_best_model_is_chosen_on_validation(people, tmp_path):
    folder = train(recipe_for(people, tmp_path, "chosen"))
    told = [e for e in read_journal(folder / "log.jsonl") if "validation" in e]
    assert len(told) == 3
    assert told[-1]["best"] == max(e["validation"]["rank-1"] for e in told)
    kept = evaluate(load_method(folder / "best"), read_data(f"cuhk-pedes:{people}", "val"))
    assert kept.metrics["rank-1"] == told[-1]["best"]


def test_a_loss_that_is_not_finite_stops_with_a_remedy_and_keeps_the_checkpoint(people, tmp_path):
    recipe = recipe_for(people, tmp_path, "bad", optim={"lr": 1e30}, train={"save_every": 1})
    with pytest.raises(BadRecipe, match=r"lower \[optim\] lr"):
        train(recipe)
    assert (tmp_path / "bad" / "last" / "config.json").exists()


def test_bf16_trains_and_gives_finite_weights(people, tmp_path):
    folder = train(recipe_for(people, tmp_path, "half", train={"precision": "bf16", "epochs": 1}))
    assert all(torch.isfinite(t).all() for t in weights(folder / "last").values())


def test_a_best_model_whose_checkpoint_is_gone_is_never_trained_over(people, tmp_path):
    import shutil

    recipe = recipe_for(people, tmp_path, "kept", train={"epochs": 2})
    folder = train(recipe)
    shutil.rmtree(folder / "last")
    with pytest.raises(BadModel, match="another run"):
        train(recipe, resume=True)
    assert (folder / "best" / "model.safetensors").exists()


def test_the_identity_sampler_keeps_steps_and_schedule_in_step(people, tmp_path):
    recipe = recipe_for(people, tmp_path, "identity", data={"sampler": "identity", "batch": 4})
    events = read_journal(train(recipe) / "log.jsonl")
    steps = [e["at"] for e in events if "loss" in e]
    assert steps == list(range(1, len(steps) + 1))


def test_a_log_cut_back_keeps_one_validation_an_epoch(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    journal.write(3, loss=1.0)
    journal.write(3, validation={})
    Journal(tmp_path / "log.jsonl", 3, within=True)
    assert [set(e) for e in read_journal(tmp_path / "log.jsonl")] == [{"at", "loss"}]


def test_a_checkpoint_without_its_state_is_refused(people, tmp_path):
    recipe = recipe_for(people, tmp_path, "cut", train={"epochs": 1})
    folder = train(recipe)
    (folder / "last" / "state.safetensors").write_bytes(b"\x00" * 10)
    with pytest.raises(BadModel, match="cannot be resumed"):
        train(recipe, resume=True)


@pytest.mark.parametrize("stage", range(4))
def test_a_kill_inside_the_exchange_of_folders_leaves_a_whole_one(tmp_path, monkeypatch, stage):
    from pathlib import Path

    folder = tmp_path / "last"
    write_folder(folder, lambda part: (part / "a").write_text("old"))
    calls = 0
    real = Path.rename

    def rename(self, target):
        nonlocal calls
        calls += 1
        if calls > stage:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with contextlib.suppress(KeyboardInterrupt):
        write_folder(folder, lambda part: (part / "a").write_text("new"))
    monkeypatch.setattr(Path, "rename", real)
    settle(folder)
    assert (folder / "a").read_text() == ("new" if stage else "old")


def test_a_trainable_parameter_in_no_group_or_in_two_is_an_error(people, tmp_path):
    method = load_method(
        train(recipe_for(people, tmp_path, "groups", train={"epochs": 1})) / "last"
    )
    groups = method.parameter_groups()
    with pytest.raises(ValueError, match="leave out"):
        cover(method, {name: groups[name] for name in list(groups)[1:]})
    with pytest.raises(ValueError, match="repeat"):
        cover(method, {**groups, "again": groups["heads"]})
    with pytest.raises(BadRecipe, match="'heads'"):
        optimizer(method, Optim(scale={"head": 2.0}))


def test_rates_warm_up_and_then_follow_their_schedule():
    cosine = Optim(warmup=1, warmup_from=0.1, final=0.0)
    factors = [cosine.factor(step, 10, 30) for step in range(30)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[:11] == sorted(factors[:11])
    assert factors[10] == pytest.approx(1.0)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    step = Optim(schedule="step", warmup=0, milestones=(1, 2), gamma=0.1)
    assert [step.factor(s, 10, 30) for s in (9, 10, 20)] == pytest.approx([1, 0.1, 0.01])


def test_a_run_refused_at_its_first_step_holds_nothing_and_can_be_begun_anew(
    people, tmp_path, monkeypatch
) -> None:
    recipe = recipe_for(people, tmp_path, "refused", train={"epochs": 1})

    def refuse(*_: object) -> None:
        raise BadRecipe("no such region")

    monkeypatch.setattr(TwoTower, "losses", refuse)
    with pytest.raises(BadRecipe, match="no such region"):
        train(recipe)
    monkeypatch.undo()
    assert (train(recipe) / "best").is_dir()
    with pytest.raises(BadRecipe, match="holds a run already"):
        train(recipe)
