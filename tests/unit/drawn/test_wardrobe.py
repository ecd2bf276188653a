"""Wardrobes: seeded, sensible, coloured within their names' ranges."""

import colorsys
from collections import Counter

import numpy as np
import pytest

from passerby.drawn.palette import PALETTE, PATTERNS, chance, dye, pick
from passerby.drawn.wardrobe import Person, draw_wardrobe, garments


def people(count: int = 400) -> list[Person]:
    rng = np.random.default_rng(7)
    return [draw_wardrobe(rng) for _ in range(count)]


def test_the_same_seed_gives_the_same_wardrobe() -> None:
    for seed in range(20):
        first, second = (draw_wardrobe(np.random.default_rng(seed)) for _ in range(2))
        assert first == second


@pytest.mark.parametrize("name", list(PALETTE))
def test_a_dyed_cloth_lies_in_its_names_range(name: str) -> None:
    _, saturation, value = PALETTE[name]
    for seed in range(20):
        colour = dye(np.random.default_rng(seed), name)
        assert colour.name == name
        _, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour.rgb))
        assert value[0] - 0.01 <= v <= value[1] + 0.01
        assert s <= saturation[1] + 0.08


def test_names_are_picked_as_often_as_their_weights_say() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(pick(rng, {"often": 3, "never": 0, "seldom": 1}) for _ in range(2000))
    assert counts["never"] == 0
    assert 2.4 < counts["often"] / counts["seldom"] < 3.8
    assert 0.2 < np.mean([chance(rng, 0.25) for _ in range(2000)]) < 0.3


def test_nobody_wears_a_dress_and_trousers_or_neither() -> None:
    for person in people():
        layers = [g.kind for g in (person.upper, person.inner) if g is not None]
        assert ("dress" in layers) == (person.lower is None)


def test_an_open_garment_has_a_layer_below_it() -> None:
    crowd = people()
    assert all(p.inner is not None for p in crowd if p.upper.open)
    assert any(p.upper.open for p in crowd)


def test_patterned_cloth_has_a_second_colour_and_plain_cloth_none() -> None:
    for person in people():
        for name, garment in garments(person):
            assert garment.pattern in PATTERNS, name
            assert (garment.second is None) == (garment.pattern == "plain"), name


def test_the_common_is_common_and_the_rare_occurs() -> None:
    crowd = people(800)
    uppers = Counter(person.upper.colour.name for person in crowd)
    assert {"black", "white"} <= {name for name, _ in uppers.most_common(4)}
    bags = Counter(bag.kind for person in crowd for bag in person.bags)
    assert bags.most_common(1)[0][0] == "backpack"
    assert {"suitcase", "briefcase", "shopping bag"} <= set(bags)
    assert 0.4 < np.mean([person.sex == "woman" for person in crowd]) < 0.6


def test_garments_are_named_once_each_from_head_to_foot() -> None:
    for person in people():
        names = [name for name, _ in garments(person)]
        assert len(names) == len(set(names))
        assert "upper" in names
        assert names.index("shoes") > names.index("upper")
