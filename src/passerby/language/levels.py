"""Texts of three levels for one caption: sentence, phrase, word (IVT's multi-level alignment).

* "sentence" is the caption, and nothing to draw.
* "phrase": stops and brackets are taken off the end; of each part between stops, the longest chunk
  between commas (the first of equals) is one text, and all others, joined by commas again, are
  another.
* "clause": each chunk between stops and commas; what the released code calls words where a data
  set tells no attributes (ICFG-PEDES, RSTPReid).
* "word": phrases that tell one attribute each. The released code reads them from a file that is
  gone; these are our own (`phrases`, in lower case), each once, and some of them make a text.

Chunks of five characters or fewer, blanks counted, are left out. Nothing but "." and "," cuts.

Source: IVT specification, section 1.3. Where the released code draws from nothing and stops, the
caption is taken.
"""

from __future__ import annotations

import numpy as np

from passerby.errors import BadRecipe
from passerby.language.phrases import phrases

POOLS = ("phrase", "clause", "word")
WORD_RULES = ("attributes", "clause")
_SHORT = 5  # characters of a chunk that tells too little


def pool(caption: str, level: str) -> list[str]:
    """What may be drawn at a level, in reading order, without blanks at the ends; may be empty.

    level: "phrase", "clause" or "word"; raises BadRecipe for another.
    """
    if level == "phrase":
        return _phrases(caption)
    if level == "clause":
        return _kept([chunk for part in caption.split(".") for chunk in part.split(",")])
    if level == "word":
        return list(dict.fromkeys(phrase.text for phrase in phrases(caption)))
    raise BadRecipe(f"no texts of level {level!r} are drawn; there are {', '.join(POOLS)}")


def drawn(caption: str, level: str, rng: np.random.Generator) -> str:
    """One text of a level, each of the pool as likely; blank only where the caption is.

    At level "word" the count n is uniform over 1..all, then n different phrases are joined by
    commas in the order they were drawn. Of an empty pool: a phrase for "word", else the caption.
    """
    found = pool(caption, level)
    if found and level == "word":
        count = rng.integers(1, len(found), endpoint=True)
        return ",".join([found[place] for place in rng.permutation(len(found))[:count]])
    if not found and level == "word":
        found = _phrases(caption)
    return found[rng.integers(len(found))] if found else caption


def _phrases(caption: str) -> list[str]:
    found = []
    for part in caption.rstrip(".[]").split("."):
        chunks = part.split(",")
        longest = chunks.pop(chunks.index(max(chunks, key=len)))
        found += [longest, ",".join(chunks).strip(",")]
    return _kept(found)


def _kept(chunks: list[str]) -> list[str]:
    """Length is judged first, as released; what is blank is left out, as nothing can be read."""
    stripped = [chunk.strip() for chunk in chunks if len(chunk) > _SHORT]
    return [chunk for chunk in stripped if chunk]
