"""What a sentence scores with a gallery's photos, whoever they show: a sample of them.

A score means more where it stands above what the same sentence scores with anybody. The sample is
of the whole gallery, whatever a query's filters leave, so that no filter changes a probability.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from passerby.gallery.compare import BLOCK, Comparison
from passerby.gallery.version import Version

SAMPLE = 1_000  # photos at most
_SEED = 0  # drawn and not every n-th: photos of one person or camera may come in turns


class Background:
    """Photos of a gallery's newest version, drawn once and kept until there is another version.

    All photos, where they are no more than SAMPLE. Kept are the embeddings as they are stored: 1 MB
    for vectors of 256 numbers, 20 MB with the parts of NAFS. Threads may share it.
    """

    def __init__(self) -> None:
        # Of which version (its number, and how many photos it holds, should the gallery's folder
        # have been made anew), and its photos. Replaced as one: threads see both or neither.
        self._kept: tuple[tuple[int, int], pa.Table] | None = None

    def scores(self, found: Comparison) -> np.ndarray:
        """(M,) float64, M <= SAMPLE: full similarities of a query's text with the sample, of a
        gallery that is not empty.
        """
        sample = self._sample(found.version)
        starts = range(0, len(sample), BLOCK)
        return np.concatenate([found.scores(sample.slice(start, BLOCK)) for start in starts])

    def _sample(self, version: Version) -> pa.Table:
        here, kept = (version.number, version.count()), self._kept
        if kept is None or kept[0] != here:
            kept = self._kept = here, _drawn(version, here[1])
        return kept[1]


def _drawn(version: Version, photos: int) -> pa.Table:
    draw = np.random.default_rng(_SEED)
    places = draw.choice(photos, min(photos, SAMPLE), replace=False, shuffle=False)
    return version.at(np.sort(places), version.embedded())
