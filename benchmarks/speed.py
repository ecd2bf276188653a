"""Photos a second drawn (at 128x64), read, embedded, indexed; training: default_training.py.

python benchmarks/speed.py [--photos 6000] [--out results/speed.json]

Each is the fastest of five: other work on the machine can only slow it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from report import finish, machine

import passerby
from passerby.data.batches import photo_batches
from passerby.data.sources import read_data
from passerby.drawn.world import draw_world
from passerby.embedding import embed_images
from passerby.gallery.ingest import ingest
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store

TURNS = range(5)


def seconds(work: Callable[[int], object]) -> float:
    """Of the fastest turn of `work`, which is told its number."""

    def taken(turn: int) -> float:
        began = time.monotonic()
        work(turn)
        return time.monotonic() - began

    return min(map(taken, TURNS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=6000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    count = given.photos
    method = passerby.load()
    with tempfile.TemporaryDirectory() as place:
        people = {"val": 0, "test": count // 4, "vary": False}
        worlds = [Path(place) / f"people{turn}" for turn in TURNS]
        drawn = seconds(lambda turn: draw_world(worlds[turn], count // 4, 4, 7, **people))
        root = worlds[0]
        split = read_data(f"drawn:{root}", "test")
        batches = photo_batches(split.photos, method.photo_spec, batch=128)
        read = seconds(lambda _: list(batches))
        images = next(iter(batches))[1]
        embed_images(method, images)
        embedded = seconds(lambda _: [embed_images(method, images) for _ in range(8)])

        def index(turn: int) -> None:
            gallery = Path(place) / f"gallery{turn}"
            with Store.write(gallery, method.fingerprint, "default") as store:
                ingest(method, store, root / "imgs")

        indexed = seconds(index)
        searcher = Searcher(method, Store.open(Path(place) / "gallery0"))
        searcher.search("a woman in a red coat")
        queried = seconds(lambda _: [searcher.search(c.text) for c in split.captions[:50]])
    values = {
        "photos drawn per second": round(len(split.photos) / drawn, 1),
        "photos read per second, one core": round(len(split.photos) / read, 1),
        "photos embedded per second": round(8 * len(images) / embedded, 1),
        "photos indexed per second": round(len(split.photos) / indexed, 1),
        "milliseconds a query": round(1000 * queried / 50, 2),
    }
    finish("speed", values, given.out, machine=machine())


if __name__ == "__main__":
    main()
