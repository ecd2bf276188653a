"""passerby finds a person in a gallery of photos from a sentence.

import passerby
gallery = passerby.open("G")
for hit in gallery.search("a woman in a red coat with a white handbag", k=10): ...
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passerby.gallery.search import Searcher
    from passerby.method import Method

__version__ = "0.1.0"
__all__ = ["__version__", "load", "open"]


def load(folder: str | Path | None = None) -> Method:
    """The method in a model folder, in eval mode; without a folder, the default model.

    Raises BadModel when the folder is not a model folder or its weights do not fit.
    """
    from passerby.build import load_method

    return load_method(folder)


def open(gallery: str | Path, model: str | Path | None = None) -> Searcher:
    """A gallery, ready to search with the model that made it.

    model: a model folder, when the one the gallery names has moved. Raises BadGallery when there is
    no gallery, or when it was made by another model.
    """
    from passerby.build import open_gallery

    return open_gallery(gallery, model)
