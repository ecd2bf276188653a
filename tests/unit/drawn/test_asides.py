"""What authors say besides is said of anybody, in whole words, and tells of nothing."""

import re
from collections import Counter

import numpy as np

from passerby.drawn.asides import made_up, quality, remark, tail
from passerby.drawn.dice import Dice
from passerby.drawn.figure import draw_photo
from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import draw_wardrobe, garments
from passerby.drawn.wording import write_caption


def dice(seed: int = 0) -> Dice:
    return Dice(np.random.default_rng(seed))


def test_pronouns_and_sides_are_filled_in() -> None:
    roll = dice()
    for he, his, him in (("he", "his", "him"), ("she", "her", "her"), ("they", "their", "them")):
        said = [tail(roll, he, his) for _ in range(300)] + [
            remark(roll, he, his) for _ in range(99)
        ]
        assert not any("{" in words for words in said)
        assert any(him in words.split() for words in said)
    assert not any(words.startswith("they is") for words in said)


def test_a_made_up_word_is_letters_alone() -> None:
    roll = dice(1)
    words = {made_up(roll) for _ in range(300)}
    assert len(words) > 250
    assert all(re.fullmatch(r"[a-z]+", word) for word in words)


def test_a_patterned_garment_is_never_called_plain() -> None:
    roll = dice(2)
    told = Counter(quality(roll, "striped") for _ in range(2000))
    assert not {"plain", "solid"} & set(told)
    assert {"plain", "solid"} <= {quality(roll, "plain") for _ in range(2000)}


def crowd(count: int):
    for seed in range(count):
        rng = np.random.default_rng(seed)
        person = draw_wardrobe(rng)
        visible = dict.fromkeys([*dict(garments(person)), "hair", "face", "glasses", "print"], 1.0)
        yield person, write_caption(person, Sight("front", "standing", visible), rng)


def test_they_stand_in_some_captions_and_outside_of_what_is_told() -> None:
    met, all_of_them = 0, 0
    for _, told in crowd(1500):
        all_of_them += 1
        rest = list(told.text)
        for tell in told.tells:
            rest[tell.start : tell.end] = " " * (tell.end - tell.start)
        met += bool(re.search(r"pocket|stairs|someone|soles|knee |elbow", "".join(rest)))
    assert 0.01 < met / all_of_them < 0.2


def test_socks_and_ties_are_worn_with_what_they_go_with() -> None:
    kinds = Counter()
    for person, told in crowd(3000):
        if person.legwear is not None and person.legwear.kind == "socks":
            kinds["socks"] += 1
            assert person.shoes.kind in ("sneakers", "shoes")
            lower = person.lower
            assert lower is None or lower.kind == "skirt" or lower.length != "ankle"
        if person.tie is not None:
            kinds["tie"] += 1
            assert (person.inner or person.upper).kind == "shirt"
            kinds["told"] += any(tell.attribute == "tie" for tell in told.tells)
    assert kinds["socks"] > 150
    assert kinds["tie"] > 20
    assert kinds["told"] > kinds["tie"] / 3


def test_a_tie_shows_from_the_front_and_socks_on_the_legs() -> None:
    shown = Counter()
    for seed in range(400):
        person = draw_wardrobe(np.random.default_rng(seed))
        socks = person.legwear is not None and person.legwear.kind == "socks"
        if person.tie is None and not socks:
            continue
        for photo in range(6):
            sight = draw_photo(person, np.random.default_rng([seed, photo])).sight
            if person.tie is not None:
                view = "back" if sight.view.startswith("back") else sight.view
                shown[view, sight.visible["tie"] > 0.15] += 1
            if socks:
                shown["socks", sight.visible["legwear"] > 0.15] += 1
    assert shown["front", True] > 2 * shown["front", False]
    assert not shown["back", True]
    assert shown["socks", True] > 2 * shown["socks", False]
