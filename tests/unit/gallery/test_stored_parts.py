"""Local features in a gallery: float16 bit for bit, refused where float16 cannot hold them."""

from __future__ import annotations

from pathlib import Path

import pytest
from colours import paint, run, shade, stored_paths
from parted import Parted, as_stored, drawn, fill, rows
from torch import Tensor

from passerby.embedding import embed_texts
from passerby.errors import BadGallery, BadModel
from passerby.gallery.rows import arrays_of
from passerby.gallery.search import Searcher
from passerby.gallery.store import Store
from passerby.types import Embeddings

SENTENCE = "red white"


def test_scores_are_the_methods_own_on_parts_rounded_to_float16(gallery: Path) -> None:
    method, photos = Parted(), drawn(90, 6)
    answer = Searcher(method, fill(gallery, method, photos)).answer(SENTENCE, 90)
    own = method.similarity(embed_texts(method, [SENTENCE]), as_stored(photos).float())[0]
    paths = {row.path: float(score) for row, score in zip(rows(90), own, strict=True)}
    assert all(abs(hit.score - paths[str(hit.path)]) <= 1.1e-6 for hit in answer.hits)
    unrounded = method.similarity(embed_texts(method, [SENTENCE]), photos)[0]
    assert (own - unrounded).abs().max() > 1e-6  # or the test could not tell them apart


class Recorded(Parted):
    """Keeps what it gave for the photos of a folder."""

    given: list[Embeddings] = []  # noqa: RUF012 - set anew by its test

    def encode_images(self, images: Tensor) -> Embeddings:
        found = drawn(len(images), len(self.given))
        self.given.append(found)
        return found


def test_parts_survive_indexing_and_reading_bit_for_bit_as_float16(
    photos: Path, gallery: Path
) -> None:
    method = Recorded()
    method.given = []
    run(gallery, photos, method, batch=4)
    store = Store.open(gallery)
    read = arrays_of(store.whole(range(6)).sort_by("id"))
    given = Embeddings.cat(method.given)
    assert len(method.given) == 2
    for name in ("parts", "values"):
        assert read[name].tobytes() == getattr(given, name).half().numpy().tobytes()
    assert (read["mask"] == given.mask.numpy()).all()


class Overflowing(Recorded):
    """From its second batch on, one number of a photo's parts is no float16."""

    def __init__(self, name: str, number: float) -> None:
        super().__init__()
        self.name, self.number, self.given = name, number, []

    def encode_images(self, images: Tensor) -> Embeddings:
        found = super().encode_images(images)
        if len(self.given) > 1:
            getattr(found, self.name)[0, 1, 2] = self.number
        return found


@pytest.mark.parametrize("name", ["parts", "values"])
@pytest.mark.parametrize("number", [65520.0, -1e30, float("nan"), float("inf")])
def test_parts_that_float16_cannot_hold_are_refused_and_earlier_photos_stay(
    tmp_path: Path, gallery: Path, name: str, number: float
) -> None:
    for at in range(6):
        paint(tmp_path / "photos" / f"{at}.png", shade(at))
    with pytest.raises(BadModel, match=rf"{name}.*load another checkpoint") as refused:
        run(gallery, tmp_path / "photos", Overflowing(name, number), batch=3)
    assert "\n" not in str(refused.value)
    assert stored_paths(gallery) == ["0.png", "1.png", "2.png"]
    run(gallery, tmp_path / "photos", Overflowing(name, 65504.0), batch=3)
    assert len(stored_paths(gallery)) == 6


class Striped(Parted):
    """The same photos with other numbers of parts."""

    def __init__(self, parts: int) -> None:
        super().__init__(f"striped-{parts}")
        self.parts = parts

    def encode_images(self, images: Tensor) -> Embeddings:
        found = drawn(len(images), 0)
        local = (found.parts, found.values, found.mask)
        return Embeddings(
            found.vector, *(t[:, :1].expand(-1, self.parts, *t.shape[2:]) for t in local)
        )


def test_a_model_with_other_parts_is_refused_in_one_line_that_names_both(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos, Striped(6))
    for call in (
        lambda: run(gallery, photos, Striped(7)),
        lambda: Searcher(Striped(7), Store.open(gallery)),
    ):
        with pytest.raises(BadGallery, match=r"striped-6.*striped-7.*index the photos again") as no:
            call()
        assert "\n" not in str(no.value)
    assert len(Searcher(Striped(6), Store.open(gallery)).search(SENTENCE)) == 6
