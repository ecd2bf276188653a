"""The photos of an answer copied out, with a list of what was copied."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from passerby.errors import BadQuery, shown
from passerby.gallery.answer import Answer, Hit

LIST = "results"  # .json and .csv, beside the copies
_FACTS = ("copy", "rank", "score", "probability", "camera", "time", "person", "path",
          "path_bytes", "problem")  # fmt: skip
_LONGEST = 255  # bytes of a file's name
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Copy:
    """A photo that was found. name: of its copy in the folder; None when there is none. problem:
    why not, or what is to be known of it; "" for a copy of what was indexed.
    """

    hit: Hit
    name: str | None
    problem: str = ""

    def record(self) -> dict[str, Any]:
        copy = None if self.name is None else shown(self.name)
        return {"copy": copy, "problem": self.problem or None, **self.hit.record()}


def copy_out(answer: Answer, folder: Path) -> list[Copy]:
    """Copies the originals into a folder, made when it is not there, as 01_0.731_NAME in the order
    of the answer; beside them results.json and results.csv. No file of another is overwritten: a
    name that is taken gets -2.

    A file that is gone, or cannot be read, is told of and not copied; thumbnails stand for nothing.
    One that changed since it was indexed is copied, and told of. Raises BadQuery when the folder
    cannot be written or is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digits = max(2, len(str(len(answer.hits))))
        copies = [
            _copy(hit, f"{place:0{digits}}_{hit.score:.3f}_", folder)
            for place, hit in enumerate(answer.hits, start=1)
        ]
        records = [copy.record() for copy in copies]
        told = json.dumps(answer.record() | {"results": records}, indent=1) + "\n"
        _new(folder, f"{LIST}.json", told.encode("ascii"))
        _new(folder, f"{LIST}.csv", _table(records).encode("utf-8"))
    except OSError as error:
        raise BadQuery(
            f"{shown(folder)}: cannot be written ({error.strerror}); choose another folder or free "
            "some space"
        ) from None
    return copies


def _copy(hit: Hit, prefix: str, folder: Path) -> Copy:
    digest = hashlib.blake2b(digest_size=16)  # as `reading.content_hash`
    try:
        source = hit.path.open("rb")
    except OSError as error:
        return _not_copied(hit, error)
    with source:
        target = _free(folder, prefix + hit.path.name)
        try:
            unread = _poured(source, target, digest.update)
        except OSError:
            _remove(target)
            raise
        if unread is not None:
            _remove(target)
            return _not_copied(hit, unread)
    with suppress(OSError):  # not every file system takes times and permissions
        shutil.copystat(hit.path, target)
    changed = hit.hash not in ("", digest.hexdigest())
    return Copy(
        hit,
        target.name,
        f"{shown(hit.path)}: changed since it was indexed: the copy is as it is now"
        if changed
        else "",
    )


def _poured(source: IO[bytes], target: Path, hear: Callable[[bytes], None]) -> OSError | None:
    """Copies into a new file; gives why the source could not be read. Raises OSError where the
    target cannot be written.
    """
    with target.open("xb") as out:
        while True:
            try:
                block = source.read(_BLOCK)
            except OSError as error:
                return error
            if not block:
                return None
            hear(block)
            out.write(block)


def _remove(target: Path) -> None:
    with suppress(OSError):
        target.unlink()


def _not_copied(hit: Hit, error: OSError) -> Copy:
    what = "is gone" if isinstance(error, FileNotFoundError) else str(error.strerror)
    return Copy(hit, None, f"{shown(hit.path)}: not copied: {what}")


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that no file has; a name that is too long loses its middle."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a name, no path
    for turn in range(1, 1_000_000):
        end = os.fsencode((f"-{turn}" if turn > 1 else "") + suffix)[-_LONGEST // 2 :]
        path = folder / os.fsdecode(os.fsencode(stem)[: _LONGEST - len(end)] + end)
        if not os.path.lexists(path):
            return path
    raise OSError(17, "a million copies of this name are there")


def _new(folder: Path, name: str, content: bytes) -> None:
    with _free(folder, name).open("xb") as file:
        file.write(content)


def _table(records: list[dict[str, Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_FACTS)
    for record in records:
        writer.writerow(["" if record.get(n) is None else record[n] for n in _FACTS])
    return out.getvalue()
