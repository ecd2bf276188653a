"""The whole road on drawn people: recipe, model, honest number, gallery, answer."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import passerby
from passerby.data.sources import read_data
from passerby.errors import BadGallery
from passerby.runs import _alone

SENTENCE = "a woman in a red coat with a white handbag"


def evaluated(command, tmp_path: Path, model: Path, data: str, *options: object) -> dict:
    """The report that `evaluate --out` writes."""
    file = tmp_path / "report.json"
    done = command("evaluate", model, "--data", data, "--workers", 0, "--out", file, *options)
    assert done.code == 0, done.err
    assert f"{json.loads(file.read_text())['metrics']['rank-1']:.2f}" in done.out
    return json.loads(file.read_text())


def test_a_recipe_draws_its_people_and_becomes_a_run(trained, people) -> None:
    assert json.loads((people / "drawn.json").read_text())["counts"]["photos"] == 48
    assert {"best", "last", "log.jsonl", "recipe.json"} <= {f.name for f in trained.iterdir()}
    model = {"config.json", "model.safetensors", "tokenizer.json", "words.txt", "README.md"}
    assert {file.name for file in (trained / "best").iterdir()} == model
    events = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert sum("validation" in event for event in events) == 2
    assert sum("loss" in event for event in events) == 14  # 14 persons, 56 captions, 2 epochs


def test_a_run_is_not_trained_over_and_a_finished_one_resumes_at_once(
    passerby_cli, recipe, trained
) -> None:
    before = {file: file.read_bytes() for file in trained.rglob("*") if file.is_file()}
    assert "--resume" in passerby_cli("train", recipe).refusal
    assert passerby_cli("train", recipe, "--resume").code == 0
    after = {file: file.read_bytes() for file in trained.rglob("*") if file.is_file()}
    assert after == before
    other = passerby_cli("train", recipe, "--resume", "--set", "optim.lr=2e-3").refusal
    assert "another recipe" in other


def test_a_run_in_progress_is_left_alone_and_free_when_its_process_is_gone(
    passerby_cli, recipe, trained, holding
) -> None:
    with holding(_alone, trained):
        assert "another process" in passerby_cli("train", recipe, "--resume").refusal
    assert passerby_cli("train", recipe, "--resume").code == 0


def test_a_number_comes_with_a_card_that_says_how_it_was_made(
    passerby_cli, trained, people, tmp_path
) -> None:
    report = evaluated(passerby_cli, tmp_path, trained / "best", f"drawn:{people}")
    assert list(report["metrics"]) == ["rank-1", "rank-5", "rank-10", "R-Sum", "mAP", "mINP"]
    card = report["card"]
    assert card["data"] == f"drawn:{people}"
    assert (card["queries"], card["photos"], card["persons"]) == (24, 12, 6)
    assert card["weights"] == passerby.load(trained / "best").fingerprint
    assert card["recipe"] == json.loads((trained / "recipe.json").read_text())
    assert card["seed"] == 5
    assert (card["reranking"], card["passerby"]) == ("none", passerby.__version__)
    assert {"split", "gallery", "query", "ap", "ties", "commit", "model"} <= set(card)


def test_a_csv_of_the_same_pairs_gives_the_same_numbers(
    passerby_cli, trained, people, tmp_path
) -> None:
    split = read_data(f"drawn:{people}", "test")
    paths = {photo.id: photo.path for photo in split.photos}
    with (tmp_path / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(paths[c.photo], c.person, c.text) for c in split.captions]
        csv.writer(file).writerows([("path", "person", "caption"), *rows])
    drawn = evaluated(passerby_cli, tmp_path, trained / "best", f"drawn:{people}")
    data = f"files:{tmp_path / 'captions.csv'}"
    own = evaluated(passerby_cli, tmp_path, trained / "best", data, "--split", "all")
    assert own["metrics"] == drawn["metrics"]
    assert own["card"]["queries"] == 24


def test_a_number_in_a_table_is_the_number_a_user_gets(
    passerby_cli, trained, people, gallery, tmp_path
) -> None:
    data = f"drawn:{people}"
    table = evaluated(passerby_cli, tmp_path, trained / "best", data, "--split", "all")["metrics"]
    split = read_data(data, "all")
    on_photo = {photo.path.resolve(): photo.person for photo in split.photos}
    searcher = passerby.open(gallery)
    hits = {1: 0, 5: 0}
    for caption in split.captions:
        found = [on_photo[hit.path.resolve()] for hit in searcher.search(caption.text, k=5)]
        for k in hits:
            hits[k] += caption.person in found[:k]
    for k, right in hits.items():
        assert 100 * right / len(split.captions) == pytest.approx(table[f"rank-{k}"], abs=1e-3)


def test_a_sentence_is_answered_as_json_page_sheet_and_in_python(
    passerby_cli, gallery, people, tmp_path
) -> None:
    page, sheet = tmp_path / "answer.html", tmp_path / "answer.png"
    done = passerby_cli(
        "search", SENTENCE, "--gallery", gallery, "-k", 3, "--json", "--html", page,
        "--sheet", sheet,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["query"] == SENTENCE
    assert [result["rank"] for result in told["results"]] == [1, 2, 3]
    assert all(Path(r["path"]).is_relative_to(people) for r in told["results"])
    assert SENTENCE in page.read_text()
    assert sheet.read_bytes().startswith(b"\x89PNG")
    hits = passerby.open(gallery).search(SENTENCE, k=3)
    assert [(str(hit.path), hit.score) for hit in hits] == [
        (result["path"], result["score"]) for result in told["results"]
    ]


def test_indexing_again_embeds_nothing(passerby_cli, gallery, people, trained) -> None:
    done = passerby_cli("index", people / "imgs", "--gallery", gallery, "--model", trained / "best")
    assert "48 files: 48 unchanged" in done.out
    assert "embedded" not in done.out


def test_a_gallery_is_searched_and_filled_by_its_own_model_only(
    passerby_cli, gallery, trained, people
) -> None:
    other = trained / "last"
    assert passerby.load(other).fingerprint != passerby.load(trained / "best").fingerprint
    asked = passerby_cli("search", SENTENCE, "--gallery", gallery, "--model", other).refusal
    filled = passerby_cli("index", people, "--gallery", gallery, "--model", other).refusal
    for line in (asked, filled):
        assert "search it with its own model, or index the photos again" in line
        assert passerby.load(trained / "best").fingerprint[:12] in line
    with pytest.raises(BadGallery, match="own model"):
        passerby.open(gallery, model=other)
    assert passerby_cli("search", SENTENCE, "--gallery", gallery).code == 0


def test_a_model_trained_anew_in_its_folder_no_longer_fits_the_gallery(
    passerby_cli, trained, people, tmp_path
) -> None:
    model, gallery = tmp_path / "model", tmp_path / "gallery"
    shutil.copytree(trained / "best", model)
    passerby_cli("index", people / "imgs", "--gallery", gallery, "--model", model)
    shutil.copy(trained / "last" / "model.safetensors", model)
    assert "index the photos again" in passerby_cli("search", "x", "--gallery", gallery).refusal


def test_a_model_that_has_moved_is_named_again(passerby_cli, trained, people, tmp_path) -> None:
    model, moved, gallery = tmp_path / "model", tmp_path / "moved", tmp_path / "gallery"
    shutil.copytree(trained / "best", model)
    passerby_cli("index", people / "imgs", "--gallery", gallery, "--model", model)
    model.rename(moved)
    assert "no model folder" in passerby_cli("search", "x", "--gallery", gallery).refusal
    assert passerby_cli("search", "x", "--gallery", gallery, "--model", moved).code == 0


def test_a_gallery_whose_model_is_gone_asks_for_it_by_model(
    passerby_cli, trained, people, tmp_path
) -> None:
    model, gallery = tmp_path / "model", tmp_path / "gallery"
    shutil.copytree(trained / "best", model)
    passerby_cli("index", people / "imgs", "--gallery", gallery, "--model", model)
    model.rename(tmp_path / "moved")
    line = passerby_cli("search", "x", "--gallery", gallery).refusal
    assert "leave --model out" not in line
    assert "--model" in line


@pytest.mark.slow
def test_the_program_itself_indexes_and_searches(trained, people, tmp_path) -> None:
    """The one test that starts processes: what a shell sees, exit status and streams included."""
    photos = tmp_path / "photos"
    shutil.copytree(people / "imgs", photos)
    (photos / os.fsdecode(b"caf\xe9.jpg")).write_text("no photo")

    def shell(*words: object) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("passerby")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        return subprocess.run(
            [program, *map(str, words)], cwd=tmp_path, env=environment, capture_output=True,
            encoding="utf-8", check=False, timeout=120,
        )  # fmt: skip

    done = shell("index", "photos", "--gallery", "gallery", "--model", trained / "best")
    assert done.returncode == 2
    assert "49 files: 48 new, 1 not readable" in done.stdout
    assert "caf\\xe9.jpg" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    asked = shell("search", SENTENCE, "--gallery", "gallery", "--json", "-k", "2")
    assert asked.returncode == 0
    first = json.loads(asked.stdout)["results"][0]
    assert Path(first["path"]).is_file()
