"""What is known of drawn people on disk: wardrobe.json as typed facts, and back.

wardrobe.json is {"version": 1, "persons": [...]}; a person is {"id", "split", "person": fields of
`wardrobe.Person`, "photos": [{"file_path", "sight", "tells"}]}, where tells holds, for each caption
of the photo in reid_raw.json, a list of [attribute, start, end] of its characters.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from passerby.drawn.sight import Sight
from passerby.drawn.wardrobe import Person
from passerby.drawn.wording import Tell, Told
from passerby.errors import BadData

VERSION = 1


@dataclass(frozen=True)
class PhotoFacts:
    """A photo: `file_path` below imgs/, how the person is seen, and its captions."""

    file_path: str
    sight: Sight
    captions: tuple[Told, ...]


@dataclass(frozen=True)
class PersonFacts:
    """A drawn person, in which split, with all photos."""

    id: int
    split: str
    person: Person
    photos: tuple[PhotoFacts, ...]


def read_wardrobe(out: Path, split: str | None = None) -> list[PersonFacts]:
    """Facts of the persons that `draw_world` drew into `out`; of one split when it is given.

    Raises BadData when the folder holds no finished drawn data set.
    """
    texts = {row["file_path"]: row["captions"] for row in _json(out / "reid_raw.json")}
    told = _json(out / "wardrobe.json")
    if not isinstance(told, dict) or told.get("version") != VERSION:
        raise BadData(f"{str(out)!r}: wardrobe.json is of another version; draw it anew elsewhere")
    try:
        people = [p for p in told["persons"] if split is None or p["split"] == split]
        return [_person_facts(entry, texts) for entry in people]
    except (KeyError, TypeError, ValueError) as wrong:
        raise BadData(
            f"{str(out)!r}: wardrobe.json does not fit reid_raw.json ({wrong!r}); delete the two "
            "files and run passerby draw again"
        ) from None


def facts_row(facts: PersonFacts) -> dict[str, Any]:
    """One person as an entry of wardrobe.json."""
    photos = [
        {
            "file_path": photo.file_path,
            "sight": dataclasses.asdict(photo.sight),
            "tells": [[[t.attribute, t.start, t.end] for t in c.tells] for c in photo.captions],
        }
        for photo in facts.photos
    ]
    person = dataclasses.asdict(facts.person)
    return {"id": facts.id, "split": facts.split, "person": person, "photos": photos}


def pedes_rows(facts: PersonFacts) -> list[dict[str, Any]]:
    """One person's photos as records of reid_raw.json, in the layout of CUHK-PEDES."""
    return [
        {
            "split": facts.split,
            "captions": [caption.text for caption in photo.captions],
            "file_path": photo.file_path,
            "processed_tokens": [_tokens(caption.text) for caption in photo.captions],
            "id": facts.id,
        }
        for photo in facts.photos
    ]


def _tokens(text: str) -> list[str]:
    """Lower-case words without the marks at their ends, as the benchmark has them."""
    return [word for raw in text.lower().split() if (word := raw.strip(".,;:!?"))]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadData(
            f"no {path.name} in {str(path.parent)!r}; draw a data set there with passerby draw"
        ) from None
    except ValueError:
        raise BadData(f"{str(path)!r} is no JSON; delete it and run passerby draw again") from None


def _person_facts(entry: dict[str, Any], texts: dict[str, list[str]]) -> PersonFacts:
    photos = []
    for photo in entry["photos"]:
        captions = texts[photo["file_path"]]
        told = tuple(_told(*pair) for pair in zip(captions, photo["tells"], strict=True))
        photos.append(PhotoFacts(photo["file_path"], _revived(Sight, photo["sight"]), told))
    person = _revived(Person, entry["person"])
    return PersonFacts(entry["id"], entry["split"], person, tuple(photos))


def _told(text: str, tells: list[list[Any]]) -> Told:
    return Told(text, tuple(Tell(a, start, end, text[start:end]) for a, start, end in tells))


@lru_cache(maxsize=64)
def _field_types(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _revived(kind: Any, value: Any) -> Any:
    """JSON back as what a type hint says: dataclasses, tuples and optional ones of them."""
    if dataclasses.is_dataclass(kind):
        hints = _field_types(typing.cast(type, kind))
        return kind(**{name: _revived(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _revived(next(k for k in typing.get_args(kind) if k is not type(None)), value)
    if origin is tuple:
        parts = typing.get_args(kind)
        return tuple(_revived(parts[0], item) for item in value)
    return value
