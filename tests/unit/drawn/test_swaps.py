"""False twins of captions: false of the person in one word, and no sign of it in the words."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from passerby.drawn.ceiling import plain
from passerby.drawn.colour_words import FOCUS, TERMS
from passerby.drawn.contrasts import colours_apart, hair_colours_apart, kinds_apart, patterns_apart
from passerby.drawn.facts import PersonFacts, PhotoFacts
from passerby.drawn.palette import PALETTE, Colour, dye
from passerby.drawn.sight import Sight
from passerby.drawn.swaps import ATTRIBUTES, SEEN, exchange, slots
from passerby.drawn.truth import Truth
from passerby.drawn.wardrobe import Garment, draw_wardrobe, garments
from passerby.drawn.wording import Tell, Told, write_caption

PERSONS = 400
NAMES = ("hair", "face", "glasses", "beard", "print")


def crowd(persons=PERSONS, seed=7):
    """Persons of one photo that shows all, with two captions."""
    rng = np.random.default_rng(seed)
    people = []
    for number in range(persons):
        person = draw_wardrobe(rng)
        shown = dict.fromkeys((*NAMES, *(name for name, _ in garments(person))), 0.9)
        sight = Sight("front", "walking", shown)
        told = tuple(write_caption(person, sight, rng) for _ in range(2))
        people.append(PersonFacts(number, "test", person, (PhotoFacts(str(number), sight, told),)))
    return people


def found(people):
    """Slots of a crowd, and the row of each one's person."""
    every = [
        (row, slot)
        for row, facts in enumerate(people)
        for photo in facts.photos
        for caption in photo.captions
        for slot in slots(caption, facts.person, photo.sight)
    ]
    return [slot for _, slot in every], [row for row, _ in every]


@pytest.fixture(scope="module")
def people():
    return crowd()


@pytest.fixture(scope="module")
def swaps(people):
    return exchange(found(people)[0], np.random.default_rng(0))


def told(text, *tells):
    """A caption and its tells, (attribute, words)."""
    spans = ((name, text.index(words), words) for name, words in tells)
    return Told(text, tuple(Tell(name, at, at + len(words), words) for name, at, words in spans))


def dressed(**changes):
    plain_clothes = {
        "sex": "woman", "hat": None, "hair_colour": "black", "hair_length": "long",
        "hair_style": "loose", "upper": Garment("shirt", Colour("red", (200, 20, 20)), "short"),
        "inner": None, "lower": Garment("jeans", Colour("blue", (60, 80, 140)), length="ankle"),
        "legwear": None, "shoes": Garment("boots", Colour("white", (250, 250, 250))), "bags": (),
        "carried": (), "scarf": None, "belt": None, "glasses": "none", "beard": False,
    }  # fmt: skip
    return replace(draw_wardrobe(np.random.default_rng(0)), **(plain_clothes | changes))


def seen(**shares):
    names = ("hair", "upper", "lower", "shoes", "bag", "hat", "print")
    return Sight("front", "standing", dict.fromkeys(names, 1.0) | shares)


def slot_of(attribute, caption, person, sight=None):
    one = [s for s in slots(caption, person, sight or seen()) if s.attribute == attribute]
    return one[0] if one else None


def test_every_attribute_has_swaps(swaps):
    counts = Counter(swap.slot.attribute for swap in swaps)
    assert set(counts) == set(ATTRIBUTES)
    assert counts["upper colour"] > 0.7 * PERSONS


def test_what_is_told_is_true_and_what_is_swapped_is_false_of_the_person(people):
    every, rows = found(people)
    of = {id(slot): row for slot, row in zip(every, rows, strict=True)}
    truth, true = Truth(people), []
    for swap in exchange(every, np.random.default_rng(1)):
        row, place = of[id(swap.slot)], swap.slot.tell
        was, now = swap.slot.caption.tells[place], swap.false.tells[place]
        true.append(truth.of_each([was])[0, row])
        assert not truth.of_each([now])[0, row], (was, now)
    assert np.mean(true) > 0.99  # but for an author's slip in another word


def test_nothing_changes_but_the_word_and_an_article(swaps):
    for swap in swaps:
        slot, false = swap.slot, swap.false
        text, tell = slot.caption.text, slot.caption.tells[slot.tell]
        put = false.tells[slot.tell]
        before = re.sub(r"\ban? $", "", text[: tell.start], flags=re.I)
        assert before == re.sub(r"\ban? $", "", false.text[: put.start], flags=re.I)
        assert text[tell.end :] == false.text[put.end :]
        head, tail = text[tell.start : slot.start], text[slot.end : tell.end]
        middle = put.words.removeprefix(head).removesuffix(tail)
        assert head + middle + tail == put.words
        assert plain(middle) == swap.word != slot.word


def test_tells_of_a_twin_are_where_their_words_are(swaps):
    for swap in swaps:
        assert len(swap.false.tells) == len(swap.slot.caption.tells)
        for was, now in zip(swap.slot.caption.tells, swap.false.tells, strict=True):
            assert swap.false.text[now.start : now.end] == now.words
            assert now.attribute == was.attribute


def test_twins_have_the_articles_that_their_words_need(swaps):
    wrong = re.compile(
        r"\b(a [aeio]|an [^aeiou\W])|\ban? (pants|jeans|shorts|boots|sandals)\b", re.I
    )
    for swap in swaps:
        if not wrong.search(swap.slot.caption.text):
            assert not wrong.search(swap.false.text), swap.false.text
        assert "pair of a " not in swap.false.text
        assert not re.search(r"pair of (\w+ )?(skirt|sun dress)\b", swap.false.text), (
            swap.false.text
        )


def test_a_noun_of_another_number_takes_or_gives_its_article():
    one = told("A lady in a red shirt and an orange skirt.", ("lower", "orange skirt"))
    skirt = dressed(lower=Garment("skirt", Colour("orange", (250, 120, 20))))
    slot = slot_of("lower kind", one, skirt)
    assert slot.twin("jeans").text == "A lady in a red shirt and orange jeans."
    jeans = told("A lady in orange jeans.", ("lower", "orange jeans"))
    assert slot_of("lower kind", jeans, dressed()).twin("skirt").text == (
        "A lady in an orange skirt."
    )
    pair = told("A lady in a pair of jeans.", ("lower", "jeans"))
    assert slot_of("lower kind", pair, dressed()).twin("skirt") is None


def test_a_changed_colour_changes_the_article_and_keeps_the_capital():
    one = told("An orange shirt is on the man.", ("upper", "orange shirt"))
    orange = dressed(upper=Garment("shirt", Colour("orange", (250, 120, 20)), "short"))
    assert slot_of("upper colour", one, orange).twin("gray").text == "A gray shirt is on the man."
    bare = told("Red shirt and jeans.", ("upper", "Red shirt"))
    assert slot_of("upper colour", bare, dressed()).twin("green").text == "Green shirt and jeans."


def test_each_word_is_as_often_false_as_true_beside_the_same_other_word(swaps):
    ways = Counter((s.slot.attribute, s.slot.person.sex, s.slot.word, s.word) for s in swaps)
    for (attribute, sex, one, other), count in ways.items():
        assert ways[attribute, sex, other, one] == count


def test_the_same_seed_gives_the_same_swaps_and_another_others(people):
    every, _ = found(people)
    drawn = [[s.false.text for s in exchange(every, np.random.default_rng(n))] for n in (3, 3, 4)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_what_hardly_shows_is_not_swapped():
    one = told("A man in a red shirt.", ("upper", "red shirt"))
    assert slot_of("upper colour", one, dressed(), seen(upper=SEEN)) is not None
    assert slot_of("upper colour", one, dressed(), seen(upper=SEEN - 0.01)) is None


def test_a_caption_that_tells_an_attribute_twice_is_skipped():
    twice = told("A red shirt, the shirt is bright red.",
                 ("upper", "red shirt"), ("upper", "shirt is bright red"))  # fmt: skip
    assert slots(twice, dressed(), seen()) == []


def test_the_colour_of_a_shirt_under_a_jacket_is_no_false_colour_of_the_jacket():
    one = told("A man in a red jacket.", ("upper", "red jacket"))
    red, white = Colour("red", (200, 20, 20)), Colour("white", (250, 250, 250))
    jacket = dressed(upper=Garment("jacket", red, "long", open=True))
    assert slot_of("upper colour", one, jacket).contradicts("white")
    over = replace(jacket, inner=Garment("t-shirt", white, "short"))
    assert not slot_of("upper colour", one, over).contradicts("white")
    assert slot_of("upper colour", one, over).contradicts("green")


@pytest.mark.parametrize(
    ("cloth", "alike", "apart"),
    [
        ("navy", ("black", "blue", "dark blue", "charcoal"), ("red", "white", "yellow")),
        ("beige", ("tan", "khaki", "cream", "white", "gray"), ("red", "blue", "green", "black")),
        ("white", ("cream", "light gray", "gray", "light colored"), ("black", "red", "green")),
        ("black", ("navy", "dark", "charcoal", "dark brown"), ("white", "pink", "light blue")),
        ("red", ("maroon", "orange", "pink", "burgundy"), ("blue", "green", "white", "black")),
        ("orange", ("red", "peach", "rust"), ("blue", "green", "white", "black")),
        ("teal", ("blue", "green", "turquoise", "light blue"), ("red", "yellow", "pink", "orange")),
    ],
)
def test_colours_that_people_confuse_are_not_apart(cloth, alike, apart):
    rng = np.random.default_rng(0)
    for colour in (dye(rng, cloth) for _ in range(20)):
        assert not [word for word in alike if colours_apart(word, colour)]
        assert not [word for word in apart if not colours_apart(word, colour)]


def test_no_word_that_a_table_gives_to_a_colour_is_apart_from_it():
    rng = np.random.default_rng(0)
    for name in PALETTE:
        colour = dye(rng, name)
        assert not [word for word in TERMS[name] if colours_apart(word, colour)]
        assert [word for word in FOCUS if colours_apart(word, colour)]


def test_only_clearly_other_kinds_patterns_and_hair_are_apart():
    red = Colour("red", (200, 20, 20))
    backpack, boots = Garment("backpack", red), Garment("boots", red)
    assert kinds_apart("handbag", "bag", backpack)
    assert not kinds_apart("bag", "bag", backpack)  # any bag is one
    assert kinds_apart("sandals", "shoes", boots)
    assert not kinds_apart("shoes", "shoes", boots)
    assert not kinds_apart("slacks", "lower", Garment("jeans", red, length="ankle"))
    assert not kinds_apart("shorts", "lower", Garment("pants", red, length="calf"))
    assert not kinds_apart("jeans", "lower", Garment("kilt", red))  # a kind that no table knows
    assert patterns_apart("striped", "floral")
    assert not patterns_apart("dotted", "floral")
    assert not patterns_apart("patterned", "striped")
    assert hair_colours_apart("blonde", "black")
    assert not hair_colours_apart("brown", "black")


def test_medium_hair_and_tied_hair_keep_their_length():
    one = told("She has long black hair.", ("hair", "long black hair"))
    assert slot_of("hair length", one, dressed()).contradicts("short")
    assert not slot_of("hair length", one, dressed()).contradicts("shoulder length")
    assert not slot_of("hair length", one, dressed(hair_length="medium")).contradicts("short")
    assert slot_of("hair length", one, dressed(hair_style="bun")) is None
