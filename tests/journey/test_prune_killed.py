"""A prune killed at any moment leaves whole rows; the next one leaves no byte of what goes."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "gallery"))
import numpy as np
from colours import PartColours, paint, run, shade

from passerby.gallery.prune import doomed, prune
from passerby.gallery.rows import arrays_of
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store

PHOTOS, KILLS = 240, 6
GONE = range(0, PHOTOS, 60)  # few of one file: others have to move out of it
# Of a prune: the rows are dropped, older versions swept, rows moved out of the file, swept again.
STEPS = ("drop", "_forget", "_merge", "_forget")


def _prune(gallery: Path) -> int:
    with Store.write(gallery, PartColours().fingerprint, "default") as store:
        going = doomed(store).rows
        prune(store, going)
    return len(going)


def _child(gallery: Path, ready: Connection, steps: int | None) -> None:
    """Prunes; with `steps`, until so many of STEPS are done."""
    done: list[str] = []
    if steps is not None:
        for name in set(STEPS):
            setattr(Store, name, _dying(name, getattr(Store, name), done, steps))
    ready.send("go")
    _prune(gallery)


def _dying(
    name: str, step: Callable[..., None], done: list[str], steps: int
) -> Callable[..., None]:
    def last(*given: object) -> None:
        step(*given)
        done.append(name)
        if len(done) == steps:
            assert tuple(done) == STEPS[:steps]
            os.kill(os.getpid(), signal.SIGKILL)

    return last


def _marks(gallery: Path) -> list[bytes]:
    """Bytes that only the photos in GONE have: their hashes and the ends of their thumbnails."""
    store = Store.open(gallery)
    table = store.whole([row.id for row in store.rows() if _number(row.path) in GONE])
    pictures = [picture[-200:] for picture in table["thumbnail"].to_pylist()]
    return [*pictures, *(content.encode() for content in table["hash"].to_pylist())]


def _number(path: str) -> int:
    return int(Path(path).stem)


def _found(gallery: Path, marks: list[bytes]) -> set[bytes]:
    files = [file.read_bytes() for file in gallery.rglob("*") if file.is_file()]
    return {mark for mark in marks if any(mark in content for content in files)}


def _check_rows(gallery: Path) -> int:
    """Every row is whole, and those that stay are all there; gives how many there are."""
    store = Store.open(gallery)
    table = store.whole([row.id for row in store.rows()])
    numbers = [_number(path) for path in table["path"].to_pylist()]
    assert len(numbers) == len(set(numbers)) == len(store)
    assert set(numbers) >= set(range(PHOTOS)) - set(GONE)
    assert np.allclose(np.linalg.norm(arrays_of(table)["vector"], axis=1), 1, atol=1e-5)
    assert all(picture[-2:] == b"\xff\xd9" for picture in table["thumbnail"].to_pylist())
    assert len(Searcher(PartColours(), store).search("red", k=PHOTOS)) == len(numbers)
    return len(numbers)


def test_a_killed_prune_leaves_whole_rows_and_the_next_one_the_rest(tmp_path: Path) -> None:
    folder, whole = tmp_path / "photos", tmp_path / "whole"
    for number in range(PHOTOS):
        paint(folder / f"{number}.png", shade(number))
    run(whole, folder, PartColours())
    with Store.write(whole, PartColours().fingerprint, "default") as store:
        store.compact()
    marks = _marks(whole)
    for number in GONE:
        (folder / f"{number}.png").unlink()
    shutil.copytree(whole, tmp_path / "timed")
    took = time.monotonic()
    assert _prune(tmp_path / "timed") == len(GONE)
    took = time.monotonic() - took
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["torch", "lancedb"])
    draw, left = random.Random(0), []
    for steps in [*range(1, len(STEPS) + 1), *[None] * KILLS]:
        gallery = tmp_path / "gallery"
        shutil.copytree(whole, gallery)
        assert _found(gallery, marks) == set(marks)
        here, there = forked.Pipe()
        child = forked.Process(target=_child, args=(gallery, there, steps))
        child.start()
        assert here.poll(60)
        here.recv()
        if steps is None:
            time.sleep(draw.uniform(0, took))
            child.kill()
        child.join()
        rows, found = _check_rows(gallery), _found(gallery, marks)
        if steps is not None:
            assert child.exitcode == -signal.SIGKILL
            assert rows == PHOTOS - len(GONE)
            left.append(len(found))
        _prune(gallery)
        assert _check_rows(gallery) == PHOTOS - len(GONE)
        assert _found(gallery, marks) == set()
        shutil.rmtree(gallery)
    assert left == [len(marks)] * (len(STEPS) - 1) + [0]  # of all, until the file is written anew
