"""What authors say besides: words that no wardrobe holds and that a model must not mind.

Real captions tell of pockets, knees, bystanders and stairs. Nothing of it is drawn, or it is drawn
without being known, so these words are told of anybody, and a model learns to read past them. Now
and then a word is made up, so that the pieces of a word never met are read past as well.
"""

from __future__ import annotations

from passerby.drawn.dice import Choice, Dice

# after a sentence; {he}, {his}: the author's pronouns; {side}: left or right
_TAILS = (
    "with {his} hands in {his} pockets", "with one hand in {his} pocket",
    "with {his} {side} leg forward", "with {his} {side} leg in front of the other",
    "with both feet on the ground", "with both arms by {his} sides", "with {his} head turned",
    "with {his} {side} arm bent at the elbow", "with {his} {side} knee slightly bent",
    "with {his} {side} foot lifted off the floor", "with {his} arms out in front of {him}",
    "next to another person", "in front of another man", "beside a friend", "near other people",
    "behind someone else", "in front of a store", "next to a wall", "close to a car",
    "on the stairs", "on an escalator", "up the steps", "in a crosswalk", "in a parking lot",
    "in a hallway", "at a bus stop", "against a white wall", "in the middle of the road",
    "on the grass", "in a large open area", "through a doorway", "on a tiled floor", "at night",
    "that matches", "which is tucked in", "which is not tucked in", "all of the same color",
    "with pockets on the front", "with a pocket on the chest", "with {side} sleeve rolled up",
    "with cuffs rolled up", "with the collar open", "with a low neckline", "with a round neck",
    "with white soles", "with laces", "with black soles and white laces", "with a zipper",
    "with a thick hem", "with lace at the bottom", "with lighter cuffs", "with a darker band",
    "that falls just past {his} hips", "that reaches below {his} waist",
    "that is too big for {him}",
    "ending above the elbows", "ending just below the thigh", "which comes down to the middle",
    "with something in the other hand", "with an item in each hand", "with gloves on",
    "with a lanyard", "with ear buds in {his} ears", "with a ring on one finger",
    "while pushing a cart", "while pushing a stroller", "while pulling a box",
    "while leaning on a rail", "while waiting for someone", "while going up the stairs",
    "while crossing the road", "while eating", "while taking a picture",
    "while looking for something", "while smiling", "while touching {his} chin", "inside a mall",
    "while reading a sign", "while sitting on a railing", "with {his} legs crossed",
    "with several bags at {his} feet", "with {his} hands clasped", "with {his} stomach showing",
    "with a bow on it", "with a slit on the {side}", "with a pleated edge", "with ruffles",
    "with buttons all the way down", "with fur around the hood", "with a square pattern",
    "with a curved line across it", "with a name tag", "with different patterns", "with designs",
    "with an edging that goes around it", "with a wallet in {his} back pocket", "but no belt",
    "but it is partially covered", "and holds on to the handle", "in the opposite direction",
    "in front of a brick building", "near a fence", "in a crowd", "on a walkway", "on a platform",
    "made of thin fabric", "draped over {his} forearm", "with its strap hanging down",
    "held by the handles", "folded over {his} arm", "with rounded toes", "with clear frames",
)  # fmt: skip
# sentences of their own
_SENTENCES = (
    "the photo is blurry", "the picture is taken from above", "the image is dark",
    "only the upper half of the body can be seen", "the lower part can not be seen",
    "{he} is of average height", "{he} is tall", "{he} is not very tall", "{he} has bangs",
    "{he} is looking for someone", "{he} appears to be in a hurry", "{he} is with other people",
    "{he} is in the middle of a step", "{his} {side} foot is raised", "{his} {side} leg is bent",
    "{his} arms are extended", "{his} hands are together", "{his} mouth is open",
    "{his} elbows are bent", "{his} body is turned to the {side}", "{his} back is straight",
    "{his} clothes are wrinkled", "{his} clothing is casual", "{his} shirt is tucked in",
    "{his} shirt is not tucked in", "{his} outfit is formal", "the sleeves are rolled up",
    "the style is sporty", "both hands are empty", "there is someone else behind {him}",
    "there is a line of people", "the ground is wet", "it is sunny", "{he} may be a student",
    "{he} could be going to work", "{he} seems to be in a good mood", "{he} goes to the {side}",
    "{he} takes a step", "{he} possibly has something else with {him}", "{his} legs are bare",
    "{he} is one of many people", "you can see {his} profile", "this is an outdoor view",
    "{his} weight is resting on one leg", "{he} almost touches the wall", "{he} is barefoot",
    "the background is full of people", "{he} is leaning to the {side}", "{his} arms swing",
    "there are different people around {him}", "{his} face is covered", "{his} skin is light",
    "{he} steps off the curb",
)  # fmt: skip
# before a garment's words: nothing that a drawing shows
_QUALITIES = Choice({
    "casual": 8, "plain": 14, "solid": 6, "matching": 5, "thin": 4, "thick": 4, "shiny": 4,
    "faded": 4, "wrinkled": 2, "stylish": 2, "simple": 2, "nice": 1, "old": 1, "new": 1, "soft": 1,
    "cotton": 2, "leather": 3, "sporty": 1, "formal": 2, "business": 3, "work": 1, "winter": 2,
    "summer": 2, "lightweight": 1, "heavy": 1, "flowing": 2, "sheer": 1, "silky": 1, "knit": 2,
    "nike": 1, "designer": 0.5, "worn": 1, "dirty": 0.5, "torn": 0.5, "warm": 1, "standard": 0.5,
})  # fmt: skip
_THEY = {"is": "are", "has": "have", "takes": "take", "goes": "go", "steps": "step",
         "seems": "seem", "appears": "appear", "possibly has": "possibly have",
         "almost touches": "almost touch"}  # fmt: skip
_HEADS = ("bl", "gr", "st", "tr", "pl", "sh", "m", "n", "k", "d", "f", "v", "z", "cr", "w", "j", "")
_HEARTS = ("a", "e", "i", "o", "u", "oo", "ea", "ai", "ou")
_ENDS = ("n", "rt", "ck", "st", "ll", "m", "p", "ng", "d", "x", "t", "s", "ve", "")


def quality(dice: Dice, pattern: str) -> str:
    """A word before a garment that no drawing shows: "casual"; rarely one that is no word."""
    if dice.chance(0.12):
        return made_up(dice)
    word = dice.pick(_QUALITIES)
    return "casual" if pattern != "plain" and word in ("plain", "solid") else word


def strands(dice: Dice) -> str:
    """A word for hair that no drawing shows."""
    return dice.among("curly", "curly", "straight", "wavy", "thick", "thinning", "parted")


def made_up(dice: Dice) -> str:
    """A word of one to three syllables that means nothing."""
    count = 1 + int(dice.roll() * 3)
    return "".join(
        dice.among(*_HEADS) + dice.among(*_HEARTS) + dice.among(*_ENDS) for _ in range(count)
    )


def tail(dice: Dice, he: str, his: str) -> str:
    """Words after a sentence, without its stop."""
    return _filled(dice, dice.among(*_TAILS), he, his)


def remark(dice: Dice, he: str, his: str) -> str:
    """A sentence of its own, in lower case and without its stop."""
    return _filled(dice, dice.among(*_SENTENCES), he, his)


def _filled(dice: Dice, words: str, he: str, his: str) -> str:
    him = {"he": "him", "she": "her"}.get(he, "them")
    if he == "they":
        for verb, plural in _THEY.items():
            words = words.replace(f"{{he}} {verb} ", f"they {plural} ")
    side = dice.among("left", "right")
    return words.format(he=he, his=his, him=him, side=side)
