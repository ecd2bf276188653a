"""A person painted part by part, from the far side to the near one."""

from __future__ import annotations

import zlib
from functools import lru_cache
from random import Random

from passerby.drawn import bags, clothes, front, head, headwear, legs
from passerby.drawn.bicycle import paint_bicycle
from passerby.drawn.canvas import Canvas, Cloth
from passerby.drawn.cloth import cloth_of
from passerby.drawn.stance import Stance
from passerby.drawn.wardrobe import Person, garments

_FAR = -0.035  # depth (body heights) from which an arm is behind the trunk


def style_of(person: Person, part: str) -> Random:
    """Draws that belong to the person's `part` and are the same on every photo."""
    return Random(zlib.crc32(part.encode(), _key(person.height, person.skin, person.hair_rgb)))


@lru_cache(maxsize=256)
def _key(*traits: object) -> int:
    return zlib.crc32(repr(traits).encode())


class Portrait:
    """One person on one canvas. `paint` does it all; the rest is its steps."""

    def __init__(self, canvas: Canvas, stance: Stance, person: Person, roll: Random) -> None:
        self.canvas, self.stance, self.person = canvas, stance, person
        folded = roll.uniform(0.5, 1.6)
        self.hooded = roll.random() < 0.15
        self.cloth = {
            name: cloth_of(name, garment, style_of(person, name), folded)
            for name, garment in garments(person)
        }
        self.hair = Cloth("hair", person.hair_rgb, fold=0.004, grain=0.04, lay=1.57)
        self.skull = head.Head(stance)
        layered = person.inner is not None
        self.worn = clothes.layer(
            person.upper, self.cloth["upper"], layered, self.style("upper ease")
        )
        self.inner = None
        if person.inner is not None:
            cloth, style = self.cloth["inner"], self.style("inner ease")
            self.inner = clothes.layer(person.inner, cloth, False, style)
        self.side = self.style("side").choice((0, 1))  # where the first bag hangs

    def style(self, part: str) -> Random:
        return style_of(self.person, part)

    def paint(self) -> None:
        canvas, stance, person = self.canvas, self.stance, self.person
        behind = [
            i for i, bag in enumerate(person.bags) if bags.goes_behind(stance, bag, self.side)
        ]
        for index in behind:
            self._bag(index)
        head.paint_hair_behind(canvas, stance, self.skull, person, self.hair)
        depths = [stance.mean_depth(points) for points in stance.pose.arms]
        arms = sorted((0, 1), key=lambda side: depths[side])
        far = [side for side in arms if depths[side] < _FAR]
        for side in far:
            self._arm(side)
        self._legs()
        self._trunk()
        for index in range(len(person.bags)):
            self._straps(index)
            if index not in behind:
                self._bag(index)
        self._head()
        for side in arms:
            if side not in far:
                self._arm(side)

    def _legs(self) -> None:
        canvas, stance, person = self.canvas, self.stance, self.person
        order = sorted((0, 1), key=lambda side: stance.mean_depth(stance.pose.legs[side, 2:]))
        legs.paint_seat(canvas, stance, person, self.cloth)
        legs.paint_leg(canvas, stance, person, order[0], self.cloth, self.style("legs"))
        if stance.pose.action == "riding a bicycle":
            paint_bicycle(canvas, stance, self.style("bicycle"))
        legs.paint_leg(canvas, stance, person, order[1], self.cloth, self.style("legs"))

    def _trunk(self) -> None:
        canvas, stance, person, inner = self.canvas, self.stance, self.person, self.inner
        if person.belt is not None and person.lower is not None:
            legs.paint_belt(canvas, stance, self.cloth["belt"])
        if inner is not None and inner.hem < self.worn.hem:
            clothes.paint_trunk(canvas, stance, inner, self.style("inner cut"))
        if person.lower is not None and person.lower.kind == "skirt":
            cloth = self.cloth["lower"]
            legs.paint_skirt(canvas, stance, person.lower, cloth, self.style("skirt"))
        clothes.paint_trunk(canvas, stance, self.worn, self.style("upper cut"))
        front.paint_front(canvas, stance, person, self.worn, inner, self.style("front"))
        if person.tie is not None:
            front.paint_tie(canvas, stance, self.worn, inner, self.cloth["tie"])

    def _bag(self, index: int) -> None:
        bag, name = self.person.bags[index], f"bag{index or ''}"
        canvas, stance, paint, style = self.canvas, self.stance, self.cloth[name], self.style(name)
        if bag.kind == "backpack":
            bags.paint_backpack(canvas, stance, paint, style)
        elif bag.kind in ("messenger bag", "shoulder bag"):
            bags.paint_hip_bag(canvas, stance, bag, paint, self.side, style)
        else:
            side = self.side if index == 0 else 1 - self.side
            bags.paint_held(canvas, stance, bag, paint, side, style)

    def _straps(self, index: int) -> None:
        bag, cloth = self.person.bags[index], self.cloth[f"bag{index or ''}"]
        if bag.kind == "backpack":
            bags.paint_straps(self.canvas, self.stance, cloth)
        elif bag.kind in ("messenger bag", "shoulder bag"):
            across = bag.kind == "messenger bag"
            bags.paint_strap(self.canvas, self.stance, cloth, self.side, across)

    def _head(self) -> None:
        canvas, stance, person, skull = self.canvas, self.stance, self.person, self.skull
        hood = None
        if person.upper.hood:
            hood = self.cloth["upper"]
        elif self.inner is not None and self.inner.garment.hood:
            hood = self.cloth["inner"]
        up = hood is not None and self.hooded and person.hat is None
        if hood is not None and not up:
            headwear.paint_hood_down(canvas, skull, hood, stance.facing)
        head.paint_head(canvas, stance, skull, person, self.hair, self.style("head"))
        if hood is not None and up:
            headwear.paint_hood_up(canvas, skull, person, hood, self.style("face"))
        if person.scarf is not None:
            cloth, style = self.cloth["scarf"], self.style("scarf")
            headwear.paint_scarf(canvas, skull, cloth, stance.facing, style)
        if person.hat is not None:
            headwear.paint_hat(canvas, skull, person, self.cloth["hat"], self.style("hat"))

    def _arm(self, side: int) -> None:
        """An arm and what its hand holds."""
        canvas, stance, person = self.canvas, self.stance, self.person
        clothes.paint_arm(canvas, stance, person, side, self.worn, self.inner, self.style("arm"))
        hand = 1 - self.side
        if stance.pose.action.endswith("a phone"):
            hand = 0 if not stance.pose.free[0] else 1
        if person.carried and side == hand:
            style = self.style("carried")
            thing, cloth = person.carried[0], self.cloth["carried"]
            bags.paint_thing(canvas, stance, thing, cloth, side, style)
