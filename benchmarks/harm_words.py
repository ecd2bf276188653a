"""Harms of single words of a sentence: slips of the keyboard, a wrong colour, other spelling."""

import re

import numpy as np

from passerby.language.classes import read
from passerby.language.phrases import phrases

Rng = np.random.Generator

TELLING = frozenset("JCxqzNLlMmbHYPBTEG")  # classes of words that tell of a person (language/words)
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
BRITISH = {
    "gray": "grey", "grayish": "greyish", "color": "colour", "colors": "colours",
    "colored": "coloured", "colorful": "colourful", "multicolored": "multicoloured",
    "jewelry": "jewellery", "mustache": "moustache", "center": "centre", "pajamas": "pyjamas",
    "checkered": "chequered", "traveling": "travelling", "plow": "plough", "favorite": "favourite",
}  # fmt: skip
SPELT = BRITISH | {british: american for american, british in BRITISH.items()}
SPELLING = re.compile(r"\b(?:" + "|".join(SPELT) + r")\b", re.IGNORECASE)
# Colours that nobody takes for one another: words of a colour, and what is plainly another.
FAR = {
    "black charcoal": "white yellow orange red",
    "white cream ivory off-white": "black red blue green",
    "gray grey silver": "red yellow orange green",
    "red maroon burgundy crimson scarlet": "white blue green black",
    "pink rose fuchsia magenta salmon coral": "black green blue brown",
    "orange peach rust": "blue green black purple",
    "yellow gold golden mustard": "black blue red purple",
    "green olive lime mint": "red pink orange purple",
    "blue navy teal turquoise aqua": "red yellow pink orange",
    "purple lavender violet lilac": "yellow white green orange",
    "brown tan beige khaki camel": "blue red purple pink",
}  # fmt: skip
OTHERS = {word: far.split() for words, far in FAR.items() for word in words.split()}
COLOUR = re.compile(
    r"(?<![\w-])(?:(?:light|dark|bright|pale|deep|royal|navy|sky|baby|hot|neon|lime|olive|forest|"
    r"army)[ -])?(" + "|".join(OTHERS) + r")(?![\w-])",
    re.IGNORECASE,
)


def misspelt(text: str, rng: Rng, slips: int = 1) -> str:
    """`slips` words with one slip of the keyboard each; never in a word's first letter.

    Words that tell of the person are struck first, where there are any: a slip in "the" is none.
    """
    pieces, letters, _ = read(text)
    long = [n for n, piece in enumerate(pieces) if re.fullmatch(r"[A-Za-z]{4,}\s*", piece)]
    told = [n for n in long if letters[n] in TELLING]
    for place in rng.permutation(told or long)[:slips].tolist():
        word = pieces[place].rstrip()
        pieces[place] = _slip(word, rng) + pieces[place][len(word) :]
    return "".join(pieces)


def wrong_colour(text: str, rng: Rng) -> str:
    """One colour is another, that nobody takes for it and that the caption has not; not hair's
    where clothes have one."""
    met = list(COLOUR.finditer(text))
    if not met:
        return text
    heads = [p for p in phrases(text) if set(read(p.text)[1]) & set("HYPB")]
    worn = [m for m in met if not any(p.start <= m.start() < p.end for p in heads)] or met
    one = worn[int(rng.integers(len(worn)))]
    there = {each[1].lower() for each in met}
    far = OTHERS[one[1].lower()]
    other = str(rng.choice([word for word in far if word not in there] or far))
    return text[: one.start()] + _cased(other, one[0]) + text[one.end() :]


def other_spelling(text: str, rng: Rng) -> str:  # noqa: ARG001
    """British where it was American and the other way round, each word of SPELT."""
    return SPELLING.sub(lambda met: _cased(SPELT[met[0].lower()], met[0]), text)


def _slip(word: str, rng: Rng) -> str:
    """Two letters swapped, one left out, doubled or hit beside; always another word."""
    while True:
        at = int(rng.integers(1, len(word)))
        kind = int(rng.integers(4))
        if kind == 0:
            found = word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] if at > 1 else word
        elif kind == 1:
            found = word[:at] + word[at + 1 :]
        elif kind == 2:
            found = word[:at] + word[at] + word[at:]
        else:
            found = word[:at] + _cased(_beside(word[at].lower(), rng), word[at]) + word[at + 1 :]
        if found != word:
            return found


def _beside(letter: str, rng: Rng) -> str:
    row = next(row for row in ROWS if letter in row)
    at = row.index(letter)
    return str(rng.choice(list(row[max(0, at - 1) : at] + row[at + 1 : at + 2])))


def _cased(word: str, like: str) -> str:
    """`word` in the case of `like`."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word[0].upper() + word[1:] if like[0].isupper() else word
