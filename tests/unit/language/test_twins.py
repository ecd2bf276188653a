"""A false twin differs in one word, which is false and fits where it stands."""

import difflib
from collections import Counter

import numpy as np
import pytest

from passerby.language.twins import COLOURS, KINDS, false_twin

CAPTION = "A woman with long black hair in a red striped long sleeved dress carries an umbrella."


def twins(caption: str, count: int = 200) -> list[str]:
    rng = np.random.default_rng(3)
    return [false_twin(caption, rng) or "" for _ in range(count)]


def changed(caption: str, twin: str) -> tuple[str, str]:
    """The words that were there and those that are, without articles."""
    before, after = caption.split(), twin.split()
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    edits = [(before[a:b], after[c:d]) for what, a, b, c, d in blocks if what != "equal"]
    drop = {"a", "an", "A", "An"}
    kept = [([w for w in old if w not in drop], [w for w in new if w not in drop])
            for old, new in edits]  # fmt: skip
    kept = [pair for pair in kept if pair != ([], [])]
    assert len(kept) == 1, (caption, twin)
    return " ".join(kept[0][0]), " ".join(kept[0][1])


def test_one_word_is_changed_and_never_for_one_that_people_confuse_with_it() -> None:
    for twin in twins("a man in a navy shirt"):
        old, new = changed("a man in a navy shirt", twin)
        assert old == "navy"
        assert new.split()[-1] not in ("black", "blue", "purple", "gray", "grey", "teal")


def test_every_kind_of_word_is_changed_sometimes() -> None:
    told = Counter(changed(CAPTION, twin)[0] for twin in twins(CAPTION, 600))
    for word in ("long", "black", "red", "striped", "dress", "umbrella."):
        assert any(word in old for old in told), (word, told)


def test_hair_gets_colours_of_hair() -> None:
    for twin in twins("long black hair"):
        assert changed("long black hair", twin)[1] in {
            "short", "blonde", "blond", "gray", "grey", "white", "red",
        }  # fmt: skip


def test_words_come_as_often_as_captions_say_them() -> None:
    new = Counter(changed("a pink hat", twin)[1] for twin in twins("a pink hat", 2000))
    assert new["black"] > 5 * new["yellow"] > 0


def test_articles_and_capitals_follow() -> None:
    found = set(twins("A umbrella", 50)) | set(twins("An orange hat", 300))
    assert not any(twin.startswith(("A o", "An b", "An g", "An w")) for twin in found), found
    assert all(twin[0] == "R" or twin[0].isupper() for twin in twins("Red shoes", 20))


def test_a_caption_that_no_list_knows_has_none() -> None:
    assert false_twin("somebody walks", np.random.default_rng(0)) is None
    assert false_twin("", np.random.default_rng(0)) is None


def test_a_compound_is_not_taken_apart() -> None:
    for twin in twins("a light blue shirt"):
        assert (
            "light" not in twin
            or "light green" in twin
            or "light pink" in twin
            or ("light brown" in twin)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_of_a_kind_has_a_false_one(kind: str) -> None:
    rng = np.random.default_rng(1)
    for name, words in KINDS[kind].families.items():
        for word in words:
            other = KINDS[kind].other(word, rng)
            assert KINDS[kind].family[other] != name


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_of_a_kind_is_found_in_a_caption(kind: str) -> None:
    after = " hair" if kind.startswith("hair") else ""
    for word in KINDS[kind].family:
        found = KINDS[kind].pattern.search(f"with {word}{after}")
        assert found is not None, word
        assert found.group() == word


def test_no_colour_word_stands_in_two_families() -> None:
    words = [word for family in COLOURS.values() for word in family]
    assert len(words) == len(set(words))
