"""Captions whose phrases were judged by hand (judged_phrases.txt), and scores against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from passerby.language.phrases import Phrase

Span = tuple[int, int]


@dataclass(frozen=True)
class Judged:
    """A caption; the spans of its things, and of the persons it names, which are not scored."""

    part: str
    caption: str
    things: tuple[Span, ...]
    persons: tuple[Span, ...]


def judged() -> list[Judged]:
    """All of judged_phrases.txt, in its order."""
    part, found = "", []
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("# == "):
            part = line.removeprefix("# == ").partition(":")[0]
        elif line and not line.startswith("#"):
            found.append(_read(part, line))
    return found


def _read(part: str, line: str) -> Judged:
    caption, start = "", 0
    spans: dict[str, list[Span]] = {"]": [], "}": []}
    for letter in line:
        if letter in "[{":
            start = len(caption)
        elif letter in spans:
            spans[letter].append((start, len(caption)))
        else:
            caption += letter
    return Judged(part, caption, tuple(spans["]"]), tuple(spans["}"]))


def head(words: str) -> str:
    """The last word before what is bound: "shirt" of "white shirt with a logo"."""
    plain = words.lower().replace("pair of ", "")
    for binder in (" with ", " that ", " of ", " in a", " pulled", " tied", " worn", " up",
                   " rolled", " on the ", " on it"):  # fmt: skip
        plain = plain.partition(binder)[0]
    return plain.split()[-1]


def scores(
    captions: Iterable[Judged], find: Callable[[str], list[Phrase]]
) -> dict[str, float]:  # shares, 0 to 1
    """precision and recall: same span; relaxed_: spans that overlap and have the same head."""
    asked = given = exact = met = right = 0
    for judged in captions:
        told = judged.caption
        found = [(p.start, p.end) for p in find(told)]
        things = set(judged.things)
        found = [f for f in found if not _only_person(f, judged)]
        same = {(f, t) for f in found for t in things if _relaxed(told, f, t)}
        asked, given = asked + len(things), given + len(found)
        exact += len(things & set(found))
        met += len({t for _, t in same})
        right += len({f for f, _ in same})
    return {
        "precision": exact / max(given, 1),
        "recall": exact / asked,
        "relaxed_precision": right / max(given, 1),
        "relaxed_recall": met / asked,
    }


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _only_person(span: Span, judged: Judged) -> bool:
    """True of a phrase that names a person and touches no thing."""
    return any(_overlap(span, p) for p in judged.persons) and not any(
        _overlap(span, t) for t in judged.things
    )


def _relaxed(caption: str, one: Span, other: Span) -> bool:
    return _overlap(one, other) and head(caption[slice(*one)]) == head(caption[slice(*other)])
