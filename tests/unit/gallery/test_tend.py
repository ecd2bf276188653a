"""What `passerby index` does about the index of a gallery, and says."""

from __future__ import annotations

from pathlib import Path

import pytest
from colours import Colours, run
from typer.testing import CliRunner

from passerby.cli.vector_index import tend
from passerby.gallery import indexing
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
