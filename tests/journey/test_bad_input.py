"""Bad photos, sentences, galleries and places at the command line: one line with the remedy,
exit 2, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

import passerby


@pytest.fixture
def search(passerby_cli, gallery):
    """`passerby search SENTENCE --json` in the gallery of all drawn photos."""

    def run(sentence: str, *options: object):
        return passerby_cli("search", sentence, "--gallery", gallery, "--json", *options)

    return run


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header tells this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


# Folders and photos


def test_no_folder_an_empty_one_and_a_file_are_refused_and_make_no_gallery(
    index, tmp_path, recipe
) -> None:
    (tmp_path / "empty").mkdir()
    assert "no such folder; check the path" in index(tmp_path / "none").refusal
    assert "no photos in this folder" in index(tmp_path / "empty").refusal
    assert "a file, not a folder" in index(recipe).refusal
    assert not (tmp_path / "gallery").exists()


BROKEN = {
    "text.jpg": "not an image",
    "cut.jpg": "damaged or cut short",
    "dot.png": "1x1 pixels, too small",
    "huge.png": "more than 178 million pixels by its header",
    "nothing.png": "an empty file",
}


@pytest.fixture
def broken(photos) -> Path:
    """The same folder with a file of each broken kind beside the good ones."""
    (photos / "text.jpg").write_text("this is a shopping list")
    whole = (photos / "good0.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    Image.new("RGB", (1, 1), "red").save(photos / "dot.png")
    (photos / "huge.png").write_bytes(png_header(30_000, 30_000))
    (photos / "nothing.png").touch()
    return photos


def test_broken_files_are_listed_a_line_each_and_the_good_ones_are_searched(
    index, passerby_cli, broken, tmp_path
) -> None:
    done = index(broken)
    assert done.code == 2
    assert "7 files: 2 new, 5 not readable" in done.out
    listed = done.err.splitlines()[-len(BROKEN) :]
    for name, reason in BROKEN.items():
        line = next(line for line in listed if str(broken / name) in line)
        assert reason in line
        assert ";" in line.partition(reason)[2], f"no remedy: {line}"
    found = passerby_cli("search", "a man", "--gallery", tmp_path / "gallery", "--json")
    names = {Path(result["path"]).name for result in json.loads(found.out)["results"]}
    assert names == {"good0.jpg", "good1.jpg"}
    assert index(broken, "--skip-broken").code == 0


def test_a_repaired_file_is_taken_by_the_next_run(index, broken) -> None:
    index(broken)
    for name in BROKEN:
        shutil.copy(broken / "good0.jpg", broken / name)
    done = index(broken)
    assert (done.code, done.err.count("stored")) == (0, 0)
    assert "7 files: 5 new, 2 unchanged" in done.out


def test_a_folder_of_broken_files_only_gives_an_empty_gallery_that_says_so(
    index, passerby_cli, tmp_path
) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    assert index(tmp_path).code == 2
    found = passerby_cli("search", "a man", "--gallery", tmp_path / "gallery", "--json")
    assert found.code == 0
    assert json.loads(found.out)["results"] == []
    assert "the gallery holds no photos yet" in found.err


def test_photos_of_unusual_kinds_are_taken(index, photos, tmp_path) -> None:
    good = Image.open(photos / "good0.jpg")
    good.convert("CMYK").save(photos / "cmyk.jpg")
    Image.new("I;16", good.size, 40_000).save(photos / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    good.transpose(Image.Transpose.ROTATE_90).save(photos / "turned.jpg", exif=turned)
    good.convert("P").save(photos / "moving.gif", save_all=True, append_images=[good.convert("P")])
    done = index(photos)
    assert (done.code, "6 files: 6 new" in done.out) == (0, True), done.err


def test_names_of_any_bytes_are_indexed_found_and_known_again(
    index, passerby_cli, photos, tmp_path
) -> None:
    names = [
        b"a b  c.jpg",
        "人 ü.jpg".encode(),
        b"two\nlines.jpg",
        b"caf\xe9.jpg",
        b"back\\slash.jpg",
    ]
    for name in names:
        shutil.copy(photos / "good0.jpg", photos / os.fsdecode(name))
    assert "7 files: 7 new" in index(photos).out
    assert "7 files: 7 unchanged" in index(photos).out
    hits = passerby.open(tmp_path / "gallery").search("a man", k=7)
    assert {os.fsencode(hit.path.name) for hit in hits} >= set(names)
    page = tmp_path / "a.html"
    told = passerby_cli("search", "a man", "--gallery", tmp_path / "gallery", "--html", page)
    assert told.code == 0
    assert len(told.out.splitlines()) == 8  # a header, and a line a photo
    assert page.is_file()


# Sentences


@pytest.mark.parametrize("sentence", ["", "   ", "?!", "\n"])
def test_a_sentence_without_words_is_refused_with_an_example(search, sentence) -> None:
    assert "the sentence has no words; describe a person" in search(sentence).refusal


def test_a_sentence_of_5000_words_is_cut_and_that_is_said(search) -> None:
    found = search("a man in a red coat " * 833 + "a hat")
    assert found.code == 0
    told = json.loads(found.out)
    assert len(told["results"]) == 10
    assert "the model reads the first 48; the rest was not used" in told["notes"][0]
    assert found.err == "".join(f"note: {note}\n" for note in told["notes"])


def test_unknown_words_are_said_and_the_rest_is_searched(search) -> None:
    found = search("a man in a zorblax with a QUUXIFIER")
    assert len(json.loads(found.out)["results"]) == 10
    assert "has not met in training: zorblax, quuxifier;" in found.err


@pytest.mark.parametrize("k", [49, 100_000])
def test_k_beyond_the_gallery_gives_all_and_that_is_said(search, k: int) -> None:
    found = search("a man", "-k", k)
    assert (found.code, len(json.loads(found.out)["results"])) == (0, 48)
    assert f"holds 48 photos, fewer than the {k} asked for" in found.err


@pytest.mark.parametrize("k", [10**12, 10**30])
def test_k_beyond_all_measure_gives_all(search, k: int) -> None:
    assert len(json.loads(search("a man", "-k", k).out)["results"]) == 48


# Galleries


def test_no_gallery_and_a_gallery_of_another_version_are_refused(
    passerby_cli, gallery, people, tmp_path
) -> None:
    for place in (tmp_path / "none", people):
        line = passerby_cli("search", "a man", "--gallery", place).refusal
        assert "no gallery here; make one with: passerby index FOLDER" in line
    newer = tmp_path / "newer"
    shutil.copytree(gallery, newer)
    card = json.loads((newer / "gallery.json").read_text())
    (newer / "gallery.json").write_text(json.dumps({**card, "schema": 99}))
    line = passerby_cli("search", "a man", "--gallery", newer).refusal
    assert "version 99" in line
    assert "upgrade passerby" in line


def test_a_folder_with_other_files_is_no_place_for_a_gallery(index, photos, tmp_path) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "thesis.txt").write_text("mine")
    assert "choose an empty or a new folder" in index(photos).refusal
    assert [file.name for file in (tmp_path / "gallery").iterdir()] == ["thesis.txt"]


# Commands


MISUSED = {
    "search x": "Missing option '--gallery'; see passerby search --help",
    "search x --gallery g -k 0": "greater than or equal to 1; see passerby search --help",
    "search x --galery g": "--gallery); see passerby search --help",
    "serch x": "Did you mean 'search'?; see passerby --help",
    "draw people --persons many": "valid integer",
}


@pytest.mark.parametrize("words", MISUSED)
def test_a_command_misspelt_or_half_said_is_refused_in_one_line(passerby_cli, words: str) -> None:
    assert MISUSED[words] in passerby_cli(*words.split()).refusal


def test_ctrl_c_says_how_to_go_on(passerby_cli, tmp_path, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("passerby.drawn.world.draw_world", interrupted)
    done = passerby_cli("draw", tmp_path / "people")
    assert (done.code, done.err) == (
        130,
        "passerby: stopped; run the same command again to go on\n",
    )


def test_no_words_and_help_show_what_there_is(passerby_cli) -> None:
    for words in ((), ("--help",)):
        told = passerby_cli(*words)
        assert "search" in told.out + told.err
        assert told.code == (0 if words else 2)


# Places to write


@pytest.mark.parametrize("command", ["evaluate", "train", "index", "draw"])
def test_a_place_that_cannot_be_written_is_refused_in_one_line(
    passerby_cli, index, photos, trained, people, recipe, tmp_path, command: str
) -> None:
    inside = recipe / "a-file-is-no-folder"
    done = {
        "evaluate": lambda: passerby_cli(
            "evaluate", trained / "best", "--data", f"drawn:{people}", "--workers", 0,
            "--out", tmp_path,
        ),
        "train": lambda: passerby_cli("train", recipe, "--set", f"run.out={inside}"),
        "index": lambda: index(photos, "--gallery", inside),
        "draw": lambda: passerby_cli("draw", inside, "--persons", 2),
    }[command]()  # fmt: skip
    assert done.refusal
