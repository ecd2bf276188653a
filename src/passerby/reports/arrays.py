"""Anyone's queries and photos: features or scores, and who each is, from an .npz file or arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from passerby.errors import BadData, shown
from passerby.reports.npz import HOWTO, KEYS, entries

WHOLE = 2**53  # from here on a float64 is no single whole number
FAR = 1e18  # of features, whose squares a float32 holds


@dataclass(frozen=True)
class Arrays:
    """T texts and P photos of somebody's model.

    texts, photos: names, unique. text_persons, photo_persons: who each is. similarity: (T, P), or
    None where there are text_features (T, D) and photo_features (P, D). photo_files: as photos, but
    as they were given: a photo may be there twice; None where no names were given. dot: inner
    products, not cosines. notes: a line each on what was changed on the way in.
    """

    texts: tuple[str, ...]
    photos: tuple[str, ...]
    text_persons: tuple[str, ...]
    photo_persons: tuple[str, ...]
    similarity: Tensor | None = None
    text_features: Tensor | None = None
    photo_features: Tensor | None = None
    photo_files: tuple[str, ...] | None = None
    dot: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def compared(self) -> str:
        """How scores are made, in words."""
        if self.similarity is not None:
            return "the similarity matrix as given"
        return "inner products of the features" if self.dot else "cosines of the features"

    @property
    def resolution(self) -> float:
        """Scores closer than this are ties. A matrix is taken as it is: only equal ones are."""
        return 1e-6 if self.similarity is None and not self.dot else 0.0

    def blocks(self, size: int = 256) -> Iterator[tuple[slice, Tensor]]:
        """Scores float64 (rows, P), block by block, with the texts that the rows are."""
        texts, photos = self.text_features, self.photo_features
        if texts is not None and photos is not None and not self.dot:
            texts, photos = (torch.nn.functional.normalize(each, dim=1) for each in (texts, photos))
        for start in range(0, len(self.texts), size):
            rows = slice(start, min(start + size, len(self.texts)))
            if texts is not None and photos is not None:
                yield rows, (texts[rows] @ photos.T).double()
            elif self.similarity is not None:
                yield rows, self.similarity[rows].double()

    def relevant(self, rows: slice) -> Tensor:
        """bool (rows, P): whose person is whose."""
        numbers = {person: n for n, person in enumerate(dict.fromkeys(self.photo_persons))}
        there = torch.tensor([numbers[person] for person in self.photo_persons])
        asked = torch.tensor([numbers.get(person, -1) for person in self.text_persons[rows]])
        return asked[:, None] == there

    def turned(self) -> Arrays:
        """Photo-to-text: photos ask, texts are the gallery."""
        return replace(
            self,
            texts=self.photos, photos=self.texts, photo_files=None,
            text_persons=self.photo_persons, photo_persons=self.text_persons,
            text_features=self.photo_features, photo_features=self.text_features,
            similarity=None if self.similarity is None else self.similarity.T,
        )  # fmt: skip


def arrays(
    *,
    text_ids: Any,
    image_ids: Any,
    text_features: Any = None,
    image_features: Any = None,
    similarity: Any = None,
    text_names: Any = None,
    image_names: Any = None,
    dot: bool = False,
) -> Arrays:
    """Arrays of what numpy reads: T and P person ids (ints or strings), and either features (T, D)
    and (P, D) or similarity (T, P), a greater one being more alike.

    Names tell photos and texts apart, in order that two reports can be compared; without them they
    are numbered as they come. Raises BadData, in one line, for what cannot be measured.
    """
    text_persons, photo_persons = _ids(text_ids, "text_ids"), _ids(image_ids, "image_ids")
    counts = (len(text_persons), len(photo_persons))
    notes: list[str] = []
    made: dict[str, Tensor] = {}
    if similarity is not None:
        if text_features is not None or image_features is not None:
            notes.append("similarity is measured; the features beside it are not used")
        made["similarity"] = _matrix(_numbers(similarity, "similarity"), counts, notes)
    elif text_features is None or image_features is None:
        raise BadData(f"there are neither features of both sides nor a similarity; {HOWTO}")
    else:
        texts = _numbers(text_features, "text_features")
        photos = _numbers(image_features, "image_features")
        _check_features(texts, photos, counts)
        _check_size(texts, "text_features")
        _check_size(photos, "image_features")
        kind = torch.promote_types(texts.dtype, photos.dtype)
        made = {"text_features": texts.to(kind), "photo_features": photos.to(kind)}
    halves = [n for n, a in (("similarity", similarity), ("features", text_features))
              if getattr(a, "dtype", None) in (np.float16, torch.float16)]  # fmt: skip
    if halves:
        notes.append(f"{halves[0]} in float16: many scores may be equal; keep float32 if you can")
    files = None if image_names is None else _ids(image_names, "image_names")
    names = None if text_names is None else _ids(text_names, "text_names")
    for given, count, what in ((names, counts[0], "text"), (files, counts[1], "image")):
        if given is not None and len(given) != count:
            raise BadData(
                f"{what}_names has {len(given)} entries, {what}_ids {count}; give each one"
            )
    return Arrays(
        _unique(names, text_persons), _unique(files, photo_persons), text_persons, photo_persons,
        **made, photo_files=files, dot=dot, notes=tuple(notes),
    )  # fmt: skip


def read_arrays(path: Path, dot: bool = False) -> Arrays:
    """`arrays` of an .npz file with the keys of KEYS. Nothing in it is executed: pickles are
    refused, and with them tensors of torch.save. Raises BadData."""
    found = entries(path)
    taken = {}
    for key, names in KEYS.items():
        there = [name for name in names if name in found]
        if len(there) > 1:
            raise BadData(f"{path}: {' and '.join(there)} mean the same; keep one of them")
        if there:
            taken[key] = found[there[0]]
    for key in ("text_ids", "image_ids"):
        if key not in taken:
            listed = ", ".join(sorted(found)[:12]) or "nothing"
            raise BadData(f"{path}: no {key} (person ids) among {shown(listed)}; {HOWTO}")
    try:
        return arrays(**taken, dot=dot)
    except BadData as bad:
        raise BadData(f"{path}: {bad}") from None


def _ids(given: Any, what: str) -> tuple[str, ...]:
    """Ids as text; ints may be kept as floats. Raises BadData for what is no id."""
    if isinstance(given, Tensor):
        given = given.detach().cpu().numpy()
    ids = np.asarray(given)
    if ids.ndim == 2 and 1 in ids.shape:
        ids = ids.ravel()
    if ids.ndim != 1 or not len(ids):
        raise BadData(f"{what} is of shape {ids.shape}; give one id an entry, in one row")
    if ids.dtype.kind == "f":
        broken = np.flatnonzero(~(ids == np.floor(ids)) | ~(np.abs(ids) < WHOLE))
        if len(broken):
            at = broken[0]
            raise BadData(f"{what}[{at}] is {ids[at]:g}, which is no id; give ints or strings")
        ids = ids.astype(np.int64)
    if ids.dtype.kind == "S":
        return tuple(each.decode("utf-8", "surrogateescape") for each in ids.tolist())
    if ids.dtype.kind not in "iuU":
        raise BadData(f"{what} is of type {ids.dtype}; give ints or strings")
    return tuple(map(str, ids.tolist()))


def _numbers(given: Any, what: str) -> Tensor:
    """Two axes of finite numbers, float32 or float64."""
    if isinstance(given, Tensor):
        given = given.detach().cpu().float().numpy()
    numbers = np.asarray(given)
    if numbers.dtype.kind not in "fiu":
        raise BadData(f"{what} is of type {numbers.dtype}; give floating numbers")
    if numbers.ndim != 2 or 0 in numbers.shape:
        raise BadData(f"{what} is of shape {numbers.shape}; give two axes, none of them empty")
    numbers = numbers.astype(np.float64 if numbers.dtype.itemsize == 8 else np.float32, copy=False)
    broken = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if len(broken):
        row = numbers[broken[0]]
        met = "NaN" if np.isnan(row).any() else "an infinite number"
        raise BadData(
            f"{what}: row {broken[0]} holds {met} ({len(broken)} of {len(numbers)} rows do); embed "
            "these again, or fill what was left out with a finite number below all others"
        )
    return torch.from_numpy(np.array(numbers, order="C"))


def _matrix(matrix: Tensor, counts: Sequence[int], notes: list[str]) -> Tensor:
    """Scores as (T, P); turned, and said, where only the other way round fits the ids."""
    shape, wanted = tuple(matrix.shape), tuple(counts)
    if shape == wanted:
        return matrix
    if shape[::-1] == wanted:
        notes.append(f"similarity came as photos x texts {shape}; it was transposed")
        return matrix.T
    raise BadData(
        f"similarity is of shape {shape}, but there are {counts[0]} text_ids and {counts[1]} "
        "image_ids; give texts x photos, and an id for each"
    )


def _check_features(texts: Tensor, photos: Tensor, counts: Sequence[int]) -> None:
    lengths = (len(texts), len(photos))
    if lengths != tuple(counts):
        swapped = lengths == tuple(counts)[::-1]
        remedy = "the ids of the two are swapped" if swapped else "give each row its person's id"
        raise BadData(
            f"{lengths[0]} text_features with {counts[0]} text_ids, {lengths[1]} image_features "
            f"with {counts[1]} image_ids; {remedy}"
        )
    if texts.shape[1] != photos.shape[1]:
        raise BadData(
            f"text_features have {texts.shape[1]} numbers each, image_features {photos.shape[1]}; "
            "give what is compared, or a similarity matrix"
        )


def _check_size(rows: Tensor, what: str) -> None:
    """Raises BadData for numbers whose squares, so lengths and products, are no float32."""
    largest = rows.abs().amax(1)
    far = (((largest > FAR) | (largest < 1 / FAR)) & (largest > 0)).nonzero()[:, 0]
    if len(far):
        raise BadData(
            f"{what}: the largest number of row {far[0]} is {largest[far[0]]:.0e} ({len(far)} of "
            f"{len(rows)} rows are beyond 1e18 or 1e-18); embed these again, or scale the features"
        )


def _unique(names: tuple[str, ...] | None, persons: tuple[str, ...]) -> tuple[str, ...]:
    """Names, or places; of equal names all but one are numbered: "a.jpg", "a.jpg (2)".

    They are numbered by their persons, not by their rows: two files of one data set give the same
    names, however their rows are ordered. Rows of one name and person are alike in a report.
    """
    if names is None:
        return tuple(map(str, range(len(persons))))
    made: dict[str, int] = {}
    seen: dict[str, int] = {}
    for row in sorted(range(len(names)), key=lambda row: (names[row], persons[row])):
        own = name = names[row]
        while own in made:
            seen[name] = seen.get(name, 1) + 1
            own = f"{name} ({seen[name]})"
        made[own] = row
    return tuple(sorted(made, key=made.__getitem__))
