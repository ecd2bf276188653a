"""Jobs gathered to batches: embedded where the content is new, committed whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch

from passerby.embedding import embed_images
from passerby.gallery.plan import Job, Plan
from passerby.gallery.rows import Arrays, Row, arrays_of, rows_of, stored, to_table
from passerby.gallery.store import Store
from passerby.method import Method


@dataclass(frozen=True)
class _Source:
    """Where an embedding is taken from: position `at` of arrays; the row, when it is stored."""

    arrays: Arrays
    at: int
    row: Row | None = None


class BatchWriter:
    """Takes jobs; writes them whenever `batch` of them are there, and the rest at the end."""

    def __init__(self, method: Method, store: Store, plan: Plan, batch: int) -> None:
        self.method, self.store, self.plan, self.batch = method, store, plan, batch
        self._jobs: list[Job] = []
        self._wrote = False

    def take(self, job: Job) -> None:
        self._jobs.append(job)
        if len(self._jobs) >= self.batch:
            self._commit()

    def end(self) -> None:
        if self._jobs:
            self._commit()
        if self._wrote:
            self.store.compact()

    def _commit(self) -> None:
        jobs, self._jobs = self._jobs, []
        keys = [self._key(job) for job in jobs]
        # Every embedding is in memory before the first row is replaced: rows may swap contents.
        sources = self._embed(jobs, keys) | self._fetch(keys)
        for new, write in ((True, self.store.add), (False, self.store.replace)):
            chosen = [(j, sources[k]) for j, k in zip(jobs, keys, strict=True) if j.new == new]
            if chosen:
                write(_table(chosen))
        self._wrote = True
        self.plan.committed(jobs)

    def _key(self, job: Job) -> int | str:
        """The id of the row that has the job's embedding, else the hash of what to embed."""
        if job.keeps:
            return job.row.id
        held = self.plan.by_hash.get(job.row.hash)
        return job.row.hash if held is None else held.id

    def _embed(self, jobs: Sequence[Job], keys: Sequence[int | str]) -> dict[int | str, _Source]:
        """Embeddings of new contents, each content once."""
        images = {
            key: job.image
            for job, key in zip(jobs, keys, strict=True)
            if isinstance(key, str) and job.image is not None
        }
        if not images:
            return {}
        arrays = stored(embed_images(self.method, torch.stack(list(images.values()))))
        self.plan.summary.embedded += len(images)
        return {key: _Source(arrays, at) for at, key in enumerate(images)}

    def _fetch(self, keys: Sequence[int | str]) -> dict[int | str, _Source]:
        """Embeddings that are stored, by row id."""
        ids = sorted({key for key in keys if isinstance(key, int)})
        if not ids:
            return {}
        table = self.store.whole(ids)
        arrays = arrays_of(table)
        return {row.id: _Source(arrays, at, row) for at, row in enumerate(rows_of(table))}


def _table(chosen: Sequence[tuple[Job, _Source]]) -> pa.Table:
    rows = [_with_picture(job.row, source.row) for job, source in chosen]
    arrays = {
        name: np.stack([source.arrays[name][source.at] for _, source in chosen])
        for name in chosen[0][1].arrays
    }
    return to_table(rows, arrays)


def _with_picture(row: Row, held: Row | None) -> Row:
    """The row with size and thumbnail of the stored one, when its file was not decoded."""
    if row.thumbnail or held is None:
        return row
    return replace(row, width=held.width, height=held.height, thumbnail=held.thumbnail)
