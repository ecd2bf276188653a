"""What a gallery says of itself: the card in its folder, written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from passerby.errors import BadGallery, shown
from passerby.gallery.disk import write_whole

SCHEMA = 1  # raised when a gallery's columns or card change their meaning
CARD = "gallery.json"


@dataclass(frozen=True)
class Filling:
    """A gallery that is being filled from another. source: that one's folder; total: its photos."""

    source: str
    total: int

    def note(self, stored: int) -> str:
        """What whoever searches it meanwhile should know. stored: photos that are there."""
        source = shown(self.source)
        if self._lost:
            return (
                f"this gallery was being filled from {source}, which is not there any more: "
                f"{stored} of {self.total} photos are here; passerby index FOLDER takes in the "
                "others, and ends this note"
            )
        return (
            f"this gallery is being filled from {source}: {stored} of {self.total} photos are "
            f"there; search {source}, which has them all, or run passerby index --from again if "
            "it was stopped"
        )

    def over(self, stored: int) -> bool:
        """Whether nothing can come from there any more: all of it is here, or it is gone."""
        return stored >= self.total or self._lost

    @property
    def _lost(self) -> bool:
        return not os.path.exists(Path(self.source) / CARD)  # noqa: PTH110 - never raises


@dataclass(frozen=True)
class Card:
    """model_folder: "default" or an absolute path. filled: whether photos have been stored, so that
    a table that is gone is no empty gallery. roots: the folders that were indexed, as
    `names.to_text` gives them. filling: from which gallery, until all its photos are here.
    index_clean: whether no row was dropped or replaced since an index was built, so that it holds
    nothing of photos that are gone.
    """

    schema: int
    fingerprint: str
    model_folder: str
    filled: bool = False
    roots: tuple[str, ...] = ()
    filling: Filling | None = None
    index_clean: bool = False


def read_card(folder: Path) -> Card:
    """Raises BadGallery when there is none, one of another schema, or a damaged one."""
    where = shown(folder)
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        schema = int(card["schema"])
        if schema != SCHEMA:
            raise BadGallery(
                f"{where}: a gallery of version {schema}, this passerby reads version {SCHEMA}; "
                f"{'upgrade passerby' if schema > SCHEMA else 'index the photos again'}"
            )
        roots, filling = tuple(map(str, card.get("roots", ()))), card.get("filling")
        return Card(
            schema,
            str(card["fingerprint"]),
            str(card["model_folder"]),
            card.get("filled") is True,
            roots,
            None if filling is None else Filling(str(filling["source"]), int(filling["total"])),
            card.get("index_clean") is True,
        )
    except (FileNotFoundError, NotADirectoryError):
        raise BadGallery(
            f"{where}: no gallery here; make one with: passerby index FOLDER --gallery {where}"
        ) from None
    except OSError as error:
        raise BadGallery(f"{where}: cannot be read ({error.strerror}); allow reading it") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise BadGallery(
            f"{where}: its {CARD} is damaged; put it back from a copy, or index the photos again "
            "into another folder"
        ) from None


def write_card(folder: Path, card: Card) -> None:
    """Whole or not at all."""
    write_whole(folder / CARD, asdict(card))
