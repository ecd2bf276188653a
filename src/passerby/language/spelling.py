"""Words of a sentence that a model has not met, read as words that it has: slips and synonyms.

A model that was trained on a narrow list of captions knows some thousand words. "crimson" is none
of them, nor is "jakcet"; in pieces, both are noise beside the words that it knows. Here they become
"red" and "jacket" before the sentence is read, and the user is told. Known words are never touched,
and a word that nothing is near stays as it is (synonyms.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise

from passerby.language.synonyms import REAL, synonyms

WORD = re.compile("[^\\W\\d_]+(?:['\u2019-][^\\W\\d_]+)*")
_SHORTEST, _LONG, _LONGEST = 4, 8, 20  # letters of words that may be slips, with two, at most

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = frozenset(frozenset(pair) for row in _ROWS for pair in pairwise(row))
_VOWELS = frozenset("aeiou")
_FAR = 9
_KEPT = 10_000  # words whose reading is kept


class Spelling:
    """Reads sentences for a model that has met `words` (lower case). Threads may share it."""

    def __init__(self, words: Collection[str]) -> None:
        self.words = frozenset(words)
        self._read: dict[str, str] = {}
        self._by_start: dict[str, list[str]] = {}
        for word in sorted(self.words):
            if len(word) >= _SHORTEST and word.isascii():
                self._by_start.setdefault(word[0], []).append(word)

    def __call__(self, text: str) -> str:
        """The sentence with words never met in their known form; otherwise as it is."""
        return WORD.sub(self._known, text)

    def changes(self, text: str) -> list[tuple[str, str]]:
        """(word, what it is read as) of each word that is changed, once, in reading order."""
        found = {}
        for match in WORD.finditer(text):
            read = self._known(match)
            if read != match.group():
                found[match.group()] = read
        return list(found.items())

    def _known(self, match: re.Match[str]) -> str:
        word = match.group()
        lower = word.lower().replace("\u2019", "'")
        read = self._read.get(lower)
        if read is None:
            if len(self._read) >= _KEPT:  # a service meets words without end
                self._read.clear()
            read = self._read[lower] = self._find(lower)
        return word if read == lower else read

    def _find(self, word: str) -> str:
        if self._is_known(word):
            return word
        for other in synonyms().get(word, ()):
            if all(part in self.words for part in re.split(r"[ -]", other)):
                return other
        if "-" in word:  # its parts for themselves: "red-jakcet"
            return "-".join(map(self._find, word.split("-")))
        return self._one_or_many(word) or self._nearest(word) or word

    def _is_known(self, word: str) -> bool:
        parts = re.split(r"['-]", word)
        return all(len(part) < 3 or part in self.words for part in parts)

    def _one_or_many(self, word: str) -> str:
        """The singular of a plural that is not known: "hats" is nearer to "hat" than to "hate"."""
        singulars = (word.removesuffix(end) for end in ("s", "es") if word.endswith(end))
        return next((one for one in singulars if len(one) >= 3 and one in self.words), "")

    def _nearest(self, word: str) -> str:
        """The one known word a slip away; "" where there is none or more than one.

        A slip is a letter too many or too few, two in the wrong order (Damerau 1964), or a wrong
        letter that lies beside the right one or is a vowel for a vowel; never the first letter,
        unless it changed places. Longer words may have two. Of several, a word of the same letters
        is taken before others. Real words are left alone, and so are short ones: almost anything is
        a slip away.
        """
        if not _SHORTEST <= len(word) <= _LONGEST or not word.isascii() or word in REAL:
            return ""
        most = 2 if len(word) >= _LONG else 1
        near: dict[int, list[str]] = {}
        for other in (*self._by_start.get(word[0], ()), *self._by_start.get(word[1], ())):
            swapped = other[:2] == word[1::-1]
            if abs(len(other) - len(word)) <= most and (other[0] == word[0] or swapped):
                near.setdefault(slips(word, other, most), []).append(other)
        for far in range(1, most + 1):
            found = near.get(far, [])
            if len(found) > 1:
                found = [other for other in found if set(other) == set(word)] or found
            if found:
                return found[0] if len(found) == 1 else ""
        return ""


def slips(word: str, other: str, most: int) -> int:
    """How many slips make one word of the other; `most` + 1 or more where they are too many."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(word, start=1):
        row = [i]
        for j, right in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + _wrong(letter, right, len(word)))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == right:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]


def _wrong(letter: str, right: str, length: int) -> int:
    if letter == right:
        return 0
    vowels = length >= 6 and {letter, right} <= _VOWELS
    return 1 if vowels or frozenset((letter, right)) in _BESIDE else _FAR
