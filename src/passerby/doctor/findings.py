"""What an examination found: counts a split, and a finding for each kind of trouble."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from passerby.data.records import Record

SHOWN = 3  # examples of a finding in its line


@dataclass(frozen=True)
class Finding:
    """One kind of trouble. grave: the command exits with 1 for it. refused: the strict reader does
    not take the data set with it.

    examples: a few, named as the file names them. left: a machine cannot decide it, so that a
    repaired file still has it.
    """

    kind: str
    count: int
    text: str
    remedy: str
    examples: tuple[str, ...] = ()
    grave: bool = False
    left: bool = False
    refused: bool = False

    @property
    def line(self) -> str:
        """What was met, the first examples with it."""
        if not self.examples:
            return self.text
        more = self.count - len(self.examples[:SHOWN])
        named = "; ".join(self.examples[:SHOWN])
        return f"{self.text}: {named}{f'; and {more:,} more' if more > 0 else ''}"


@dataclass(frozen=True)
class Count:
    """Persons, records of photos, and captions of a split; `published` says how they compare."""

    persons: int
    photos: int
    captions: int
    published: str = ""


@dataclass(frozen=True)
class Entry:
    """A record as the file has it, read leniently.

    number: its place in the file, from 1. record: its captions that are sentences, perhaps none;
    its split is None where none is told. raw: these captions, untidied.
    """

    number: int
    record: Record
    raw: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """All of a data set. release: which one it is, in words; counts by split.

    entries: records that are sound enough to be looked at. pictures: a hash of the decoded pixels
    of each photo that can be read, by path.
    """

    spec: str
    file: str
    release: str
    counts: dict[str, Count]
    findings: tuple[Finding, ...]
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def grave(self) -> bool:
        """Whether the data set is not to be used before something is mended."""
        return any(finding.grave for finding in self.findings)

    @property
    def refused(self) -> bool:
        """Whether the strict reader does not take the data set as it is."""
        return any(finding.refused for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Everything but entries and pictures, of plain types."""
        return {
            "data": self.spec,
            "file": self.file,
            "release": self.release,
            "splits": {name: vars(count) for name, count in self.counts.items()},
            "findings": [
                {**vars(finding), "examples": list(finding.examples)} for finding in self.findings
            ],
            "grave": self.grave,
            "refused": self.refused,
        }
