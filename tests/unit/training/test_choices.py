"""After training, validation chooses settings that `best` keeps, whatever kills the run; captions
are prepared once before it."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import passerby.runs
from passerby.build import load_method
from passerby.cli.train import Console
from passerby.config import parse_recipe
from passerby.data.sources import read_data
from passerby.errors import BadRecipe
from passerby.evaluation import evaluate
from passerby.runs import train
from passerby.training.log import Journal, read_journal

sys.path.append(str(Path(__file__).parents[1]))  # a method of the user's own has a dotted name

from training.blended import CALLS, PERSONS, Blended

RENAME = Path.rename


class Killed(BaseException):
    """As a power cut would: nothing but this test catches it."""


@pytest.fixture
def data(tmp_path):
    """Ten persons of one red each; one caption is said of two persons' photos."""
    (tmp_path / "people" / "imgs").mkdir(parents=True)
    records = []
    for person in range(PERSONS):
        for photo in range(2):
            name = f"{person}_{photo}.png"
            Image.new("RGB", (4, 8), (25 * person, 0, 0)).save(tmp_path / "people" / "imgs" / name)
            told = [f"person {person} in red", f"person {person} by night"]
            split = "train" if person < 6 else "val"
            records.append({"id": person, "file_path": name, "captions": told, "split": split})
    (tmp_path / "people" / "reid_raw.json").write_text(json.dumps(records))
    CALLS.clear()
    return f"cuhk-pedes:{tmp_path / 'people'}"


def recipe_for(data, out, vectors="", **method):
    return parse_recipe(
        {
            "run": {"name": "blend", "out": str(out), "seed": 3, "vectors": str(vectors)},
            "data": {"train": data, "batch": 8, "workers": 0},
            "method": {"name": "training.blended", **method},
            "photo": {"height": 8, "width": 4, "mean": [0, 0, 0], "std": [1, 1, 1]},
            "optim": {"lr": 1e-2},
            "train": {"epochs": 2, "device": "cpu", "threads": 1, "average": 0.5},
        }
    )


def content(folder):
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def chosen_in(folder):
    return [event for event in read_journal(folder / "log.jsonl") if "chosen" in event]


def test_validation_chooses_after_training_and_best_keeps_it(data, tmp_path, monkeypatch):
    trained = {}

    def choose(method, *given, **named):
        trained.update(load_method(tmp_path / "out" / "blend" / "best").state_dict())
        assert torch.equal(method.weight, trained["weight"])  # the running mean, not the newest
        return passerby.tuning.choose(method, *given, **named)

    monkeypatch.setattr(passerby.runs, "choose", choose)
    heard = []
    folder = train(recipe_for(data, tmp_path / "out"), watch=heard.append)
    best = load_method(folder / "best")
    assert best.config.blend == 0.75  # 1.0 is as good and comes later
    assert torch.equal(best.weight, trained["weight"])
    assert load_method(folder / "last").config.blend == 0.0  # the recipe's own, to resume from
    card = (folder / "best" / "README.md").read_text()
    assert "\nChosen on cuhk-pedes val after training: blend = 0.75.\n" in card

    events = read_journal(folder / "log.jsonl")
    assert chosen_in(folder) == events[-1:]
    assert heard[-1]["chosen"] == events[-1]["chosen"] == {"blend": 0.75}
    assert events[-1]["at"] == max(event["at"] for event in events)
    curve = events[-1]["curve"]
    assert [tried["blend"] for tried in curve] == [0.0, 0.25, 0.75, 1.0]
    validated = [event["validation"] for event in events if "validation" in event]
    now = evaluate(best, read_data(data, "val")).metrics
    for name in ("rank-1", "rank-5", "rank-10", "mAP"):
        assert curve[0][name] == validated[-1][name]
        assert curve[2][name] == now[name]
    assert curve[2]["rank-1"] == 100 > curve[0]["rank-1"]


def test_among_equals_the_recipes_own_setting_stays(data, tmp_path):
    folder = train(recipe_for(data, tmp_path / "out", blend=1.0))
    assert load_method(folder / "best").config.blend == 1.0
    assert [tried["blend"] for tried in chosen_in(folder)[0]["curve"]] == [1.0, 0.25, 0.75, 0.0]


def test_a_method_without_choices_chooses_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr(Blended, "choices", {})
    folder = train(recipe_for(data, tmp_path / "out"))
    assert not chosen_in(folder)
    assert load_method(folder / "best").config.blend == 0.0


def kill(*_, **__):
    raise Killed


def kill_after(renames):
    """A Path.rename that dies after so many."""
    done = 0

    def rename(self, target):
        nonlocal done
        done += 1
        if done > renames:
            raise Killed
        return RENAME(self, target)

    return rename


def stop_at(place, monkeypatch):
    """Makes a run die there; gives the `watch` that helps."""
    if place == "before":
        monkeypatch.setattr(passerby.runs, "choose", kill)
    elif place.startswith("exchange"):
        real = passerby.runs.write_folder

        def write_folder(folder, fill):
            with monkeypatch.context() as inside:
                inside.setattr(Path, "rename", kill_after(int(place[-1])))
                real(folder, fill)

        monkeypatch.setattr(passerby.runs, "write_folder", write_folder)
    elif place == "between":
        monkeypatch.setattr(passerby.runs, "Journal", kill)
    elif place == "half a line":

        class Half(Journal):
            def write(self, at, **event):
                with self.file.open("a") as lines:
                    lines.write(json.dumps({"at": at, **event})[:40])
                raise Killed

        monkeypatch.setattr(passerby.runs, "Journal", Half)
    else:
        return lambda event: kill() if "chosen" in event else None
    return None


PLACES = ["before", "exchange 0", "exchange 1", "exchange 2", "between", "half a line", "after"]


@pytest.mark.parametrize("place", PLACES)
def test_a_run_killed_around_its_choice_resumes_to_the_same_best_and_one_event(
    data, tmp_path, monkeypatch, place
):
    whole = train(recipe_for(data, tmp_path / "whole"))
    broken = recipe_for(data, tmp_path / "broken")
    for _ in range(1 if place == "after" else 2):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            train(broken, resume=True, watch=stop_at(place, patch))
    folder = train(broken, resume=True)
    assert content(folder / "best") == content(whole / "best")
    assert (folder / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()
    assert len(chosen_in(folder)) == 1
    assert {f.name for f in folder.iterdir()} == {f.name for f in whole.iterdir()}


def test_resuming_a_finished_run_changes_nothing_and_prepares_nothing(data, tmp_path):
    recipe = recipe_for(data, tmp_path / "out")
    folder = train(recipe)
    before = content(folder)
    CALLS.clear()
    train(recipe, resume=True)
    assert content(folder) == before
    assert CALLS == []


def test_every_caption_is_prepared_once_before_the_first_step_also_on_resume(data, tmp_path):
    recipe = recipe_for(data, tmp_path / "out")
    every = [f"person {p} {end}" for p in range(PERSONS) for end in ("in red", "by night")]
    with pytest.raises(Killed):
        train(recipe, watch=lambda e: kill() if "loss" in e and e["epoch"] == 1 else None)
    first = CALLS[:]
    assert (tmp_path / "out" / "blend" / "last").exists()
    CALLS.clear()
    train(recipe, resume=True)
    for calls in (first, CALLS):
        assert calls[0] == ("prepare", every)
        assert calls[1:] == [("losses", None)] * len(calls[1:]) != []
    assert (tmp_path / "out" / "blend" / "vectors" / "kept").exists()


def test_runs_share_a_named_folder_of_vectors_and_train_alike_with_and_without_it(data, tmp_path):
    shared, logs, told = tmp_path / "shared", [], []
    for out in ("first", "second"):
        heard = []
        folder = train(recipe_for(data, tmp_path / out, shared), watch=heard.append)
        assert (shared / "kept").exists()
        assert not (folder / "vectors").exists()
        logs.append((folder / "log.jsonl").read_text())
        told.append([event for event in heard if "prepared" in event])
    assert logs[0] == logs[1]  # though the second had nothing to draw at random while preparing
    assert told == [[{"prepared": 0, "of": 20}, {"prepared": 20, "of": 20}], []]


@pytest.mark.parametrize(
    ("choices", "said"),
    [({"bland": (1.0,)}, "choices names 'bland'"), ({"blend": (0.5, 2.0)}, "from 0 to 1, not 2.0")],
)
def test_choices_that_cannot_be_are_refused_before_the_first_step(
    data, tmp_path, monkeypatch, choices, said
):
    monkeypatch.setattr(Blended, "choices", choices)
    with pytest.raises(BadRecipe, match=said):
        train(recipe_for(data, tmp_path / "out"))
    assert CALLS == []


def test_the_command_tells_of_preparing_and_in_one_line_of_what_was_chosen(capsys):
    own = {"blend": 0.0, "rank-1": 10.0, "mAP": 20.0}
    best = {"blend": 0.75, "rank-1": 30.0, "mAP": 40.0}
    console = Console()
    with console:
        console.hear({"prepared": 3, "of": 17})
        assert console.bar.tasks[0].completed == 3
        console.hear({"chosen": {"blend": 0.75}, "curve": [own, best], "at": 9, "of": 9})
    lines = [line for line in capsys.readouterr().err.splitlines() if "chosen" in line]
    assert len(lines) == 1
    assert re.search(r"blend = 0\.75 .*rank-1 30\.00 \(10\.00 before\) .*mAP 40\.00", lines[0])
