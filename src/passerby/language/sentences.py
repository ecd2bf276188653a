"""Sub-sentences: the parts of a caption between its stops and commas (NAFS, Gao et al. 2021)."""

from __future__ import annotations

import re

DELIMITERS = ";,!?."


def sub_sentences(text: str, delimiters: str = DELIMITERS, keep: bool = False) -> list[str]:
    """The parts of a caption, stripped, without the empty ones.

    keep: each with the delimiters that end it (several where several follow each other); what
    stands before the first word belongs to the first part. Nothing but delimiters has no part.
    """
    if not delimiters:
        return [text.strip()] if text.strip() else []
    ends = re.escape(delimiters)
    found = re.findall(rf"[{ends}\s]*[^{ends}]+[{ends}]*" if keep else rf"[^{ends}]+", text)
    return [part.strip() for part in found if re.search(rf"[^{ends}\s]", part)]


def literal_parts(text: str, count: int, delimiters: str = DELIMITERS) -> list[str | None]:
    """The first `count` parts as the released NAFS cuts them: split at each delimiter, empty parts
    and leading blanks kept; None for each that the caption lacks, which is read as [PAD].
    """
    parts: list[str | None] = [*re.split(f"[{re.escape(delimiters)}]", text)]
    return (parts + [None] * count)[:count]
