"""What happens to sentences before they are searched for: harms of queries, one at a time.

A harm takes any caption (no wardrobe is asked) and random numbers, and gives a sentence; the
caption itself where there is nothing to harm (no colour to make wrong, no sentences to join).
"first clothes" and "six words" leave out most of what is told, so that more photos fit, and "wrong
colour" is false: a fall is right there, and its size says how much hangs on what is left. What all
others tell is what the caption tells.
"""

import re
from collections.abc import Callable, Iterator
from zlib import crc32

import numpy as np
from harm_words import TELLING, Rng, misspelt, other_spelling, wrong_colour

from passerby.language.classes import read
from passerby.language.phrases import Phrase, phrases

TextHarm = Callable[[str, Rng], str]

CARRIED = re.compile(r"bag|pack|purse|case|phone|umbrella|book|clutch|satchel|tote|bottle|paper")
STOP = r"\s*[.!?;]+(?:\s+(?=\w)|(?=[A-Z][a-z]))"  # with words after it: "shoes .He has"
SENTENCE = re.compile(STOP)
BREAK = re.compile(STOP + r"|\s*,\s*(?:and\s+)?|\s+and\s+")
# "and black tights is carrying a bag": what follows "and" belongs to both sides of it
AGAIN = (
    r"(?!is|was|are)\w[^,.]*? (?<!that )(?<!which )(?:is|was|are|has|wears|carries|holds|walks)\b"
)
MARKS = re.compile(r"[^\w\s]|_")
ASKED = ("find me ", "photo of ", "show me ", "looking for ", "search for ", "pictures of ",
         "can you find ", "where is ")  # fmt: skip
_SHE = {"woman", "lady", "girl", "female", "women"}
_HE = {"man", "guy", "boy", "male", "gentleman", "men"}


def harmed_text(name: str, text: str, query: str) -> str:
    """`text` after the harm `name` of TEXTS, never empty; alike at each call: `query`, its id, is
    the seed."""
    found = TEXTS[name](text, np.random.default_rng(crc32(f"{name} {query}".encode())))
    return found if found.strip() else text


def first_clothes(text: str, rng: Rng) -> str:  # noqa: ARG001
    """The person and the first thing worn: "man in black shirt"."""
    things = [phrase for phrase in phrases(text) if set(read(phrase.text)[1]) & set("NLl")]
    worn = [phrase for phrase in things if not CARRIED.search(phrase.text)] or things
    if not worn:
        return text
    who = next((phrase.text for phrase in phrases(text) if _is_person(phrase)), "")
    return f"{who} in {worn[0].text}" if who else worn[0].text


def six_words(text: str, rng: Rng) -> str:  # noqa: ARG001
    """The first six words, less those at the end that need another after them."""
    pieces, letters, _ = read(text)
    words = [place for place, piece in enumerate(pieces) if piece.strip() and piece[0].isalnum()]
    if len(words) <= 6:
        return text
    end = words[5] + 1
    while end > 1 and letters[end - 1] not in TELLING | set("VU#"):
        end -= 1
    return "".join(pieces[:end]).rstrip(", \t\n")


def reordered(text: str, rng: Rng) -> str:
    """Its sentences and what stands between commas (between "and"s, where there are none of both)
    in another order, as one sentence."""
    parts = _parts(text, commas=True)
    if len(parts) < 2:
        parts = _parts(text, commas=False)
    if len(parts) < 2:
        return text
    order = list(range(len(parts)))
    while order == sorted(order):
        order = rng.permutation(len(parts)).tolist()
    told = ", ".join(_lower_first(parts[place]) for place in order)
    return told[0].upper() + told[1:] + "." * text.rstrip().endswith(".")


def cut_in_two(text: str, rng: Rng) -> str:
    """One sentence as two, the second with "She has" or "Also, she has" before what follows."""
    if SENTENCE.search(text):
        return text
    told = [phrase for phrase in phrases(text) if not _is_person(phrase)]
    cuts = [
        cut
        for cut in _breaks(text, told)
        if any(p.end <= cut.start() for p in told) and any(p.start >= cut.end() for p in told)
        if not re.match(AGAIN, text[cut.end() :], re.IGNORECASE)
    ]
    if not cuts:
        return text
    cut = min(cuts, key=lambda each: abs(each.start() - len(text) / 2))
    rest = text[cut.end() :]
    pieces, letters, _ = read(rest)
    she, has, wears = _who(text)
    first = pieces[0].strip().lower()
    if first.endswith("ing"):
        she += wears
    elif letters[0] not in "Va":  # neither "carries" nor "has"
        she += has
        rest = rest.removeprefix("with ")
    start = f"Also, {she[0].lower()}{she[1:]}" if rng.integers(2) else she
    return f"{text[: cut.start()]}. {start} {rest}"


def run_on(text: str, rng: Rng) -> str:  # noqa: ARG001
    """Several sentences as one, with "and" and no stops between them."""
    if not SENTENCE.search(text.strip(" .")):
        return text
    head, *others = filter(None, SENTENCE.split(text))
    return " and ".join([head, *map(_lower_first, others)])


def capitals(text: str, rng: Rng) -> str:  # noqa: ARG001
    return text.upper()


def no_marks(text: str, rng: Rng) -> str:  # noqa: ARG001
    """Lower case, without commas, stops and hyphens."""
    return " ".join(MARKS.sub(" ", re.sub(r"(?<=\w)['\u2019](?=\w)", "", text.lower())).split())


def search_box(text: str, rng: Rng) -> str:
    """What people type before it: "find me", "photo of"."""
    return str(rng.choice(ASKED)) + _lower_first(text.strip())


def key_words(text: str, rng: Rng) -> str:  # noqa: ARG001
    """Only what is told of whom, in the caption's order: "man red coat black bag"."""
    found = []
    for phrase in phrases(text):
        pieces, letters, _ = read(phrase.text)
        pairs = zip(pieces, letters, strict=True)
        found += [piece.strip() for piece, letter in pairs if letter in TELLING | set("U")]
    return " ".join(found) or text


TEXTS: dict[str, TextHarm] = {
    "first clothes": first_clothes,
    "six words": six_words,
    "misspelt": misspelt,
    "misspelt in three words": lambda text, rng: misspelt(text, rng, 3),
    "reordered": reordered,
    "wrong colour": wrong_colour,
    "cut in two": cut_in_two,
    "run on": run_on,
    "capitals": capitals,
    "no marks": no_marks,
    "other spelling": other_spelling,
    "search box": search_box,
    "key words": key_words,
}


def _parts(text: str, commas: bool) -> list[str]:
    """The text between its breaks; commas: at stops and commas, else at "and"s."""
    starts, ends = [0], []
    for cut in _breaks(text, phrases(text)):
        if commas == (cut[0].strip().lower() != "and"):
            ends.append(cut.start())
            starts.append(cut.end())
    ends.append(len(text.rstrip(" .!?;,")))
    return [part for s, e in zip(starts, ends, strict=True) if (part := text[s:e].strip())]


def _breaks(text: str, whole: list[Phrase]) -> Iterator[re.Match[str]]:
    """Stops, commas and "and"s with words on both sides, none inside the phrases `whole`."""
    for cut in BREAK.finditer(text):
        inside = any(phrase.start < cut.end() and cut.start() < phrase.end for phrase in whole)
        if not inside and text[cut.end() :].strip(" .") and text[: cut.start()].strip(" ."):
            yield cut


def _is_person(phrase: Phrase) -> bool:
    return "P" in read(phrase.text)[1]


def _who(text: str) -> tuple[str, str, str]:
    """The pronoun of the person told of, and its "has" and "is"."""
    words = set(re.findall(r"\w+", text.lower()))
    if words & _SHE and not words & _HE:
        return "She", " has", " is"
    return ("He", " has", " is") if words & _HE else ("They", " have", " are")


def _lower_first(text: str) -> str:
    """Not of a name in capitals, such as a logo's."""
    return text if re.match(r"[A-Z]{2}", text) else text[:1].lower() + text[1:]
