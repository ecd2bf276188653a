"""The first photos of each query, kept while they are ranked, for a page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from passerby.reports.page import Shown
    from passerby.types import Ranking, Report, Split

THUMBNAIL = (96, 192)  # at most so wide and so high, in pixels


class RankLists:
    """Hears the rankings of a split (of its first report) and writes its page."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.photos = {photo.id: photo for photo in split.photos}
        self.hits: dict[str, tuple[Shown, ...]] = {}

    def hear(self, place: int, ranking: Ranking, relevant: Tensor) -> None:
        """As `listen` of `evaluate_each`; photos stand in the order that metrics count in."""
        from passerby.ranking.metrics import judged
        from passerby.reports.page import TOP, Shown

        if place:
            return
        order, scores, right = (part[:, :TOP].tolist() for part in judged(ranking, relevant))
        for query, *columns in zip(ranking.queries, order, scores, right, strict=True):
            hits = []
            for position, score, correct in zip(*columns, strict=True):
                name = ranking.photos[position]
                hits.append(Shown(name, self.photos[name].person, score, correct))
            self.hits[query] = tuple(hits)

    def write(self, path: Path, report: Report, title: str, notes: list[str]) -> None:
        """The page of a report of these rankings, which has its queries."""
        from passerby.reports.page import Asked, write_rank_page

        held = report.queries or {}
        fates = zip(*(held[name] for name in ("id", "first", "ap", "right")), strict=True)
        texts = {caption.id: caption for caption in self.split.captions}
        asked = [
            Asked(name, texts[name].text, texts[name].person, self.hits[name], first, ap, right)
            for name, first, ap, right in fates
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rank_page(path, asked, self.thumbnail, title, notes, report)

    def thumbnail(self, name: str) -> bytes | None:
        """JPEG of a photo, None when it cannot be read any more."""
        from passerby.data.images import open_photo, small_jpeg
        from passerby.errors import BadPhoto

        try:
            photo = open_photo(self.photos[name], THUMBNAIL[::-1])
        except BadPhoto:
            return None
        return small_jpeg(photo, THUMBNAIL, quality=80)
