"""What decides the bytes of a drawn data set, and whose folder it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from passerby.drawn.atomic import write_whole
from passerby.errors import BadData

GENERATOR = 2  # raise it when the same seed gives other people, photos or words
RECORDS = ".drawing"  # in the data set's folder, while it is drawn
_LEAST = {"persons": 1, "photos": 1, "captions": 1, "height": 16, "width": 8}


@dataclass(frozen=True)
class WorldSettings:
    """All that decides the bytes. val, test: numbers of persons; vary: crop sizes differ.

    Raises BadData for numbers that make no data set.
    """

    persons: int
    photos: int
    seed: int
    captions: int
    height: int
    width: int
    vary: bool
    val: int
    test: int
    generator: int = GENERATOR

    def __post_init__(self) -> None:
        for name in ("persons", "photos", "captions", "height", "width", "seed", "val", "test"):
            value, least = getattr(self, name), _LEAST.get(name, 0)
            if value < least:
                raise BadData(f"{name} is {value}; give {least} or more")
        if self.val + self.test > self.persons:
            raise BadData(
                f"{self.val} persons for val and {self.test} for test are more than all "
                f"{self.persons}; ask for fewer"
            )

    def split(self, number: int) -> str:
        """Persons 0, 1, ... are of train, then of val, then of test."""
        if number < self.persons - self.val - self.test:
            return "train"
        return "val" if number < self.persons - self.test else "test"

    def file_path(self, number: int, photo: int) -> str:
        """A photo's path below imgs/: a folder for each thousand persons."""
        return f"{number // 1000:03d}/{number:06d}_{photo}.jpg"

    def as_json(self) -> bytes:
        """drawn.json: settings, counts and the generator's version."""
        photos = self.persons * self.photos
        counts = {
            "persons": self.persons,
            "train_persons": self.persons - self.val - self.test,
            "val_persons": self.val,
            "test_persons": self.test,
            "photos": photos,
            "captions": photos * self.captions,
        }
        told = {"generator": self.generator, "settings": asdict(self), "counts": counts}
        return (json.dumps(told, indent=1) + "\n").encode()


def head_count(share: float, persons: int) -> int:
    """A number of persons: a share of all when below 1, else as it is."""
    return round(share * persons) if 0 < share < 1 else int(share)


def claim(out: Path, settings: WorldSettings) -> None:
    """Makes the folder this data set's own.

    Raises BadData for a folder that holds other settings or other files.
    """
    if out.exists() and not out.is_dir():
        raise BadData(f"{str(out)!r} is a file; give a folder to draw into")
    for known in (out / "drawn.json", out / RECORDS / "settings.json"):
        if known.is_file():
            _refuse_others(out, known, settings)
            return
    # RECORDS alone was left by a run that was killed before its first file
    if out.is_dir() and any(entry.name != RECORDS for entry in out.iterdir()):
        raise BadData(f"{str(out)!r} holds other files; give a new or an empty folder")
    (out / RECORDS).mkdir(parents=True, exist_ok=True)
    write_whole(out / RECORDS / "settings.json", settings.as_json())


def _refuse_others(out: Path, known: Path, settings: WorldSettings) -> None:
    try:
        there = dict(json.loads(known.read_text(encoding="utf-8"))["settings"])
    except (ValueError, KeyError, TypeError):
        raise BadData(
            f"{str(known)!r} cannot be read; delete the folder {str(out)!r} and draw it anew"
        ) from None
    other = [f"{k}={there.get(k)}" for k, v in asdict(settings).items() if there.get(k) != v]
    if other:
        raise BadData(
            f"{str(out)!r} holds a drawn data set with {', '.join(other)}; draw with the same "
            "settings to complete it, or give a new folder"
        )
