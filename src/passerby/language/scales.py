"""A caption at its scales, as token ids: the sentence, its sub-sentences, its words (NAFS); or any
short texts, each by itself (the phrases of ACSA)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from passerby.language.sentences import literal_parts, sub_sentences
from passerby.language.tokenizer import Tokenizer
from passerby.types import Texts


@dataclass(frozen=True)
class Scales:
    """How captions are cut: `length` tokens at most. parts: sub-sentences that are read by
    themselves; where they are marked in the sentence, all are, unless it is 0.

    literal: as released (NAFS specification, 2.1): empty parts are kept, missing ones are read as
    [PAD], and a long caption loses its [SEP].
    """

    tokenizer: Tokenizer
    length: int
    parts: int
    delimiters: str
    literal: bool = False

    def plain(self, texts: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """ids and mask (T, L) of [CLS] words [SEP]; all masked for None, a part that is missing."""
        first, last = self.tokenizer.ends
        rows: list[list[int]] = []
        for text, words in zip(texts, self.tokenizer.pieces([t or "" for t in texts]), strict=True):
            if text is None:
                rows.append([first, self.tokenizer.pad, last] if self.literal else [])
            elif self.literal:
                rows.append([first, *words, last][: self.length])
            else:
                rows.append([first, *words[: self.length - 2], last])
        return self.tokenizer.padded(rows)

    def separate(self, texts: Sequence[str]) -> Texts:
        """ids, mask (T, L); part_ids, part_mask (T, parts, L'), each sub-sentence by itself."""
        ids, mask = self.plain(texts)
        parts = [part for text in texts for part in self._cut(text)]
        part_ids, part_mask = (t.unflatten(0, (len(texts), -1)) for t in self.plain(parts))
        return Texts(ids=ids, mask=mask, part_ids=part_ids, part_mask=part_mask)

    def masked(self, texts: Sequence[str]) -> Texts:
        """ids, mask, part (T, L): [CLS], each sub-sentence after a [CLS] of its own, [SEP].

        part: k on the words of sub-sentence k, -k on its [CLS], 0 elsewhere; see `locality`.
        """
        first, last = self.tokenizer.ends
        rows, marks = [], []
        for text in texts:
            row, mark = [first], [0]
            parts = sub_sentences(text, self.delimiters, keep=True)
            for number, words in enumerate(self.tokenizer.pieces(parts), start=1):
                row += [first, *words]
                mark += [-number, *[number] * len(words)]
            if not parts:  # nothing but delimiters
                row += self.tokenizer.pieces([text])[0]
                mark += [0] * (len(row) - 1)
            rows.append([*row[: self.length - 1], last])
            marks.append([*mark[: self.length - 1], 0])
        ids, mask = self.tokenizer.padded(rows)
        part = torch.zeros_like(ids)
        for place, mark in enumerate(marks):
            part[place, : len(mark)] = torch.tensor(mark)
        return Texts(ids=ids, mask=mask, part=part)

    def notes(self, text: str, masked: bool) -> list[str]:
        """What a user should know of how this text is read."""
        parts = sub_sentences(text, self.delimiters)
        longest = self.length
        if masked and self.parts:  # the [CLS] of sub-sentences take places too
            read = self.masked([text])
            longest = int((read.mask * (read.part >= 0)).sum())
        said = list(self.tokenizer.notes(text, longest))
        if self.parts and not parts:
            said.append("the sentence has no words between its stops and commas: write some")
        elif self.parts and len(parts) == 1:
            said.append(
                "the sentence is one part: commas between its clauses would be read as parts"
            )
        return said

    def _cut(self, text: str) -> list[str | None]:
        if self.literal:
            return literal_parts(text, self.parts, self.delimiters)
        clean: list[str | None] = [*sub_sentences(text, self.delimiters)]
        return (clean + [None] * self.parts)[: self.parts]


def locality(part: Tensor, mask: Tensor) -> Tensor:
    """Who may look at whom in a sentence with marked sub-sentences: bool (T, L, L), rows look.

    part, mask: (T, L) as `Scales.masked` makes them. The sentence's [CLS] sees everything, a
    sub-sentence's [CLS] itself and its own words, all others the words, [SEP] and the sentence's
    [CLS]. Locality-constrained attention (Gao et al. 2021, NAFS, figure 2, which draws the first
    two; the rule of the words is ours).
    """
    real = mask.bool()[:, None, :]
    own = (part[:, :, None] < 0) & (part[:, :, None] == -part[:, None, :])
    plain = (part[:, :, None] >= 0) & (part[:, None, :] >= 0)
    itself = torch.eye(part.shape[1], dtype=torch.bool, device=part.device)
    allowed = ((own | plain) & real) | itself
    allowed[:, :1] |= real
    return allowed


def heads(tokens: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
    """What was read at the [CLS] of every sub-sentence, (T, P, D), and which are there, (T, P).

    tokens: (T, L, D). part: (T, L), 0 where the mask is.
    """
    numbers = torch.arange(1, 1 - int(part.min()), device=part.device)[None, :, None]
    at = part[:, None, :] == -numbers
    there = at.any(2) & (part[:, None, :] == numbers).any(2)  # not where the cut left no word
    return at.to(tokens.dtype) @ tokens, there
