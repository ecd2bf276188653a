"""Sentences as users ask, to measure a gallery with: what is told of drawn people."""

from __future__ import annotations

import numpy as np

from passerby.drawn.brief import brief
from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import draw_wardrobe, garments
from passerby.drawn.wording import write_caption

_SEEN = ("hair", "face", "glasses", "beard")
_VIEWS = ("front", "back", "left", "right")


def sentences(count: int, seed: int = 0) -> list[str]:
    """So many sentences, each of another person: captions of 10 to 60 words in turn with short
    ones of one to three things.
    """
    told = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        person = draw_wardrobe(rng)
        names = [name for name, _ in garments(person)]
        view = _VIEWS[int(rng.integers(len(_VIEWS)))]
        sight = Sight(view, "walking", dict.fromkeys([*names, *_SEEN], 1.0))
        caption = write_caption(person, sight, rng)
        short = brief(caption.tells, rng)[0] if number % 2 else ""
        told.append(short or caption.text)
    return told
