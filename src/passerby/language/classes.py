"""A caption as pieces and a string of their classes, one letter a word (`words`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from string import ascii_lowercase

from passerby.language.words import CLASSES, ENDINGS

# A word is letters, digits and what belongs to them in any script: all but blanks and the signs of
# ASCII, Latin-1 and typography. A word, blanks or a sign, each with the blanks after it: all
# pieces together are the caption.
_WORD = r"[^\x00-/:-@\[-`{-\xbf\u2000-\u206f\u3000-\u303f\s]+"
_PIECE = re.compile(rf"{_WORD}(?:['\u2019-]{_WORD})*\s*|\s+|.\s*", re.DOTALL)
_KEPT = 1 << 16  # pieces that are remembered
_LONG = 40  # letters of a piece that is


class _Classes(dict[str, str]):
    """piece -> the letter of its class; remembers the pieces it met."""

    def __missing__(self, piece: str) -> str:
        letter = class_of(piece.strip().lower().replace("\u2019", "'"))
        if len(self) < _KEPT and len(piece) < _LONG:
            self[piece] = letter
        return letter


def class_of(word: str) -> str:
    """The letter of a word's class (a key of `words.CLASSES`); others: "#" a number, "," a comma,
    "." any other sign, "E" an unknown word in -ed, "U" any other unknown word.
    """
    if (known := _KNOWN.get(word)) is not None:
        return known
    if not word or not word[0].isalnum():
        return "," if word == "," else "."
    if word[0].isdigit():
        return "#"
    if word.endswith(("'s", "s'")):
        return "d"
    dash, last = word.rpartition("-")[1:]
    if dash:  # "light-blue", "tee-shirt"; "knee-length" and "mid-calf" tell of what follows
        letter = class_of(last)
        return letter if letter in "CNLlYP" else "J"
    for end, letter in ENDINGS:
        if word.endswith(end) and len(word) > len(end) + 1:
            return letter
    return next((_KNOWN[near] for near in _slips(word) if near in _KNOWN), "U")


def _slips(word: str) -> Iterator[str]:
    """What an unknown word of five letters or more may have been: two letters swapped, one too
    many, one wrong, one missing inside. Shorter words are all too near to each other.
    """
    if not 5 <= len(word) <= _LONG:
        return
    places = range(1, len(word))
    yield from (word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] for at in places)
    yield from (word[:at] + word[at + 1 :] for at in places)
    for letter in ascii_lowercase:
        yield from (word[:at] + letter + word[at + 1 :] for at in places)
        yield from (word[:at] + letter + word[at:] for at in places)


_KNOWN = {word: letter for letter, words in CLASSES.items() for word in words.split()}
_MET = _Classes()


def read(caption: str) -> tuple[list[str], str, list[int]]:
    """The pieces of a caption, their classes as one string, and where each starts (and the end)."""
    pieces = _PIECE.findall(caption)
    return pieces, "".join(map(_MET.__getitem__, pieces)), [0, *accumulate(map(len, pieces))]
