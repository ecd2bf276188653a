"""Drawn data sets on disk: the same bytes however they come about, and what is known of them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from passerby.cli.draw import draw as draw_command
from passerby.drawn.ceiling import ceiling
from passerby.drawn.facts import read_wardrobe
from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import garments
from passerby.drawn.world import draw_world
from passerby.errors import BadData

SETTINGS = {"persons": 12, "photos": 2, "seed": 3, "val": 2, "test": 4}


def plain_photo(person, rng, height, width):
    """A stand-in for figures: upper colour above, lower colour below, some noise."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2] = person.upper.colour.rgb
    pixels[height // 2 :] = (person.lower or person.upper).colour.rgb
    pixels[:8] = rng.integers(0, 255, (8, width, 3))
    visible = {name: 1.0 for name, _ in garments(person)} | {"hair": 0.8}
    view = ("front", "back")[int(rng.integers(2))]
    return SimpleNamespace(pixels=pixels, sight=Sight(view, "walking", visible))


def slow_photo(person, rng, height, width):
    time.sleep(0.02)
    return plain_photo(person, rng, height, width)


def broken_photo(person, rng, height, width):
    raise ArithmeticError("the pencil broke")


def drawn(out: Path, workers: int = 1, draw=plain_photo, **changes) -> Path:
    draw_world(out, **{**SETTINGS, **changes}, workers=workers, draw=draw)
    return out


def digest(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_any_number_of_workers_gives_the_same_bytes(tmp_path):
    one, two, five = (drawn(tmp_path / str(n), workers=n) for n in (1, 2, 5))
    assert digest(one) == digest(two) == digest(five)


def test_real_figures_too_are_the_same_bytes_with_any_number_of_workers(tmp_path):
    settings = {"persons": 6, "photos": 2, "val": 1, "test": 1, "draw": None}
    one, three = (drawn(tmp_path / str(n), workers=n, **settings) for n in (1, 3))
    assert len(digest(one)) == 12 + 3
    assert digest(one) == digest(three)


def test_another_seed_draws_other_people(tmp_path):
    one, other = drawn(tmp_path / "a"), drawn(tmp_path / "b", seed=4)
    assert digest(one)["imgs/000/000000_0.jpg"] != digest(other)["imgs/000/000000_0.jpg"]


def test_the_layout_is_that_of_cuhk_pedes(tmp_path):
    out = drawn(tmp_path / "w")
    rows = json.loads((out / "reid_raw.json").read_text(encoding="utf-8"))
    assert len(rows) == 24
    for row in rows:
        assert list(row) == ["split", "captions", "file_path", "processed_tokens", "id"]
        assert row["split"] in ("train", "val", "test")
        assert isinstance(row["id"], int)
        assert len(row["captions"]) == len(row["processed_tokens"]) == 2
        assert all(isinstance(word, str) for tokens in row["processed_tokens"] for word in tokens)
        assert cv2.imread(str(out / "imgs" / row["file_path"])) is not None
    assert sorted(path.name for path in out.iterdir()) == [
        "drawn.json", "imgs", "reid_raw.json", "wardrobe.json",
    ]  # fmt: skip


def test_persons_of_splits_are_disjoint_and_as_many_as_asked_for(tmp_path):
    rows = json.loads((drawn(tmp_path / "w") / "reid_raw.json").read_text(encoding="utf-8"))
    persons = {s: {r["id"] for r in rows if r["split"] == s} for s in ("train", "val", "test")}
    assert [len(persons[s]) for s in ("train", "val", "test")] == [6, 2, 4]
    assert not persons["train"] & persons["test"]
    assert not persons["train"] & persons["val"]


def test_shares_split_a_tenth_and_a_tenth(tmp_path):
    settings = draw_world(tmp_path / "w", 20, 1, workers=1, draw=plain_photo)
    assert (settings.val, settings.test) == (2, 2)


def test_crops_differ_in_size_unless_fixed(tmp_path):
    def sizes(out: Path) -> set:
        return {cv2.imread(str(path)).shape for path in out.rglob("*.jpg")}

    assert len(sizes(drawn(tmp_path / "a"))) > 10
    assert sizes(drawn(tmp_path / "b", vary=False, height=64, width=32)) == {(64, 32, 3)}


def test_a_data_set_that_lost_files_is_completed_to_the_same_bytes(tmp_path):
    out = drawn(tmp_path / "w")
    whole = digest(out)
    (out / "imgs/000/000003_1.jpg").unlink()
    half = out / "imgs/000/000007_0.jpg"
    half.write_bytes(half.read_bytes()[:100])
    assert digest(drawn(out)) == whole
    (out / "wardrobe.json").unlink()
    assert digest(drawn(out, workers=2)) == whole


def test_a_finished_data_set_is_not_drawn_again(tmp_path):
    out = drawn(tmp_path / "w")
    drawn(out, draw=broken_photo)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked child")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_killed_at_any_moment_is_completed_to_the_same_bytes(tmp_path, workers):
    whole, out = digest(drawn(tmp_path / "whole")), tmp_path / "killed"
    for moment in (0.03, 0.1, 0.25):
        child = multiprocessing.get_context("fork").Process(
            target=drawn, args=(out, workers, slow_photo)
        )
        child.start()
        time.sleep(moment)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        time.sleep(0.06)  # its workers notice
    assert digest(drawn(out)) == whole


def test_an_error_of_a_worker_reaches_the_caller(tmp_path):
    with pytest.raises(ArithmeticError, match="pencil"):
        drawn(tmp_path / "w", workers=2, draw=broken_photo)


def test_other_settings_in_the_same_folder_are_refused_in_one_line(tmp_path):
    out = drawn(tmp_path / "w")
    with pytest.raises(BadData) as refused:
        drawn(out, seed=9)
    assert "seed=3" in str(refused.value)
    assert "new folder" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("a will", encoding="utf-8")
    with pytest.raises(BadData, match="empty folder"):
        drawn(tmp_path)
    with pytest.raises(BadData, match="is a file"):
        drawn(tmp_path / "mine.txt")


@pytest.mark.parametrize(
    "change", [{"persons": 0}, {"photos": 0}, {"captions": 0}, {"seed": -1}, {"val": 11}]
)
def test_numbers_that_make_no_data_set_are_refused(tmp_path, change):
    with pytest.raises(BadData):
        drawn(tmp_path / "w", **change)
    assert not (tmp_path / "w").exists()


def test_progress_counts_photos_to_the_end(tmp_path):
    seen: list[tuple[int, int]] = []
    draw_world(
        tmp_path / "w", **SETTINGS, workers=2, draw=plain_photo,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[0] == (0, 24)
    assert seen[-1] == (24, 24)


def test_the_command_draws_and_says_where(tmp_path, monkeypatch):
    monkeypatch.setattr("passerby.drawn.world._figure", lambda: plain_photo)
    app = typer.Typer()
    app.command()(draw_command)
    words = [str(tmp_path / "w"), "--persons", "10", "--photos", "2", "--test-persons", "3"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "6 persons to train, 1 to validate, 3 to test" in told.output
    assert "20 photos drawn now" in told.output
    assert "0 photos drawn now" in CliRunner().invoke(app, words).output


def test_facts_are_read_back_as_they_were_drawn(tmp_path):
    out = drawn(tmp_path / "w")
    facts = read_wardrobe(out)
    assert [f.id for f in facts] == list(range(12))
    rows = json.loads((out / "reid_raw.json").read_text(encoding="utf-8"))
    captions = {row["file_path"]: row["captions"] for row in rows}
    for person in facts:
        for photo in person.photos:
            assert [c.text for c in photo.captions] == captions[photo.file_path]
            assert photo.sight.view in ("front", "back")
            for caption in photo.captions:
                assert all(caption.text[t.start : t.end] == t.words for t in caption.tells)
    assert isinstance(facts[0].person.upper.colour.rgb, tuple)
    assert [f.id for f in read_wardrobe(out, "val")] == [6, 7]


def test_a_folder_without_a_data_set_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(BadData, match="passerby draw"):
        read_wardrobe(tmp_path)


def test_the_ceiling_is_far_above_chance_and_at_most_a_hundred(tmp_path):
    out = drawn(tmp_path / "w", persons=60, val=0, test=60)
    report = ceiling(out, "test")
    assert (report["queries"], report["photos"], report["persons"]) == (240, 120, 60)
    assert 60 < report["rank-1"] <= 100


def test_photos_told_apart_by_nothing_share_the_ceiling(tmp_path):
    out = drawn(tmp_path / "w", persons=1, val=0, test=1)
    wardrobe = json.loads((out / "wardrobe.json").read_text(encoding="utf-8"))
    rows = json.loads((out / "reid_raw.json").read_text(encoding="utf-8"))
    twin = json.loads(json.dumps(wardrobe["persons"][0]))
    twin["id"] = 1
    for photo, row in zip(twin["photos"], rows[:2], strict=True):
        photo["file_path"] = "twin" + photo["file_path"]
        photo["sight"] = wardrobe["persons"][0]["photos"][0]["sight"]
        rows.append({**row, "id": 1, "file_path": photo["file_path"]})
    for photo in wardrobe["persons"][0]["photos"]:
        photo["sight"] = twin["photos"][0]["sight"]
    wardrobe["persons"].append(twin)
    (out / "wardrobe.json").write_text(json.dumps(wardrobe), encoding="utf-8")
    (out / "reid_raw.json").write_text(json.dumps(rows), encoding="utf-8")
    assert ceiling(out, "test")["rank-1"] == pytest.approx(50)
