"""What is known of drawn people: how many wear the same, region by region of the body."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from passerby.drawn.facts import PersonFacts
from passerby.drawn.wardrobe import Garment, Person

# Where a region ends, as a share of the photo's height: drawn people fill their photos from head to
# foot. A bag hangs anywhere, so no height stands for it.
ENDS = {"head": 0.18, "upper": 0.52, "lower": 0.85, "shoes": 1.0}
REGIONS = (*ENDS, "bag")
FIELDS = (
    "head: hat (kind, colour) and hair (colour, length, style; bald: that alone); upper: outer and "
    "inner garment; lower: lower garment or dress, and tights; shoes; bag: all bags. Of a garment "
    "its kind and its colour's name, whether a photo shows it or not; nothing of patterns, shades, "
    "cuts, scarves, belts, glasses, things carried"
)


def worn(person: Person) -> dict[str, Hashable]:
    """By region what a caption could tell of it; persons share a region where these are equal."""
    dress = next((g for g in (person.upper, person.inner) if g and g.kind == "dress"), None)
    bald = person.hair_length == "bald"
    hair = () if bald else (person.hair_colour, person.hair_length, person.hair_style)
    return {
        "head": (_told(person.hat), hair),
        "upper": (_told(person.upper), _told(person.inner)),
        "lower": (_told(person.lower or dress), _told(person.legwear)),
        "shoes": _told(person.shoes),
        "bag": tuple(sorted((_told(bag) for bag in person.bags), key=str)),
    }


def shares(people: Sequence[PersonFacts]) -> np.ndarray:
    """(persons, regions): the share of `people`, oneself counted in, who wear the same there."""
    looks = [worn(facts.person) for facts in people]
    counts = {region: Counter(look[region] for look in looks) for region in REGIONS}
    each = [[counts[region][look[region]] for region in REGIONS] for look in looks]
    return np.array(each, dtype=float).reshape(-1, len(REGIONS)) / max(len(looks), 1)


def outfits(shared: np.ndarray) -> np.ndarray:
    """(persons,): how common a whole outfit is, the geometric mean of its regions' shares. Nearly
    nobody wears all of what another wears, so counting whole outfits would say 1 of everyone.
    """
    return np.exp(np.log(shared).mean(1))


def region_at(height: float) -> str:
    """The region at a height of the photo, from 0, its top, to 1."""
    return next(region for region, end in ENDS.items() if height <= end or end == 1.0)


def _told(garment: Garment | None) -> Hashable:
    if garment is None:
        return None
    return garment.kind, garment.colour.name
