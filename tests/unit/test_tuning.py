"""Tuning takes what validation says, no change included, for a method's own settings as for
a re-ranking; `evaluate --rerank` keeps apart what it re-ranked, and never measures on what it was
tuned on; `evaluate --ap` adds a metric and changes none."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass

import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

import passerby
from passerby.cli.evaluate import evaluate as command
from passerby.errors import BadRecipe, Refused
from passerby.evaluation import evaluate
from passerby.method import Method, PhotoSpec
from passerby.ranking.rerank import KINDS, Reranker
from passerby.similarity.cosine import cosine
from passerby.tuning import GRIDS, choose, tune, with_settings
from passerby.types import Caption, Embeddings, Photo, Split, Texts

PERSONS, EACH = 16, 5


class Table(Method):
    """Photo n is a grey of n, its caption is "n"; their vectors are looks and noise at random."""

    def __init__(self, noise, spread=0.3, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        looks = torch.randn(PERSONS, 8, generator=generator).repeat_interleave(EACH, 0)
        self.photos = torch.nn.Parameter(
            looks + spread * torch.randn(looks.shape, generator=generator)
        )
        self.texts = looks + noise * torch.randn(looks.shape, generator=generator)
        self.encoded = 0

    @property
    def photo_spec(self):
        return PhotoSpec(8, 4, mean=(0, 0, 0), std=(1, 1, 1))

    def tokenize(self, texts):
        return Texts(ids=torch.tensor([int(text) for text in texts]))

    def encode_images(self, images):
        self.encoded += len(images)
        return Embeddings(self.photos[(images.mean((1, 2, 3)) * 255).round().long()])

    def encode_texts(self, texts):
        return Embeddings(self.texts[texts.ids])

    def similarity(self, texts, photos):
        return cosine(texts.vector, photos.vector)

    def losses(self, batch):
        raise NotImplementedError


@pytest.fixture
def split(tmp_path):
    photos, captions = [], []
    for n in range(PERSONS * EACH):
        Image.new("RGB", (4, 8), (n, n, n)).save(tmp_path / f"{n}.png")
        photos.append(Photo(f"p{n}", tmp_path / f"{n}.png", person=str(n // EACH)))
        captions.append(Caption(f"c{n}", str(n), f"p{n}", str(n // EACH)))
    return Split("val", tuple(photos), tuple(captions))


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_of_the_grid_is_what_evaluating_each_says(kind: str, split) -> None:
    method = Table(1.5)
    found = tune(method, split, kind, block=32)
    assert method.encoded == len(split.photos)
    ks, weights = GRIDS[kind]
    tried = [Reranker(kind, k, weight) for k in ks for weight in weights]
    plain = evaluate(method, split).metrics
    metrics = [evaluate(method, split, rerank=each).metrics for each in tried]
    best = max(metrics, key=lambda m: (m["rank-1"], m["mAP"]))
    assert best["rank-1"] > plain["rank-1"]  # clusters this clean are what re-ranking is for
    assert evaluate(method, split, rerank=found).metrics == best
    assert found.tuned_on == "val"


@pytest.mark.parametrize("kind", KINDS)
def test_validation_may_choose_no_change_and_does_so_among_equals(kind: str, split) -> None:
    found = tune(Table(0.0, spread=0.0), split, kind)
    assert found.plain
    assert "no change" in str(found)
    plain = evaluate(Table(1.5), split)
    assert evaluate(Table(1.5), split, rerank=found).metrics == plain.metrics


def test_a_grid_of_the_users_own_is_tried_instead(split) -> None:
    found = tune(Table(1.5), split, "neighbours", ks=[4], weights=[0.3])
    assert (found.k, found.weight) == (4, 0.3)
    with pytest.raises(BadRecipe, match="weight"):
        tune(Table(1.5), split, "neighbours", weights=[-1])


def test_every_kind_has_a_grid_that_its_settings_take() -> None:
    assert set(GRIDS) == set(KINDS)
    for kind, (ks, weights) in GRIDS.items():
        for weight in weights:
            assert not Reranker(kind, ks[0], weight).plain  # that one is always tried


@dataclass(frozen=True)
class Config:
    half: float = 0.0
    spare: int = 1


class Halves(Table):
    """`half` weighs the two halves of the vectors; `spare` changes nothing."""

    choices = {"half": (0.5, 0.3, 1.0), "spare": (3, 1)}  # noqa: RUF012

    def __init__(self, config=None):
        super().__init__(1.0)
        self.config = config or Config()
        self.read = 0

    def tokenize(self, texts):
        self.read += len(texts)
        return super().tokenize(texts)

    def similarity(self, texts, photos):
        halves = [slice(0, 4), slice(4, 8)]
        first, second = (cosine(texts.vector[:, h], photos.vector[:, h]) for h in halves)
        return self.config.half * first + (1 - self.config.half) * second


def test_the_settings_chosen_are_the_best_of_what_evaluating_each_says(split) -> None:
    method = Halves()
    found = choose(method, split, block=32)
    assert (method.encoded, method.read) == (len(split.photos), len(split.captions))
    assert method.config == Config()
    tried = [(entry["half"], entry["spare"]) for entry in found.curve]
    assert tried == [(half, spare) for half in (0.0, 0.5, 0.3, 1.0) for spare in (1, 3)]
    for entry in found.curve:
        metrics = evaluate(Halves(Config(entry["half"], entry["spare"])), split, block=32).metrics
        assert all(entry[name] == metrics[name] for name in ("rank-1", "rank-5", "rank-10", "mAP"))
    best = max(found.curve, key=lambda entry: (entry["rank-1"], entry["mAP"]))
    assert best["rank-1"] > found.curve[0]["rank-1"]
    assert found.settings == {"half": best["half"], "spare": 1}  # spare 3 comes later
    assert str(found) == f"half = {best['half']}, spare = 1"


def test_a_methods_own_settings_stay_among_equals(split) -> None:
    own = choose(Halves(), split).settings | {"spare": 3}
    assert choose(Halves(Config(**own)), split).settings == own


def test_other_settings_share_the_weights_and_leave_the_method_as_it_is(split) -> None:
    method = Halves()
    other = with_settings(method, {"half": 0.3})
    assert (method.config.half, other.config.half) == (0.0, 0.3)
    assert other.photos is method.photos


app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(command)


@pytest.fixture
def data(split, tmp_path, monkeypatch):
    """Persons 0 to 7 are val, the others test."""
    monkeypatch.setattr(passerby, "load", lambda _: Table(1.5))
    edge = sys.modules[command.__module__]  # the room cli has the function under the same name
    monkeypatch.setattr(edge, "provenance", lambda _: {"commit": "x"})
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "person", "caption", "split"])
        for photo, caption in zip(split.photos, split.captions, strict=True):
            where = "val" if int(str(photo.person)) < PERSONS // 2 else "test"
            rows.writerow([photo.path.name, photo.person, caption.text, where])
    return f"files:{tmp_path / 'pairs.csv'}"


def call(data, *words):
    words = ["default", "--data", data, "--workers", 0, *words]
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("kind", KINDS)
def test_re_ranked_numbers_stand_apart_in_table_and_file(data, tmp_path, kind: str) -> None:
    out = tmp_path / "r.json"
    plain = call(data, "--out", out)
    assert plain.exit_code == 0, plain.exception
    alone = json.loads(out.read_text())
    done = call(data, "--out", out, "--rerank", kind)
    assert done.exit_code == 0, done.exception
    assert json.loads(out.read_text()) == alone
    told = json.loads((tmp_path / f"r.{kind}.json").read_text())
    said = told["card"]["reranking"]
    assert (said["kind"], said["tuned_on"]) == (kind, "val")
    assert done.stdout.count("rank-10") == 2  # two tables
    first, second = done.stdout.split("re-ranked: ")
    assert kind not in first.replace(str(out), "")
    assert f"k {said['k']}, weight {said['weight']:g}" in second
    assert "tuned on val" in second
    assert f"{told['metrics']['mAP']:.2f}" in second
    assert f"{alone['metrics']['mAP']:.2f}" in first


def test_without_the_option_nothing_is_re_ranked(data, tmp_path) -> None:
    done = call(data, "--out", tmp_path / "r.json")
    assert "re-ranked" not in done.stdout
    assert [file.name for file in tmp_path.glob("*.json")] == ["r.json"]


def test_both_average_precisions_stand_side_by_side_with_one_line_of_warning(
    data, tmp_path
) -> None:
    out, both = tmp_path / "r.json", tmp_path / "both.json"
    plain = call(data, "--out", out)
    alone = json.loads(out.read_text())
    assert "trapezoid" not in plain.stdout + json.dumps([alone["metrics"], alone["card"]])
    done = call(data, "--out", both, "--ap", "trapezoid", "--rerank", "neighbours")
    assert done.exit_code == 0, done.exception
    assert sum("papers that use it (IVT, SSAN)" in line for line in done.stdout.splitlines()) == 1
    for file in (both, tmp_path / "both.neighbours.json"):
        told = json.loads(file.read_text())
        metrics = told["metrics"]
        assert 0 < metrics["mAP-trapezoid"] < metrics["mAP"]
        assert f"{metrics['mAP-trapezoid']:.2f}" in done.stdout
        assert "trapezoid" in told["card"]["ap"]
    told = json.loads(both.read_text())["metrics"]
    assert json.loads(out.read_text())["metrics"] == {
        name: value for name, value in told.items() if name != "mAP-trapezoid"
    }


def test_an_unknown_average_precision_is_refused_before_anything_is_loaded(
    data, monkeypatch
) -> None:
    monkeypatch.setattr(passerby, "load", None)
    refused = call(data, "--ap", "trapezium").exception
    assert isinstance(refused, BadRecipe)
    assert "'trapezium'; there are standard, trapezoid" in str(refused)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rerank", "neighbours", "--split", "val"], "tuned on val"),
        (["--rerank", "neighbours", "--split", "all"], "tuned on val"),
        (["--rerank", "neighbors"], "did you mean 'neighbours'"),
        (["--rerank", "magic"], "there are neighbours, k-reciprocal, expansion"),
    ],
)
def test_what_would_be_measured_on_its_own_tuning_is_refused_first(
    data, monkeypatch, words, said: str
) -> None:
    monkeypatch.setattr(passerby, "load", None)  # nothing is loaded before
    refused = call(data, *words).exception
    assert isinstance(refused, Refused)
    assert said in str(refused)
    assert "\n" not in str(refused)
