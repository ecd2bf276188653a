"""Captions of a drawn photo, as many authors would write them, with spans of what they tell."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from passerby.drawn.asides import remark, tail
from passerby.drawn.dice import Choice, Dice
from passerby.drawn.doings import act_clause, carry_clause, trinket_phrase
from passerby.drawn.lexicon import hair_choice
from passerby.drawn.phrases import (
    CLOSE,
    NAME,
    OPEN,
    Telling,
    beard_phrase,
    being_phrase,
    family,
    garment_phrase,
    glasses_phrase,
    hair_being_phrase,
    hair_phrase,
)
from passerby.drawn.sight import Sight
from passerby.drawn.typos import misspelt
from passerby.drawn.voices import Author, Clause, author_of, joined, sentence
from passerby.drawn.wardrobe import Garment, Person, garments

SHORTEST, LONGEST = 10, 60  # words of a caption
UNSEEN = 0.15  # a share that shows below this is hardly visible
_MEDIAN, _SPREAD = 24.0, 0.31  # words aimed at: log-normal
# how often an attribute that shows is told
_SALIENCE = {
    "upper": 0.985, "lower": 0.96, "shoes": 0.82, "inner": 0.85, "hair": 0.5, "hat": 0.88,
    "glasses": 0.6, "beard": 0.25, "scarf": 0.85, "tie": 0.75, "belt": 0.3, "legwear": 0.6,
    "bag": 0.86, "carried": 0.75,
}  # fmt: skip
_FIRST = ("upper", "lower", "inner", "bag", "hat", "scarf")  # told before a short caption is full
_TAIL, _REMARK = 0.08, 0.03  # sentences and captions with words that tell of no attribute
_SENTENCES = Choice({"1": 50, "2": 36, "3": 12, "4": 2})
_ON = {"shoes": (0.03, " on {his} feet"), "hat": (0.07, " on {his} head"),
       "scarf": (0.3, " around {his} neck"), "belt": (0.15, " around {his} waist")}  # fmt: skip
_MARKS = re.compile(f"[{OPEN}{CLOSE}]")


@dataclass(frozen=True)
class Tell:
    """The characters text[start:end] == words tell the attribute.

    attribute: as `wardrobe.garments` names it, or "hair", "glasses", "beard", "sex", "action",
    "view".
    """

    attribute: str
    start: int
    end: int
    words: str


@dataclass(frozen=True)
class Told:
    """A caption and what its words tell, in the order of the text."""

    text: str
    tells: tuple[Tell, ...]


def write_caption(person: Person, sight: Sight, rng: np.random.Generator) -> Told:
    """One author's caption of 10 to 60 words; the same `rng` state gives the same caption.

    What `sight.visible` shows little of (below 0.15) is rarely told.
    """
    dice = Dice(rng)
    target = min(52.0, max(11.0, _MEDIAN * math.exp(_SPREAD * dice.gauss())))
    told = Told("", ())
    for _ in range(20):
        told = _finished(_draft(person, sight, dice, target), dice)
        words = len(told.text.split())
        if SHORTEST <= words <= LONGEST - 5:
            return told
        target = target * 0.7 if words > LONGEST - 5 else target + 6
    return told


def _chosen(person: Person, sight: Sight, dice: Dice, target: float) -> list[str]:
    """Attributes to tell, in order of the body; fewer when few words are aimed at."""
    shown = [name for name, _ in garments(person)]
    shown += ["hair"] + ["glasses"] * (person.glasses != "none") + ["beard"] * person.beard
    picked = []
    for name in shown:
        share = sight.visible.get(name, 0.0)
        likely = _SALIENCE.get(family(name), 0.6)
        likely *= 0.03 if share < UNSEEN else min(1.0, 0.7 + 0.6 * share)
        if name == "hair" and person.hat is not None:
            likely *= 0.5
        if dice.chance(likely) or name == "upper":
            picked.append(name)
    room = max(2, round(target / 5.2 + dice.gauss() * 0.5))
    while len(picked) > room:
        spare = [name for name in picked if family(name) not in _FIRST[:2]]
        spare = [n for n in spare if family(n) not in _FIRST or dice.chance(0.35)] or spare
        if not spare:
            break
        picked.remove(dice.among(*spare))
    return picked


def _draft(person: Person, sight: Sight, dice: Dice, target: float) -> str:
    """The caption with marks around what tells an attribute."""
    author = author_of(person, dice)
    names = _chosen(person, sight, dice, target)
    detail = min(1.0, max(0.0, (target - 4.6 * len(names)) / 14))
    seen = sight.visible.get("print", 1.0) >= UNSEEN
    front = sight.view.startswith("front") or (
        sight.view in ("left", "right") and dice.chance(0.25)
    )
    telling = Telling(dice, detail, "front" if front and seen else "", author.his)
    worn = dict(garments(person))
    clauses, loose = _clauses(person, sight, telling, author, names, worn)
    return _sentences(author, clauses, loose, target)


def _clauses(
    person: Person,
    sight: Sight,
    telling: Telling,
    author: Author,
    names: list[str],
    worn: dict[str, Garment],
) -> tuple[list[Clause], list[str]]:
    """What is said as clauses, and loose sentences ("his shoes are white")."""
    dice = telling.dice
    names, loose = _loose(person, telling, names, worn)
    names, had = _had(person, telling, author, names)
    clauses = [Clause("have", joined(dice, had))] if had else []
    clothes = _clothes(person, telling, names, worn)
    if clothes:
        clauses += _worn(author, clothes)
    if had and clothes and dice.chance(0.4):
        clauses.append(clauses.pop(0))
    acting = act_clause(telling, sight)
    phone_told = acting is not None and acting.attribute == "action" and "phone" in sight.action
    for name in names:
        if family(name) in ("bag", "carried") and not (phone_told and worn[name].kind == "phone"):
            clauses.append(carry_clause(telling, name, worn[name], author))
    if acting is not None:
        clauses.insert(0 if dice.chance(0.33) else len(clauses), acting)
    return clauses, loose


def _loose(
    person: Person, telling: Telling, names: list[str], worn: dict[str, Garment]
) -> tuple[list[str], list[str]]:
    """The names that are left, and sentences of their own for the others."""
    dice, left, loose = telling.dice, [], []
    for name in names:
        if name in ("shoes", "lower", "upper") and len(names) > 2 and dice.chance(0.035):
            loose.append(f"{telling.his} {being_phrase(telling, name, worn[name])}")
        elif name == "hair" and dice.chance(0.12):
            loose.append(f"{telling.his} {hair_being_phrase(telling, person)}")
        else:
            left.append(name)
    return left, loose


def _had(
    person: Person, telling: Telling, author: Author, names: list[str]
) -> tuple[list[str], list[str]]:
    """The names that are left, and phrases of what a person "has": hair, beard, maybe glasses."""
    dice, had = telling.dice, []
    if "hair" in names and person.hair_length != "bald" and dice.chance(0.045):
        author.haired = dice.pick(hair_choice("colour", person.hair_colour)) + " haired"
    elif "hair" in names:
        had.append(hair_phrase(telling, person))
    if "beard" in names:
        had.append(beard_phrase(telling))
    if "glasses" in names and had and dice.chance(0.4):
        had.append(glasses_phrase(telling, person))
        names = [name for name in names if name != "glasses"]
    return names, had


def _clothes(
    person: Person, telling: Telling, names: list[str], worn: dict[str, Garment]
) -> list[str]:
    """Phrases of what is worn, in an author's order."""
    dice = telling.dice
    order: list[str] = [n for n in ("upper", "lower", "legwear", "shoes") if n in names]
    extras: list[str] = [n for n in ("hat", "scarf", "tie", "belt") if n in names]
    if dice.chance(0.08):
        order.reverse()
    order = extras + order if dice.chance(0.35) else order + extras
    items = []
    for name in order:
        words = garment_phrase(telling, name, worn[name])
        if name == "upper" and "inner" in names and person.inner is not None:
            inner = garment_phrase(telling, "inner", person.inner)
            words = _layers(dice, words, inner)
        elif name in _ON and dice.chance(_ON[name][0]):
            words += _ON[name][1].replace("{his}", telling.his)
        items.append(words)
    if "glasses" in names:
        items.insert(0 if dice.chance(0.3) else len(items), glasses_phrase(telling, person))
    if "upper" not in names and "inner" in names and person.inner is not None:
        items.insert(0, garment_phrase(telling, "inner", person.inner))
    if dice.chance(0.035):
        items.append(trinket_phrase(dice, telling.his))
    return items


def _layers(dice: Dice, outer: str, inner: str) -> str:
    roll = dice.roll()
    if roll < 0.5:
        return f"{outer} over {inner}"
    if roll < 0.7:
        return f"{outer} with {inner} underneath"
    if roll < 0.82:
        return f"{inner} under {outer}"
    return f"{outer} and {inner}" + (" underneath" if roll < 0.9 else "")


def _worn(author: Author, items: list[str]) -> list[Clause]:
    """Clothes as one clause, or two when there are many."""
    dice = author.dice
    if len(items) > 2 and dice.chance(0.2):
        cut = 1 if len(items) == 3 and dice.chance(0.3) else len(items) - 1
        halves = (items[:cut], items[cut:])
        return [Clause("wear", joined(dice, half)) for half in halves]
    return [Clause("wear", joined(dice, items))]


def _sentences(author: Author, clauses: list[Clause], loose: list[str], target: float) -> str:
    dice = author.dice
    count = max(1, int(dice.pick(_SENTENCES)) - len(loose))
    count = min(len(clauses), count + (target > 30) + (len(clauses) > 4))
    cuts = sorted({round(len(clauses) * (i + 1) / count) for i in range(count)})
    parts, start = [], 0
    for cut in cuts:
        parts.append(sentence(author, clauses[start:cut], opening=start == 0))
        if dice.chance(_TAIL):
            parts[-1] += f"{dice.among(' ', ', ')}{tail(dice, author.he, author.his)}"
        start = cut
    if dice.chance(_REMARK):
        loose = [*loose, remark(dice, author.he, author.his)]
    if dice.chance(0.5):
        parts += loose
    else:
        parts[1:1] = loose
    if dice.chance(0.012):
        return _capital(", ".join(parts))
    first = parts[0] if dice.chance(0.02) else _capital(parts[0])
    return ". ".join([first, *(_capital(part) for part in parts[1:])])


def _capital(marked: str) -> str:
    """A capital for the first letter, which may stand inside a mark."""
    start = marked.index(NAME) + 1 if marked.startswith(OPEN) else 0
    return marked[:start] + marked[start : start + 1].upper() + marked[start + 1 :]


def _finished(marked: str, dice: Dice) -> Told:
    """Spelling, stop and typos; marks become spans."""
    if dice.chance(0.38):
        marked = marked.replace("gray", "grey").replace("Gray", "Grey")
    if dice.chance(0.6):
        marked = marked.replace("colored", "coloured").replace("colorful", "colourful")
    pieces = _MARKS.split(marked + ("" if dice.chance(0.06) else "."))
    if dice.chance(0.07):
        pieces = misspelt(pieces, dice)
    text, tells = "", []
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            text += piece
            continue
        attribute, _, words = piece.partition(NAME)
        tells.append(Tell(attribute, len(text), len(text) + len(words), words))
        text += words
    return Told(text, tuple(tells))
