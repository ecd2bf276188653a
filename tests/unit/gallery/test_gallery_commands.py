"""`passerby gallery`, `index --from` and what `search` can do besides, with a stand-in model."""

from __future__ import annotations

import csv
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
import typer
from colours import Colours, PartColours, paint, run, shade
from typer.testing import CliRunner, Result

import passerby.build
from passerby.cli.gallery import gallery_app
from passerby.cli.index import index
from passerby.cli.search import search
from passerby.errors import Refused
from passerby.gallery.card import Filling
from passerby.gallery.metadata import Metadata
from passerby.gallery.names import to_path
from passerby.gallery.store import Store

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(index)
app.command()(search)
app.add_typer(gallery_app, name="gallery")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder: what lies in it is the stand-in's fingerprint."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_text("colours-1")

    def fingerprint(where: Path) -> str:
        return (where / "model.safetensors").read_text()

    monkeypatch.setattr(passerby.build, "DEFAULT", folder)
    monkeypatch.setattr(passerby.build, "fingerprint", fingerprint)
    monkeypatch.setattr(
        passerby.build,
        "load_method",
        lambda where=None: Colours(fingerprint(passerby.build.model_folder(where))),
    )
    monkeypatch.setenv("COLUMNS", "200")
    return folder


@pytest.fixture
def filled(photos: Path, gallery: Path, model: Path, tmp_path: Path) -> Path:
    """Six photos of two cameras, three of them with a time, one with a person."""
    (tmp_path / "facts.csv").write_text(
        "path,time,person\nred.png,2026-05-01,p1\ngreen.png,2026-05-02,\nblue.png,2026-05-03,\n"
    )
    told = Metadata(photos, tmp_path / "facts.csv", r"(?P<camera>below|red)")
    run(gallery, photos, describe=told)
    assert model.is_dir()
    return gallery


def call(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, Refused), result.exception
        assert "\n" not in str(result.exception)
    return result


def test_info_tells_what_is_in_a_gallery(filled: Path, photos: Path) -> None:
    told = json.loads(call("gallery", "info", filled, "--json").stdout)
    assert told["photos"] == 6
    assert told["with"] == {"person": 1, "camera": 3, "time": 3}
    assert (told["persons"], told["cameras"]) == (1, {"below": 2, "red": 1})
    assert told["first"] == "2026-05-01T00:00:00+00:00"
    assert told["last"] == "2026-05-03T00:00:00+00:00"
    assert told["model"] == {"folder": "default", "fingerprint": "colours-1", "now": "unchanged"}
    assert (told["dimension"], told["embedded"]) == (25, ["vector"])
    assert told["bytes"]["vectors"] == 6 * 25 * 4
    thumbnails = Store.open(filled).whole(range(6))["thumbnail"].to_pylist()
    assert told["bytes"]["thumbnails"] == sum(map(len, thumbnails))
    assert told["bytes"]["whole"] > told["bytes"]["thumbnails"]
    assert told["folders"] == [str(photos)]
    assert told["filling"] is None
    written = datetime.fromisoformat(told["written"])
    assert abs((datetime.now(UTC) - written).total_seconds()) < 600
    lines = call("gallery", "info", filled).stdout
    assert "below (2), red (1)" in lines
    assert "colours-1): unchanged" in lines
    assert "2026-05-01T00:00:00+00:00 to 2026-05-03" in lines
    assert "index       none: every vector is compared" in lines


def test_info_tells_a_model_that_is_gone_or_another_and_parts(
    photos: Path, gallery: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(gallery, photos, PartColours())
    told = json.loads(call("gallery", "info", gallery, "--json").stdout)
    assert told["embedded"] == ["vector", "parts", "values", "mask"]
    assert told["bytes"]["vectors"] == 6 * (25 * 4 + 2 * 24 * 2 + 4)
    (model / "model.safetensors").write_text("colours-9")
    assert "another model lies there now" in call("gallery", "info", gallery).stdout
    (model / "model.safetensors").unlink()
    assert "gone: say where it is with --model" in call("gallery", "info", gallery).stdout


def test_info_takes_an_empty_gallery_and_one_that_is_being_filled(
    gallery: Path, model: Path
) -> None:
    assert model.is_dir()
    with Store.write(gallery, "colours-1", "default") as store:
        store.note(filling=Filling("/old", 7))
    told = json.loads(call("gallery", "info", gallery, "--json").stdout)
    assert (told["photos"], told["first"], told["dimension"]) == (0, None, None)
    assert told["filling"] == {"from": "/old", "of": 7, "there": 0}
    assert "0 of 7 photos" in call("gallery", "info", gallery).stdout


def test_check_leaves_with_0_or_1(filled: Path, photos: Path, model: Path) -> None:
    sound = call("gallery", "check", filled)
    assert sound.exit_code == 0
    last = "6 photos looked at, 6 embedded again, least cosine 1.000000: nothing is wrong"
    assert sound.stdout.splitlines()[-1] == last
    (photos / "red.png").unlink()
    gone = call("gallery", "check", filled, "--canaries", 2)
    assert gone.exit_code == 0
    assert gone.stdout.startswith("note: 1 photo: the file is gone (e.g. ")
    assert "2 embedded again" in gone.stdout
    (model / "model.safetensors").write_text("colours-9")
    other = call("gallery", "check", filled)
    assert other.exit_code == 1
    assert other.stdout.startswith("wrong: the model folder holds another model (colours-9)")
    assert "no photo was embedded again: see what is wrong above" in other.stdout
    told = json.loads(call("gallery", "check", filled, "--json").stdout)
    assert (told["sound"], told["photos"], told["canaries"]) == (False, 6, 0)
    assert [finding["kind"] for finding in told["findings"]] == ["model", "missing"]


def test_check_takes_a_model_that_moved(filled: Path, model: Path, tmp_path: Path) -> None:
    model.rename(tmp_path / "moved")
    assert call("gallery", "check", filled).exit_code == 1
    found = call("gallery", "check", filled, "--model", tmp_path / "moved")
    assert found.exit_code == 0
    assert "6 embedded again" in found.stdout
    none = call("gallery", "check", filled, "--model", tmp_path / "nowhere")
    assert none.exit_code == 1
    assert f"wrong: {tmp_path / 'nowhere'}: no model there" in none.stdout
    (tmp_path / "moved" / "model.safetensors").write_text("colours-9")
    other = call("gallery", "check", filled, "--model", tmp_path / "moved").stdout
    assert f"wrong: {tmp_path / 'moved'} holds another model (colours-9)" in other


def test_prune_tells_first_and_takes_out_then(filled: Path, photos: Path) -> None:
    (photos / "red.png").unlink()
    dry = call("gallery", "prune", filled, "--dry-run")
    assert dry.stdout.splitlines() == [
        str(photos / "red.png"), "1 of 6 photos would be taken out"
    ]  # fmt: skip
    assert len(Store.open(filled)) == 6
    done = call("gallery", "prune", filled)
    assert done.stdout.startswith("1 photo taken out, ")
    assert "holds 5 photos" in done.stdout
    old = call("gallery", "prune", filled, "--older-than", "2026-05-03")
    assert old.stdout.startswith("1 photo taken out, ")
    assert "the files of 1 are still on the disk" in old.stderr
    erased = call("gallery", "prune", filled, "--path", photos / "below")
    assert erased.stdout.startswith("2 photos taken out, ")
    assert len(Store.open(filled)) == 2
    for path in ("", photos / "nothing"):
        assert "--path" in str(call("gallery", "prune", filled, "--path", path).exception)


def test_prune_refuses_a_folder_that_may_be_unmounted_also_in_a_dry_run(
    filled: Path, photos: Path
) -> None:
    shutil.move(photos, photos.parent / "unmounted")
    for words in ((), ("--dry-run",)):
        refused = call("gallery", "prune", filled, *words).exception
        assert isinstance(refused, Refused)
        assert f"not mounted: {photos} (6 photos); mount it" in str(refused)
    assert len(Store.open(filled)) == 6
    assert "6 photos taken out" in call("gallery", "prune", filled, "--all-missing").stdout
    assert "not a time" in str(call("gallery", "prune", filled, "--older-than", "May").exception)


def test_exports_hold_every_row_and_any_name(
    photos: Path, gallery: Path, model: Path, tmp_path: Path
) -> None:
    assert model.is_dir()
    for name in (b"caf\xe9.png", b"back\\slash.png"):
        paint(photos / "plain.png", shade(len(name))).rename(photos / os.fsdecode(name))
    method = PartColours()
    run(gallery, photos, method, describe=lambda path: {"person": path.stem[:1] or None})
    store = Store.open(gallery)
    paths = {os.fspath(to_path(row.path)) for row in store.rows()}
    for ending in ("csv", "parquet", "npz"):
        done = call("gallery", "export", gallery, tmp_path / f"out.{ending}")
        assert done.stdout.startswith("wrote 8 photos to ")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "out.parquet")
    for records in (rows, table.to_pylist()):
        assert {_path(record) for record in records} == paths
        assert {record["person"] for record in records} >= {"r", "g", "b"}
    vectors = np.array(table["vector"].to_pylist())
    arrays = np.load(tmp_path / "out.npz", allow_pickle=False)
    assert np.array_equal(arrays["image_features"], vectors.astype(np.float32))
    assert arrays["image_features"].dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert arrays["image_names"].tolist() == table["path"].to_pylist()
    assert arrays["image_ids"].tolist() == table["person"].to_pylist()
    assert json.loads(table.schema.field("parts").metadata[b"shape"]) == [4, 6]
    assert not list(tmp_path.glob("*.new"))


def _path(record: dict[str, str]) -> str:
    import base64

    exact = record["path_bytes"]
    return os.fsdecode(base64.b64decode(exact)) if exact else record["path"]


def test_what_cannot_be_exported_is_refused(filled: Path, gallery: Path, tmp_path: Path) -> None:
    assert ".npz" in str(call("gallery", "export", gallery, tmp_path / "out.xls").exception)
    lost = call("gallery", "export", gallery, tmp_path / "no" / "out.csv")
    assert "cannot be written" in str(lost.exception)
    none = call("gallery", "export", tmp_path / "none", tmp_path / "out.csv")
    assert "no gallery here" in str(none.exception)
    call("gallery", "prune", filled, "--path", tmp_path)
    empty = call("gallery", "export", gallery, tmp_path / "out.csv")
    assert "holds no photos" in str(empty.exception)
    assert not (tmp_path / "out.csv").exists()


def test_a_gallery_is_indexed_again_for_another_model(
    filled: Path, photos: Path, model: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new-model"
    shutil.copytree(model, new)
    (new / "model.safetensors").write_text("colours-2")
    (photos / "red.png").unlink()
    paint(photos / "blue.png", "white", (30, 50))
    target = tmp_path / "gallery-2"
    done = call("index", "--model", new, "--gallery", target, "--from", filled)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == (
        f"complete: 5 photos; search it with --gallery {target}"
    )
    assert f"gone, left out: {photos / 'red.png'}" in done.stderr
    assert f"changed since, as it is now: {photos / 'blue.png'}" in done.stderr
    assert Store.open(target).fingerprint == "colours-2"
    assert Store.open(filled).fingerprint == "colours-1"
    again = call("index", "--model", new, "--gallery", target, "--from", filled)
    assert "5 unchanged" in again.stdout
    assert again.stdout.splitlines()[-1].startswith("complete: 5 photos")


def test_a_folder_and_from_together_or_neither_are_refused(
    filled: Path, photos: Path, tmp_path: Path
) -> None:
    target = tmp_path / "gallery-2"
    both = call("index", photos, "--gallery", target, "--from", filled)
    assert str(both.exception).startswith("FOLDER and --from")
    assert "neither FOLDER nor --from" in str(call("index", "--gallery", target).exception)
    facts = call("index", "--gallery", target, "--from", filled, "--pattern", "(?P<camera>a)")
    assert "leave them out" in str(facts.exception)
    assert "no gallery here" in str(
        call("index", "--gallery", target, "--from", tmp_path / "none").exception
    )
    assert not target.exists()


def test_a_photo_is_searched_like_a_sentence(filled: Path, photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    found = call(
        "search", "--like", photos / "red.png", "--gallery", filled, "-k", 3, "--json",
        "--html", page, "--sheet", tmp_path / "a.png", "--copy-to", tmp_path / "out",
    )  # fmt: skip
    told = json.loads(found.stdout)
    assert told["like"] == str(photos / "red.png")
    assert told["results"][0]["score"] == 1
    assert "compared by their vectors" in found.stderr
    assert f"copied 3 of 3 photos to {tmp_path / 'out'}" in found.stderr
    assert (tmp_path / "out" / "01_1.000_red.png").is_file()
    assert page.is_file()
    both = call("search", "red", "--like", photos / "red.png", "--gallery", filled)
    assert "a sentence and --like" in str(both.exception)
    assert "neither a sentence" in str(call("search", "--gallery", filled).exception)


def test_search_cuts_off_and_sorts_by_time(filled: Path) -> None:
    found = call("search", "red", "--gallery", filled, "--sort", "time", "-k", 6, "--json")
    times = [result["time"] for result in json.loads(found.stdout)["results"]]
    assert times[:3] == sorted(filter(None, times))
    assert times[3:] == [None] * 3
    best = json.loads(call("search", "red", "--gallery", filled, "--json").stdout)["results"]
    least = best[1]["score"]
    cut = call("search", "red", "--gallery", filled, "--min-score", least, "--json")
    assert [r["path"] for r in json.loads(cut.stdout)["results"]] == [r["path"] for r in best[:2]]
    none = call("search", "red", "--gallery", filled, "--min-score", 2)
    assert none.exit_code == 0
    assert "none of the 6 photos scores 2 or more" in none.stderr
    wrong = call("search", "red", "--gallery", filled, "--sort", "colour")
    assert "one of score, time" in str(wrong.exception)


def test_an_export_overwrites_nothing_and_leaves_nothing_beside(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.csv").write_text("mine")
    (out / "b.csv.new").write_text("mine")
    there = call("gallery", "export", filled, out / "a.csv")
    assert str(there.exception) == (
        f"{out / 'a.csv'}: is there already; remove it, or choose another file"
    )
    assert call("gallery", "export", filled, out / "b.csv").exit_code == 0
    assert (out / "b.csv.new").read_text() == (out / "a.csv").read_text() == "mine"
    under = call("gallery", "export", filled, out / "a.csv" / "c.csv")
    assert "c.csv: cannot be written (Not a directory)" in str(under.exception)
    inside = call("gallery", "export", filled, filled / "rows.csv")
    assert "lies in the gallery's own folder" in str(inside.exception)

    def full(*_: object) -> None:
        raise OSError("an I/O error as pyarrow words it. Detail: [errno 5]")

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    failed = call("gallery", "export", filled, out / "c.parquet")
    assert "c.parquet: cannot be written (writing failed)" in str(failed.exception)
    assert sorted(file.name for file in out.iterdir()) == ["a.csv", "b.csv", "b.csv.new"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz"])
def test_an_export_may_have_any_name(filled: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / os.fsdecode(b"caf\xe9." + ending.encode())
    assert call("gallery", "export", filled, out).exit_code == 0
    assert out.stat().st_size > 100


def test_names_that_would_fill_the_memory_are_refused_for_npz(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = max(len(row.path) for row in Store.open(filled).rows())
    monkeypatch.setattr("passerby.gallery.export._MOST", 4 * 6 * longest)
    assert call("gallery", "export", filled, tmp_path / "fits.npz").exit_code == 0
    monkeypatch.setattr("passerby.gallery.export._MOST", 4 * 6 * longest - 1)
    refused = call("gallery", "export", filled, tmp_path / "out.npz")
    assert f"a name of {longest} letters" in str(refused.exception)
    assert "export .parquet" in str(refused.exception)
    assert not (tmp_path / "out.npz").exists()


def test_results_stay_out_of_the_gallery_and_a_photo_folder_is_told(
    filled: Path, photos: Path
) -> None:
    for option, name in (("--copy-to", "found"), ("--html", "a.html"), ("--sheet", "a.png")):
        refused = call("search", "red", "--gallery", filled, option, filled / name)
        assert "lies in the gallery's own folder" in str(refused.exception)
        assert not (filled / name).exists()
    found = call("search", "red", "--gallery", filled, "--copy-to", photos / "found")
    assert f"note: {photos / 'found'} lies in {photos}, which is indexed: the next" in found.stderr
    page = call("search", "red", "--gallery", filled, "--html", photos / "a.html")
    assert "which is indexed" not in page.stderr


def test_a_copy_needs_no_times_and_tells_which_side_failed(
    filled: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(shutil, "copystat", refuse)
    (photos / "red.png").unlink()
    (photos / "red.png").symlink_to("/proc/self/mem")  # opens, and cannot be read
    found = call("search", "red", "--gallery", filled, "-k", 2, "--copy-to", tmp_path / "out")
    assert found.exit_code == 0
    assert f"note: {photos / 'red.png'}: not copied: Input/output error" in found.stderr
    assert "copied 1 of 2 photos" in found.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_info_names_folders_as_they_are(tmp_path: Path, gallery: Path, model: Path) -> None:
    assert model.is_dir()
    paint(tmp_path / "back\\slash" / "a.png", "red")
    run(gallery, tmp_path / "back\\slash")
    told = call("gallery", "info", gallery)
    assert f"folder      {tmp_path}/back\\slash\n" in told.stdout
    assert json.loads(call("gallery", "info", gallery, "--json").stdout)["folders"] == [
        f"{tmp_path}/back\\slash"
    ]


def test_a_gallery_that_lacks_photos_is_not_called_complete(
    filled: Path, photos: Path, tmp_path: Path
) -> None:
    target, words = tmp_path / "gallery-2", ("index", "--from", filled, "--gallery")
    (photos / "red.png").write_text("no photo")
    done = call(*words, target)
    assert done.exit_code == 2
    assert "\nnot complete: 1 of 6 photos could not be stored; " in done.stdout
    assert "being filled" in call("gallery", "info", target).stdout
    done = call(*words, target, "--skip-broken")
    assert done.exit_code == 0
    assert "complete: 5 photos (1 of 6 photos could not be stored)" in done.stdout
    assert "being filled" not in call("gallery", "info", target).stdout


def test_a_prune_that_takes_an_index_away_says_how_it_comes_back(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "index" not in call("gallery", "prune", filled).stdout
    monkeypatch.setattr(Store, "sweep", lambda _: True)
    told = call("gallery", "prune", filled).stdout
    assert "its index went too, as it may hold what is gone: passerby index --index always" in told
