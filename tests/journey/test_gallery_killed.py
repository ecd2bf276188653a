"""An index killed at any moment leaves a gallery of whole rows; the next run completes it."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "gallery"))
from colours import PartColours, paint, run, shade

from passerby.errors import BadGallery
from passerby.gallery.rows import arrays_of
from passerby.gallery.search import Searcher
from passerby.gallery.store import CARD, Store

PHOTOS, BATCH, KILLS = 120, 6, 20


def _index(gallery: Path, folder: Path, ready: Connection) -> None:
    ready.send("go")
    run(gallery, folder, PartColours(), batch=BATCH)
    ready.send("done")


def _whole_rows(gallery: Path, folder: Path) -> int:
    """Opens a gallery and checks every row; gives their number."""
    if not (gallery / CARD).exists():  # killed before the gallery began
        assert not (gallery / "photos.lance").exists()
        return 0
    store = Store.open(gallery)
    if len(store) == 0:
        return 0
    table = store.whole([row.id for row in store.rows()])
    records, arrays = table.to_pylist(), arrays_of(table)
    assert len(records) == len(store)
    assert len({record["path"] for record in records}) == len(records)
    assert len({record["id"] for record in records}) == len(records)
    assert np.allclose(np.linalg.norm(arrays["vector"], axis=1), 1, atol=1e-5)
    assert set(arrays) == {"vector", "parts", "values", "mask"}
    for record in records:
        assert record["path"].startswith(str(folder))
        assert record["thumbnail"][-2:] == b"\xff\xd9"
        assert len(record["hash"]) == 32
    assert len(Searcher(PartColours(), store).search("red", k=len(records))) == len(records)
    return len(records)


def _grown_older(gallery: Path, folder: Path) -> None:
    """An indexed folder whose photos have since been changed, moved, copied and swapped."""
    for number in range(PHOTOS // 2):
        paint(folder / f"{number:03}.png", shade(number))
    run(gallery, folder, PartColours(), batch=64)
    for number in range(0, 40, 4):
        paint(folder / f"{number:03}.png", shade(500 + number))
        (folder / f"{number + 1:03}.png").rename(folder / f"moved-{number:03}.png")
        shutil.copy(folder / f"{number + 2:03}.png", folder / f"copy-{number:03}.png")
    for number in range(PHOTOS // 2, PHOTOS):
        paint(folder / f"{number:03}.png", shade(number))


def test_a_killed_index_leaves_whole_rows_and_the_next_run_completes_it(tmp_path: Path) -> None:
    fresh, aged = tmp_path / "fresh", tmp_path / "aged"
    for number in range(PHOTOS):
        paint(fresh / f"{number:03}.png", shade(number))
    old_gallery = tmp_path / "old"
    _grown_older(old_gallery, aged)
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["torch", "lancedb"])
    took = time.monotonic()
    run(tmp_path / "unbroken", fresh, PartColours(), batch=BATCH)
    took = time.monotonic() - took
    draw, stored = random.Random(0), []
    for kill in range(KILLS):
        gallery, folder = tmp_path / f"gallery{kill}", fresh if kill % 2 else aged
        if folder == aged:
            shutil.copytree(old_gallery, gallery)
        here, there = forked.Pipe()
        child = forked.Process(target=_index, args=(gallery, folder, there))
        child.start()
        assert here.poll(60)
        here.recv()
        time.sleep(draw.uniform(0, took))
        child.kill()
        child.join()
        stored.append(_whole_rows(gallery, folder))
        summary = run(gallery, folder, PartColours())
        present = {str(path) for path in folder.iterdir()}
        rows = {row.path for row in Store.open(gallery).rows()}
        assert rows == present
        assert _whole_rows(gallery, folder) == len(present)
        assert summary.vanished == 0
        shutil.rmtree(gallery)
    assert len(set(stored)) > 5  # the kills fell in the middle of the work


def test_a_gallery_killed_while_it_is_made_is_no_gallery_yet(tmp_path: Path) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "lock").touch()
    (tmp_path / "gallery" / (CARD + ".new")).write_text('{"sch')
    with pytest.raises(BadGallery, match="no gallery here"):
        Store.open(tmp_path / "gallery")
    paint(tmp_path / "photos" / "a.png", "red")
    assert run(tmp_path / "gallery", tmp_path / "photos").added == 1
