"""Who writes a caption: how an author names the person and puts what is told into sentences."""

from __future__ import annotations

from dataclasses import dataclass

from passerby.drawn.dice import Choice, Dice
from passerby.drawn.phrases import mark
from passerby.drawn.wardrobe import Person

_NOUNS = {
    "man": Choice({"man": 74, "male": 5, "guy": 2, "gentleman": 1.5, "men": 0.4}),
    "woman": Choice({"woman": 72, "lady": 12, "female": 5, "girl": 4, "women": 2}),
    "boy": Choice({"boy": 66, "kid": 10, "child": 14, "man": 4}),
    "girl": Choice({"girl": 70, "child": 12, "kid": 8, "woman": 4}),
}
_UNSEXED = frozenset({"kid", "child"})
_NEUTRAL = Choice({"person": 70, "pedestrian": 14, "individual": 8, "subject": 3, "one": 0})
_AGES = {
    "young": Choice({"young": 90, "younger": 6, "teenage": 2}),
    "adult": Choice({"middle aged": 60, "adult": 25, "middle-aged": 10}),
    "old": Choice({"older": 54, "elderly": 22, "old": 16, "senior": 4}),
    "child": Choice({"little": 50, "young": 30, "small": 14}),
}
_BUILDS = {
    "slim": Choice({"slim": 36, "slender": 36, "thin": 30, "skinny": 5}),
    "heavy": Choice({"heavy set": 30, "heavyset": 16, "large": 12, "stocky": 6, "heavy": 6,
                     "overweight": 12}),
}  # fmt: skip
_VERBS = {  # he: (they, either in the past)
    "is": ("are", "was"), "has": ("have", "had"), "wears": ("wear", "wore"),
    "carries": ("carry", "carried"), "holds": ("hold", "held"), "walks": ("walk", "walked"),
    "stands": ("stand", "stood"), "appears": ("appear", "appeared"), "seems": ("seem", "seemed"),
    "looks": ("look", "looked"), "rides": ("ride", "rode"), "runs": ("run", "ran"),
    "faces": ("face", "faced"), "pulls": ("pull", "pulled"), "sits": ("sit", "sat"),
    "talks": ("talk", "talked"),
}  # fmt: skip
_WEAR = Choice({"is wearing": 67, "wears": 13, "has on": 8, "is dressed in": 1.6, "is in": 1.2,
                "has X on": 1.6, "appears to be wearing": 1.6, "seems to be wearing": 0.4,
                "is seen wearing": 0.8, "looks to be wearing": 0.3})  # fmt: skip
_WEARING = Choice({"wearing": 66, "in": 17, "with": 9, "dressed in": 4, "wears": 2})
_CARRY = Choice({"is carrying": 50, "carries": 20, "has": 22, "is holding": 8, "holds": 3})
_CARRYING = Choice({"carrying": 70, "with": 20, "holding": 10})


@dataclass(slots=True)
class Clause:
    """A thing to say: kind "wear", "have", "carry" or "act", and its words after the verb.

    verb and doing replace the author's own: "is pulling", "pulling"; finite is "pulls". An "act"
    tells the attribute with all its words, the verb included.
    """

    kind: str
    words: str
    verb: str = ""
    doing: str = ""
    finite: str = ""
    attribute: str = ""


@dataclass(slots=True)
class Author:
    """One caption's writer: the person's names and pronouns, tense and spelling."""

    dice: Dice
    noun: str
    he: str
    his: str
    past: bool
    sexed: bool
    adjectives: str = ""
    haired: str = ""

    @property
    def they(self) -> bool:
        return self.he == "they"

    def first(self, *, definite: bool) -> str:
        """The first words for the person, "a young man" or "the man"."""
        words = f"{self.adjectives} {self.noun}".strip()
        named = mark("sex", words) if self.sexed else words
        if self.haired:
            named, words = f"{mark('hair', self.haired)} {named}", self.haired
        if definite:
            return ("this " if self.dice.chance(0.12) else "the ") + named
        return ("an " if words[0] in "aeiou" else "a ") + named

    def again(self) -> str:
        """The person once more: mostly a pronoun."""
        if self.dice.chance(0.88):
            return self.he
        return "the " + self.noun

    def verb(self, words: str, *, plural: bool) -> str:
        """ "is wearing" in this author's tense; `plural` after "they"."""
        head, _, rest = words.partition(" ")
        they, past = _VERBS.get(head, (head, head))
        if head == "is" and self.past and plural:
            past = "were"
        form = past if self.past else they if plural else head
        return f"{form} {rest}".strip()


def author_of(person: Person, dice: Dice) -> Author:
    """An author for a caption of the person: names the sex 90 % of the time."""
    neutral = dice.chance(0.07)
    sex = person.sex
    if dice.chance({"child": 0.75, "young": 0.05}.get(person.age, 0)):
        sex = "boy" if person.sex == "man" else "girl"
    noun = dice.pick(_NEUTRAL if neutral else _NOUNS[sex])
    sexed = not neutral and noun not in _UNSEXED
    he, his = ("he", "his") if person.sex == "man" else ("she", "her")
    if not sexed and dice.chance(0.4):
        he, his = "they", "their"
    adjectives = ""
    if not neutral and noun not in ("boy", "girl", "kid", "child"):
        likely = {"young": 0.1, "adult": 0.014, "old": 0.16, "child": 0.2}.get(person.age, 0)
        if dice.chance(likely):
            adjectives = dice.pick(_AGES[person.age])
        elif person.build in _BUILDS and dice.chance(0.05):
            adjectives = dice.pick(_BUILDS[person.build])
    return Author(dice, noun, he, his, dice.chance(0.004), sexed, adjectives)


def finite(author: Author, clause: Clause, *, plural: bool, also: bool = False) -> str:
    """The clause with a full verb: "is wearing a red shirt"."""
    dice = author.dice
    if clause.verb:
        verb = clause.verb
    elif clause.kind == "wear":
        verb = dice.pick(_WEAR)
    elif clause.kind == "carry":
        verb = dice.pick(_CARRY)
    elif clause.kind == "have":
        verb = "is with" if dice.chance(0.003) else "has"
    else:
        verb = "is"
    if verb == "has X on":
        return f"{author.verb('has', plural=plural)} {clause.words} on"
    verb = author.verb(verb, plural=plural)
    if also:
        head, _, rest = verb.partition(" ")
        is_form = head in ("is", "are", "was", "were")
        verb = f"{head} also {rest}".strip() if is_form else f"also {verb}"
    return _done(author, clause, verb)


def participle(author: Author, clause: Clause) -> str:
    """The clause hung on to what stands before: "wearing a red shirt", "with short hair"."""
    dice = author.dice
    if clause.doing:
        verb = clause.doing
    elif clause.kind == "wear":
        verb = dice.pick(_WEARING)
    elif clause.kind == "carry":
        verb = dice.pick(_CARRYING)
    else:
        verb = "with" if clause.kind == "have" else ""
    return _done(author, clause, verb)


def _done(author: Author, clause: Clause, verb: str) -> str:
    """Verb and words; a deed whose verb is its own is told by both."""
    words = f"{verb} {clause.words}".strip()
    if clause.kind in ("wear", "carry") and author.dice.chance(0.007):
        words += " as well"
    return mark(clause.attribute, words) if clause.attribute else words


def sentence(author: Author, clauses: list[Clause], *, opening: bool) -> str:
    """Clauses as one sentence, without its stop."""
    dice = author.dice
    if opening and len(clauses) > 1 and dice.chance(0.05) and clauses[0].kind == "wear":
        lead = participle(author, Clause("wear", clauses[0].words, doing="wearing"))
        subject = author.first(definite=dice.chance(0.8))
        return f"{lead}, {subject} {_chain(author, clauses[1:], plural=False)}"
    if opening and dice.chance(0.4):
        return _fragment(author, clauses)
    plural = not opening and author.they
    if opening:
        subject = author.first(definite=dice.chance(0.62))
        if clauses[0].kind == "have" and len(clauses) > 1 and dice.chance(0.45):
            subject += " " + participle(author, clauses[0])
            clauses = clauses[1:]
    else:
        subject = author.again()
        plural = plural and subject == author.he
        if dice.chance(0.03) and subject != "they":
            return contracted(f"{subject} {_chain(author, clauses, plural=plural)}")
    also = not opening and clauses[0].kind != "act" and dice.chance(0.28)
    return f"{subject} {_chain(author, clauses, plural=plural, also=also)}"


def contracted(words: str) -> str:
    """ "he is walking" as "he's walking"."""
    subject, _, rest = words.partition(" is ")
    return f"{subject}'s {rest}" if subject in ("he", "she") else words


def _chain(author: Author, clauses: list[Clause], *, plural: bool, also: bool = False) -> str:
    words = finite(author, clauses[0], plural=plural, also=also)
    for clause in clauses[1:]:
        words += _joiner(author, clause, plural=plural)
    return words


def _joiner(author: Author, clause: Clause, *, plural: bool) -> str:
    """The next clause of a sentence that has its verb."""
    dice, roll = author.dice, author.dice.roll()
    if roll < 0.42:
        return " and " + finite(
            author, clause, plural=plural, also=clause.kind != "act" and dice.chance(0.12)
        )
    if roll < 0.53:
        comma = "," if dice.chance(0.4) else ""
        return f"{comma} and {author.he} " + finite(author, clause, plural=author.they)
    if clause.finite and roll < 0.66:
        again = Clause("act", clause.words, clause.finite, "", "", clause.attribute)
        return f" as {author.he} " + finite(author, again, plural=author.they)
    if roll < 0.62 and clause.kind in ("carry", "act", "wear"):
        return " while " + participle(author, clause).replace(
            "with ", "wearing " if clause.kind == "wear" else "carrying ", 1
        )
    if clause.kind == "wear" and dice.chance(0.8):  # "in white shoes" only follows the person
        clause = Clause("wear", clause.words, doing="wearing")
    return dice.among(" ", ", ", " and ") + participle(author, clause)


def _fragment(author: Author, clauses: list[Clause]) -> str:
    """ "A man wearing ..., carrying ...": a sentence that may lack its verb."""
    dice = author.dice
    words = author.first(definite=dice.chance(0.12))
    there = dice.roll()
    if there > 0.95:
        words = words.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    elif there < 0.03 and words.startswith("a"):
        words = dice.among("there is ", "this is ", "a picture of ", "an image of ") + words
    for place, clause in enumerate(clauses):
        if place == 0:
            words += " " + participle(author, clause)
        elif place == len(clauses) - 1 and clause.kind in ("carry", "act") and dice.chance(0.25):
            words += " " + finite(author, clause, plural=False)
        else:
            words += dice.among(" ", " and ", ", ", ", ") + participle(author, clause)
    return words


def joined(dice: Dice, items: list[str]) -> str:
    """Things worn, in a row: "a, b, and c", "a with b and c", "a and b"."""
    roll = dice.roll()
    if len(items) < 3:
        return (" and " if roll < 0.66 else " with " if roll < 0.86 else ", ").join(items)
    if roll < 0.13:
        return f"{items[0]} with {joined(dice, items[1:])}"
    if roll < 0.27:
        return f"{items[0]} and {joined(dice, items[1:])}"
    last = dice.among(", and ", " and ", " and ", ", ")
    return ", ".join(items[:-1]) + last + items[-1]
