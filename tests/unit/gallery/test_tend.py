"""What `passerby index` does about the index of a gallery, and says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from colours import Colours, run
from typer.testing import CliRunner

from passerby.cli.vector_index import tend
from passerby.errors import BadGallery
from passerby.gallery import indexing
from passerby.gallery.card import Filling
from passerby.gallery.index_card import FILE
from passerby.gallery.store import Store


def test_a_gallery_too_small_for_an_index_costs_no_sentence(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    method = Colours()
    method.tokenize = None  # type: ignore[method-assign, assignment] # called for any sentence
    with Store.write(gallery, method.fingerprint, "default") as store:
        assert tend(method, store) == ""
    assert not (gallery / FILE).exists()


def test_sentences_are_embedded_by_the_gallerys_model_when_an_index_is_due(
    photos: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(gallery, photos)
    met = []

    def improve(store: Store, queries: object, **options: object) -> indexing.Improved:
        met.append((len(store), queries.shape, options["when"]))  # type: ignore[attr-defined]
        return indexing.Improved(None, "index built")

    monkeypatch.setattr(indexing, "improve", improve)
    with Store.write(gallery, "colours-1", "default") as store:
        assert tend(Colours(), store, "always") == "index built"
    assert met == [(6, (200, 25), "always")]


def test_the_command_line_takes_three_words_for_the_index_and_refuses_others(
    photos: Path, gallery: Path
) -> None:
    from passerby.cli import app

    asked = ["index", str(photos), "--gallery", str(gallery), "--index", "sometimes"]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2
    assert not gallery.exists()


@pytest.fixture
def writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`passerby index` writes with a stand-in model."""

    @contextmanager
    def stand_in(gallery: Path, model: Path | None) -> Iterator[tuple[Colours, Store]]:
        del model
        with Store.write(gallery, "colours-1", "default") as store:
            yield Colours(), store

    monkeypatch.setattr(sys.modules["passerby.cli.index"], "_writing", stand_in)


@pytest.mark.usefixtures("writing")
@pytest.mark.parametrize(
    "error",
    [
        lambda gallery: BadGallery(f"{gallery}: no room left to write; free some space"),
        lambda _: RuntimeError("no room left to write"),
    ],
)
def test_when_the_index_fails_it_is_told_what_was_stored_and_what_was_not(
    photos: Path,
    gallery: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Callable[[Path], Exception],
) -> None:
    from passerby.cli import app

    def full(*_: object, **__: object) -> indexing.Improved:
        raise error(gallery)

    monkeypatch.setattr(indexing, "improve", full)
    (photos / "torn.png").write_bytes(b"no photo")
    asked = ["index", str(photos), "--gallery", str(gallery), "--index", "always"]
    ran = CliRunner().invoke(app, asked)
    assert "7 files: 6 new, 1 not readable" in ran.stdout
    assert "torn.png" in ran.stderr
    assert str(ran.exception) == (
        f"{gallery}: all its photos are stored (6), but its index could not be built (no room left "
        "to write); every vector is compared until the same command, run again, builds it"
    )
    assert len(Store.open(gallery)) == 6


@pytest.mark.usefixtures("writing")
def test_a_folder_that_is_indexed_well_ends_that_a_gallery_counts_as_being_filled(
    photos: Path, gallery: Path
) -> None:
    from passerby.cli import app

    with Store.write(gallery, "colours-1", "default") as store:
        store.note(filling=Filling("/gone", 9))
    (photos / "torn.png").write_bytes(b"no photo")
    asked = ["index", str(photos), "--gallery", str(gallery)]
    assert CliRunner().invoke(app, asked).exit_code == 2
    assert Store.open(gallery).filling is not None  # some are missing
    ran = CliRunner().invoke(app, [*asked, "--skip-broken"])
    assert "no longer counts as being filled from /gone, which had 9 photos" in ran.stdout
    assert Store.open(gallery).filling is None
    assert "filled from" not in CliRunner().invoke(app, [*asked, "--skip-broken"]).stdout


def test_a_source_that_is_there_and_has_more_still_counts(tmp_path: Path, gallery: Path) -> None:
    filling = Filling(str(gallery), 9)
    assert filling.over(0)  # no gallery there yet
    with Store.write(gallery, "colours-1", "default"):
        pass
    assert not filling.over(8)
    assert filling.over(9)
