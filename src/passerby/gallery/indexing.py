"""An index for a gallery too large to compare every vector, kept only where it is measured to pay.

Vectors go to partitions by their nearest centre, at a few bits a number (LanceDB's IVF_RQ). A query
scans the partitions whose centres are nearest, then compares whole vectors of what seems nearest.
How many partitions that takes depends on the model and the photos, and sentences are no photos: so
it is measured on the gallery itself, with sentences, against comparing everything.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from passerby.gallery.index_card import (
    DEPTH,
    WHY,
    IndexCard,
    asked_before,
    down,
    forget_index,
    read_index,
    write_index,
)
from passerby.gallery.recall import Recall, flat_milliseconds, measured, nearest_cosines
from passerby.gallery.store import Store

When = Literal["auto", "always", "never"]
Progress = Callable[[str], None]  # what is being done

# Comparing 50,000 vectors of 512 numbers takes some 40 ms, a shortlist by an index 20: it would
# save less than a user notices, and cost the certainty of answers.
FEWEST = 50_000
# With a filter that no more photos pass, these are compared one by one, exactly. They lie scattered
# over the disk, some 25 microseconds each: beyond, the index is faster.
FEW = 2_000
QUERIES = 200  # sentences to measure with
GOAL = 0.99
PAYS = 0.5  # of the time of flat search, at most: less is not worth the certainty of answers
CHANGED = 0.25  # share of photos come or gone since an index was measured, to build it again
_ROWS = 4096  # of a partition; with fewer, more of them missed what the nearest were
_LEAST = 1000  # centres need photos to be the centres of
_BITS = 4  # one bit a number needs more vectors read whole than it saves
# Of the partitions, searched. Half a step too many costs milliseconds at each query.
_SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 7 / 16, 1 / 2, 9 / 16, 5 / 8, 3 / 4, 1)
_REFINE = (1, 2, 4)


@dataclass(frozen=True)
class Improved:
    """What became of a gallery's index: its card, None where there is and was none; told: one line
    for the user, "" when nothing was done.
    """

    card: IndexCard | None
    told: str = ""


def due(store: Store, *, least: int = FEWEST, when: When | None = None) -> bool:
    """Whether `improve` would do anything; if not, no sentences need be embedded."""
    try:
        card = read_index(store.path)
    except ValueError:
        return True
    if card is None:
        return when == "never" or len(store) >= (1 if when == "always" else least)
    if when not in (None, card.asked) or (when == "always" and not card.name):
        return True
    return card.asked != "never" and _outdated(store, card)


def _outdated(store: Store, card: IndexCard) -> bool:
    if card.fingerprint != store.fingerprint or (card.name and store.newest().index is None):
        return True
    return abs(len(store) - card.rows) > CHANGED * card.rows


def improve(
    store: Store,
    queries: np.ndarray,
    *,
    goal: float = GOAL,
    least: int = FEWEST,
    few: int = FEW,
    when: When | None = None,
    progress: Progress | None = None,
) -> Improved:
    """Builds a gallery's index anew, and keeps it if it reaches the goal and pays.

    store: open for writing. queries: (Q, D), vectors of sentences by the gallery's model. goal:
    the share that must be found of the 10 and of the 200 nearest photos. least: photos from which
    an index is tried. when: "always": with any number, and it is kept though it saves no time;
    "never": one that is there goes; None: as was asked for before. few: see IndexCard. Killed at
    any moment, every vector is compared, and the next call does the rest. Raises BadGallery when
    the disk refuses.
    """
    began, hear = time.monotonic(), progress or (lambda _: None)
    asked, had, rows = when or asked_before(store.path), _had(store), len(store)
    forget_index(store.path, asked)
    store.drop_indexes()
    if asked == "never":
        removed = "index removed: every vector is compared again"
        return Improved(read_index(store.path), removed if had else f"no index: {WHY[asked]}")
    if rows < (1 if asked == "always" else least):
        removed = f"index removed, {rows:,} photos are few: every vector is compared again"
        return Improved(None, removed if had else "")
    date = datetime.now(UTC).isoformat(timespec="seconds")
    card = IndexCard(
        store.fingerprint, rows, store.newest().number, date, goal=goal, few=few, asked=asked
    )
    why = _hopeless(store, queries, few)
    if why is None:
        unit = queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-12)
        card = _built(store, card, hear)
        card, why = _chosen(store, card, unit.astype(np.float32), hear)
    if why is not None:
        store.drop_indexes()
        card = replace(card, name="", why=why)
    seconds = round(time.monotonic() - began, 1)
    card = replace(card, seconds=seconds, version=store.newest().number)
    write_index(store.path, card)
    return Improved(card, card.line)


def _had(store: Store) -> bool:
    """Whether there is an index, or a card that tells of none that could be used."""
    try:
        card = read_index(store.path)
    except ValueError:
        return True
    return card is not None and bool(card.name)


def _hopeless(store: Store, queries: np.ndarray, few: int) -> str | None:
    """Why no index can be built; None when one can."""
    dimension = store.dimension or 0
    if dimension % 8:
        return f"vectors of {dimension} numbers are no multiple of 8; every vector is compared"
    if len(store) <= max(_LEAST, few):
        return f"{len(store):,} photos are too few for one; every vector is compared"
    if not len(queries):
        return "there are no sentences to measure with; every vector is compared"
    return None


def _built(store: Store, card: IndexCard, hear: Progress) -> IndexCard:
    """The card of an index that was built now, not asked yet."""
    partitions, name = max(4, card.rows // _ROWS), f"vector-{secrets.token_hex(8)}"
    hear(f"building an index of {card.rows:,} photos")
    store.build_index(name, partitions, _BITS)
    return replace(card, name=name, partitions=partitions, bits=_BITS)


def _chosen(
    store: Store, card: IndexCard, queries: np.ndarray, hear: Progress
) -> tuple[IndexCard, str | None]:
    """The card with the first setting, from the least work, that reaches the goal, and what it was
    measured to find and to cost; or why it is not kept.
    """
    hear(f"comparing {len(queries)} sentences with every photo")
    truth = nearest_cosines(store, queries, DEPTH)
    version = store.newest()
    for probes in sorted({max(1, round(share * card.partitions)) for share in _SHARES}):
        for refine in _REFINE:
            hear(f"measuring: {probes} of {card.partitions} partitions, refined {refine} times")
            tried = replace(card, probes=probes, refine=refine)
            found = measured(version, tried, queries, truth, card.goal)
            if found is not None:
                return _paying(tried, found, flat_milliseconds(version, queries))
    best = measured(version, tried, queries, truth, -1.0).least  # type: ignore[union-attr]
    return card, f"it finds {down(best)} at most, below {card.goal:g}; every vector is compared"


def _paying(card: IndexCard, found: Recall, flat: float) -> tuple[IndexCard, str | None]:
    """The card with what was found; and why it is not worth it, None when it is."""
    card = replace(
        card,
        recall=found.top,
        deep=found.deep,
        queries=found.queries,
        milliseconds=round(found.milliseconds, 2),
        flat_milliseconds=round(flat, 2),
    )
    if card.asked == "always" or found.milliseconds <= PAYS * flat:
        return card, None
    times = f"{found.milliseconds:.1f} ms with it, {flat:.1f} ms without"
    return card, f"it saves too little time ({times}); every vector is compared"
