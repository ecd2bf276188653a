"""What a check of a gallery found: one line each, with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """kind: a name for programs. photos: how many it concerns. line: what was met, and the remedy.

    wrong: whether answers of this gallery cannot be trusted, or a row is not whole. A file that is
    gone or changed is none of that: its photo was embedded rightly, and is found.
    """

    kind: str
    photos: int
    line: str
    wrong: bool = True


@dataclass(frozen=True)
class Checkup:
    """photos: rows that were looked at. canaries: photos that were embedded again; least: the
    smallest cosine of these with what is stored, None without canaries.
    """

    photos: int
    canaries: int
    least: float | None
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with model, embeddings and rows."""
        return not any(finding.wrong for finding in self.findings)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "photos": self.photos,
            "canaries": self.canaries,
            "least_cosine": self.least,
            "sound": self.sound,
            "findings": [
                {"kind": f.kind, "photos": f.photos, "wrong": f.wrong, "line": f.line}
                for f in self.findings
            ],
        }


def photos(number: int) -> str:
    """ "1 photo", "2 photos"."""
    return "1 photo" if number == 1 else f"{number} photos"
