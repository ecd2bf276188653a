"""A stand-in model for gallery tests: photos are coarse grids of colour, words name colours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

from passerby.gallery.ingest import ingest
from passerby.gallery.plan import Summary
from passerby.gallery.store import Store
from passerby.method import Method, PhotoSpec
from passerby.types import Batch, Embeddings, Texts

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 60),
    "blue": (40, 60, 220),
    "yellow": (240, 220, 40),
    "white": (245, 245, 245),
    "black": (15, 15, 15),
}


@dataclass(frozen=True)
class Config:
    photo: PhotoSpec = field(
        default_factory=lambda: PhotoSpec(16, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    )


class Colours(Method):
    """vector (N, 25): eight cells' colours and a one. Counts the photos that it embeds."""

    def __init__(self, fingerprint: str = "colours-1") -> None:
        super().__init__()
        self.config, self.fingerprint = Config(), fingerprint
        self.anchor = nn.Parameter(torch.zeros(1))
        self.embedded = 0

    def tokenize(self, texts: Sequence[str]) -> Texts:
        rows = []
        for text in texts:
            found = [COLOURS[word] for word in text.lower().split() if word in COLOURS]
            rows.append(torch.tensor(found or [(128, 128, 128)]).float().mean(0) / 255)
        return Texts(ids=torch.stack(rows))

    def encode_images(self, images: Tensor) -> Embeddings:
        self.embedded += len(images)
        cells = adaptive_avg_pool2d(images, (4, 2)).flatten(1)
        return Embeddings(torch.cat([cells, torch.ones(len(cells), 1)], 1))

    def encode_texts(self, texts: Texts) -> Embeddings:
        cells = texts.ids.repeat_interleave(8, 1)
        return Embeddings(torch.cat([cells, torch.ones(len(cells), 1)], 1))

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return normalize(texts.vector, dim=1) @ normalize(photos.vector, dim=1).T

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        raise NotImplementedError

    def notes(self, text: str) -> list[str]:
        unknown = [word for word in text.split() if word not in COLOURS]
        return [f"unknown words: {' '.join(unknown)}"] if unknown else []


class PartColours(Colours):
    """With local features: parts, values (N, 4, 6) and a mask (N, 4)."""

    def encode_images(self, images: Tensor) -> Embeddings:
        whole = super().encode_images(images)
        parts = adaptive_avg_pool2d(images, (4, 2)).permute(0, 2, 1, 3).flatten(2)
        mask = torch.ones(len(images), 4, dtype=torch.bool)
        mask[:, 3] = parts[:, 3].mean(1) > 0.3
        return Embeddings(whole.vector, parts, parts * 2, mask)

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        assert photos.parts is not None
        assert photos.values is not None
        assert photos.mask is not None
        local = (photos.parts * photos.values).sum(2) * photos.mask
        return super().similarity(texts, photos) + 0.1 * local.mean(1)[None]


def paint(path: Path, colour: str | tuple[int, int, int], size: tuple[int, int] = (20, 40)) -> Path:
    """A photo of one colour, as PNG bytes whatever its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, COLOURS.get(colour, colour)).save(path, "PNG")  # type: ignore[call-overload]
    return path


def shade(number: int) -> tuple[int, int, int]:
    """Distinct colours for distinct numbers."""
    return (number * 37 % 256, number * 101 % 256, number // 256 * 16 % 256)


def run(gallery: Path, folder: Path, method: Method | None = None, **options: object) -> Summary:
    """One `index` of a folder."""
    method = method or Colours()
    with Store.write(gallery, method.fingerprint, "default") as store:
        return ingest(method, store, folder, **options)  # type: ignore[arg-type]


def stored_paths(gallery: Path) -> list[str]:
    """Paths in a gallery relative to its neighbour `photos`, sorted."""
    folder = str(gallery.parent / "photos")
    return sorted(os.path.relpath(row.path, folder) for row in Store.open(gallery).rows())
