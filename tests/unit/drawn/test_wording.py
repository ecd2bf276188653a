"""Captions of drawn people: like a crowd's, true to what shows, with spans of what they tell."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from time import process_time

import numpy as np
import pytest

from passerby.drawn.colour_words import TERMS, colour_choice, shade
from passerby.drawn.lexicon import NOUNS
from passerby.drawn.phrases import family
from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import Colour, Garment, Person, draw_wardrobe, dye, garments
from passerby.drawn.wording import Told, write_caption

COUNT = 2000
# share of captions, in percent, that hold a word in a crowd's captions of passers-by (rounded)
CROWD = {
    "a": 97, "and": 91, "wearing": 77, "shirt": 66, "black": 63, "is": 59, "the": 51, "white": 50,
    "shoes": 47, "with": 46, "man": 39, "pants": 34, "woman": 34, "has": 33, "hair": 30,
    "blue": 28, "of": 28, "on": 25, "she": 25, "he": 24, "dark": 24, "short": 24, "pair": 22,
    "in": 21, "carrying": 18, "her": 17, "bag": 17, "long": 15, "brown": 15, "his": 14,
    "jeans": 13, "red": 12, "shoulder": 11, "wears": 11, "also": 10, "over": 10, "light": 10,
    "back": 9, "pink": 9, "walking": 8, "backpack": 8, "top": 8, "green": 8, "hand": 8,
    "left": 7, "right": 7, "sleeve": 6, "yellow": 5, "glasses": 5, "person": 5, "tan": 4,
}  # fmt: skip


def seen(person: Person, rng: np.random.Generator, *, unseen: tuple[str, ...] = ()) -> Sight:
    view = ("front", "back", "left", "right", "front-left", "back-right")[int(rng.integers(6))]
    names = [name for name, _ in garments(person)] + ["hair"]
    if not view.startswith("back"):
        names += ["glasses", "beard", "face"]
    return Sight(view, "walking", {name: 0.9 for name in names if family(name) not in unseen})


def written(count: int = COUNT, seed: int = 1, **sight) -> list[tuple[Person, Sight, Told]]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        person = draw_wardrobe(rng)
        view = seen(person, rng, **sight)
        out.append((person, view, write_caption(person, view, rng)))
    return out


@pytest.fixture(scope="module")
def crowd() -> list[tuple[Person, Sight, Told]]:
    return written()


def attributes(told: Told) -> set[str]:
    return {family(tell.attribute) for tell in told.tells}


def test_captions_are_as_long_as_a_crowd_writes_them(crowd):
    lengths = np.array([len(told.text.split()) for _, _, told in crowd])
    assert 18 <= np.median(lengths) <= 26
    assert lengths.min() >= 10
    assert lengths.max() <= 60
    assert 13 <= np.quantile(lengths, 0.25) <= 20
    assert 24 <= np.quantile(lengths, 0.75) <= 31


def test_an_author_of_few_words_tries_until_ten_are_there() -> None:
    for number in (20635, 29431, 30966):  # whose double blank passed for a word
        person = draw_wardrobe(np.random.default_rng([9, number, 0]))
        visible = {name: 1.0 for name, _ in garments(person)} | {"hair": 0.8}
        told = write_caption(
            person, Sight("front", "walking", visible), np.random.default_rng([9, number, 1])
        )
        assert 10 <= len(told.text.split()) <= 60


def test_about_half_are_one_sentence_and_some_lack_the_stop(crowd):
    texts = [told.text for _, _, told in crowd]
    sentences = Counter(len(re.findall(r"\.\s+[A-Z]", text)) + 1 for text in texts)
    assert 0.42 < sentences[1] / COUNT < 0.64
    assert 0.25 < sentences[2] / COUNT < 0.50
    assert 0.03 < sum(not text.endswith(".") for text in texts) / COUNT < 0.09


def test_spans_hold_the_words_they_tell(crowd):
    for _, _, told in crowd:
        for tell in told.tells:
            assert told.text[tell.start : tell.end] == tell.words != ""
        starts = [tell.start for tell in told.tells]
        assert starts == sorted(starts)


def test_texts_are_clean_of_marks_and_slots(crowd):
    for _, _, told in crowd:
        assert told.text.isprintable()
        assert not re.search(r"[{}\x02\x03\x1f]| ,|\bX\b", told.text)
    wrong = [told.text for _, _, told in crowd if re.search(r"\ba [aeio][a-z]{3}", told.text)]
    assert len(wrong) < 5, wrong  # a typo may take the n of an


def test_the_same_seed_writes_the_same_captions():
    assert [t for _, _, t in written(50, 7)] == [t for _, _, t in written(50, 7)]
    assert [t for _, _, t in written(50, 7)] != [t for _, _, t in written(50, 8)]


def test_one_photo_has_many_captions():
    rng = np.random.default_rng(0)
    person = draw_wardrobe(rng)
    sight = seen(person, rng)
    assert len({write_caption(person, sight, rng).text for _ in range(200)}) > 190


def test_upper_and_lower_clothes_are_nearly_always_told(crowd):
    trousers = [(p, t) for p, _, t in crowd if p.lower is not None]
    assert np.mean(["upper" in attributes(t) for _, t in trousers]) > 0.93
    assert np.mean(["lower" in attributes(t) for _, t in trousers]) > 0.85


def test_what_hardly_shows_is_rarely_told():
    hidden = written(600, 3, unseen=("bag", "shoes", "hair"))
    for name in ("bag", "shoes", "hair"):
        worn = [t for p, _, t in hidden if name != "bag" or p.bags]
        assert np.mean([name in attributes(t) for t in worn]) < 0.06


def test_bags_that_show_are_mostly_told(crowd):
    carriers = [told for person, _, told in crowd if person.bags]
    assert np.mean(["bag" in attributes(told) for told in carriers]) > 0.6


def test_a_print_is_not_told_from_behind():
    rng = np.random.default_rng(5)
    shirt = Garment("t-shirt", dye(rng, "white"), sleeve="short", pattern="print")
    person = replace(draw_wardrobe(rng), upper=shirt, inner=None)
    words = re.compile("logo|picture|graphic|writing|letter|design|print")

    def share(view: str) -> float:
        sight = Sight(view, "walking", {name: 0.9 for name, _ in garments(person)})
        return float(np.mean([
            bool(words.search(" ".join(
                t.words for t in write_caption(person, sight, rng).tells if t.attribute == "upper"
            ))) for _ in range(200)
        ]))  # fmt: skip

    assert share("back") == 0
    assert share("front") > 0.4


def test_the_words_of_a_crowd_are_used_about_as_often(crowd):
    used: Counter[str] = Counter()
    for _, _, told in crowd:
        used.update(set(re.findall(r"[a-z][a-z'-]*", told.text.lower().replace("grey", "gray"))))
    shares = {word: 100 * used[word] / COUNT for word in CROWD}
    assert all(shares.values()), [word for word, share in shares.items() if not share]
    overlap = sum(min(shares[word], CROWD[word]) for word in CROWD) / sum(CROWD.values())
    assert overlap > 0.8


def test_all_names_of_the_wardrobe_have_words():
    rng = np.random.default_rng(2)
    for _ in range(500):
        for _, garment in garments(draw_wardrobe(rng)):
            assert garment.kind in NOUNS
            assert garment.colour.name in TERMS


def test_an_unknown_kind_colour_or_pattern_is_called_by_its_name():
    rng = np.random.default_rng(2)
    odd = Garment("poncho", Colour("vermilion", (220, 60, 40)), pattern="zigzag")
    person = replace(draw_wardrobe(rng), upper=odd, inner=None)
    sight = Sight("front", "dancing", {name: 0.9 for name, _ in garments(person)})
    text = " ".join(write_caption(person, sight, rng).text for _ in range(50))
    assert "vermilion" in text
    assert "poncho" in text
    assert "dancing" in text


def test_a_very_dark_navy_is_more_often_black_and_a_white_never():
    dark = colour_choice(shade(Colour("navy", (18, 18, 40)))).shares
    bright = colour_choice(shade(Colour("navy", (30, 36, 100)))).shares
    assert dark["black"] > 3 * bright["black"]
    assert "black" not in colour_choice(shade(Colour("white", (250, 250, 250)))).shares


def test_a_few_captions_have_slips_and_their_spans_still_hold():
    plain = re.compile(r"waring|weraing|whit\b|carring|sandles|  |\.[A-Z]|shrit|balck|stripped")
    texts = [told.text for _, _, told in written(2000, 9)]
    assert 0.002 < np.mean([bool(plain.search(text)) for text in texts]) < 0.05


def test_captions_are_written_fast():
    people = [(person, sight) for person, sight, _ in written(500, 4)]
    rng = np.random.default_rng(0)
    start = process_time()
    for person, sight in people * 4:
        write_caption(person, sight, rng)
    assert 2000 / (process_time() - start) > 2500  # half of what a free core does at the least
