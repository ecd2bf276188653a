"""Photos of drawn people: seeded, of any size, coloured as worn, honest about what shows."""

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from passerby.drawn.canvas import Canvas
from passerby.drawn.figure import DrawnPhoto, draw_photo
from passerby.drawn.framing import framed
from passerby.drawn.portrait import Portrait
from passerby.drawn.sight import Sight
from passerby.drawn.stance import VIEWS
from passerby.drawn.visibility import sight_of
from passerby.drawn.wardrobe import Colour, Garment, Person, draw_wardrobe, garments

BLACK, RED, BLUE = (
    Colour("black", (24, 24, 26)),
    Colour("red", (210, 30, 34)),
    Colour("blue", (30, 70, 200)),
)


def someone(seed: int = 0, **changes: object) -> Person:
    """A person in plain clothes with nothing that could cover the shirt."""
    bare: dict[str, object] = dict.fromkeys(("inner", "scarf", "hat", "belt", "legwear"))
    bare |= {"bags": (), "carried": (), "upper": Garment("t-shirt", RED, sleeve="short")}
    bare |= {"lower": Garment("pants", BLACK, length="ankle")}
    person = draw_wardrobe(np.random.default_rng(seed))
    return replace(person, **{**bare, **changes})  # type: ignore[arg-type]


def photo(person: Person, seed: int, height: int = 128, width: int = 64) -> DrawnPhoto:
    return draw_photo(person, np.random.default_rng(seed), height, width)


def seen(person: Person, yaw: float, seed: int = 0) -> Sight:
    """The person alone in the middle of a clean photo, facing `yaw`."""
    roll = Random(seed)
    stance = replace(framed(person, roll, 200, 100), yaw=yaw % (2 * math.pi), pitch=0.05)
    canvas = Canvas(np.full((200, 100, 3), 120, np.uint8), stance.unit)
    Portrait(canvas, stance, person, roll).paint()
    return sight_of(person, stance, canvas)


def test_the_same_seed_gives_the_same_bytes() -> None:
    for seed in range(6):
        person = draw_wardrobe(np.random.default_rng(seed))
        assert photo(person, seed).pixels.tobytes() == photo(person, seed).pixels.tobytes()
        assert photo(person, seed).sight == photo(person, seed).sight


def test_other_seeds_give_other_photos_of_the_person() -> None:
    person = draw_wardrobe(np.random.default_rng(1))
    assert len({photo(person, seed).pixels.tobytes() for seed in range(8)}) == 8


def test_a_photo_takes_one_draw_from_the_generator() -> None:
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    draw_photo(someone(), first)
    second.integers(1 << 62)
    assert first.random() == second.random()


@pytest.mark.parametrize(
    ("height", "width"), [(128, 64), (34, 13), (800, 374), (384, 128), (60, 60), (9, 5)]
)
def test_any_crop_size_is_drawn(height: int, width: int) -> None:
    drawn = photo(draw_wardrobe(np.random.default_rng(2)), 5, height, width)
    assert drawn.pixels.shape == (height, width, 3)
    assert drawn.pixels.dtype == np.uint8
    assert drawn.pixels.std() > 5


def test_every_view_and_several_actions_occur() -> None:
    sights = [photo(draw_wardrobe(np.random.default_rng(i)), i).sight for i in range(150)]
    assert {sight.view for sight in sights} == set(VIEWS)
    assert {"standing", "walking"} <= {sight.action for sight in sights}


@pytest.mark.parametrize("view", range(8))
def test_every_view_draws_most_of_the_clothes(view: int) -> None:
    sight = seen(someone(), view * math.pi / 4)
    assert sight.view == VIEWS[view]
    assert sight.visible["upper"] > 0.5
    assert sight.visible["lower"] > 0.5


UPPERS = ("t-shirt", "shirt", "blouse", "polo shirt", "tank top", "sweater", "jacket", "coat",
          "hoodie", "blazer", "cardigan", "vest", "down jacket", "dress", "parka")  # fmt: skip
LOWERS = ("pants", "jeans", "shorts", "jean shorts", "leggings", "sweatpants", "skirt", "capris")
SHOES = ("sneakers", "shoes", "boots", "sandals", "high heels", "flats", "slippers")
BAGS = ("backpack", "handbag", "shoulder bag", "messenger bag", "shopping bag", "suitcase",
        "briefcase", "fanny pack")  # fmt: skip
THINGS = ("phone", "bottle", "umbrella", "papers", "book", "cup", "jacket")
PATTERNS = ("plain", "print", "striped", "vertical stripes", "plaid", "floral", "dotted",
            "colour block", "camouflage")  # fmt: skip


@pytest.mark.parametrize("kind", UPPERS)
def test_every_upper_garment_shows(kind: str) -> None:
    inner = Garment("t-shirt", BLUE, sleeve="short")
    upper = Garment(
        kind, RED, sleeve="long", open=kind in ("jacket", "coat"), hood=kind == "hoodie"
    )
    for yaw in (0.0, math.pi / 2, math.pi):
        assert seen(someone(upper=upper, inner=inner), yaw).visible["upper"] > 0.3


@pytest.mark.parametrize("kind", LOWERS)
def test_every_lower_garment_shows(kind: str) -> None:
    for length in ("mini", "knee", "calf", "ankle"):
        person = someone(lower=Garment(kind, BLUE, length=length), legwear=Garment("tights", BLACK))
        assert seen(person, 0.3).visible["lower"] > 0.15


@pytest.mark.parametrize("kind", SHOES)
def test_every_pair_of_shoes_shows(kind: str) -> None:
    assert seen(someone(shoes=Garment(kind, RED)), 0.4).visible["shoes"] > 0.1


@pytest.mark.parametrize("kind", BAGS)
def test_every_bag_shows_from_some_side(kind: str) -> None:
    person = someone(bags=(Garment(kind, BLUE),))
    shares = [seen(person, yaw).visible["bag"] for yaw in np.linspace(0, 6, 7)]
    assert max(shares) > 0.4


@pytest.mark.parametrize("kind", THINGS)
def test_every_carried_thing_shows_from_some_side(kind: str) -> None:
    person = someone(carried=(Garment(kind, BLUE),))
    assert max(seen(person, yaw).visible["carried"] for yaw in np.linspace(0, 6, 7)) > 0.15


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_drawn(pattern: str) -> None:
    upper = Garment("t-shirt", RED, sleeve="short", pattern=pattern, second=BLUE)
    plain = someone()
    other = someone(upper=upper)
    same = all(np.array_equal(photo(plain, s).pixels, photo(other, s).pixels) for s in range(6))
    assert same == (pattern == "plain")


def test_all_hair_hats_and_glasses_are_drawn() -> None:
    for length in ("bald", "short", "medium", "long"):
        for style in ("loose", "ponytail", "bun", "braid"):
            for seed, hat in enumerate((None, "cap", "sun hat", "beanie")):
                worn = Garment(hat, RED) if hat else None
                person = someone(hair_length=length, hair_style=style, hat=worn, glasses="glasses")
                sight = photo(person, seed).sight
                assert 0 <= sight.visible["hair"] <= 1


def test_no_print_and_no_inner_layer_from_behind() -> None:
    upper = Garment("jacket", BLACK, sleeve="long", open=True)
    inner = Garment("t-shirt", RED, sleeve="short", pattern="print", second=BLUE)
    person = someone(upper=upper, inner=inner)
    assert seen(person, math.pi).visible["inner"] == 0
    assert seen(person, math.pi).visible["print"] == 0
    assert seen(person, 0).visible["inner"] > 0.3
    assert seen(person, 0).visible["print"] > 0.3


def test_a_face_shows_from_the_front_and_not_from_behind() -> None:
    person = someone(glasses="glasses", beard=True)
    front, back = seen(person, 0).visible, seen(person, math.pi).visible
    assert front["face"] > 0.3 > back["face"]
    assert front["glasses"] > 0.3 > back["glasses"]


def test_a_backpack_shows_more_from_behind_than_from_the_front() -> None:
    person = someone(bags=(Garment("backpack", BLUE),))
    front, back = seen(person, 0).visible["bag"], seen(person, math.pi).visible["bag"]
    assert back > 0.6
    assert back > 2 * front


def test_all_that_is_worn_has_a_share_and_shares_are_shares() -> None:
    for seed in range(40):
        person = draw_wardrobe(np.random.default_rng(seed))
        visible = photo(person, seed).sight.visible
        assert {name for name, _ in garments(person)} <= set(visible)
        assert {"hair", "face", "print"} <= set(visible)
        assert all(0 <= share <= 1 for share in visible.values())


def test_the_clothes_have_the_colours_that_the_person_wears() -> None:
    for part, rows in (("upper", slice(36, 56)), ("lower", slice(76, 100))):
        worn = getattr(someone(), part)
        differences = []
        for seed in range(12):
            red, blue = (
                photo(someone(**{part: replace(worn, colour=colour)}), seed).pixels[rows, 22:42]
                for colour in (RED, BLUE)
            )
            differences.append((red.astype(float) - blue.astype(float)).mean((0, 1)))
        mean = np.mean(differences, 0)
        assert mean[0] > 40, part
        assert mean[2] < -40, part
