"""What `passerby index` does for a large gallery when its photos are stored: an index, measured."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from passerby.gallery.store import Store
    from passerby.method import Method

When = Literal["auto", "always", "never"]


def tend(method: Method, store: Store, when: When | None = None) -> str:
    """Builds, renews or takes away the index of a gallery that is open for writing, as is due; one
    line for the user, "" when nothing was done. Measured with what is told of drawn people.

    Raises BadGallery, which says that the photos are stored.
    """
    from passerby.embedding import embed_texts
    from passerby.errors import BadGallery, shown
    from passerby.fitting.sentences import sentences
    from passerby.gallery.indexing import QUERIES, due, improve

    where, photos = shown(store.path), len(store)
    try:
        if not due(store, when=when):
            return ""
        queries = embed_texts(method, sentences(QUERIES)).vector.numpy()
        return improve(store, queries, when=when, progress=_hear).told
    # LanceDB refuses with these, and has more words for it than `refusing` knows
    except (BadGallery, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).removeprefix(f"{where}: ").split(";")[0].split())[:160]
        raise BadGallery(
            f"{where}: all its photos are stored ({photos:,}), but its index could not be built "
            f"({reason}); every vector is compared until the same command, run again, builds it"
        ) from None


def _hear(doing: str) -> None:
    print(doing, file=sys.stderr)
