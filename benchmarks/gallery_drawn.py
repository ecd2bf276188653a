"""Drawn vectors of large galleries, for gallery.py: like embeddings in what makes searching hard.

Variance falls off over the numbers of a vector as 1 / (1 + place), as it does along the principal
axes of learnt embeddings. Looks come in 2,000 styles; a person is a style and a deviation of 0.7 of
its size, a photo a person and noise of 0.5, a text a person and noise of 1.5 and one offset that
all texts share (sentences lie apart from photos). Five photos a person, in any order; all of unit
length. Not uniform noise, of which no index finds anything sooner, and nothing learnt either.

Cameras: every thousandth photo is of camera "rare", the others of "c0" to "c9" in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

STYLES, EACH = 2000, 5
PERSON, PHOTO, TEXT, OFFSET = 0.7, 0.5, 1.5, 0.5
BLOCK = 8192
FILTERS = {"all": None, "10 %": "camera = 'c3'", "0.1 %": "camera = 'rare'"}
RARE, CAMERAS = 1000, 10
NEAREST = 200


def camera(row: int) -> str:
    return "rare" if row % RARE == 0 else f"c{row % CAMERAS}"


def passing(name: str, rows: np.ndarray) -> np.ndarray:
    """Which rows pass a filter of FILTERS."""
    if name == "all":
        return np.ones(len(rows), bool)
    return rows % RARE == 0 if name == "0.1 %" else (rows % CAMERAS == 3) & (rows % RARE > 0)


def draw(place: Path, rows: int, dim: int, queries: int) -> None:
    """photos.npy (rows, dim), texts.npy (queries, dim), and for each filter truth-NAME.npy, the
    cosines (queries, 200) of the nearest photos that pass.
    """
    rng = np.random.default_rng([7, rows, dim])
    scale = (1 + np.arange(dim, dtype=np.float32)) ** -0.5
    persons = -(-rows // EACH)
    styles, offset = (_noise(rng, n, scale) for n in (STYLES, 1))
    style = rng.integers(STYLES, size=persons)
    places = rng.permutation(rows)
    photos = np.lib.format.open_memmap(
        place / "photos.npy", mode="w+", dtype=np.float32, shape=(rows, dim)
    )
    asked = rng.choice(persons, queries, replace=False)
    texts = np.empty((queries, dim), np.float32)
    for start in range(0, persons, BLOCK):
        who = np.arange(start, min(start + BLOCK, persons))
        person = styles[style[who]] + PERSON * _noise(rng, len(who), scale)
        for n in range(EACH):
            at = who * EACH + n
            seen = at < rows
            drawn = person + PHOTO * _noise(rng, len(who), scale)
            photos[places[at[seen]]] = _unit(drawn)[seen]
        told = np.flatnonzero((asked >= start) & (asked < start + len(who)))
        texts[told] = person[asked[told] - start]
    texts = _unit(texts + TEXT * _noise(rng, queries, scale) + OFFSET * offset)
    np.save(place / "texts.npy", texts)
    rank = _truth(place, photos, texts)
    own = np.empty(rows, np.int64)
    own[places] = np.arange(rows) // EACH
    np.save(place / "rank1.npy", np.mean(own[rank] == asked))


def _truth(place: Path, photos: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Writes truth-NAME.npy; gives the row of each text's nearest photo."""
    best = {name: np.empty((len(texts), 0), np.float32) for name in FILTERS}
    first = np.zeros(len(texts), np.int64)
    top = np.full(len(texts), -2.0, np.float32)
    for start in range(0, len(photos), BLOCK):
        block = np.asarray(photos[start : start + BLOCK])
        cosines, rows = texts @ block.T, np.arange(start, start + len(block))
        better = cosines.max(1) > top
        first[better], top[better] = start + cosines.argmax(1)[better], cosines.max(1)[better]
        for name in FILTERS:
            kept = np.concatenate([best[name], cosines[:, passing(name, rows)]], 1)
            most = min(NEAREST, kept.shape[1])
            best[name] = -np.sort(-kept, 1)[:, :most] if most < NEAREST else _most(kept)
    for name, found in best.items():
        np.save(place / f"truth-{name}.npy", -np.sort(-found, 1))
    return first


def _most(cosines: np.ndarray) -> np.ndarray:
    return -np.partition(-cosines, NEAREST - 1, 1)[:, :NEAREST]


def parts(rows: int, count: int, dim: int) -> Iterator[np.ndarray]:
    """float16 (n, count, dim), n at most BLOCK, `rows` in all; no compression shrinks them."""
    rng = np.random.default_rng(3)
    pool = (rng.standard_normal((BLOCK, count, dim), np.float32) / dim**0.5).astype(np.float16)
    for start in range(0, rows, BLOCK):
        yield np.roll(pool, start // BLOCK, axis=0)[: min(BLOCK, rows - start)]


def _noise(rng: np.random.Generator, n: int, scale: np.ndarray) -> np.ndarray:
    return rng.standard_normal((n, len(scale)), np.float32) * scale


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
