"""Vectors of a frozen text encoder, kept on disk: what it makes of a row of ids is made once."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as as_bytes
from torch import Tensor

from passerby.encoders.texts import TextEncoder
from passerby.errors import BadModel, shown

KEY = 16  # bytes of a row's name
_HALF = ".part"  # ends the name of a file that is being written
_FORGOTTEN = 3600  # seconds after which no living process still writes such a file
_ORIGIN = ("_name_or_path", "architectures", "dtype")  # settings that say where weights were found


def fingerprint(encoder: TextEncoder, **said: object) -> str:
    """sha256 (hex) over what decides an encoder's vectors: class, settings, weights and `said`.

    said: what else decides them and json can tell: the pooling, the precision they are made in. The
    same weights from another folder have the same fingerprint, and so in training mode: an encoder
    that drops out makes no vectors worth keeping.
    """
    options = {n: value for n, value in encoder.spec.options.items() if n not in _ORIGIN}
    kind = f"{type(encoder).__module__}.{type(encoder).__qualname__}"
    # There and back: json turns keys that are numbers into text, which is ordered otherwise.
    told = json.loads(json.dumps([kind, encoder.spec.kind, options, said]))
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name, weight in sorted(encoder.state_dict().items()):
        digest.update(json.dumps([name, str(weight.dtype), list(weight.shape)]).encode())
        digest.update(weight.cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


class Vectors:
    """Vectors of rows of token ids, kept on disk by content and by what made them.

    A row is known by its real ids alone, whatever its padding; one without any has zeros, always.
    Files lie in FOLDER/<fingerprint>/, are written whole, named by what they hold and never
    changed, so a kill loses what was not saved and nothing else, and several processes may fill one
    folder; each sees what was there when it opened it. Raises BadModel for a file that is damaged
    or another model's, and for a folder that cannot be made.
    """

    def __init__(self, folder: Path, fingerprint: str, width: int) -> None:
        self.folder, self.fingerprint, self.width = folder / fingerprint[:16], fingerprint, width
        # Row 0 is that of no ids. An array, for a tensor made under inference_mode stays special.
        self._rows: dict[bytes, int] = {b"": 0}
        self._table = np.zeros((1, width), np.float32)
        self._fresh: list[bytes] = []  # the last rows of the table, not yet on disk
        with _refusing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            files = sorted(self.folder.glob("*.safetensors"))
        for file in files:
            self._append(*self._load(file))
        _sweep(self.folder)

    def __len__(self) -> int:
        return len(self._rows) - 1

    def find(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors, float32 (N, D), zeros where unknown, and which are known, bool (N,).

        ids, mask: int64 (N, L); mask is 1 on real tokens. Both results are on the device of ids.
        """
        keys = _keys(ids, mask)
        rows = np.fromiter((self._rows.get(key, -1) for key in keys), np.int64, len(keys))
        found = torch.from_numpy(self._table[np.maximum(rows, 0)])
        return found.to(ids.device), torch.from_numpy(rows >= 0).to(ids.device)

    def add(self, ids: Tensor, mask: Tensor, vectors: Tensor) -> None:
        """Keeps the rows not known yet; in memory, until `save`.

        vectors: (N, D), of any precision and device. Raises BadModel when one is not finite.
        """
        if vectors.shape != (len(ids), self.width):
            raise ValueError(f"{len(ids)} rows of {self.width}, not {tuple(vectors.shape)}")
        places: dict[bytes, int] = {}
        for place, key in enumerate(_keys(ids, mask)):
            if key not in self._rows:
                places.setdefault(key, place)
        if not places:
            return
        taken = vectors.detach()[list(places.values())].float().cpu().numpy()
        if not np.isfinite(taken).all():
            raise BadModel(
                "the text encoder gives vectors that are not finite; check the weights it was "
                "taken from, or read in full precision"
            )
        self._append(list(places), taken)
        self._fresh += places

    def save(self) -> None:
        """Writes what was added since the last time as one more file, whole or not at all.

        Raises BadModel when it cannot be written; the vectors are kept and can be saved later.
        """
        if not self._fresh:
            return
        keys = np.frombuffer(b"".join(self._fresh), np.uint8).reshape(-1, KEY)
        vectors = self._table[len(self._rows) - len(keys) : len(self._rows)]
        told = {"fingerprint": self.fingerprint, "check": _check(keys, vectors)}
        name = hashlib.blake2b(keys.tobytes(), digest_size=16).hexdigest()
        half = self.folder / f"{name}.{uuid4().hex}{_HALF}"
        with _refusing(self.folder):
            try:
                with half.open("wb") as file:
                    # Not save_file: it leaves temporary files of its own when it is killed.
                    file.write(as_bytes({"keys": keys, "vectors": vectors}, told))
                    file.flush()
                    os.fsync(file.fileno())
                half.replace(self.folder / f"{name}.safetensors")
            finally:  # a full disk, Ctrl-C: nothing is left lying about
                half.unlink(missing_ok=True)
        self._fresh = []

    def _append(self, keys: list[bytes], vectors: np.ndarray) -> None:
        start, stop = len(self._rows), len(self._rows) + len(keys)
        if stop > len(self._table):
            table = np.empty((max(stop, 2 * len(self._table)), self.width), np.float32)
            table[:start] = self._table[:start]
            self._table = table
        self._table[start:stop] = vectors
        self._rows.update(zip(keys, range(start, stop), strict=True))

    def _load(self, file: Path) -> tuple[list[bytes], np.ndarray]:
        """Keys and vectors of a file, without those that are known. Raises BadModel."""
        try:
            with safe_open(file, framework="pt") as opened:
                told = opened.metadata() or {}
                keys, vectors = (opened.get_tensor(n).numpy() for n in ("keys", "vectors"))
        except (SafetensorError, OSError, TypeError) as error:  # TypeError: bfloat16, not ours
            raise _unusable(file, f"is no whole file of text vectors ({_line(error)})") from None
        if told.get("fingerprint") != self.fingerprint:
            raise _unusable(file, "holds text vectors of another model")
        if keys.dtype != np.uint8 or keys.ndim != 2 or keys.shape[1] != KEY:
            raise _unusable(file, "has no keys of text vectors")
        if vectors.dtype != np.float32 or vectors.shape != (len(keys), self.width):
            shape = "x".join(str(side) for side in vectors.shape)
            raise _unusable(
                file, f"holds {shape} numbers ({vectors.dtype}), not {len(keys)}x{self.width}"
            )
        if told.get("check") != _check(keys, vectors):
            raise _unusable(file, "is damaged: its checksum is another")
        if not np.isfinite(vectors).all():
            raise _unusable(file, "holds numbers that are not finite")
        names = _split(keys.tobytes(), KEY)
        places = {name: n for n, name in enumerate(names) if name not in self._rows}
        if len(places) == len(names):
            return names, vectors
        return list(places), vectors[list(places.values())]


def _keys(ids: Tensor, mask: Tensor) -> list[bytes]:
    """A name a row, of its ids up to the last real one; b"" for a row without.

    A masked place before that counts as -1: what follows it stands at another position.
    """
    rows = ids.masked_fill(mask == 0, -1).to(torch.int32).cpu().numpy()
    width = rows.shape[1] * rows.itemsize
    lengths = ((rows >= 0) * np.arange(1, rows.shape[1] + 1)).max(1, initial=0) * rows.itemsize
    data = memoryview(rows.tobytes())
    return [
        hashlib.blake2b(data[n * width : n * width + used], digest_size=KEY).digest()
        if used
        else b""
        for n, used in enumerate(lengths.tolist())
    ]


def _split(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _check(keys: np.ndarray, vectors: np.ndarray) -> str:
    """A checksum: safetensors notices a file cut short, not one whose end was never written."""
    flat = np.ascontiguousarray(vectors).reshape(-1)
    return f"{zlib.crc32(flat.view(np.uint8).data, zlib.crc32(keys.tobytes())):08x}"


def _sweep(folder: Path) -> None:
    """Removes what killed processes left half-written, not what a living one may be writing."""
    for half in folder.glob(f"*{_HALF}"):
        with suppress(OSError):  # gone meanwhile, or not ours to remove
            if time.time() - half.stat().st_mtime > _FORGOTTEN:
                half.unlink()


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Turns the disk's refusals into one line."""
    try:
        yield
    except OSError as error:
        raise BadModel(
            f"{shown(folder)}: text vectors cannot be kept there ({_line(error)}); make room, "
            "allow writing, or choose another folder"
        ) from None


def _unusable(file: Path, reason: str) -> BadModel:
    return BadModel(f"{shown(file)} {reason}; remove it: it is made again by the next run")


def _line(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(reason.split())[:120]
