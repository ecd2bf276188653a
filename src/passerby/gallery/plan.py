"""What each file of a folder means for a gallery: new, changed, moved, told anew, or as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from torch import Tensor

from passerby.errors import BadData
from passerby.gallery.names import to_path, to_text
from passerby.gallery.reading import Seen
from passerby.gallery.rows import Row

Describe = Callable[[Path], dict[str, Any]]  # path -> those of camera, time, person to set


@dataclass
class Summary:
    """What became of a folder's files, in numbers of files.

    added: new paths (copied: how many of these took a stored photo's embedding). changed: new
    content. moved: found again elsewhere. updated: camera, time or person. vanished: rows whose
    file is gone; they stay. broken: (path, one line why) of each file that could not be stored.
    embedded: photos that went through the model, in `seconds`.
    """

    found: int = 0
    added: int = 0
    copied: int = 0
    changed: int = 0
    moved: int = 0
    updated: int = 0
    unchanged: int = 0
    vanished: int = 0
    embedded: int = 0
    seconds: float = 0.0
    broken: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def photos_per_second(self) -> float:
        return self.embedded / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Job:
    """A row to write. new: not in the gallery yet; keeps: its embedding stays as it is.

    image: (3, H, W), None when the content's embedding is stored already. replaced: the hash that
    the row has on disk until now.
    """

    row: Row
    image: Tensor | None
    new: bool = False
    keeps: bool = False
    replaced: str = ""


class Plan:
    """A gallery's rows by path and by content, kept up to date while files are gone through.

    describe: gives the facts to set, from a path and the hash of the content that lies there.
    by_hash: a row that has this content's embedding on disk.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        paths: Sequence[Path],
        describe: Callable[[Path, str], dict[str, Any]],
    ) -> None:
        rows = list(rows)
        self.summary = Summary(found=len(paths))
        self.by_path = {row.path: row for row in rows}
        self.by_hash = {row.hash: row for row in reversed(rows)}
        self._facts = {row.hash: (row.camera, row.time, row.person) for row in reversed(rows)}
        self._describe = describe
        self._ids = count(max((row.id for row in rows), default=-1) + 1)
        self._gone: dict[str, list[Row]] = {}
        here = {to_text(path) for path in paths}
        for row in rows:
            if row.path not in here and not os.path.lexists(to_path(row.path)):
                self._gone.setdefault(row.hash, []).append(row)

    def lacks_pixels(self, seen: Seen) -> bool:
        """Whether a file was not decoded although its embedding has been overwritten meanwhile."""
        if seen.broken is not None or seen.image is not None or seen.hash is None:
            return False
        row = self.by_path.get(seen.text)
        if row is None:
            return seen.hash not in self.by_hash and seen.hash not in self._gone
        return seen.hash not in self.by_hash and seen.hash != row.hash

    def content(self, seen: Seen) -> str:
        """The hash of a file that can be read: its own, or the row's when it is as it was."""
        return seen.hash if seen.hash is not None else self.by_path[seen.text].hash

    def job(self, seen: Seen) -> Job | None:
        """The row to write for a file; None when there is nothing to write."""
        if seen.broken is not None:
            self.summary.broken.append((seen.path, seen.broken))
            return None
        try:
            facts = self._describe(seen.path, self.content(seen))
        except BadData as error:  # a pattern that takes a part of this path for a time
            self.summary.broken.append((seen.path, str(error)))
            return None
        row = self.by_path.get(seen.text)
        if row is not None and seen.hash in (None, row.hash):
            return self._same(row, seen, facts)
        if row is None and self._gone.get(seen.hash or ""):
            return self._moved(seen, facts)
        if row is None:
            self.summary.added += 1
            self.summary.copied += seen.hash in self.by_hash
            begun = Row(next(self._ids), seen.text, "", 0, 0)
        else:
            self.summary.changed += 1
            # what was told of the photo that lay here goes with that photo
            camera, time, person = self._facts.get(seen.hash or "", (None, None, None))
            begun = replace(row, camera=camera, time=time, person=person)
        told = _filled(begun, seen, facts)
        return self._write(Job(told, seen.image, new=row is None, replaced=begun.hash))

    def committed(self, jobs: Sequence[Job]) -> None:
        """Takes note that jobs are on disk, and that the embeddings which they replaced are not."""
        for job in jobs:
            old = self.by_hash.get(job.replaced)
            if old is not None and old.id == job.row.id:
                del self.by_hash[old.hash]
        for job in jobs:
            self.by_hash.setdefault(job.row.hash, job.row)

    def vanished(self, folder: Path) -> int:
        """How many rows under the folder have no file any more."""
        below = to_text(folder).rstrip("/") + "/"
        return sum(row.path.startswith(below) for rows in self._gone.values() for row in rows)

    def _same(self, row: Row, seen: Seen, facts: dict[str, Any]) -> Job | None:
        told = replace(row, **facts, size=seen.size, modified=seen.modified)
        facts_differ = any(getattr(row, name) != value for name, value in facts.items())
        self.summary.updated += facts_differ
        self.summary.unchanged += not facts_differ
        return None if told == row else self._write(Job(told, None, keeps=True))

    def _moved(self, seen: Seen, facts: dict[str, Any]) -> Job:
        gone = self._gone[seen.hash or ""]
        row = gone.pop(0)
        if not gone:
            del self._gone[row.hash]
        del self.by_path[row.path]
        self.summary.moved += 1
        return self._write(Job(_filled(row, seen, facts), None, keeps=True))

    def _write(self, job: Job) -> Job:
        self.by_path[job.row.path] = job.row
        return job


def _filled(row: Row, seen: Seen, facts: dict[str, Any]) -> Row:
    """The row with what was seen of its file, and with the facts that are told."""
    return replace(
        row,
        path=seen.text,
        hash=seen.hash or row.hash,
        size=seen.size,
        modified=seen.modified,
        width=seen.width,
        height=seen.height,
        thumbnail=seen.thumbnail,
        **facts,
    )
