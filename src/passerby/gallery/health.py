"""Whether a gallery can be trusted: model, embeddings, rows, files."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from PIL import Image

from passerby.errors import shown
from passerby.gallery.canary import Canaries, embed_again
from passerby.gallery.files import gone
from passerby.gallery.findings import Checkup, Finding, photos
from passerby.gallery.names import to_path
from passerby.gallery.store import Store
from passerby.gallery.vectors import Vectors
from passerby.method import Method

Progress = Callable[[int, int], None]  # photos looked at, photos in all
_BLOCK = 1024
_FACTS = ("id", "path", "hash", "size", "modified", "thumbnail")


def check(
    store: Store,
    method: Method | None,
    *,
    fingerprint: str | None,
    given: str | None = None,
    canaries: int = 32,
    progress: Progress | None = None,
) -> Checkup:
    """Looks at every row once, in blocks; at 1 million photos it keeps about 100 MB.

    method: the gallery's model; None where it cannot be loaded, or is another one by now: then no
    photo is embedded again. fingerprint: of the model's folder as it is; None where it is gone.
    given: that folder, where it is not the one that the gallery names.
    """
    found = _model(store, fingerprint, given)
    vectors, rows, total, done = Vectors(store), _Rows(), len(store), 0
    hear = progress or (lambda _, __: None)
    hear(0, total)
    for block in store.blocks([*_FACTS, *store.embedded], _BLOCK):
        vectors.take(block)
        rows.take(block)
        done += len(block)
        hear(done, total)
    if done:
        found += [*vectors.findings(), *rows.findings()]
    again = Canaries(0, None, ())
    if method is not None and method.fingerprint == store.fingerprint and canaries:
        again = embed_again(method, store, rows.spread(canaries))
    return Checkup(done, again.number, again.least, (*found, *again.findings))


def _model(store: Store, fingerprint: str | None, given: str | None) -> list[Finding]:
    own = f"{shown(store.model_folder)} ({store.fingerprint[:12]})"
    if fingerprint == store.fingerprint:
        return []
    again = "index the photos again with another model (passerby index --from)"
    if fingerprint is not None:
        holds = f"holds another model ({fingerprint[:12]}) than made the gallery, {own}"
        line = f"the model folder {holds}; put that one back, name it with --model, or {again}"
        if given is not None:
            line = f"{shown(given)} {holds}; name that one with --model"
    elif given is not None:
        line = f"{shown(given)}: no model there; name the folder of {own} with --model, or {again}"
    else:
        line = f"its model {own} is not there any more; say where it is with --model, or {again}"
    return [Finding("model", len(store), line)]


@dataclass
class _Kind:
    """Photos of one kind: how many, and the first of them."""

    number: int = 0
    first: str = ""

    def add(self, path: str) -> None:
        self.first = self.first or shown(to_path(path))
        self.number += 1


@dataclass
class _Rows:
    """Rows and their files, block by block."""

    paths: list[np.ndarray] = field(default_factory=list)
    ids: list[np.ndarray] = field(default_factory=list)
    whole: list[np.ndarray] = field(default_factory=list)  # ids of photos whose file is as it was
    gone: _Kind = field(default_factory=_Kind)
    changed: _Kind = field(default_factory=_Kind)
    hidden: _Kind = field(default_factory=_Kind)
    blind: _Kind = field(default_factory=_Kind)

    def take(self, block: pa.Table) -> None:
        records = block.select(_FACTS).to_pylist()
        self.paths.append(np.array([hash(record["path"]) for record in records], np.int64))
        # Copied: one Arrow column that is kept would keep all columns of its block in memory.
        self.ids.append(block["id"].to_numpy().copy())
        whole = []
        for record in records:
            if not _decodes(record["thumbnail"]):
                self.blind.add(record["path"])
            state = _state(record["path"], record["size"], record["modified"])
            if state == "gone":
                self.gone.add(record["path"])
            elif state == "changed":
                self.changed.add(record["path"])
            elif state == "hidden":
                self.hidden.add(record["path"])
            else:
                whole.append(record["id"])
        self.whole.append(np.array(whole, np.int64))

    def spread(self, n: int) -> list[int]:
        """Ids of n photos whose files are as they were, evenly over the gallery."""
        whole = np.concatenate([np.empty(0, np.int64), *self.whole])
        if not len(whole):
            return []
        at = np.linspace(0, len(whole) - 1, min(n, len(whole))).astype(int)
        return [int(number) for number in whole[at]]

    def findings(self) -> list[Finding]:
        found = []
        for what, columns in (("path", self.paths), ("id", self.ids)):
            number = sum(map(len, columns)) - len(np.unique(np.concatenate(columns)))
            if number:
                line = f"{number} rows repeat the {what} of another; index the photos again into "
                found.append(Finding(f"repeated {what}", number, line + "another gallery"))
        told = (
            ("thumbnail", self.blind, "the thumbnail does not decode",
             "index the photos again into another gallery (passerby index --from)", True),
            ("missing", self.gone, "the file is gone",
             "passerby gallery prune takes them out", False),
            ("changed", self.changed, "the file has another size or time than when it was indexed",
             "passerby index brings them up to date", False),
            ("hidden", self.hidden, "the file is where you may not look",
             "run this as a user who may, or give permission", False),
        )  # fmt: skip
        for kind, met, what, remedy, wrong in told:
            if met.number:
                line = f"{photos(met.number)}: {what} (e.g. {met.first}); {remedy}"
                found.append(Finding(kind, met.number, line, wrong))
        return found


def _state(text: str, size: int, modified: int) -> str:
    path = to_path(text)
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return "gone" if gone(path) else "hidden"
    return "whole" if (status.st_size, status.st_mtime_ns) == (size, modified) else "changed"


def _decodes(thumbnail: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(thumbnail)) as image:
            image.load()
    except Exception:  # Pillow raises many kinds for damaged bytes
        return False
    return True
