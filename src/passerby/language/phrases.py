"""Noun phrases of a caption: what a region of a photo may look at (ACSA).

Every word is given a class, one letter (`words`); a caption becomes a string of letters, and one
regular expression over that string finds the phrases. The rules of the mode "garment":

* A phrase is adjectives and then a noun, "short sleeved black and white striped shirt"; a noun by
  itself is one too. Articles, possessives, numbers, pronouns and verbs are never in it.
* "and", "or" and commas join colours and adjectives, never nouns: "black shirt and pants" are two.
* A new adjective after a garment starts a new phrase, so that a missing comma does no harm:
  "white shirt black pants". A plural (pants, shoes) ends its phrase.
* "with", "that has" and "having" bind details (stripes, a logo, sleeves, a strap, colours, what is
  said to be "on it") and where on the garment they are ("on the front"), never another garment:
  "shirt with white stripes on the sleeves", but "red coat", "white handbag". A place with a
  possessive is the wearer's ("over her shoulder"), and no part of the phrase.
* "of" binds a thing: "pair of blue jeans", "bottle of water"; "type of", "picture of" bind
  nothing.
* Hair keeps how it is worn: "black hair pulled back in a ponytail", "hair up in a bun". Garments
  keep what is rolled or tucked: "jeans rolled up at the ankles". What a verb tells ("her hair is
  black", "a skirt that goes to her knees") stays outside.
* Persons ("young man") are phrases, since the image token may look at one and age and sex tell
  people apart; said again in the same words they are left out, or they would crowd out garments.
* Parts of the body, places and words about the photo are none ("left hand", "street", "camera"),
  but for a "bald head".
* A word that no list holds is a noun, unless its end says otherwise, or it follows "he", "she"
  (a verb) or a preposition of place ("through a vestibule"). A slip of one letter in a longer
  word is read as the word that was meant ("striepd").

Sources: ACSA specification, section 3.1; the rules are ours.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from passerby.errors import BadRecipe
from passerby.language.classes import read
from passerby.language.tagged import tagged_spans

MODES = ("garment", "noun", "textblob-like", "tagged")


@dataclass(frozen=True, slots=True)
class Phrase:
    """caption[start:end], as `text`: in lower case, with single blanks."""

    text: str
    start: int
    end: int


def phrases(caption: str, mode: str = "garment", most: int = 0) -> list[Phrase]:
    """The phrases of a caption in reading order; the first `most`, all for 0.

    mode: "garment", the rules above; "noun", adjectives and nouns of every kind, nothing joined;
    "textblob-like", as TextBlob's default merges words; "tagged", TextBlob's word list with a
    grammar of NLTK, which the extra `nlp` installs. Raises BadRecipe for an unknown mode, and where
    "tagged" is not installed.
    """
    if mode not in MODES:
        near = difflib.get_close_matches(mode, MODES, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(MODES)}"
        raise BadRecipe(f"no phrases are called {mode!r}; {remedy}")
    found = _FINDERS[mode](caption)
    return found[:most] if most > 0 else found


# ---- the grammar over classes; `*+` and `++` never look back, so that time grows with length

_NAMES = {
    # a word before a noun; one that could be the noun needs another after it
    "MOD": r"""(?:[JCqv]
        | x(?=[JCxGETNLlMmbHYUPB]) | E(?=[JCxENLlMmbHYUPBK]) | G(?=[JCxNLlMmbHU])
        | T(?=[JCxNLl]) | [bT][uoOn](?=[JCxNLlMmHU]) | kz(?!f) | u(?=N)
        | [Mbz](?=[JCxEzNLlMmbHYU]|T[NLl]) | [UB](?=[zNLlMmbHYUPBK]) | B(?=J[NLl])
        | [ms](?=[NLlMm]) | K(?=[NU]) | S(?=J?[NLl]) | [HP](?=[NLl]) | Q(?=P) | \#(?=[NLlMmUH])
        | {JOIN})""",
    # "and" and commas between adjectives
    "JOIN": r"""(?:(?:,&(?<=[JCxE],&)|[&,](?<=[JCxE][&,]))(?=v*[JCxE][JCxqvkGENLlMmbHYUPBS&,])
        | &(?<=[JC]&)(?=U[NLl]) | ,(?<=[JC],)(?=B[Mz]|kz|b[uo]) | ,(?<=[JC]M,)(?=[JC]))""",
    "GARMENT": r"(?:[Nl]++(?:L|(?<=N)x(?![JCNLlMmU]))?+|L)",
    # where on a garment: "on it", "on the front", "down the sides"; never "on his back"
    "PLACE": r"(?:[onOui](?:I|[Dk]*J?[sBKMm](?![NLlM])(?:&[sK])?))",
    "HEAD": r"(?:{GARMENT}|[Mm](?!f[Dk]?{MOD}*+P){PLACE}?|(?<=[JCD])x|bu|b|Y++|{NEW})",
    # an unknown word is a verb after "he" or "man", and "annd" in "shirt annd blue jeans"
    "NEW": r"(?:U(?<![pP]U)(?!(?<=[NLlM]U)[DdJCx]))",
    "OF": r"(?:f[Dk]?{MOD}*+(?:{GARMENT}|[MmUH]))",
    # "white stripes down the sides", "some red on it", "a dragon on the back"
    "DETAIL": r"""(?:[Dkdv]*+(?:
        (?:{MOD}|[Nl](?=[MmbU]))*+ (?:M\#?|m(?!f[Dk]?{MOD}*+[NLl])|b(?!u))
            (?:T?u(?![Ddi]))? {OF}? {PLACE}?+
        | C(?:&C)*+(?![JCxqvkGETzNLlMmbHYUPBKs&]) {PLACE}?+
        | {MOD}*+ [NLlU] (?:oI|[onui]D[sK])))""",
    "WITH": r"(?:(?:w|ta|g){DETAIL}(?:,?&{DETAIL})*+)",
    "ROLLED": r"(?:T[uK](?:[in]D?B|(?![Ddi])))",
    # how hair is worn: "pulled back in a high ponytail", "tied back", "up", "with bangs"
    "WORN": r"(?:(?:T?[uK]?+)nD?{MOD}*+Y++|T[uK](?![Ddi])|u(?![Ddi])|w{MOD}*+[YH]+)",
    "PLAIN": r"(?:[JCqvTG]|kz|x(?=[JCqvxTGENLlMmbHYUPBKsSQ])|E(?=[JCxENLlMmbHYUPBKsSQ]))",
}


def _grammar(rule: str) -> re.Pattern[str]:
    """A rule in whose braces stand names of _NAMES."""
    while "{" in rule:
        for name in _NAMES:
            rule = rule.replace(f"{{{name}}}", _NAMES[name])
    return re.compile(rule, re.VERBOSE)


# What has no name is not kept: an unknown word after a preposition of place, "in his pockets",
# adjectives alone, the body. It is matched so that no part of it is. The first line is for speed.
_GARMENTS = _grammar(
    r"""(?=[JCqvxGETkzbuNLlMmHYPBKsSQU\#in])(?:
      (?P<thing>{MOD}*+(?:{HEAD}{OF}?{WITH}?+{ROLLED}?{WITH}?+ | H{WORN}? | (?<=q)B
        | Qf[Dk]?{MOD}*+(?:{HEAD}|H){WITH}?+{ROLLED}?))
    | (?P<person>{MOD}*+P++) | i[Dd]?{MOD}*+U(?![NLl]) | n[Dd]?m | U | (?:{MOD}|[BSsKQ])++)"""
)
_NOUNS = _grammar(r"""(?P<thing>{PLAIN}*+(?:[NLlMmbHYUPBKsSQ]++|(?<=[JCD])x)) | {PLAIN}++""")


def _garments(caption: str) -> list[Phrase]:
    """The rules that the module's docstring tells."""
    _, classes, starts = read(caption)
    found: list[Phrase] = []
    persons: set[str] = set()
    for match in _GARMENTS.finditer(classes):
        if (kind := match.lastgroup) is None:
            continue
        phrase = _phrase(caption, starts, *match.span())
        if kind == "person":
            if phrase.text in persons:
                continue
            persons.add(phrase.text)
        found.append(phrase)
    return found


def _nouns(caption: str) -> list[Phrase]:
    _, classes, starts = read(caption)
    matches = [match for match in _NOUNS.finditer(classes) if match.lastgroup]
    return [_phrase(caption, starts, *match.span()) for match in matches]


# ---- TextBlob's way (its FastNPExtractor; ACSA specification, 3.1)

_MERGES = {("NNP", "NNP"): "NNP", ("NN", "NN"): "NNI", ("NNI", "NN"): "NNI", ("JJ", "JJ"): "JJ",
           ("JJ", "NN"): "NNI"}  # fmt: skip
_OPEN_CLASSES = frozenset("JCxqzGTEVNLlMmbHYPBKsSQU")


def _brown_tag(piece: str, letter: str) -> str:
    """JJ, NN, NNP or "": as a tagger that read little but news sees a word. What it never met it
    tags by its look: a capital makes a name (at the start of a sentence too), -ed and -ing verbs.
    """
    word = piece.strip()
    if letter not in _OPEN_CLASSES:
        return ""
    if word[0].isupper() and (letter != "V" or word.endswith("ing")):
        return "NNP"
    if letter in "VK" or word.endswith(("ed", "ing")):
        return ""
    return "JJ" if letter in "JCxqz" or word.endswith("able") else "NN"


def _merged(caption: str) -> list[Phrase]:
    """Neighbours merged from the left until no rule holds; names and merged nouns are phrases."""
    pieces, classes, starts = read(caption)
    chunks: list[tuple[str, int, int]] = []
    for place, (piece, letter) in enumerate(zip(pieces, classes, strict=True)):
        tag, first = _brown_tag(piece, letter), place
        while chunks and (merged := _MERGES.get((chunks[-1][0], tag))):
            tag, first = merged, chunks.pop()[1]
        chunks.append((tag, first, place + 1))
    return [_phrase(caption, starts, a, b) for tag, a, b in chunks if tag in ("NNP", "NNI")]


def _tagged(caption: str) -> list[Phrase]:
    pieces, _, starts = read(caption)
    return [_phrase(caption, starts, *span) for span in tagged_spans(pieces)]


def _phrase(caption: str, starts: list[int], first: int, last: int) -> Phrase:
    """The pieces first to last, without the blanks at their end."""
    start = starts[first]
    words = caption[start : starts[last]].rstrip()
    return Phrase(" ".join(words.lower().split()), start, start + len(words))


_FINDERS = {"garment": _garments, "noun": _nouns, "textblob-like": _merged, "tagged": _tagged}
