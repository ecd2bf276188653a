"""A short sentence, as users type them, out of some of what a caption tells."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from passerby.drawn.lexicon import is_plural
from passerby.drawn.phrases import family
from passerby.drawn.wording import Tell

MOST = 3  # things told of
_WORN = ("upper", "inner", "lower", "shoes", "hat", "scarf")
_HELD = ("bag", "carried", "hair")


def brief(tells: Iterable[Tell], rng: np.random.Generator) -> tuple[str, list[Tell]]:
    """ "a woman in a red coat with a black handbag", and what it tells: one to three things.

    An empty sentence when the caption tells nothing that can stand so.
    """
    tells = list(tells)
    usable = [t for t in tells if family(t.attribute) in (*_WORN, *_HELD) and _stands(t.words)]
    if not usable:
        return "", []
    count = int(rng.integers(1, min(MOST, len(usable)) + 1))
    chosen = [usable[place] for place in sorted(rng.permutation(len(usable))[:count])]
    sex = [tell for tell in tells if tell.attribute == "sex"][:1]
    text = _with_article(sex[0].words if sex else "person")
    for link, names in ((" in ", _WORN), (" with ", _HELD)):
        things = [_with_article(t.words) for t in chosen if family(t.attribute) in names]
        if things:
            text += link + " and ".join(things)
    return text, [*sex, *chosen]


def _stands(words: str) -> bool:
    """False of "hair is black", which no article makes a thing."""
    return not {"is", "are", "haired"} & set(words.lower().split())


def _with_article(words: str) -> str:
    if words.startswith(("a ", "an ", "the ")) or is_plural(words) or "hair" in words.split():
        return words
    return ("an " if words[0].lower() in "aeiou" else "a ") + words
