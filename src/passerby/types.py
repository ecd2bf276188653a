"""What crosses a room's door: every record and batch of tensors that rooms hand to each other.

Texts are rows and photos are columns wherever both meet, and everything is named by id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerby.errors import BadData


@dataclass(frozen=True, slots=True)  # a split of the web has millions of them
class Photo:
    """An image file. `id` is unique in its split; `time` is aware (naive sources: UTC).

    inside: offset and size of its bytes in the file at `path`, where that is a tar of photos.
    """

    id: str
    path: Path
    person: str | None = None
    camera: str | None = None
    time: datetime | None = None
    inside: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence about one photo. `photo` is that photo's id, `person` who is on it."""

    id: str
    text: str
    photo: str
    person: str


@dataclass(frozen=True)
class Split:
    """One split of a data set. left_out: a line each on what its source holds besides pairs.

    Raises BadData when ids repeat or a caption points to a photo that is not here.
    """

    name: str
    photos: tuple[Photo, ...]
    captions: tuple[Caption, ...]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        photo_ids = {photo.id for photo in self.photos}
        if len(photo_ids) != len(self.photos):
            seen: set[str] = set()
            twice = next(p.id for p in self.photos if p.id in seen or seen.add(p.id))  # type: ignore[func-returns-value]
            raise BadData(f"{self.name}: photo {twice!r} is listed twice; keep one record a photo")
        if len({caption.id for caption in self.captions}) != len(self.captions):
            raise BadData(f"{self.name}: two captions share an id; give each its own")
        lost = next((c for c in self.captions if c.photo not in photo_ids), None)
        if lost is not None:
            raise BadData(
                f"{self.name}: caption {lost.id!r} tells of photo {lost.photo!r}, which is not in "
                "this split; add the photo or drop the caption"
            )

    @property
    def persons(self) -> tuple[str, ...]:
        """Distinct persons in the order in which their photos come."""
        return tuple(dict.fromkeys(p.person for p in self.photos if p.person is not None))


class Texts:
    """Named tensors of T tokenized texts, the text being the first axis of each.

    `Texts(ids=..., mask=...)` holds (T, L) tensors; a method may add its own, e.g. `part_ids`
    (T, P, L). A tensor is read as an attribute: `texts.ids`.
    """

    def __init__(self, **tensors: Tensor) -> None:
        if not tensors or len({len(tensor) for tensor in tensors.values()}) != 1:
            shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
            raise ValueError(f"Texts needs tensors with one common number of rows, got {shapes}")
        self.tensors = dict(tensors)

    def __getattr__(self, name: str) -> Tensor:
        tensors = self.__dict__.get("tensors", {})
        if name not in tensors:
            raise AttributeError(f"these Texts hold {sorted(tensors)}, not {name!r}")
        return tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def rows(self, index: Any) -> Texts:
        """The texts that `index` (a slice, ids or a mask) picks."""
        return Texts(**{name: tensor[index] for name, tensor in self.tensors.items()})

    def to(self, device: torch.device | str) -> Texts:
        return Texts(**{name: tensor.to(device) for name, tensor in self.tensors.items()})


@dataclass(frozen=True)
class Batch:
    """B pairs of a photo and one of its captions.

    images: float (V x B, 3, H, W), as the method's `photo_spec` says: V views of each photo, B
    photos of a view after those of another; V is the method's `views`. texts: what its `draw_texts`
    makes of B captions. persons: int64 (B,), the class of each pair's person, 0 .. C-1. photos:
    int64 (B,), which pairs share a photo. skipped: a line each on the photos that cannot be read
    and gave their places to others. epoch: the one it belongs to, from 0.
    """

    images: Tensor
    texts: Texts
    persons: Tensor
    photos: Tensor
    skipped: tuple[str, ...] = ()
    epoch: int = 0

    def __len__(self) -> int:
        return len(self.persons)

    def to(self, device: torch.device | str) -> Batch:
        names = ("images", "texts", "persons", "photos")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True)
class Embeddings:
    """What an encoder makes of N photos or N texts.

    vector: (N, D), raw (not normalised). A method with local features adds parts (N, P, D), the
    queries or keys of its attention; values (N, P, D), what is attended to; mask (N, P), True where
    a part exists.
    """

    vector: Tensor
    parts: Tensor | None = None
    values: Tensor | None = None
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.vector)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are present, by name."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def rows(self, index: Any) -> Embeddings:
        return Embeddings(**{name: tensor[index] for name, tensor in self.tensors().items()})

    def to(self, device: torch.device | str) -> Embeddings:
        return Embeddings(**{name: tensor.to(device) for name, tensor in self.tensors().items()})

    def float(self) -> Embeddings:
        """Floating tensors as float32, masks as they are."""
        return Embeddings(
            **{n: t.float() if t.is_floating_point() else t for n, t in self.tensors().items()}
        )

    @staticmethod
    def cat(blocks: Sequence[Embeddings]) -> Embeddings:
        """Blocks one below the other; all hold the same tensors."""
        names = blocks[0].tensors()
        return Embeddings(**{n: torch.cat([getattr(b, n) for b in blocks]) for n in names})


@dataclass(frozen=True)
class Ranking:
    """Photos in order of score for some queries.

    queries: Q ids. photos: P ids, the gallery. order: int64 (Q, K), positions in `photos`, best
    first, K <= P. scores: float (Q, K), descending.
    """

    queries: tuple[str, ...]
    photos: tuple[str, ...]
    order: Tensor
    scores: Tensor

    def __post_init__(self) -> None:
        if self.order.shape != self.scores.shape or len(self.order) != len(self.queries):
            raise ValueError(
                f"a Ranking of {len(self.queries)} queries needs order and scores of the same "
                f"(Q, K), got {tuple(self.order.shape)} and {tuple(self.scores.shape)}"
            )

    def top(self, query: int, k: int) -> Iterator[tuple[str, float]]:
        """The first k (photo id, score) of a query, by the query's row."""
        for place, score in zip(self.order[query, :k], self.scores[query, :k], strict=True):
            yield self.photos[int(place)], float(score)


@dataclass(frozen=True)
class Report:
    """Metrics in percent, and the protocol card that says how they were made.

    intervals: (low, high) of each metric, 95 %, in percent. queries: columns of equal length, one
    entry a query: "id", "person" and, as in `Outcomes`, "first", "ap", "trapezoid", "inp", "right".
    curves: "roc" and "histogram" of the scores, as `ScoreCounts` makes them. What was not asked for
    is empty or None.
    """

    metrics: dict[str, float]
    card: dict[str, Any] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    queries: dict[str, list[Any]] | None = None
    curves: dict[str, Any] | None = None

    def write(self, path: Path) -> None:
        """Writes indented JSON, a list a line: "metrics", "card", and what else is there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        kept = {name: value for name, value in told.items() if value or name in ("metrics", "card")}
        path.write_text(_laid_out(kept) + "\n", encoding="utf-8")

    def with_card(self, **entries: Any) -> Report:
        return replace(self, card={**self.card, **entries})


def _laid_out(value: Any, depth: int = 1) -> str:
    """JSON with a line for each entry of an object, and one for a list, however long."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value)
    inner = (f"{json.dumps(name)}: {_laid_out(each, depth + 1)}" for name, each in value.items())
    return "{\n" + ",\n".join(" " * depth + line for line in inner) + "\n" + " " * (depth - 1) + "}"
