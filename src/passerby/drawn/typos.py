"""Slips of the keyboard in a caption that is cut into pieces."""

from __future__ import annotations

from passerby.drawn.dice import Dice
from passerby.drawn.phrases import NAME

_USUAL = {
    "wearing": ("waring", "weraing", "wering", "wearin"),
    "white": ("whit", "wite", "whtie"),
    "striped": ("stripped", "stiped"),
    "carrying": ("carring", "carying"),
    "sandals": ("sandles",),
    "black": ("balck", "blak"),
    "jeans": ("jeens", "jenas"),
    "shirt": ("shrit", "shirts"),
    "purple": ("puple",),
    "woman": ("women", "womna"),
    "shoulder": ("sholder",),
    "length": ("lenght",),
    "backpack": ("backback", "bagpack"),
    "short": ("shorts", "shrot"),
}


def misspelt(pieces: list[str], dice: Dice) -> list[str]:
    """The pieces with one or two slips, each inside a piece.

    pieces: plain and marked in turn, a marked one being attribute, NAME, words. The attribute is
    never touched, so that spans counted afterwards are right.
    """
    pieces = list(pieces)
    for _ in range(1 if dice.chance(0.75) else 2):
        place = int(dice.roll() * len(pieces))
        name, cut, words = pieces[place].rpartition(NAME)
        pieces[place] = name + cut + _slip(words, dice)
    return pieces


def _slip(words: str, dice: Dice) -> str:
    """One slip in some words; they stay as they are when they are too short for it."""
    if ". " in words and dice.chance(0.5):
        return words.replace(". ", dice.among(".", ".  "), 1)
    usual = [word for word in _USUAL if word in words]
    if usual and dice.chance(0.5):
        word = dice.among(*usual)
        return words.replace(word, dice.among(*_USUAL[word]), 1)
    at = 1 + int(dice.roll() * max(len(words) - 2, 0))
    if at + 1 >= len(words) or not words[at : at + 2].isalpha():
        return words.replace(" ", "  ", 1) if dice.chance(0.3) else words
    kind = int(dice.roll() * 3)
    if kind == 0:
        return words[:at] + words[at + 1] + words[at] + words[at + 2 :]
    if kind == 1:
        return words[:at] + words[at] + words[at:]
    return words[:at] + words[at + 1 :]
