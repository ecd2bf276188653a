"""Phrases of captions against those judged by hand, and captions a second, of every mode.

python benchmarks/phrases.py [--out results/phrases.json]

precision and recall want the same span; relaxed_ ones spans that overlap and have the same head.
Persons that a caption names are neither asked for nor wrong. The captions are those of
tests/unit/language/judged_phrases.txt. Speed: CPU seconds of one core, the fastest of five.
"long text": time a word of 20,000 words against 1,000, for the worst of many patterns; 1 where time
grows with length, 20 where it grows with its square.
"""

import argparse
import random
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from report import finish, machine

from passerby.language.phrases import MODES, phrases
from passerby.language.words import CLASSES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "language"))
from judged_phrases import Judged, judged, scores

LEAST = 0.5  # CPU seconds of a turn


def speed(captions: list[str], mode: str) -> float:
    """Captions a second."""
    phrases(captions[0], mode)

    def turn(rounds: int) -> float:
        began = time.process_time()
        for _ in range(rounds):
            for caption in captions:
                phrases(caption, mode)
        return time.process_time() - began

    rounds = max(1, round(LEAST / max(turn(1), 1e-3)))
    return rounds * len(captions) / min(turn(rounds) for _ in range(5))


def growth(mode: str) -> float:
    """Of the twelve patterns of word classes that take longest, the worst."""
    one = [*(listed.split()[0] for listed in CLASSES.values()), ",", ".", "zorb", "zorbed", "12"]
    dice = random.Random(5)
    patterns = [*product(one, one), *(tuple(dice.choices(one, k=4)) for _ in range(400))]

    def taken(pattern: tuple[str, ...], words: int) -> float:
        text = " ".join(pattern * (words // len(pattern)))
        began = time.process_time()
        phrases(text, mode)
        return time.process_time() - began

    worst = sorted(patterns, key=lambda pattern: taken(pattern, 1000))[-12:]
    return max(
        min(taken(p, 20_000) for _ in range(3)) / min(taken(p, 1000) for _ in range(9)) / 20
        for p in worst
    )


def measured(corpus: list[Judged], mode: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part in dict.fromkeys(j.part for j in corpus):
        of_part = [j for j in corpus if j.part == part]
        for name, share in scores(of_part, partial(phrases, mode=mode)).items():
            values[f"{mode}, {part}: {name}"] = round(share, 4)
    values[f"{mode}: captions a second"] = round(speed([j.caption for j in corpus], mode))
    values[f"{mode}: long text"] = round(growth(mode), 1)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    corpus = judged()
    values: dict[str, Any] = {
        "captions": len(corpus),
        "phrases judged": sum(len(j.things) for j in corpus),
        "words a caption": round(sum(len(j.caption.split()) for j in corpus) / len(corpus), 1),
    }
    for mode in MODES:
        values |= measured(corpus, mode)
    finish("phrases", values, given.out, machine=machine())


if __name__ == "__main__":
    main()
