"""Photos a second: drawn, read, embedded, indexed, on this machine.

python benchmarks/speed.py [--photos 3000] [--out results/speed.json]
"""

import argparse
import contextlib
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from report import finish, machine

import passerby
from passerby.config import read_recipe
from passerby.data.batches import photo_batches
from passerby.data.sources import read_data
from passerby.drawn.world import draw_world
from passerby.embedding import embed_images
from passerby.gallery.ingest import ingest
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store
from passerby.runs import train

ROOT = Path(__file__).parents[1]


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def training_rate(steps: int = 40) -> float:
    """Photos a second in the loop of recipes/default.toml, in and after its second epoch.

    The photos are decoded in the first one only.
    """

    class Enough(Exception):  # noqa: N818
        pass

    times = []

    def watch(event: dict) -> None:
        if "loss" in event:
            if event["epoch"] > 0:
                times.append(time.monotonic())
            if len(times) > steps:
                raise Enough

    with tempfile.TemporaryDirectory() as place:
        recipe = read_recipe(
            ROOT / "recipes" / "default.toml",
            ["draw.persons=700", "draw.val_persons=20", f"run.out={place}",
             f"data.train=drawn:{place}/people"],
        )  # fmt: skip
        with contextlib.suppress(Enough):
            train(recipe, watch=watch)
    # the median step: between two epochs lies a validation
    steps_taken = [after - before for before, after in itertools.pairwise(times)]
    return recipe.data.batch / statistics.median(steps_taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    count = given.photos
    method = passerby.load()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "people"
        drawn = seconds(lambda: draw_world(root, count // 4, 4, 7, val=0, test=count // 4))
        split = read_data(f"drawn:{root}", "test")
        batches = photo_batches(split.photos, method.photo_spec, batch=128)
        read = seconds(lambda: list(batches))
        images = next(iter(batches))[1]
        embed_images(method, images)
        embedded = seconds(lambda: [embed_images(method, images) for _ in range(8)])
        with Store.write(Path(place) / "gallery", method.fingerprint, "default") as store:
            indexed = seconds(lambda: ingest(method, store, root / "imgs"))
        searcher = Searcher(method, Store.open(Path(place) / "gallery"))
        searcher.search("a woman in a red coat")
        queried = seconds(lambda: [searcher.search(c.text) for c in split.captions[:50]])
    trained = training_rate()
    values = {
        "photos trained per second": round(trained, 1),
        "photos drawn per second": round(len(split.photos) / drawn, 1),
        "photos read per second, one core": round(len(split.photos) / read, 1),
        "photos embedded per second": round(8 * len(images) / embedded, 1),
        "photos indexed per second": round(len(split.photos) / indexed, 1),
        "milliseconds a query": round(1000 * queried / 50, 2),
    }
    finish("speed", values, given.out, machine=machine())


if __name__ == "__main__":
    main()
