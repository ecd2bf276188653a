"""A method of your own is one file: this one.

    python examples/03_add_a_method.py WORK

It compares colours: the mean colour of six horizontal bands of a photo against a vector learnt for
each word. It has a Config and one subclass of Method, nothing is registered anywhere, and the same
commands train, evaluate, index and search with it: in a recipe, `name = "my.module"`. Moved into
src/passerby/methods/bands.py it would be the method "bands".
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from passerby.losses.matching import sdm
from passerby.method import Method, PhotoSpec
from passerby.similarity.cosine import cosine
from passerby.types import Batch, Embeddings, Texts


@dataclass(frozen=True)
class Config:
    photo: PhotoSpec = field(default_factory=lambda: PhotoSpec(height=48, width=24))
    bands: int = 6
    dim: int = 64


class ColourBands(Method):
    def __init__(self, config: Config, tokenizer: Any) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.photo_head = nn.Sequential(
            nn.Linear(3 * config.bands, 128), nn.GELU(), nn.Linear(128, config.dim)
        )
        self.words = nn.EmbeddingBag(len(tokenizer), config.dim, mode="sum")

    def tokenize(self, texts: Sequence[str]) -> Texts:
        ids, mask = self.tokenizer.encode(texts, 80)
        return Texts(ids=ids, mask=mask)

    def encode_images(self, images: Tensor) -> Embeddings:
        bands = adaptive_avg_pool2d(images, (self.config.bands, 1)).flatten(1)
        return Embeddings(self.photo_head(bands))

    def encode_texts(self, texts: Texts) -> Embeddings:
        return Embeddings(self.words(texts.ids, per_sample_weights=texts.mask.float()))

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return cosine(texts.vector, photos.vector)

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines  # so an answer from a shortlist by cosine is known to be exact

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        photos = self.encode_images(batch.images).vector
        texts = self.encode_texts(batch.texts).vector
        return {"sdm": sdm(texts, photos, batch.persons, 0.05)}


def main() -> None:
    from passerby.config import parse_recipe
    from passerby.runs import train

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--persons", type=int, default=200)
    given = parser.parse_args()

    sys.path.insert(0, str(Path(__file__).parents[1]))  # so that this module can be imported
    name = f"examples.{Path(__file__).stem}"
    recipe = parse_recipe(
        {
            "run": {"name": "bands", "out": str(given.work / "runs")},
            "draw": {"persons": given.persons, "val_persons": given.persons // 5},
            "data": {"train": f"drawn:{given.work / 'people'}", "workers": 0},
            "method": {"name": name},
            "photo": {"height": 48, "width": 24},
            "optim": {"lr": 1e-2},
            "train": {"epochs": 4},
        }
    )
    folder = train(recipe, resume=True, watch=lambda e: print(e) if "validation" in e else None)
    print("search with it, the module's folder told to Python:")
    command = f"passerby index FOLDER --gallery G --model {folder.absolute() / 'best'}"
    print(f"PYTHONPATH={Path(__file__).parents[1]} {command}")


if __name__ == "__main__":
    main()
