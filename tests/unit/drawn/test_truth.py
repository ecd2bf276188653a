"""Truth: of which photos a caption is true, from the wardrobe, and for more than its own photo."""

from dataclasses import replace

import numpy as np
import pytest

from passerby.drawn.ceiling import Reader
from passerby.drawn.facts import PersonFacts, PhotoFacts
from passerby.drawn.palette import Colour
from passerby.drawn.sight import Sight
from passerby.drawn.truth import Truth
from passerby.drawn.wardrobe import Garment, draw_wardrobe
from passerby.drawn.wording import Tell, write_caption

RED, BLACK = Colour("red", (206, 28, 28)), Colour("black", (16, 16, 18))
WHITE = Colour("white", (248, 248, 248))
SEEN = {"upper": 1.0, "lower": 1.0, "shoes": 1.0, "hair": 1.0, "bag": 1.0, "bag1": 1.0}


def facts(number: int, *views: str, **changes) -> PersonFacts:
    person = draw_wardrobe(np.random.default_rng(7))
    plain = {
        "sex": "woman", "hat": None, "scarf": None, "inner": None, "bags": (), "carried": (),
        "glasses": "none", "beard": False,
        "upper": Garment("coat", RED, sleeve="long"), "lower": Garment("pants", BLACK),
    }  # fmt: skip
    person = replace(person, **(plain | changes))
    photos = tuple(
        PhotoFacts(f"{number}_{n}.jpg", Sight(view, "walking", SEEN), ())
        for n, view in enumerate(views or ("front",))
    )
    return PersonFacts(number, "test", person, photos)


def tell(attribute: str, words: str) -> Tell:
    return Tell(attribute, 0, len(words), words)


def true_of(people, *told: tuple[str, str]) -> list[bool]:
    return Truth(people).of([tell(*each) for each in told]).tolist()


def test_a_sentence_is_true_where_every_attribute_that_it_tells_is() -> None:
    bag = Garment("handbag", BLACK)
    people = [facts(0, bags=(bag,)), facts(1), facts(2, upper=Garment("coat", BLACK))]
    assert true_of(people, ("upper", "red coat")) == [True, True, False]
    assert true_of(people, ("upper", "red coat"), ("bag", "black purse")) == [True, False, False]
    assert true_of(people, ("sex", "man")) == [False] * 3
    assert true_of(people) == [True] * 3


def test_a_sentence_is_true_of_all_photos_of_a_person_but_action_and_view_of_one() -> None:
    people = [facts(0, "front", "back"), facts(1, "front")]
    assert true_of(people, ("upper", "red coat")) == [True] * 3
    assert true_of(people, ("view", "seen from behind")) == [False, True, False]
    assert true_of(people, ("action", "standing")) == [False] * 3
    assert Truth(people).person.tolist() == [0, 0, 1]


def test_what_does_not_show_is_still_true_of_the_person() -> None:
    hidden = facts(0, bags=(Garment("backpack", RED),))
    photo = replace(hidden.photos[0], sight=replace(hidden.photos[0].sight, visible={"bag": 0.0}))
    assert true_of([replace(hidden, photos=(photo,))], ("bag", "red backpack")) == [True]


def test_another_bag_and_the_other_layer_count() -> None:
    two = facts(0, bags=(Garment("backpack", RED), Garment("shopping bag", WHITE)))
    layers = facts(1, inner=Garment("t-shirt", WHITE, sleeve="short"))
    assert true_of([two, layers], ("bag", "white plastic bag")) == [True, False]
    assert true_of([two, layers], ("upper", "white shirt")) == [False, True]


@pytest.mark.parametrize(
    ("garment", "attribute", "words"),
    [
        (Garment("jeans", Colour("dark blue", (24, 38, 96))), "lower", "dark blue jeans"),
        (Garment("pants", BLACK, length="calf"), "lower", "black capri pants"),
        (Garment("sandals", BLACK), "shoes", "black flip flops"),
        (Garment("shirt", WHITE, sleeve="short"), "upper", "short sleeved buttoned white shirt"),
        (Garment("dress", RED, length="mini"), "upper", "short red dress"),
        (Garment("t-shirt", RED, sleeve="short"), "upper", "rde tee shirt"),
    ],
)
def test_words_that_authors_use_of_a_thing_are_true_of_it(garment, attribute, words) -> None:
    assert true_of([facts(0, **{attribute: garment})], (attribute, words)) == [True]


@pytest.mark.parametrize(
    "words", ["blue coat", "red t-shirt", "red plaid coat", "red coat with green stripes"]
)
def test_a_wrong_colour_noun_or_pattern_is_false(words) -> None:
    assert true_of([facts(0)], ("upper", words)) == [False]


def test_nearly_every_caption_is_true_of_its_own_photo_and_false_of_most() -> None:
    rng = np.random.default_rng(11)
    people = [replace(facts(n), person=draw_wardrobe(rng)) for n in range(60)]
    truth = Truth(people)
    told = [write_caption(each.person, each.photos[0].sight, rng).tells for each in people]
    table = np.array([truth.of(each) for each in told])
    assert table.diagonal().mean() > 0.9
    assert (table.sum() - table.trace()) / (60 * 59) < 0.1
    assert len(Reader(people).scores(told[0])) == 60


def test_each_tell_has_a_row() -> None:
    truth = Truth([facts(0), facts(1)])
    rows = truth.of_each([tell("upper", "red coat"), tell("upper", "blue coat")])
    assert rows.tolist() == [[True, True], [False, False]]
    assert truth.of_each([]).shape == (0, 2)
