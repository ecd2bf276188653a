"""Photos like a photo: compared by their vectors alone, as two cosines would be."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from passerby.embedding import embed_images
from passerby.errors import BadPhoto
from passerby.gallery.reading import look
from passerby.gallery.rows import arrays_of, stored
from passerby.gallery.store import Store
from passerby.gallery.version import Version
from passerby.method import Method
from passerby.types import Embeddings

NOTE = "photos are compared by their vectors; no sentence is, so there are no match percentages"


class VectorsAlone(Version):
    """A version of which a comparison reads the vectors and no parts."""

    def __init__(self, version: Version) -> None:
        self.__dict__.update(version.__dict__)

    def embedded(self) -> tuple[str, ...]:
        return tuple(name for name in super().embedded() if name == "vector")


class _Cosine:
    """What a comparison asks of a method, for two photos."""

    def similarity(self, photo: Embeddings, photos: Embeddings) -> Tensor:
        return normalize(photo.vector, dim=1) @ normalize(photos.vector, dim=1).T

    def bound(self, cosines: Tensor) -> Tensor:
        return cosines


BY_VECTOR = _Cosine()


def embedding_of(method: Method, store: Store, photo: Path) -> tuple[Embeddings, str]:
    """The vector (1, D) of a photo, and where it is from, in a line. The stored one, when the
    gallery holds a file of this content. Raises BadPhoto.
    """
    seen = look(photo, None, (), method.photo_spec)
    if seen.broken is not None or seen.image is None or seen.hash is None:
        raise BadPhoto(str(seen.broken))
    held = store.like(seen.hash)
    if len(held):
        vector = arrays_of(held)["vector"]
        said = "the photo is in the gallery: its stored vector was taken, and it is found as well"
    else:
        vector = stored(embed_images(method, seen.image[None]))["vector"]
        said = "the photo is not in the gallery: it was embedded by the gallery's model"
    return Embeddings(torch.from_numpy(vector.copy())), said
