"""`passerby calibrate`: probabilities into a model folder, or one line that says what is amiss."""

import json
import os
import shutil

import pytest

from passerby.build import load_method


@pytest.fixture
def model(trained, tmp_path):
    return shutil.copytree(trained / "best", tmp_path / "model")


def test_calibrating_puts_probabilities_into_the_model(model, people, passerby_cli) -> None:
    before = load_method(model)
    assert before.calibration is None
    done = passerby_cli("calibrate", model, "--data", f"drawn:{people}", "--split", "all")
    assert done.code == 0, done.err
    assert "no good match: best photo below" in done.out
    after = load_method(model)
    assert after.calibration is not None
    assert "of 24 persons" in after.calibration.told
    assert after.fingerprint == before.fingerprint


def test_a_damaged_calibration_is_refused_and_made_anew(model, people, passerby_cli) -> None:
    words = ("calibrate", model, "--data", f"drawn:{people}", "--split", "all")
    (model / "calibration.json").write_text("{")
    refused = passerby_cli("evaluate", model, "--data", f"drawn:{people}")
    assert "passerby calibrate" in refused.refusal
    assert passerby_cli(*words).code == 0
    assert json.loads((model / "calibration.json").read_text())["version"] == 1


def test_the_same_seed_gives_the_same_calibration(model, people, passerby_cli) -> None:
    words = ("calibrate", model, "--data", f"drawn:{people}", "--split", "train")
    found = []
    for _ in range(2):
        assert passerby_cli(*words).code == 0
        found.append((model / "calibration.json").read_text())
    assert found[0] == found[1]


def test_too_few_persons_no_data_and_no_model_are_one_line(model, people, passerby_cli) -> None:
    few = passerby_cli("calibrate", model, "--data", f"drawn:{people}", "--split", "val")
    assert "4 persons are too few to calibrate with" in few.refusal
    odd = passerby_cli("calibrate", model, "--data", f"drawn:{people}", "--split", "vla")
    assert "unknown split 'vla'" in odd.refusal
    none = passerby_cli("calibrate", model / "none", "--data", f"drawn:{people}")
    assert "no model folder" in none.refusal
    lost = passerby_cli("calibrate", model, "--data", f"drawn:{people / 'imgs'}")
    assert lost.refusal
    assert not (model / "calibration.json").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(
    model, people, passerby_cli, monkeypatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    done = passerby_cli("calibrate", model, "--data", f"drawn:{people}", "--split", "all")
    assert "cannot be written; copy the model folder" in done.refusal


def test_the_shipped_model_keeps_the_calibration_that_it_came_with(people, passerby_cli) -> None:
    refused = passerby_cli("calibrate", "default", "--data", f"drawn:{people}")
    assert "copy" in refused.refusal
    assert "--model" in refused.refusal
