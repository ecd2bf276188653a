"""Words that a model has not met are read as words that it has, and known ones stay."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from passerby.build import DEFAULT
from passerby.language.spelling import Spelling
from passerby.language.synonyms import synonyms

WORDS = """a an the man woman wearing in with red blue gray black white jacket coat shirt shorts
short shoes handbag backpack sneakers polka dot carrying pants pink hot light green turquoise
glasses t his her bag bags""".split()  # noqa: SIM905 - a list to read
READ = Spelling(WORDS)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a man in a red jakcet", "a man in a red jacket"),
        ("A Woman weraing turqoise", "A Woman wearing turquoise"),
        ("a bacpack; sneekers!", "a backpack; sneakers!"),
        ("crimson coat", "red coat"),
        ("a bloke with specs", "a man with glasses"),
        ("a magenta shirt", "a hot pink shirt"),
        ("a spotty shirt", "a polka dot shirt"),
        ("red-jakcet", "red-jacket"),
    ],
)
def test_slips_and_synonyms_become_known_words(typed: str, read: str) -> None:
    assert READ(typed) == read


@pytest.mark.parametrize(
    "text", ["a man in a red jacket", "SHORT shorts", "A T-shirt, his bag's", "", "...", "35 x 7"]
)
def test_known_words_stay_to_the_letter(text: str) -> None:
    assert READ(text) == text
    assert READ.changes(text) == []


def test_what_nothing_is_near_stays() -> None:
    assert READ("a zeppelin 红色 café") == "a zeppelin 红色 café"


def test_short_words_are_not_guessed_at() -> None:
    """Of three letters almost anything is a slip away: "rod" is not "red"."""
    assert READ("a rod hat") == "a rod hat"


def test_two_words_equally_near_are_left_alone() -> None:
    assert Spelling(["coat", "coats"])("coatd") == "coatd"
    assert Spelling(["block", "black"])("blcak") == "black", "the same letters come first"


def test_changes_are_told_once_in_reading_order() -> None:
    told = READ.changes("a crimson jakcet and a crimson hnadbag")
    assert told == [("crimson", "red"), ("jakcet", "jacket"), ("hnadbag", "handbag")]


def test_a_plural_is_read_as_the_singular_and_nothing_nearer() -> None:
    read = Spelling(["hat", "hate", "toes", "top", "dress", "dresser"])
    assert read("hats tops dresses") == "hat top dress"


def test_a_wrong_letter_counts_only_beside_the_right_one() -> None:
    read = Spelling(["coat", "jacket", "brown", "yellow"])
    assert read("goat racket frown mellow") == "goat racket frown mellow"
    assert read("jackrt broen") == "jacket brown", "r and t, e and w are beside e and w"


@pytest.mark.parametrize(
    "sentence",
    [
        "greenish range team in the sink", "a boat, a racket and some plants on the board",
        "he leans on a chair and means to thank the nurse", "a stack of glass pots",
        "a rain jacket and a patch", "a duffle bag", "ash blonde hair", "a fleece jacket",
        "she kicks a ball", "a pearl necklace", "curvy and skinned", "a cane and a crutch",
    ],
)  # fmt: skip
def test_real_words_are_no_slips_to_the_shipped_model(sentence: str) -> None:
    words = (DEFAULT / "words.txt").read_text(encoding="utf-8").split()
    assert Spelling(words)(sentence) == sentence


def test_long_words_and_other_scripts_are_left_alone() -> None:
    for word in ("x" * 5000, "\u7ea2" * 500, "jakcet" * 20):
        assert READ(word) == word


def test_threads_read_alike() -> None:
    texts = [f"a weraing crimson jakcet {number} with hnadbag" for number in range(200)]
    alone = [Spelling(WORDS)(text) for text in texts]
    read = Spelling(WORDS)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, texts)) == alone


def test_a_synonym_needs_a_model_that_knows_it() -> None:
    assert Spelling(["shirt"])("crimson shirt") == "crimson shirt"
    assert Spelling(["pink"])("magenta") == "pink", "the second, where the first is not known"


def test_no_synonym_points_in_a_circle() -> None:
    for word, others in synonyms().items():
        assert word not in others


def test_reading_twice_changes_nothing_more() -> None:
    once = READ("a weraing crimson jakcet with a spotty hnadbag")
    assert READ(once) == once
