"""What a person does, how they carry things, and from where they are seen, as clauses."""

from __future__ import annotations

from passerby.drawn.dice import Choice, Dice
from passerby.drawn.phrases import Telling, garment_phrase, mark
from passerby.drawn.sight import Sight
from passerby.drawn.voices import Author, Clause
from passerby.drawn.wardrobe import Garment

_TOLD = {"standing": 0.09, "walking": 0.2}  # how often; any other action is rarer and told more
_WALKS = Choice({"walking": 60, "walking down the street": 8, "walking along the street": 3,
                 "walking along": 4, "walking on the sidewalk": 4, "walking down the sidewalk": 2,
                 "walking outside": 1.5, "walking in the street": 2, "walking past": 1,
                 "walking through a mall": 1.5, "walking across the street": 2,
                 "walking on the pavement": 1, "stepping forward": 1, "strolling": 0.5,
                 "walking with {his} head down": 1})  # fmt: skip
_STANDS = Choice({"standing": 64, "standing still": 4, "standing outside": 3, "standing up": 2,
                  "standing on the sidewalk": 4, "standing with {his} arms at {his} sides": 5,
                  "standing near a building": 1.5, "standing in a room": 1.5,
                  "standing with {his} hands at {his} sides": 3, "posing": 0.6})  # fmt: skip
_OTHERS = {
    "riding a bicycle": ("riding a bicycle", "riding a bike", "on a bicycle", "riding on a bike"),
    "cycling": ("riding a bicycle", "riding a bike"),
    "running": ("running", "jogging"),
    "sitting": ("sitting", "sitting down"),
    "standing with arms crossed": (
        "standing with {his} arms crossed",
        "standing with {his} arms folded",
        "standing with {his} arms crossed in front of {his} chest",
    ),
    "looking at a phone": ("looking at {his} phone", "looking down at {his} cell phone"),
    "talking on a phone": ("talking on {his} cell phone", "talking on the phone"),
}
_VIEWS = {
    "front": Choice({"facing the camera": 30, "facing forward": 26, "looking forward": 12,
                     "seen from the front": 8, "looking at the camera": 14, "facing front": 4,
                     "looking straight ahead": 6}),
    "back": Choice({"facing away from the camera": 26, "seen from behind": 18,
                    "seen from the back": 14, "facing away": 16, "turned away from the camera": 8,
                    "shown from the rear": 3, "with {his} back to the camera": 14}),
    "left": Choice({"facing left": 30, "facing the left": 20, "looking to the left": 20,
                    "seen from the side": 14, "in profile": 6, "turned to the left": 8}),
    "right": Choice({"facing right": 30, "facing the right": 20, "looking to the right": 20,
                     "seen from the side": 14, "in profile": 6, "turned to the right": 8}),
}  # fmt: skip
_GOING = {
    "front": ("forward", "toward the camera", "towards the camera", "forward"),
    "back": ("away", "away from the camera", "away from the camera", "ahead"),
    "left": ("to the left", "past the camera", "along"),
    "right": ("to the right", "past the camera", "along"),
}
_FINITE = {"walking": "walks", "standing": "stands", "riding": "rides", "facing": "faces",
           "looking": "looks",
           "running": "runs", "sitting": "sits", "talking": "talks"}  # fmt: skip
_TRINKETS = ("a watch on {his} {side} wrist", "a watch", "a bracelet", "a wristwatch",
             "a necklace", "a watch on {his} wrist", "a bracelet on {his} {side} wrist",
             "a lanyard around {his} neck", "a ring", "headphones", "earrings",
             "a badge")  # fmt: skip
_SHOULDER = Choice({"over {his} shoulder": 22, "on {his} shoulder": 16, "over {his} {side} "
                    "shoulder": 12, "on {his} {side} shoulder": 16, "over one shoulder": 6,
                    "on {his} {side} arm": 5, "at {his} side": 3, "on one shoulder": 4,
                    "hanging from {his} shoulder": 3, "slung over {his} shoulder": 4,
                    "": 18})  # fmt: skip
_ACROSS = Choice({"across {his} body": 18, "across {his} chest": 12, "over {his} shoulder": 16,
                  "slung across {his} body": 4, "with a strap across {his} chest": 8, "": 14,
                  "on {his} {side} side": 5, "strapped across {his} chest": 4, "on {his} hip": 4,
                  "with the strap across {his} body": 4, "on {his} {side} shoulder": 5,
                  "in front of {his} body": 3})  # fmt: skip
_HAND = Choice({"in {his} {side} hand": 42, "in {his} hand": 20, "in one hand": 7, "": 22,
                "in {his} hands": 8, "with {his} {side} hand": 3, "in both hands": 2,
                "in front of {his} body": 4, "at {his} side": 4,
                "on {his} {side} arm": 5})  # fmt: skip
_BACK = Choice({"on {his} back": 46, "": 34, "over {his} shoulders": 4, "on {his} shoulders": 4,
                "on both shoulders": 3, "over {his} {side} shoulder": 3,
                "strapped to {his} back": 3,
                "over one shoulder": 3})  # fmt: skip
_ARM = Choice({"over {his} {side} arm": 30, "over {his} arm": 40, "on {his} arm": 14, "": 10})
_PLACES = {
    "backpack": _BACK, "handbag": _HAND, "shoulder bag": _SHOULDER, "messenger bag": _ACROSS,
    "shopping bag": _HAND, "suitcase": Choice({"behind {his} back": 2, "": 80, "behind": 6}),
    "briefcase": _HAND, "tote": _SHOULDER, "jacket": _ARM, "fanny pack": Choice({"around {his} "
    "waist": 70, "": 30}),
}  # fmt: skip


def _filled(telling: Telling, words: str) -> str:
    if "{" not in words:
        return words
    side = telling.dice.among("left", "right")
    return words.replace("{his}", telling.his).replace("{side}", side)


def trinket_phrase(dice: Dice, his: str) -> str:
    """A small thing that no drawing shows: real captions tell of some, a model must not mind."""
    side = dice.among("left", "right")
    return dice.among(*_TRINKETS).replace("{his}", his).replace("{side}", side)


def carry_clause(telling: Telling, name: str, thing: Garment, author: Author) -> Clause:
    """ "carrying a black bag in his left hand"."""
    dice = telling.dice
    words = _carried_phrase(telling, name, thing)
    place = dice.pick(_PLACES.get(thing.kind, _HAND))
    if place and dice.chance(0.35 + 0.65 * telling.detail):
        words += " " + _filled(telling, place)
    if thing.kind == "backpack" and dice.chance(0.3):
        return Clause("carry", words, dice.among("is wearing", "wears", "has on"), "wearing")
    if thing.kind == "suitcase" and dice.chance(0.6):
        return Clause("carry", words, "is pulling", dice.among("pulling", "rolling"))
    if name.startswith("carried") and dice.chance(0.45):
        if thing.kind == "phone" and dice.chance(0.35):
            told = mark(name, dice.among("cell phone", "phone", "cellphone"))
            doing = dice.among("talking on", "looking at", "looking down at", "using")
            return Clause("carry", f"{author.his} {told}", f"is {doing}", doing)
        return Clause("carry", words, dice.among("is holding", "is holding", "holds"), "holding")
    return Clause("carry", words)


def _carried_phrase(telling: Telling, name: str, thing: Garment) -> str:
    """The thing as it is, or as an author who is not sure of it says it."""
    dice = telling.dice
    if name.startswith("carried") and dice.chance(0.1):
        return mark(name, "something") if dice.chance(0.6) else f"an {mark(name, 'object')}"
    if thing.kind == "backpack" and telling.side and dice.chance(0.08):
        return f"the {mark(name, 'straps of a backpack')} visible"
    words = garment_phrase(telling, name, thing)
    if dice.chance(0.025):
        return dice.among("what appears to be ", "what looks like ", "what looks to be ") + words
    if words.startswith("a ") and dice.chance(0.012):
        return dice.among("some type of ", "some sort of ", "some kind of ") + words[2:]
    return words


def act_clause(telling: Telling, sight: Sight) -> Clause | None:
    """What the person does or which way they face, when the author tells it at all."""
    dice = telling.dice
    side = sight.view.split("-")[0]
    likely = _TOLD.get(sight.action, 0.6) * (0.5 + telling.detail)
    if not dice.chance(likely):
        if dice.chance(0.05 * (0.4 + telling.detail)):
            return _deed("view", view_phrase(telling, side), dice)
        return None
    if sight.action.startswith("walk"):
        words = dice.pick(_WALKS)
        if words == "walking" and side in _GOING and dice.chance(0.4):
            words = f"walking {dice.among(*_GOING[side])}"
    elif sight.action == "standing":
        words = dice.pick(_STANDS)
    else:
        words = dice.among(*_OTHERS.get(sight.action, (sight.action,)))
    return _deed("action", _filled(telling, words), dice)


def _deed(attribute: str, words: str, dice: Dice) -> Clause:
    """A clause of a verb in -ing: "is walking away", "walks away", "walking away"."""
    doing, _, rest = words.partition(" ")
    finite = _FINITE.get(doing, "")
    verb = finite if finite and dice.chance(0.25) else f"is {doing}"
    return Clause("act", rest, verb, doing, finite, attribute)


def view_phrase(telling: Telling, side: str) -> str:
    """ "facing the camera", after a form of "to be" or on its own."""
    known = _VIEWS.get(side)
    return _filled(telling, telling.dice.pick(known)) if known else f"facing {side}"
