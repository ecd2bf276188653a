"""Where a figure is painted: colours, heights over the photo plane, and who owns each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from passerby.drawn.fields import creases, window
from passerby.drawn.outline import Points

_SHIFT = 4  # sub-pixel bits of cv2's coordinates
RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Cloth:
    """How a part takes light and colour.

    owner: whose pixels these are (an attribute's name). fold: depth of folds in body heights.
    mask: (256, 256) uint8 share of `second` in a pattern; step: mask pixels a body height.
    fade: how much lighter the middle of the part is (denim). grain: fabric contrast. lay: the
    direction of folds against the part's axis, 0 = across, radians.
    """

    owner: str
    rgb: RGB
    fold: float = 0.0
    grain: float = 0.02
    mask: np.ndarray | None = None
    second: RGB = (0, 0, 0)
    step: float = 256.0
    fade: float = 0.0
    seed: int = 0
    lay: float = 0.0


def _across(inside: np.ndarray) -> np.ndarray:
    """(H, W) float32: 1 in the middle of each row of a mask, 0 at its two ends."""
    height, width = inside.shape
    ends = np.empty((height, 2), np.float32)
    ends[:, 0] = inside.argmax(1)
    np.subtract(width, cv2.flip(inside.view(np.uint8), 1).argmax(1), out=ends[:, 1])
    ends = cv2.blur(ends, (1, 5))
    left, right = ends[:, :1], ends[:, 1:]
    half = np.maximum(right - left, 1.0) * 0.5
    t = np.arange(0.5, width, dtype=np.float32) - (right + left) * 0.5
    t /= half
    t *= t
    bend = 0.55 * t
    bend += 0.45
    t *= bend
    np.subtract(1, t, out=t)
    return np.maximum(t, 0, out=t)


class Canvas:
    """colours uint8 (H, W, 3), heights float32 (H, W) in pixels, owners uint8 (H, W), 0 = scene."""

    def __init__(self, scene: np.ndarray, unit: float) -> None:
        self.colours = scene
        rows, columns = scene.shape[:2]
        self.heights = np.zeros((rows, columns), np.float32)
        self.owners = np.zeros((rows, columns), np.uint8)
        self.unit = unit
        self.names = [""]
        self.grain = [0.0]

    def owner(self, cloth: Cloth) -> int:
        """The number of the cloth's owner in `owners`."""
        if cloth.owner not in self.names:
            self.names.append(cloth.owner)
            self.grain.append(cloth.grain)
        return self.names.index(cloth.owner)

    def paint(
        self,
        outline: Points,
        cloth: Cloth,
        thick: float,
        lift: float = 0.0,
        angle: float = 0.0,
        flat: float = 1.0,
        fuse: bool = False,
        within: bool = False,
        upright: bool = False,
    ) -> None:
        """Paints a rounded part over what is there.

        outline: (N, 2) pixels. thick: pixels from the edge to the top of its round profile. lift:
        height of its edge in pixels. angle: direction of the part's axis, 0 = downwards. flat:
        height of the profile over `thick`. fuse: grows out of the same owner's pixels without a
        seam. within: only where the owner already is. upright: rounded from side to side only, so
        that a hem stays open.
        """
        found = self._corner(outline)
        if found is None:
            return
        x0, y0, x1, y1, points = found
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(mask, points, 255, cv2.LINE_AA, _SHIFT)
        number = self.owner(cloth)
        held = self.owners[y0:y1, x0:x1]
        if within:
            mask[held != number] = 0
        inside = mask > 127
        thick = max(float(thick), 0.6)
        if upright:
            rise = _across(inside)
        else:
            rise = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
            rise *= 1 / thick
            np.minimum(rise, 1.0, out=rise)
            rise *= 2.0 - rise
        height = rise * (thick * flat)
        height += float(lift)
        if cloth.fold > 0.001:
            folds = self._folds(cloth, mask.shape, angle, x0)
            folds *= rise
            height += folds
        under = self.heights[y0:y1, x0:x1]
        if fuse:
            height = np.where(held == number, np.maximum(under, height), height)
        cv2.copyTo(height, inside.view(np.uint8), under)
        np.copyto(held, np.uint8(number), where=inside)
        patch = self.colours[y0:y1, x0:x1]
        if cloth.mask is None and not cloth.fade and not within:
            cv2.fillPoly(patch, points, cloth.rgb, cv2.LINE_AA, _SHIFT)
            return
        self._dye(
            patch, mask, cloth, angle, x0 - float(outline[0, 0]), y0 - float(outline[0, 1]), rise
        )

    def _corner(self, outline: Points) -> tuple[int, int, int, int, list[np.ndarray]] | None:
        """The photo's part that an outline touches (x0, y0, x1, y1) and its sub-pixel points in
        it; None when it lies outside."""
        rows, columns = self.owners.shape
        grid = outline * (1 << _SHIFT)
        points = np.rint(grid, out=grid).astype(np.int32)
        left, top, wide, high = cv2.boundingRect(points)
        x0, y0 = max((left >> _SHIFT) - 1, 0), max((top >> _SHIFT) - 1, 0)
        x1 = min(((left + wide) >> _SHIFT) + 3, columns)
        y1 = min(((top + high) >> _SHIFT) + 3, rows)
        if x0 >= x1 or y0 >= y1:
            return None
        points[:, 0] -= x0 << _SHIFT
        points[:, 1] -= y0 << _SHIFT
        return x0, y0, x1, y1, [points]

    def _folds(self, cloth: Cloth, shape: tuple[int, int], angle: float, x: int) -> np.ndarray:
        seen = creases(shape, 480 / self.unit, cloth.lay - angle, cloth.seed, x)
        return seen * float(cloth.fold * self.unit)

    def _dye(
        self,
        patch: np.ndarray,
        mask: np.ndarray,
        cloth: Cloth,
        angle: float,
        x: float,
        y: float,
        rise: np.ndarray,
    ) -> None:
        share: np.ndarray | None = None
        if cloth.mask is not None:
            step = cloth.step / self.unit
            shift = x * step + cloth.seed
            high, wide = mask.shape
            share = window(cloth.mask, high, wide, step, -angle, shift, y * step)
            share = share * np.float32(1 / 255)
        worn = cloth.fade * (rise - 0.7) if cloth.fade else None
        cover = mask * np.float32(1 / 255)
        # a plane at a time: numpy is slow where its innermost loop has three steps
        planes = cv2.split(patch)
        for plane, first, second in zip(planes, cloth.rgb, cloth.second, strict=True):
            ink: np.float32 | np.ndarray = np.float32(first)
            if share is not None:
                ink = ink + share * (np.float32(second) - ink)
            if worn is not None:
                ink = ink * (1 + worn) + 40 * worn
            mixed = ink - plane
            mixed *= cover
            mixed += plane
            plane[:] = np.clip(mixed, 0, 255, out=mixed)
        cv2.merge(planes, dst=patch)

    def tint(self, outline: Points, rgb: RGB, strength: float) -> None:
        """Colours without relief (eyes, lips, seams): `strength` 0 to 1 over what is there."""
        found = self._corner(outline)
        if found is None:
            return
        x0, y0, x1, y1, points = found
        patch = self.colours[y0:y1, x0:x1]
        over = patch.copy()
        cv2.fillPoly(over, points, rgb, cv2.LINE_AA, _SHIFT)
        cv2.addWeighted(over, strength, patch, 1 - strength, 0, dst=patch)

    def counts(self) -> dict[str, int]:
        """Pixels that each owner holds now."""
        return {
            name: int(np.count_nonzero(self.owners == i)) for i, name in enumerate(self.names) if i
        }
