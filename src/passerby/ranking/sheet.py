"""Scores of texts (rows) and photos (columns) that come by rows and are wanted by columns."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from types import TracebackType

import numpy as np
import torch
from torch import Tensor


class Sheet:
    """float32 scores (T, P) in a file that is gone when it is closed: 4 bytes a pair of disk, where
    tempfile puts files, and a block of memory. Leave it with `with`."""

    def __init__(self, photos: int) -> None:
        self.photos = photos
        self.texts: list[Tensor] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Sheet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, texts: Tensor, scores: Tensor) -> None:
        """Rows of the sheet: texts, int64 (Q,), which these are; scores: (Q, P)."""
        self._file.write(np.ascontiguousarray(scores.float().numpy()).data)
        self.texts.append(texts)

    def columns(self, block: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Which photos (B,) and their scores with all texts (B, T), texts in their order."""
        self._file.flush()
        back = torch.cat(self.texts).argsort()
        held = np.memmap(self._file, np.float32, "r", shape=(len(back), self.photos))
        for start in range(0, self.photos, block):
            part = torch.from_numpy(np.array(held[:, start : start + block]))
            yield torch.arange(start, start + part.shape[1]), part[back].T.contiguous()
