"""Texts of three levels: every one is part of its caption, each is drawn, and none is blank."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from judged_phrases import judged

from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import draw_wardrobe, garments
from passerby.drawn.wording import write_caption
from passerby.errors import BadRecipe
from passerby.language.levels import POOLS, drawn, pool
from passerby.language.phrases import phrases

# the specification's example
CAPTION = "the man is wearing a black jacket, blue jeans, and white shoes. he carries a bag."
ODD = [
    "a", "a hat", "Pedestrian", "...", ".", ",,,", " ", "\n\t", "[]", "x" * 5000, "x," * 5000,
    "A man.He runs,fast", "a b... a red hat...", "5 ft. 9 in. tall, approx. 30 yrs. old",
    "a red coat!a hat; is it? yes", "a coat\n,\nblue trousers \r\n", ",,a coat,,a hat,,",
    "İSTANBUL ŞAPKA.", "一个穿白色衬衫的男人、一个包。", "👟 shoes\u2028cafe\u0301 hat",
    "\ud800 shirt", "a man.      .      ,      ", "[a red coat, a hat.]",
]  # fmt: skip


@cache
def written() -> list[str]:
    """Captions of drawn people, written ones, and the ends and commas that data sets have."""
    rng = np.random.default_rng(7)
    found = []
    for number in range(200):
        person = draw_wardrobe(rng)
        sight = Sight("front", "walking", {name: 0.9 for name, _ in garments(person)})
        text = write_caption(person, sight, rng).text
        found.append(text + ("", ".", "..", "[].", ". ")[number % 5])
    found += [j.caption for j in judged()]
    return found + [text.replace(" and ", ", ") for text in found] + ODD


def literal(caption: str, level: str) -> list[str]:
    """Section 1.3 of the specification read aloud, one piece at a time."""
    found = []
    if level == "phrase":
        while caption and caption[-1] in ".[]":
            caption = caption[:-1]
    for sentence in re.split(r"\.", caption):
        chunks = re.split(",", sentence)
        if level == "phrase":
            place = 0
            for other, chunk in enumerate(chunks):
                if len(chunk) > len(chunks[place]):
                    place = other
            rest = ",".join(chunk for other, chunk in enumerate(chunks) if other != place)
            chunks = [chunks[place], re.sub("^,+|,+$", "", rest)]
        found += [chunk.strip() for chunk in chunks if len(chunk) > 5 and not chunk.isspace()]
    return found


def draws(caption: str, level: str, count: int) -> Counter[str]:
    rng = np.random.default_rng(3)
    return Counter(drawn(caption, level, rng) for _ in range(count))


def test_the_example_of_the_specification_has_its_three_phrases() -> None:
    assert pool(CAPTION, "phrase") == [
        "the man is wearing a black jacket", "blue jeans, and white shoes", "he carries a bag"
    ]  # fmt: skip
    assert pool(CAPTION, "clause") == [
        "the man is wearing a black jacket", "blue jeans", "and white shoes", "he carries a bag"
    ]  # fmt: skip
    assert pool(CAPTION, "word") == ["man", "black jacket", "blue jeans", "white shoes", "bag"]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a hat, white shoes, black shoes", ["white shoes", "a hat, black shoes"]),  # first of two
        ("blue jeans, hat", ["blue jeans"]),  # " hat" has four characters
        ("blue jeans, a hat", ["blue jeans", "a hat"]),  # the blank is the sixth
        ("hat, in a very long coat, bag", ["in a very long coat", "hat, bag"]),
        (",,a red coat,,a hat,,", ["a red coat"]),
        ("a red coat!a hat; is it? yes", ["a red coat!a hat; is it? yes"]),
        ("[a red coat, a hat.]", ["[a red coat", "a hat"]),  # a bracket in front stays
        ("5 ft. 9 in. tall", []),
        ("A Red COAT", ["A Red COAT"]),
    ],
)
def test_the_longest_chunk_is_one_phrase_and_all_others_another(
    caption: str, expected: list[str]
) -> None:
    assert pool(caption, "phrase") == expected


@pytest.mark.parametrize("level", ["phrase", "clause"])
def test_a_pool_is_what_the_rule_read_aloud_gives(level: str) -> None:
    assert len(written()) > 800
    for caption in written():
        assert pool(caption, level) == literal(caption, level), caption


def test_words_are_the_phrases_of_the_grammar_each_once() -> None:
    assert pool("A red hat. The man wears a red hat, Blue Jeans", "word") == [
        "red hat", "man", "blue jeans"
    ]  # fmt: skip
    for caption in written():
        found = pool(caption, "word")
        assert len(found) == len(set(found))
        assert set(found) == {phrase.text for phrase in phrases(caption)}


@pytest.mark.parametrize("level", POOLS)
def test_what_is_drawn_is_never_blank_and_one_seed_draws_it_again(level: str) -> None:
    for seed, caption in enumerate(written()):
        text = drawn(caption, level, np.random.default_rng(seed))
        assert text == drawn(caption, level, np.random.default_rng(seed))
        if caption.strip():
            assert text.strip()
        else:
            assert text == caption


@pytest.mark.parametrize("level", ["phrase", "clause"])
def test_each_of_the_pool_is_as_likely(level: str) -> None:
    found = draws(CAPTION, level, 3000)
    expected = 3000 / len(pool(CAPTION, level))
    assert set(found) == set(pool(CAPTION, level))
    assert all(abs(count - expected) < 5 * expected**0.5 for count in found.values())


def test_any_count_of_words_is_as_likely_and_so_is_any_order_of_them() -> None:
    whole = pool(CAPTION, "word")
    counts: Counter[int] = Counter()
    first: Counter[str] = Counter()
    orders = set()
    for text, times in draws(CAPTION, "word", 5000).items():
        words = text.split(",")
        assert len(words) == len(set(words))
        assert set(words) <= set(whole)
        counts[len(words)] += times
        first[words[0]] += times
        if len(words) == len(whole):
            orders.add(text)
    assert set(counts) == set(range(1, len(whole) + 1))
    assert set(first) == set(whole)
    for found in (*counts.values(), *first.values()):
        assert abs(found - 1000) < 5 * 1000**0.5
    assert len(orders) > 100  # of 120


@pytest.mark.parametrize("level", POOLS)
@pytest.mark.parametrize("caption", ["", " ", "\n\t", "a", ".", "...", ",,,", "[].", "he is"])
def test_a_caption_with_nothing_to_draw_is_taken_as_it_is(caption: str, level: str) -> None:
    assert pool(caption, level) == []
    assert drawn(caption, level, np.random.default_rng(0)) == caption


def test_without_words_a_phrase_is_drawn() -> None:
    caption = "he is very slowly running, and then some. they are"
    assert pool(caption, "word") == []
    assert set(draws(caption, "word", 200)) == set(pool(caption, "phrase"))
    assert len(pool(caption, "phrase")) == 3


def test_blanks_are_no_text_though_they_are_long() -> None:
    assert pool("a red coat.          .", "phrase") == ["a red coat"]
    assert pool("a red coat,          ,", "clause") == ["a red coat"]


def test_an_unknown_level_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadRecipe, match="'sentense' are drawn; there are phrase, clause, word"):
        pool("a red coat", "sentense")
