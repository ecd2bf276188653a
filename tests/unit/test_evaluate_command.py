"""`passerby evaluate` of one data set and of several: tables, files, a page, warnings, refusals;
`passerby compare` of what it wrote."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

import passerby
from passerby.cli.compare import compare
from passerby.cli.evaluate import evaluate, labels, provenance
from passerby.errors import BadData, BadModel, BadRecipe
from passerby.method import Method, PhotoSpec
from passerby.similarity.cosine import cosine
from passerby.types import Caption, Embeddings, Photo, Split, Texts

PERSONS, EACH = 12, 2


class Greys(Method):
    """Photo n is a grey of n, its caption is "n": vectors of looks and noise at random."""

    def __init__(self, noise):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        looks = torch.randn(PERSONS, 8, generator=generator).repeat_interleave(EACH, 0)
        self.photos = torch.nn.Parameter(looks)
        self.texts = looks + noise * torch.randn(looks.shape, generator=generator)

    @property
    def photo_spec(self):
        return PhotoSpec(8, 4, mean=(0, 0, 0), std=(1, 1, 1))

    def tokenize(self, texts):
        return Texts(ids=torch.tensor([int(text) for text in texts]))

    def encode_images(self, images):
        return Embeddings(self.photos[(images[:, 0, 0, 0] * 255).round().long() // 2])

    def encode_texts(self, texts):
        return Embeddings(self.texts[texts.ids])

    def similarity(self, texts, photos):
        return cosine(texts.vector, photos.vector)

    def losses(self, batch):
        raise NotImplementedError

    def left_out(self, texts):
        return [f"{len(texts)} captions were read by heart"]


app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(evaluate)
app.command()(compare)


@pytest.fixture
def split(tmp_path):
    photos, captions = [], []
    for n in range(PERSONS * EACH):
        path = tmp_path / f"{n}.png"
        Image.new("RGB", (8, 16), (2 * n,) * 3).save(path)
        photos.append(Photo(path.name, path, person=f"p{n // EACH}"))
        captions.append(Caption(f"{path.name}#0", str(n), path.name, f"p{n // EACH}"))
    return Split("test", tuple(photos), tuple(captions), ("2 files beside hold no pair",))


@pytest.fixture
def call(split, tmp_path, monkeypatch):
    """Runs the command line on the split under any name, with the model NOISE; no file is read."""
    monkeypatch.setattr(passerby, "load", lambda noise: Greys(float(noise)))
    edge = sys.modules[evaluate.__module__]
    recipe = {"data": {"train": "icfg-pedes:there"}}
    monkeypatch.setattr(edge, "provenance", lambda _: {"commit": "x", "recipe": recipe})
    few = replace(split, name="val", photos=split.photos[:6], captions=split.captions[:6])
    given = {"test": split, "val": few, "none": replace(split, captions=(), name="none")}
    monkeypatch.setattr("passerby.data.sources.read_data", lambda _, name: given[name])
    monkeypatch.chdir(tmp_path)

    def run(*words):
        words = [str(word) for word in words]
        if words[0] == "evaluate":
            words += ["--workers", "0"]
        return CliRunner().invoke(app, words)

    return run


def test_each_metric_is_printed_with_its_interval_in_80_columns(call, tmp_path) -> None:
    done = call("evaluate", 2, "--data", "rstpreid:x", "--out", "r.json")
    assert done.exit_code == 0, done.exception
    told = json.loads((tmp_path / "r.json").read_text())
    for name, value in told["metrics"].items():
        (line,) = [line for line in done.stdout.splitlines() if line.split()[:1] == [name]]
        low, high = told["intervals"][name]
        assert line.strip().split(maxsplit=2)[1:] == [f"{value:.2f}", f"[{low:.2f}, {high:.2f}]"]
        assert len(line) <= 80
    assert "24 queries, 24 photos, 12 persons" in done.stdout


def test_what_a_data_set_holds_besides_and_what_is_not_read_is_told(call, tmp_path) -> None:
    done = call("evaluate", 1, "--data", "drawn:x", "--out", "r.json")
    assert "2 files beside hold no pair\n" in done.stdout
    assert "24 captions were read by heart\n" in done.stdout
    assert len(json.loads((tmp_path / "r.json").read_text())["card"]["left_out"]) == 2


def test_several_data_sets_are_one_table_with_a_row_and_a_file_each(call, tmp_path) -> None:
    data = ["--data", "cuhk-pedes:x", "--data", "drawn:a", "--data", "drawn:b"]
    done = call("evaluate", 2, *data, "--ap", "trapezoid", "--out", "new/r.json")
    assert done.exit_code == 0, done.exception
    lines = done.stdout.splitlines()
    assert sum(line.startswith(" rank-1 ") for line in lines) == 1
    for name in ("cuhk-pedes", "drawn", "drawn-2"):
        told = json.loads((tmp_path / "new" / f"r.{name}.json").read_text())
        row = lines[lines.index(f"{name}, cross-domain") + 1]
        low, high = told["intervals"]["rank-1"]
        assert row.startswith(f" {told['metrics']['rank-1']:.1f} [{low:.1f}, {high:.1f}]")
        assert row.endswith(f"{told['metrics']['mINP']:.1f}")
        assert len(row) <= 80
        assert told["card"]["domain"] == "cross-domain"
        assert told["card"]["trained_on"] == "icfg-pedes:there"
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_benchmarks_of_one_source_are_warned_of(call) -> None:
    done = call("evaluate", 1, "--data", "icfg-pedes:x", "--data", "rstpreid:y")
    beware = [line for line in done.stdout.splitlines() if line.startswith("beware: ")]
    assert len(beware) == 2
    assert "both cut from MSMT17" in beware[0]
    assert "trained on icfg-pedes, and rstpreid" in beware[1]
    assert "icfg-pedes, in-domain" in done.stdout
    assert "rstpreid, shared source" in done.stdout
    alone = call("evaluate", 1, "--data", "cuhk-pedes:x").stdout
    assert "beware" not in alone
    assert "trained on icfg-pedes:there: cross-domain" in alone


def test_photo_to_text_stands_apart_in_table_and_file_and_is_not_re_ranked(call, tmp_path) -> None:
    done = call(
        "evaluate", 2, "--data", "drawn:x", "--photo-to-text", "--rerank", "neighbours",
        "--out", "r.json",
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert {path.name for path in tmp_path.glob("*.json")} == {
        "r.json", "r.neighbours.json", "r.photo-to-text.json",
    }  # fmt: skip
    told = json.loads((tmp_path / "r.photo-to-text.json").read_text())
    assert told["card"]["direction"] == "photo-to-text"
    assert told["card"]["reranking"] == "none"
    assert "photo-to-text is not re-ranked" in done.stdout
    assert "24 photos as queries, 24 captions searched" in done.stdout


def test_a_page_shows_the_first_photos_of_each_query(call, tmp_path) -> None:
    done = call("evaluate", 3, "--data", "drawn:x", "--html", "new/page.html")
    assert done.exit_code == 0, done.exception
    assert "page: new/page.html" in done.stdout
    page = (tmp_path / "new" / "page.html").read_text()
    for n in range(PERSONS * EACH):
        assert f"{n}.png#0" in page
    assert page.count("data:image/jpeg;base64,") == PERSONS * EACH  # each once
    assert "2 files beside hold no pair" in page


def test_the_page_s_first_photos_are_in_the_order_that_metrics_count_in(call, monkeypatch) -> None:
    from passerby.reports import page

    shown = []
    monkeypatch.setattr(page, "write_rank_page", lambda _, asked, *__: shown.extend(asked))
    monkeypatch.setattr(Greys, "similarity", lambda _, t, p: torch.zeros(len(t), len(p)))
    assert call("evaluate", 1, "--data", "drawn:x", "--html", "page.html").exit_code == 0
    assert len(shown) == PERSONS * EACH
    for query in shown:
        assert query.first == PERSONS * EACH - EACH + 1
        assert not any(hit.right for hit in query.hits)
        assert len(query.hits) == 10


def test_a_photo_that_vanished_since_has_no_thumbnail(split) -> None:
    from passerby.cli.rank_lists import RankLists

    lists = RankLists(split)
    assert lists.thumbnail("3.png")
    split.photos[3].path.unlink()
    assert lists.thumbnail("3.png") is None


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["--data", "drawn:x", "--data", "drawn:x"], BadData, "drawn:x is given twice"),
        (["--data", "drawn:x", "--data", "drawn:x/"], BadData, "drawn:x/ is given twice"),
        (["--data", "drawn:x", "--data", "Drawn:y/../x"], BadData, "is given twice"),
        (["--data", "x"], BadData, "written NAME:ROOT"),
        (["--data", "drawn:x", "--out", "r", "--html", "y/../r"], BadRecipe, "already"),
        (["--data", "drawn:r.json", "--out", "r.json"], BadRecipe, "r.json is read or written"),
        (["--data", "drawn:x", "--data", "drown:x"], BadData, "did you mean 'drawn'"),
        (["--data", "drawn:x", "--out", "."], BadRecipe, "a folder; name a file in it"),
        (["--data", "drawn:x", "--html", "."], BadRecipe, "a folder; name a file in it"),
        (["--data", "drawn:x", "--out", "0.png/r.json"], OSError, "0.png"),
    ],
)
def test_what_cannot_end_well_is_refused_before_a_model_is_loaded(
    call, monkeypatch, words, kind, said: str
) -> None:
    monkeypatch.setattr(passerby, "load", None)
    refused = call("evaluate", 1, *words).exception
    assert isinstance(refused, kind)
    assert said in str(refused)


def test_an_empty_validation_split_is_named(call, monkeypatch, split) -> None:
    empty = replace(split, name="drawn val", captions=())
    monkeypatch.setattr(
        "passerby.data.sources.read_data", lambda _, name: empty if name == "val" else split
    )
    refused = call("evaluate", 1, "--data", "drawn:x", "--rerank", "neighbours").exception
    assert isinstance(refused, BadData)
    assert "'drawn val' has no captions" in str(refused)


def test_data_sets_of_one_name_are_numbered() -> None:
    assert labels(["drawn:a", "rstpreid:b", "drawn:c"]) == ["drawn", "rstpreid", "drawn-2"]


def test_a_damaged_recipe_beside_a_model_is_refused_in_one_line(tmp_path) -> None:
    (tmp_path / "recipe.json").write_text('{"run": ')
    with pytest.raises(BadModel, match=r"recipe\.json: damaged"):
        provenance(str(tmp_path))


def test_compare_tells_which_report_is_better(call) -> None:
    for noise, name in ((0.1, "good.json"), (6, "poor.json")):
        assert call("evaluate", noise, "--data", "drawn:x", "--out", name).exit_code == 0
    done = call("compare", "poor.json", "good.json", "--draws", 500)
    assert done.exit_code == 0, done.exception
    lines = done.stdout.splitlines()
    assert lines[:2] == ["A: poor.json", "B: good.json"]
    (line,) = [line for line in lines if line.startswith("rank-1 ")]
    assert line.endswith("B is better")
    assert all(len(line) <= 80 for line in lines)
    assert "24 queries of 12 persons, drawn 500 times" in lines
    told = json.loads(call("compare", "poor.json", "good.json", "--json", "--draws", 500).stdout)
    assert told["metrics"][0]["metric"] == "rank-1"
    assert told["metrics"][0]["word"] == "B is better"
    assert told["metrics"][0]["difference"] == pytest.approx(
        told["metrics"][0]["b"] - told["metrics"][0]["a"], abs=1e-3
    )
    assert told["notes"]


def test_compare_refuses_a_re_ranked_report_beside_a_plain_one(call) -> None:
    call("evaluate", 2, "--data", "drawn:x", "--rerank", "neighbours", "--out", "r.json")
    refused = call("compare", "r.json", "r.neighbours.json").exception
    assert isinstance(refused, BadData)
    assert "re-ranking: none in r.json, neighbours in r.neighbours.json" in str(refused)


def test_compare_refuses_a_report_cut_off(call, tmp_path) -> None:
    call("evaluate", 2, "--data", "drawn:x", "--out", "r.json")
    (tmp_path / "cut.json").write_text((tmp_path / "r.json").read_text()[:-9])
    refused = call("compare", "r.json", "cut.json").exception
    assert isinstance(refused, BadData)
    assert "cut.json: cut off" in str(refused)
