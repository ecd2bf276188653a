"""Files and folders that may not be read, by a child that is not root."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from colours import Colours, paint, run, stored_paths

from passerby.gallery.search import Searcher
from passerby.gallery.store import Store

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may write to; pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="passerby-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _index_as_nobody(place: Path, out: Connection) -> None:
    run(place / "warm", place / "warm-photos")  # all that is imported late is imported as root
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        out.send([reason for _, reason in run(place / "gallery", place / "photos").broken])
        out.send(len(Searcher(Colours(), Store.open(place / "warm")).search("red")))
        run(place / "closed" / "gallery", place / "photos")
    except Exception as error:
        out.send(f"{type(error).__name__}: {error}")


def test_what_may_not_be_read_is_listed_and_the_rest_is_stored(place: Path) -> None:
    paint(place / "warm-photos" / "a.png", "red")
    paint(place / "photos" / "open.png", "red")
    paint(place / "photos" / "shut.png", "blue").chmod(0)
    paint(place / "photos" / "below" / "c.png", "blue")
    (place / "photos" / "below").chmod(0)
    (place / "closed").mkdir(mode=0o700)
    (place / "closed").chmod(0o500)
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["torch", "lancedb"])
    here, there = forked.Pipe()
    child = forked.Process(target=_index_as_nobody, args=(place, there))
    child.start()
    assert here.poll(60)
    reasons = sorted(here.recv())
    assert here.poll(60)
    assert here.recv() == 1  # a gallery that may only be read
    assert here.poll(60)
    refused = here.recv()
    child.join(60)
    (place / "photos" / "below").chmod(0o700)
    assert [reason.split(":")[0] for reason in reasons] == [
        str(place / "photos" / "below"), str(place / "photos" / "shut.png"),
    ]  # fmt: skip
    assert all("permission" in reason and "\n" not in reason for reason in reasons)
    assert stored_paths(place / "gallery") == ["open.png"]
    assert refused.startswith("BadGallery:")
    assert "no permission there" in refused
