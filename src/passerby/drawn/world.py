"""A data set of drawn people on disk, in the CUHK-PEDES layout, with all that is known of them.

Each person comes from (seed, person number) alone, so any number of workers gives the same bytes.
A finished person leaves a record in OUT/.drawing; the JSON files are put together from the records
at the end, drawn.json last. So a run that was killed is completed by the same call.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from passerby.drawn.atomic import HALF, write_json_lines, write_whole
from passerby.drawn.crew import cores, work_off
from passerby.drawn.facts import VERSION, PersonFacts, PhotoFacts, facts_row, pedes_rows
from passerby.drawn.settings import RECORDS, WorldSettings, claim, head_count
from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import Person, draw_wardrobe
from passerby.drawn.wording import write_caption

JPEG_QUALITY = 92
_FINISHED = ("reid_raw.json", "wardrobe.json", "drawn.json")
Progress = Callable[[int, int], None]


class Drawn(Protocol):
    """A drawn photo: RGB uint8 (height, width, 3), and what shows on it."""

    @property
    def pixels(self) -> np.ndarray: ...
    @property
    def sight(self) -> Sight: ...


Drawer = Callable[..., Drawn]  # (person, rng, height, width)


def draw_world(
    out: Path,
    persons: int,
    photos: int = 4,
    seed: int = 0,
    *,
    captions: int = 2,
    height: int = 128,
    width: int = 64,
    val: float = 0.1,
    test: float = 0.1,
    vary: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
    draw: Drawer | None = None,
) -> WorldSettings:
    """Writes reid_raw.json, imgs/, wardrobe.json and drawn.json into `out`, or completes them.

    val, test: a number of persons (1 or more, or 0), or a share below 1. vary: crop sizes differ
    around height x width as a detector's do. progress: told (photos done, photos in all). draw:
    stands in for `figure.draw_photo`.

    Raises BadData for numbers that make no data set, and for a folder that holds other settings or
    other files.
    """
    heads = (head_count(val, persons), head_count(test, persons))
    settings = WorldSettings(persons, photos, seed, captions, height, width, vary, *heads)
    out = Path(out)
    claim(out, settings)
    finished = all((out / name).is_file() for name in _FINISHED)
    todo = [n for n in range(persons) if not _is_done(out, settings, n, finished)]
    done, total = (persons - len(todo)) * photos, persons * photos
    if progress is not None:
        progress(done, total)
    for folder in {f"{number // 1000:03d}" for number in todo}:
        (out / "imgs" / folder).mkdir(parents=True, exist_ok=True)
    task = partial(_draw_person, out, settings, draw or _figure())
    for _ in work_off(task, todo, cores() if workers is None else workers):
        done += photos
        if progress is not None:
            progress(done, total)
    if not finished:
        _write_all(out, settings)
    shutil.rmtree(out / RECORDS, ignore_errors=True)
    return settings


def _figure() -> Drawer:
    from passerby.drawn.figure import draw_photo

    return draw_photo


def _record(out: Path, number: int) -> Path:
    return out / RECORDS / f"{number:06d}.json"


def _is_done(out: Path, settings: WorldSettings, number: int, finished: bool) -> bool:
    """True when the person's photos are whole and the record (or the finished JSON) tells them."""
    if not finished and not _record(out, number).is_file():
        return False
    paths = (out / "imgs" / settings.file_path(number, k) for k in range(settings.photos))
    return all(_is_whole(path) for path in paths)


def _is_whole(path: Path) -> bool:
    """True when a JPEG is there with its end mark."""
    try:
        with path.open("rb") as file:
            file.seek(-2, os.SEEK_END)
            return file.read() == b"\xff\xd9"
    except OSError:
        return False


def _draw_person(out: Path, settings: WorldSettings, draw: Drawer, number: int) -> None:
    """Photos, captions and record of one person; the record comes last."""
    cv2.setNumThreads(0)
    person = draw_wardrobe(np.random.default_rng([settings.seed, number, 0]))
    photos = tuple(
        _draw_photo(out, settings, draw, person, number, k) for k in range(settings.photos)
    )
    facts = PersonFacts(number, settings.split(number), person, photos)
    lines = [_line(facts_row(facts))] + [_line(row) for row in pedes_rows(facts)]
    record = _record(out, number)
    record.parent.mkdir(exist_ok=True)
    write_whole(record, "\n".join(lines).encode())


def _draw_photo(
    out: Path, settings: WorldSettings, draw: Drawer, person: Person, number: int, photo: int
) -> PhotoFacts:
    rng = np.random.default_rng([settings.seed, number, 1, photo])
    words = np.random.default_rng([settings.seed, number, 2, photo])
    height, width = _crop_size(settings, rng)
    drawn = draw(person, rng, height, width)
    visible = {name: round(float(share), 3) for name, share in drawn.sight.visible.items()}
    sight = replace(drawn.sight, visible=visible)
    bgr = cv2.cvtColor(drawn.pixels, cv2.COLOR_RGB2BGR)
    encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise RuntimeError(f"photo {photo} of person {number} could not be encoded as JPEG")
    path = settings.file_path(number, photo)
    write_whole(out / "imgs" / path, data.tobytes())
    captions = tuple(write_caption(person, sight, words) for _ in range(settings.captions))
    return PhotoFacts(path, sight, captions)


def _crop_size(settings: WorldSettings, rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of one crop: a detector's boxes differ in size and shape."""
    if not settings.vary:
        return settings.height, settings.width
    size, shape = np.exp(rng.normal(0, 0.16)), np.exp(rng.normal(0, 0.07))
    size = float(np.clip(size, 0.65, 1.6))
    return round(settings.height * size), round(settings.width * size * float(shape))


def _line(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _write_all(out: Path, settings: WorldSettings) -> None:
    """The JSON files from the records, a person at a time; drawn.json says that all is there."""
    for stray in (out / "imgs").glob(f"*/*{HALF}"):
        stray.unlink()  # of a run that was killed
    write_json_lines(out / "reid_raw.json", "[", _record_lines(out, settings, slice(1, None)), "]")
    people = _record_lines(out, settings, slice(1))
    write_json_lines(out / "wardrobe.json", f'{{"version":{VERSION},"persons":[', people, "]}")
    write_whole(out / "drawn.json", settings.as_json())


def _record_lines(out: Path, settings: WorldSettings, lines: slice) -> Iterator[str]:
    for number in range(settings.persons):
        yield from _record(out, number).read_text(encoding="utf-8").split("\n")[lines]
