"""passerby evaluate-embeddings: anyone's arrays to a report that compare takes, or one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

SHOWN = np.arange(60) // 3
ASKED = np.arange(80) % 20


def features(noise: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    look = random.normal(size=(20, 16))
    return {
        "text_features": look[ASKED] + noise * random.normal(size=(80, 16)),
        "image_features": look[SHOWN] + random.normal(size=(60, 16)),
        "text_ids": ASKED,
        "image_ids": SHOWN,
    }


@pytest.fixture
def saved(tmp_path: Path):
    def save(name: str, **arrays: object) -> Path:
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return save


def test_two_models_are_measured_both_ways_and_compared(passerby_cli, saved, tmp_path) -> None:
    for name, noise in (("good", 1.0), ("poor", 4.0)):
        file = saved(f"{name}.npz", **features(noise))
        out = tmp_path / "reports" / f"{name}.json"
        done = passerby_cli("evaluate-embeddings", file, "--out", out, "--photo-to-text",
                            "--ap", "trapezoid")  # fmt: skip
        assert done.code == 0, done.err
        assert "80 queries, 60 photos, 20 persons" in done.out
        assert "60 photos as queries, 80 captions searched" in done.out
        assert "scores: cosines of the features" in done.out
        assert "never mix the two in one column" in done.out
        told = json.loads(out.read_text())
        assert "mAP-trapezoid" in told["metrics"]
        assert f"{told['metrics']['mAP']:.2f}" in done.out
        turned = json.loads(out.with_name(f"{name}.photo-to-text.json").read_text())
        assert turned["card"]["protocol"]["direction"] == "photo-to-text"
    folder = tmp_path / "reports"
    done = passerby_cli("compare", folder / "poor.json", folder / "good.json")
    assert done.code == 0, done.err
    assert "B is better" in done.out
    refusal = passerby_cli(
        "compare", folder / "poor.json", folder / "good.photo-to-text.json"
    ).refusal
    assert "photo-to-text" in refusal


def test_a_gallery_of_a_row_a_caption_is_not_compared_with_one_of_distinct_photos(
    passerby_cli, saved, tmp_path
) -> None:
    plain = features(2.0)
    rows = np.concatenate([np.arange(60), np.arange(20)])
    twice = {**plain, "image_features": plain["image_features"][rows], "image_ids": SHOWN[rows]}
    for name, arrays in (("plain", plain), ("twice", twice)):
        out = tmp_path / f"{name}.json"
        done = passerby_cli("evaluate-embeddings", saved(f"{name}.npz", **arrays), "--out", out)
        assert done.code == 0, done.err
        assert ("duplicated gallery rows: 20 of 80" in done.out) == (name == "twice")
    assert "gallery" in passerby_cli("compare", tmp_path / "plain.json", out).refusal


def test_inner_products_are_taken_where_they_are_asked_for(passerby_cli, saved) -> None:
    file = saved("a.npz", **features(1.0))
    assert "inner products" in passerby_cli("evaluate-embeddings", file, "--dot").out


def test_no_report_is_written_over_the_arrays_that_it_is_of(passerby_cli, saved, tmp_path) -> None:
    file = saved("x.npz", **features(1.0))
    turned = saved("r.photo-to-text.json.npz", **features(1.0)).rename(
        tmp_path / "r.photo-to-text.json"
    )
    before = file.read_bytes()
    assert "read or written here already" in (
        passerby_cli("evaluate-embeddings", file, "--out", tmp_path / "y" / ".." / "x.npz").refusal
    )
    done = passerby_cli("evaluate-embeddings", turned, "--out", tmp_path / "r.json",
                        "--photo-to-text")  # fmt: skip
    assert "read or written here already" in done.refusal
    assert file.read_bytes() == turned.read_bytes() == before


def test_what_cannot_be_measured_ends_in_one_line(passerby_cli, saved, tmp_path) -> None:
    plain = features(1.0)
    nan = plain["text_features"].copy()
    nan[7, 3] = np.nan
    torch.save(plain, tmp_path / "model.pt")
    for file, said in (
        (saved("a.npz", **{n: a for n, a in plain.items() if n != "text_ids"}), "no text_ids"),
        (saved("b.npz", **{**plain, "text_features": nan}), "text_features: row 7 holds NaN"),
        (saved("c.npz", **{**plain, "text_ids": ASKED + 100}), "no query has a right photo"),
        (tmp_path / "model.pt", "pickles are not read"),
        (tmp_path / "none.npz", "there is no such file"),
    ):
        assert said in passerby_cli("evaluate-embeddings", file).refusal
    assert "no average precision is called" in (
        passerby_cli("evaluate-embeddings", saved("d.npz", **plain), "--ap", "11-point").refusal
    )
