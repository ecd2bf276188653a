"""Words of a sentence that a model has not met, read as words that it has: slips and synonyms.

A model that was trained on a narrow list of captions knows some thousand words. "crimson" is none
of them, nor is "jakcet"; in pieces, both are noise beside the words that it knows. Here they become
"red" and "jacket" before the sentence is read, and the user is told. Known words are never touched,
and a word that nothing is near stays as it is. The list of synonyms is ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property

WORD = re.compile("[^\\W\\d_]+(?:['\u2019-][^\\W\\d_]+)*")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

# what the words before the colon may be read as: the first of those after it that is known
_SYNONYMS = """
crimson scarlet vermilion ruby cherry: red
claret oxblood garnet bordeaux merlot: maroon, red
fuchsia magenta cerise: hot pink, pink
salmon coral blush: pink
amber tangerine apricot terracotta copper rusty: orange
ochre lemon canary saffron: yellow
emerald jade: green
sage pistachio mint chartreuse: light green, green
cyan azure aquamarine cerulean: turquoise, blue
cobalt sapphire ultramarine: royal blue, blue
indigo midnight: dark blue, blue
denim-blue denim-coloured denim-colored: blue
lilac mauve: lavender, purple
plum aubergine eggplant: dark purple, purple
taupe sand sandy fawn oatmeal ecru buff: beige, tan
chestnut chocolate mahogany walnut hazel: brown
anthracite slate graphite gunmetal ash ashen: dark gray, gray
ebony jet jet-black inky: black
snowy chalk alabaster pearl eggshell: white
camouflaged camoflage: camouflage
chequered checkered checked gingham: plaid
pinstripe pin-striped banded stripy stripey: striped
spotty speckled: polka dot, dotted
flowery blossomed botanical: floral
hoody hooded-jumper hooded-top: hoodie, sweatshirt
pullover jersey guernsey turtleneck rollneck crewneck fleece: sweater
anorak cagoule kagoule raincoat mac macintosh mackintosh windcheater blouson bomber: jacket
duffle overcoat trenchcoat topcoat greatcoat peacoat: coat
gilet waistcoat bodywarmer: vest
tuxedo dinner-jacket: suit
singlet camisole halter vest-top: tank top
tunic kurta kaftan: blouse, shirt
frock sundress gown sari: dress
kilt sarong tutu: skirt
chinos cords corduroys culottes pantaloons breeches slacks: pants
dungarees: overalls, pants
tracksuit joggers: sweatpants, pants
bermudas: shorts
hotpants: shorts
jeggings: leggings
plimsolls runners kicks keds converse cleats: sneakers
brogues oxfords derbies moccasins clogs: shoes
wellies wellingtons galoshes: boots
stilettos stiletto: high heels
thongs crocs sliders slides birkenstocks: sandals
haversack daypack schoolbag: backpack
clutch reticule minaudiere: handbag, purse
carrier carrier-bag: shopping bag
valise trolley-case cabin-bag: suitcase
holdall gym-bag kitbag sportsbag: bag
bumbag bum-bag: fanny pack, bag
attache portfolio: briefcase
brolly parasol sunshade: umbrella
mobile handset iphone android smartphone: phone
fedora trilby panama stetson bonnet beret: hat
toque tuque: beanie
snapback ballcap: cap
headscarf hijab muffler pashmina: scarf
specs spectacles eyewear: glasses
aviators shades: sunglasses
pram pushchair buggy: stroller
bike pushbike cycle: bicycle
chap bloke fellow dude fella gent: man
lass gal: girl
lad: boy
ladies: lady
toddler infant: child
pensioner granny grandma: old woman
grandpa grandad: old man
ginger auburn redheaded: red
fair-haired flaxen: blonde
brunet: brown
ponytailed: ponytail
pigtailed: pigtails
bearded: beard
clad attired: dressed
donning sporting: wearing
toting hauling lugging: carrying
clutching gripping grasping: holding
strolling ambling: walking
"""


class Spelling:
    """Reads sentences for a model that has met `words` (lower case)."""

    def __init__(self, words: Collection[str]) -> None:
        self.words = frozenset(words)
        self._read: dict[str, str] = {}

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
        if lower not in self._read:
            self._read[lower] = self._find(lower)
        read = self._read[lower]
        return word if read == lower else read

    def _find(self, word: str) -> str:
        if self._is_known(word):
            return word
        for other in _synonyms().get(word, ()):
            if all(part in self.words for part in re.split(r"[ -]", other)):
                return other
        if "-" in word:  # its parts for themselves: "red-jakcet"
            return "-".join(map(self._find, word.split("-")))
        return self._nearest(word) or word

    def _is_known(self, word: str) -> bool:
        parts = re.split(r"['-]", word)
        return all(len(part) < 3 or part in self.words for part in parts)

    def _nearest(self, word: str) -> str:
        """The one known word a slip away; "" where there is none or more than one.

        A slip is a letter too many, too few, wrong, or two in the wrong order (Damerau 1964). Of
        several, a word of the same letters (two swapped, one doubled) is taken before others. Words
        of three letters are left alone: almost anything is a slip away.
        """
        if len(word) < 4:
            return ""
        near = {other for other in _slips(word) if other in self._targets}
        if len(near) > 1:
            near = {other for other in near if set(other) == set(word)} or near
        if not near and len(word) >= 7:
            near = {o for slip in _slips(word) for o in _slips(slip) if o in self._targets}
        return near.pop() if len(near) == 1 else ""

    @cached_property
    def _targets(self) -> frozenset[str]:
        return frozenset(word for word in self.words if len(word) >= 4)


_TABLE: dict[str, tuple[str, ...]] = {}


def _synonyms() -> dict[str, tuple[str, ...]]:
    if not _TABLE:
        for line in _SYNONYMS.strip().splitlines():
            words, _, known = line.partition(":")
            for word in words.split():
                _TABLE[word] = tuple(part.strip() for part in known.split(","))
    return _TABLE


def _slips(word: str) -> set[str]:
    """All strings one slip away."""
    halves = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    fewer = {a + b[1:] for a, b in halves if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    wrong = {a + letter + b[1:] for a, b in halves if b for letter in _LETTERS}
    more = {a + letter + b for a, b in halves for letter in _LETTERS}
    return fewer | swapped | wrong | more
