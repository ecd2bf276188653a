"""Captions with some of their words hidden, for a model to find (masked language modelling).

Whole words go, so that none is told by its own pieces, and sometimes two or three side by side. As
IVT's generic pre-training has it (Shu et al. 2022; our specification, 1.9), after BERT (Devlin et
al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from numpy.random import Generator

from passerby.errors import BadRecipe
from passerby.language.tokenizer import Tokenizer
from passerby.types import Texts

IGNORED = -100  # the label of a token that is not asked for, as cross entropy has it


@dataclass(frozen=True)
class WordMasking:
    """share: of a text's words that are hidden, rounded, but one at least. most: tokens hidden of a
    text, at most; a word that would pass it stays. spans: how often two or three words in a row are
    taken where else it is one. hidden, changed: how often a hidden token reads [MASK], or any other
    entry; else it stays as it is, and is asked for all the same.

    Raises BadRecipe for a share or a chance outside [0, 1], or nothing at most.
    """

    share: float = 0.25
    most: int = 8
    spans: float = 0.2
    hidden: float = 0.8
    changed: float = 0.1

    def __post_init__(self) -> None:
        chances = (self.share, self.spans, self.hidden, self.changed, self.hidden + self.changed)
        if min(chances) < 0 or max(chances) > 1:
            raise BadRecipe("shares and chances of masked words are from 0 to 1")
        if self.most < 1:
            raise BadRecipe(f"at most {self.most} masked tokens; it is 1 or more")

    def chosen(self, sizes: Sequence[int], rng: Generator) -> set[int]:
        """Which words are hidden. sizes: the tokens of each word."""
        wanted = max(1, round(self.share * len(sizes)))
        found: set[int] = set()
        tokens = 0
        for first in rng.permutation(len(sizes)).tolist():
            span = int(rng.integers(2, 4)) if rng.random() < self.spans else 1
            for word in range(first, min(first + span, len(sizes))):
                if len(found) == wanted:
                    return found
                if word not in found and tokens + sizes[word] <= self.most:
                    found.add(word)
                    tokens += sizes[word]
        return found

    def masked(
        self, words: Sequence[Sequence[int]], mask: int, others: Sequence[int], rng: Generator
    ) -> tuple[list[int], list[int]]:
        """The words' tokens as they are read, and the labels: what a hidden one was, or IGNORED.

        words: the ids of each. mask: the id of [MASK]. others: ids that may stand in its place.
        """
        chosen = self.chosen([len(word) for word in words], rng)
        read: list[int] = []
        labels: list[int] = []
        for number, word in enumerate(words):
            for token in word:
                labels.append(token if number in chosen else IGNORED)
                read.append(self._shown(token, mask, others, rng) if number in chosen else token)
        return read, labels

    def _shown(self, token: int, mask: int, others: Sequence[int], rng: Generator) -> int:
        drawn = rng.random()
        if drawn < self.hidden:
            return mask
        if drawn < self.hidden + self.changed:
            return others[int(rng.integers(len(others)))]
        return token


@dataclass(frozen=True)
class Cloze:
    """Captions as they are, and again with words hidden; masking None: as they are alone.

    words, tokens: read of a caption at most, its opening (and closing) token counted; blanks and
    line ends are one blank. closed: a text ends with [SEP].

    Raises BadModel for a tokenizer that does not open and close a text, or has no [MASK].
    """

    tokenizer: Tokenizer
    masking: WordMasking | None
    words: int = 50
    tokens: int = 50
    closed: bool = True

    def __post_init__(self) -> None:
        self.tokenizer.ends  # noqa: B018 - refused here, not at the first batch
        if self.masking is not None:
            self.tokenizer.mask_id  # noqa: B018

    def draw(self, texts: Sequence[str], rngs: Sequence[Generator]) -> Texts:
        """ids, mask; with masking masked_ids, labels too: int64 (T, L). rngs: one a text."""
        first, last = self.tokenizer.ends
        ends = [last] if self.closed else []
        cut = self._cut(texts, 1 + len(ends))
        rows = [[first, *(token for word in words for token in word), *ends] for words in cut]
        ids, mask = self.tokenizer.padded(rows)
        if self.masking is None:
            return Texts(ids=ids, mask=mask)
        given = (self.tokenizer.mask_id, self.tokenizer.plain)
        made = [self.masking.masked(w, *given, rng) for w, rng in zip(cut, rngs, strict=True)]
        hidden, _ = self.tokenizer.padded([[first, *read, *ends] for read, _ in made])
        labels = torch.full_like(ids, IGNORED)
        for row, (_, asked) in zip(labels, made, strict=True):
            row[1 : 1 + len(asked)] = torch.tensor(asked, dtype=torch.int64)
        return Texts(ids=ids, mask=mask, masked_ids=hidden, labels=labels)

    def _cut(self, texts: Sequence[str], ends: int) -> list[list[list[int]]]:
        """The tokens of each text's words, as many as there is room for; the last may be cut."""
        short = [" ".join(text.split()[: self.words]) for text in texts]
        found = []
        for words in self.tokenizer.worded(short):
            room = self.tokens - ends
            kept = []
            for word in words:
                kept.append(word[:room])
                room -= len(kept[-1])
            found.append([word for word in kept if word])
        return found
