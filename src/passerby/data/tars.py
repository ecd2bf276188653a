"""Pairs of the web: photos and captions in WebDataset shards, tar files that nobody unpacks.

A shard is indexed by its headers alone: where the bytes of each photo begin and how many they are.
A photo is later read out of the middle of its shard, so that pairs are shuffled over all shards and
an epoch can be taken up at any batch, as with photos in a folder.
"""

from __future__ import annotations

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from passerby.data.records import Record, tidy, whole
from passerby.errors import BadData, shown

PHOTOS = ("jpg", "jpeg", "png", "webp")
CAPTIONS = ("txt", "json")
PACKED = (".tgz", *(f".tar.{kind}" for kind in ("gz", "bz2", "xz", "zst", "lz4", "z")))
MAX_CAPTION = 1 << 20  # bytes; what takes more is no caption
_GZIP = b"\x1f\x8b"


def read_tars(root: Path) -> tuple[list[Record], tuple[str, ...]]:
    """One record a pair of `root`, a folder of shards (those below it too) or one shard, and in one
    line how many keys are no pair.

    A member is called KEY.KIND, KEY ending at the first dot of the last part of its path, as in
    WebDataset. A pair is a photo (jpg, jpeg, png, webp) with a caption: txt, or where there is none
    json ({"caption": TEXT} or {"captions": [TEXT, ...]}). Other kinds are left alone; a key without
    a photo or without a caption that says something is counted. Shards come in the order of their
    names, pairs in that of their members. A photo's id, also its person's, is SHARD/KEY.KIND, SHARD
    below `root`. All pairs are "train".

    Raises BadData for no shards, one that is compressed, damaged or ends early, a key that is there
    twice, a caption that cannot be read, and no pairs at all.
    """
    records: list[Record] = []
    lone: list[str] = []
    keys = 0
    for name, path in _shards(root):
        entries = _Shard(path).read()
        keys += len(entries)
        for key, entry in entries.items():
            captions = entry.captions(f"{shown(path)}: {shown(key)}")
            if entry.photo and captions:
                of = f"{name}/{entry.photo}"
                records.append(Record(of, path, of, captions, "train", entry.inside))
            else:
                lone.append(f"{name}/{key}")
    if not records:
        raise BadData(
            f"{shown(root)}: no pairs, {keys} keys in its tars; a pair is KEY.jpg "
            f"({', '.join(PHOTOS[1:])}) with KEY.txt or KEY.json, and KEY holds no dot"
        )
    told = f"{len(lone)} of {keys} keys have no photo or no caption, the first is"
    return records, (f"{shown(root)}: {told} {shown(lone[0])}",) if lone else ()


def _shards(root: Path) -> list[tuple[str, Path]]:
    """(path below `root`, path) of each shard; a file is its own only shard."""
    if os.path.isfile(root):  # noqa: PTH113 - never raises
        _check_kind(root)
        return [(root.name, root)]
    if not os.path.isdir(root):  # noqa: PTH112
        raise BadData(f"{shown(root)}: no such folder or tar file; check the path")
    found: list[Path] = []
    seen: set[str] = set()
    for folder, below, files in os.walk(root, onerror=_refuse_folder, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # links may lead in a circle
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        found += [Path(folder, name) for name in files if not name.startswith(".")]
    for path in found:
        _check_kind(path)
    shards = [path for path in found if path.name.lower().endswith(".tar")]
    if not shards:
        raise BadData(f"{shown(root)}: no .tar in this folder; give the folder of the shards")
    lost = next((path for path in shards if not path.is_file()), None)
    if lost is not None:  # a pipe would be read for ever
        raise BadData(f"{shown(lost)}: not a file; put the shard there, or remove it")
    named = [(path.relative_to(root).as_posix(), path) for path in shards]
    return sorted(named, key=lambda shard: os.fsencode(shard[0]))


def _refuse_folder(error: OSError) -> None:
    raise BadData(
        f"{shown(str(error.filename))}: this folder cannot be listed ({error.strerror}); give read "
        "permission or choose another"
    ) from None


def _check_kind(path: Path) -> None:
    if path.name.lower().endswith(PACKED):
        raise _compressed(path)


def _compressed(path: Path) -> BadData:
    return BadData(
        f"{shown(path)}: a compressed tar; gunzip it, as photos are read out of its middle"
    )


@dataclass(slots=True)
class _Entry:
    """What a shard holds of one key. inside: offset and size of the photo's bytes."""

    photo: str = ""
    inside: tuple[int, int] | None = None
    txt: bytes | None = None
    json: bytes | None = None

    @property
    def is_pair(self) -> bool:
        return bool(self.photo) and (self.txt is not None or self.json is not None)

    def captions(self, name: str) -> tuple[str, ...]:
        """Those that say something; `name` is the key's, for the messages."""
        told: Any = []
        if self.txt is not None:
            told = [_decode(self.txt, f"{name}.txt")]
        elif self.json is not None:
            told = _listed(_decode(self.json, f"{name}.json"), f"{name}.json")
        if not all(whole(text) for text in told):
            raise BadData(f"{name}.json holds half of a Unicode letter; correct the caption")
        return tuple(text for text in map(tidy, told) if text)


def _decode(told: bytes, name: str) -> str:
    try:
        return told.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadData(f"{name} is not UTF-8; convert it, or leave its shard out") from None


def _listed(text: str, name: str) -> list[str]:
    """The captions in a JSON object; a caption that is null is none."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        raise BadData(f"{name} is not JSON; correct it, or leave its shard out") from None
    if not isinstance(facts, dict):
        raise BadData(f'{name} is no JSON object; write {{"caption": TEXT}}')
    told = facts.get("captions")
    if told is None:
        told = [] if facts.get("caption") is None else [facts["caption"]]
    if not isinstance(told, list) or not all(isinstance(entry, str) for entry in told):
        raise BadData(f'{name}: "caption" is a text, "captions" a list of texts; correct it')
    return told


class _Shard:
    """One tar while its headers are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, _Entry] = {}

    def read(self) -> dict[str, _Entry]:
        """What it holds of each key. Raises BadData."""
        try:
            with self.path.open("rb", buffering=4096) as file:
                self._read(file, os.fstat(file.fileno()).st_size)
        except OSError as error:
            raise BadData(
                f"{shown(self.path)}: cannot be read ({error.strerror or error}); check it"
            ) from error
        return self.entries

    def _read(self, file: BinaryIO, size: int) -> None:
        at = 0
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                while (member := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # else it keeps them all
                    if member.offset_data <= at or member.size < 0:  # it would go round in a circle
                        raise tarfile.ReadError("its size leads back")
                    at = member.offset_data
                    if at + member.size > size and not member.issparse():
                        raise self._broken(None)
                    self._place(member, file)
                self._check_end(file, tar.offset)
        except (tarfile.TarError, ValueError, OverflowError):
            if at:
                raise self._broken(None if file.tell() >= size else at) from None
            file.seek(0)
            if file.read(2) == _GZIP:
                raise _compressed(self.path) from None
            raise BadData(
                f"{shown(self.path)}: not a tar file; copy it again, or leave it out of the folder"
            ) from None

    def _place(self, member: tarfile.TarInfo, file: BinaryIO) -> None:
        """Notes a photo's place, reads a caption; everything else is left alone."""
        name = member.name.removeprefix("./")
        folder, slash, last = name.rpartition("/")
        stem, _, kind = last.partition(".")
        kind = kind.lower()
        if not stem or kind not in PHOTOS + CAPTIONS or member.isdir():
            return
        key = f"{folder}{slash}{stem}"
        if not member.isreg() or member.issparse():
            raise self._wrong(
                name, "is a link or no plain file; pack plain files (tar -h --hard-dereference)"
            )
        entry = self.entries.setdefault(key, _Entry())
        if kind in PHOTOS:
            if entry.photo:
                raise self._wrong(key, f"is there twice ({shown(name)}); give each pair its key")
            entry.photo, entry.inside = name, (member.offset_data, member.size)
            return
        if getattr(entry, kind) is not None:
            raise self._wrong(key, f"is there twice ({shown(name)}); give each pair its key")
        if member.size > MAX_CAPTION:
            raise self._wrong(name, f"has {member.size} bytes, no caption; leave its shard out")
        file.seek(member.offset_data)
        setattr(entry, kind, file.read(member.size))

    def _check_end(self, file: BinaryIO, end: int) -> None:
        """tarfile takes any end of the file, and any damaged header, for the end of the archive."""
        file.seek(end)
        closing = file.read(2 * tarfile.BLOCKSIZE)
        if len(closing) < 2 * tarfile.BLOCKSIZE:
            raise self._broken(None)
        if closing.strip(b"\0"):
            raise self._broken(end)
        while rest := file.read(1 << 20):
            if rest.strip(b"\0"):
                raise BadData(
                    f"{shown(self.path)}: something follows the end of the archive (two tars in "
                    "one file?); keep each in a file of its own"
                )

    def _broken(self, at: int | None) -> BadData:
        """at: the byte where it is damaged, None where it ends early."""
        pairs = sum(entry.is_pair for entry in self.entries.values())
        what = "ends early" if at is None else f"is damaged at byte {at} or behind it"
        return BadData(
            f"{shown(self.path)}: it {what}, after {pairs} whole pairs; copy it again, or leave it "
            "out of the folder"
        )

    def _wrong(self, name: str, what: str) -> BadData:
        return BadData(f"{shown(self.path)}: {shown(name)} {what}")
