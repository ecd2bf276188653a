"""Noun phrases by a tagger and a grammar of others: TextBlob's word list, NLTK's chunker.

Both come with the extra `nlp`, and with all they need here: no corpus of NLTK is downloaded
(TextBlob's own extractors, and NLTK's taggers, would need some).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from passerby.errors import BadRecipe

_GRAMMAR = r"""
    NP: {<JJ.*|VBN|NN.*>*<NN.*>(<OF><JJ.*|VBN|NN.*>*<NN.*>)?}  # "pair of blue jeans"
        <DT|PRP\$|IN>{<JJ.*>+}  # the word list holds "t-shirt" as an adjective
"""
_STOPS = frozenset(".;!?")
_LONGEST = 120  # pieces that are tagged at once: the chunker's time grows faster than the length


@lru_cache(maxsize=1)
def _tools() -> tuple[Any, Any]:
    """The tagger and the chunker. Raises BadRecipe where they are not installed."""
    try:
        from nltk.chunk import RegexpParser
        from textblob.en import parser
    except ImportError as error:
        raise BadRecipe(
            "tagged phrases need TextBlob and NLTK: pip install textblob nltk, or the extra [nlp]"
        ) from error
    return parser, RegexpParser(_GRAMMAR)


def tagged_spans(pieces: list[str]) -> list[tuple[int, int]]:
    """[first, last) of each noun phrase, in numbers of pieces. Raises BadRecipe, see `_tools`."""
    tagger, chunker = _tools()
    spans = []
    for first, words in _sentences(pieces):
        tags = [tag for _, tag in tagger.find_tags(words)]
        places = [
            (first + at, "OF" if word.lower() == "of" else tag)
            for at, (word, tag) in enumerate(zip(words, tags, strict=True))
        ]
        for chunk in chunker.parse(places).subtrees(lambda tree: tree.label() == "NP"):
            leaves = chunk.leaves()
            spans.append((leaves[0][0], leaves[-1][0] + 1))
    return spans


def _sentences(pieces: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Runs of words that end with a stop, each with the number of its first piece."""
    words: list[str] = []
    for place, piece in enumerate(pieces):
        words.append(piece.strip() or ",")
        if words[-1] in _STOPS or len(words) == _LONGEST:
            yield place + 1 - len(words), words
            words = []
    if words:
        yield len(pieces) - len(words), words
