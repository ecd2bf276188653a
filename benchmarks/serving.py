"""What trained methods cost where people are searched: weights, bytes, photos a second, a query."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from budget import one_thread
from speed import TURNS
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import passerby
from passerby.data.batches import photo_batches
from passerby.embedding import embed_images, embed_texts
from passerby.gallery.ingest import ingest
from passerby.gallery.rows import stored
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store
from passerby.method import Method
from passerby.types import Split

QUERIES = 50


def served(models: Mapping[str, Path], split: Split) -> dict[str, dict[str, float]]:
    """By method, in turns on one core, the fastest counting: photos of the split indexed a second
    (files read and decoded, rows written), milliseconds a query of the gallery that they make.
    """
    one_core()
    methods = {name: passerby.load(folder) for name, folder in models.items()}
    with TemporaryDirectory() as spare:
        place = Path(spare)
        photos = place / "photos"
        photos.mkdir()
        for number, photo in enumerate(split.photos):
            shutil.copyfile(photo.path, photos / f"{number:05}{photo.path.suffix}")

        def index(name: str, turn: int) -> None:
            method, gallery = methods[name], place / f"{name}{turn}"
            with Store.write(gallery, method.fingerprint, str(models[name])) as store:
                ingest(method, store, photos)

        indexed = fastest({name: lambda turn, name=name: index(name, turn) for name in methods})
        searchers = {
            name: Searcher(m, Store.open(place / f"{name}0")) for name, m in methods.items()
        }
        sentences = [caption.text for caption in split.captions[:QUERIES]]

        def ask(searcher: Searcher) -> None:
            for sentence in sentences:
                searcher.search(sentence)

        for searcher in searchers.values():
            searcher.search(sentences[0])
        asked = fastest({name: lambda _, own=own: ask(own) for name, own in searchers.items()})
    return {
        name: {
            **footprint(method, split),
            "photos a second": round(len(split.photos) / indexed[name], 1),
            "milliseconds a query": round(1000 * asked[name] / len(sentences), 2),
        }
        for name, method in methods.items()
    }


def one_core() -> None:
    """For every thread of this process, where the system lets them be held; torch's is one."""
    one_thread()
    if hasattr(os, "sched_setaffinity"):
        core = {max(os.sched_getaffinity(0))}
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), core)


def fastest(works: Mapping[str, Callable[[int], object]]) -> dict[str, float]:
    """Seconds of the fastest turn of each work, which is told its turn; all have theirs in turn."""
    seconds = dict.fromkeys(works, float("inf"))
    for turn in TURNS:
        for name, work in works.items():
            began = time.monotonic()
            work(turn)
            seconds[name] = min(seconds[name], time.monotonic() - began)
    return seconds


def footprint(method: Method, split: Split) -> dict[str, float]:
    """Numbers in the weights that searching reads and in those that training changes (`persons`
    classifiers among them), and bytes of embeddings that a gallery keeps of a photo."""
    images = next(iter(photo_batches(split.photos, method.photo_spec, batch=8)))[1]
    with Read() as read:
        photos = embed_images(method, images)
        embed_texts(method, [caption.text for caption in split.captions[:8]])
    weights = list(method.parameters())
    kept = sum(array.nbytes for array in stored(photos).values())
    return {
        "weights to search": sum(w.numel() for w in weights if place_of(w) in read.places),
        "weights trained": sum(w.numel() for w in weights if w.requires_grad),
        "bytes a photo": kept // len(images),
    }


class Read(TorchDispatchMode):
    """Notes the storage of every tensor that an operation takes while inside."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[int] = set()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        self.places.update(map(place_of, given))
        return operation(*args, **(kwargs or {}))


def place_of(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
