"""Named arrays from an .npz file, nothing in which is executed."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from lzma import LZMAError
from pathlib import Path
from tokenize import TokenError

import numpy as np

from passerby.errors import BadData

# The name that is asked for first, then those that others give it.
KEYS = {
    "text_ids": ("text_ids", "text_pids", "query_ids", "qids", "q_pids"),
    "image_ids": ("image_ids", "image_pids", "photo_ids", "gallery_ids", "gids", "g_pids"),
    "text_features": ("text_features", "query_features", "qfeats", "text_feats"),
    "image_features": ("image_features", "photo_features", "gallery_features", "gfeats",
        "image_feats"),
    "similarity": ("similarity", "sim", "scores"),
    "text_names": ("text_names", "query_names", "caption_ids"),
    "image_names": ("image_names", "photo_names", "gallery_names", "image_paths"),
}  # fmt: skip
PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt")
HOWTO = (
    "save numpy.savez(FILE, text_features=..., image_features=..., text_ids=..., image_ids=...), "
    "or similarity=... (texts x photos) in place of the features"
)
# What reading a file raises whose bytes are not what they should be, besides ValueError: numpy
# parses an array's header as Python's literals.
DAMAGED = (
    OSError, EOFError, KeyError, TypeError, OverflowError, SyntaxError, TokenError, RecursionError,
    LZMAError, zlib.error, zipfile.BadZipFile, struct.error,
)  # fmt: skip


def entries(path: Path) -> Mapping[str, np.ndarray]:
    """Every array of the file, of which only those with a name of KEYS are read.

    Raises BadData for what is no whole .npz file, and for pickles.
    """
    if not path.is_file():
        raise BadData(f"{path}: there is no such file; {HOWTO}")
    torn = f"{path}: not an .npz file, or cut off; {HOWTO}"
    known = {name for names in KEYS.values() for name in names}
    try:
        _check_kind(path, torn)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] if name in known else np.empty(0) for name in file.files}
    except MemoryError as error:
        raise BadData(
            f"{path}: an array larger than the memory that is free, or a damaged file; {HOWTO}"
        ) from error
    except DAMAGED as error:
        raise BadData(torn) from error
    except RuntimeError as error:  # of zipfile: encrypted, or packed in a way that it does not know
        raise BadData(
            f"{path}: encrypted, or packed in a way that is not read; save it again by "
            "numpy.savez or numpy.savez_compressed"
        ) from error
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise BadData(torn) from error
        raise BadData(
            f"{path}: an array of Python objects, which is not read; give ids by numpy.array(ids) "
            "of ints only, or of strings only"
        ) from error


def _check_kind(path: Path, torn: str) -> None:
    """Raises BadData for what is no zip, and for what torch.save writes, whatever its name: a zip
    with a pickle inside."""
    with path.open("rb") as file:
        head = file.read(6)
    pickled = path.suffix.lower() in PICKLED or head.startswith(b"\x80")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            pickled |= any(name.endswith(".pkl") for name in archive.namelist())
    elif head == b"\x93NUMPY":
        raise BadData(f"{path}: one array without names; {HOWTO}")
    elif not pickled:
        raise BadData(torn)
    if pickled:
        raise BadData(
            f"{path}: pickles are not read, as they can run any program; in your own script load "
            f"it with torch.load, turn tensors to arrays by .cpu().numpy(), and {HOWTO}"
        )
