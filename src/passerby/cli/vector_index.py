"""What `passerby index` does for a large gallery when its photos are stored: an index, measured."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from passerby.gallery.store import Store
    from passerby.method import Method

When = Literal["auto", "always", "never"]


def tend(method: Method, store: Store, when: When = "auto") -> str:
    """Builds, renews or takes away the index of a gallery that is open for writing, as is due; one
    line for the user, "" when nothing was done. Measured with what is told of drawn people.
    """
    from passerby.gallery.indexing import QUERIES, due, improve

    if not due(store, when=when):
        return ""
    from passerby.embedding import embed_texts
    from passerby.fitting.sentences import sentences

    queries = embed_texts(method, sentences(QUERIES)).vector.numpy()
    return improve(store, queries, when=when, progress=_hear).told


def _hear(doing: str) -> None:
    print(doing, file=sys.stderr)
