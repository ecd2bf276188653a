"""A check finds what makes answers wrong, and calls nothing wrong that is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from colours import Colours, PartColours, paint, run, shade
from parted import Parted, drawn, fill, rows
from PIL import Image
from torch import Tensor

from passerby.gallery import health
from passerby.gallery.canary import Canaries
from passerby.gallery.findings import Checkup
from passerby.gallery.health import check
from passerby.gallery.rows import arrays_of, rows_of, to_table
from passerby.gallery.store import Store
from passerby.gallery.vectors import Vectors
from passerby.types import Embeddings

Change = Callable[[dict[str, np.ndarray]], None]


def checked(gallery: Path, method: Colours, **options: object) -> Checkup:
    return check(Store.open(gallery), method, fingerprint=method.fingerprint, **options)  # type: ignore[arg-type]


def kinds(found: Checkup) -> list[str]:
    assert all("\n" not in finding.line and "; " in finding.line for finding in found.findings)
    return [finding.kind for finding in found.findings]


def damaged(gallery: Path, method: Colours, name: str, change: Change, **facts: object) -> None:
    """Writes one photo's row anew, with other embeddings or facts."""
    with Store.write(gallery, method.fingerprint, "default") as store:
        row = next(row for row in store.rows() if row.path.endswith(name))
        table = store.whole([row.id])
        arrays = {n: array.copy() for n, array in arrays_of(table).items()}
        change(arrays)
        told = [type(row)(**{**vars(whole), **facts}) for whole in rows_of(table)]
        store.replace(to_table(told, arrays))


def test_canaries_are_spread_over_the_photos_whose_files_are_as_they_were(
    tmp_path: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        paint(tmp_path / "photos" / f"{number:02}.png", shade(number))
    run(gallery, tmp_path / "photos")
    (tmp_path / "photos" / "00.png").unlink()
    chosen: list[int] = []
    monkeypatch.setattr(
        health, "embed_again", lambda _, __, ids: chosen.extend(ids) or Canaries(0, None, ())
    )
    checked(gallery, Colours(), canaries=4)
    assert chosen == [1, 10, 19, 29]


@pytest.mark.parametrize("kind", [Colours, PartColours])
def test_a_sound_gallery_has_no_findings(photos: Path, gallery: Path, kind: type[Colours]) -> None:
    for number in range(60):
        paint(photos / f"{number}.png", shade(number))
    run(gallery, photos, kind())
    found = checked(gallery, kind())
    assert (found.photos, found.canaries, found.findings, found.sound) == (66, 32, (), True)
    assert found.least is not None
    assert found.least > 0.999999


def test_files_that_are_gone_or_changed_are_told_and_nothing_is_wrong(
    photos: Path, gallery: Path
) -> None:
    run(gallery, photos)
    (photos / "red.png").unlink()
    paint(photos / "blue.png", "yellow", (30, 50))
    found = checked(gallery, Colours())
    assert kinds(found) == ["missing", "changed"]
    assert [finding.photos for finding in found.findings] == [1, 1]
    assert "red.png" in found.findings[0].line
    assert "prune" in found.findings[0].line
    assert found.sound
    assert found.canaries == 4  # only photos whose content is as it was


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [("not finite", "parts", np.inf), ("not finite", "vector", np.inf), ("not unit", "vector", 0)],
)
def test_embeddings_that_no_model_gives_are_found(
    photos: Path, gallery: Path, kind: str, column: str, value: float
) -> None:
    method = PartColours()
    run(gallery, photos, method)

    damaged(gallery, method, "/red.png", lambda arrays: arrays[column].fill(value))
    found = checked(gallery, method, canaries=0)
    assert kinds(found) == [kind]
    assert "red.png" in found.findings[0].line
    assert not found.sound


def test_a_nan_that_an_older_version_stored_is_found(photos: Path, gallery: Path) -> None:
    run(gallery, photos)  # LanceDB stores none today
    store = Store.open(gallery)
    table = store.whole([row.id for row in store.rows()])
    arrays = {name: array.copy() for name, array in arrays_of(table).items()}
    arrays["vector"][2, 3] = np.nan
    vectors = Vectors(store)
    vectors.take(to_table(rows_of(table), arrays))
    assert [finding.kind for finding in vectors.findings()] == ["not finite"]


class Constant(Colours):
    """A model that was exported wrongly: every photo is the same point, up to rounding."""

    def encode_images(self, images: Tensor) -> Embeddings:
        found = super().encode_images(images)
        noise = 1e-4 * torch.randn(found.vector.shape, generator=torch.Generator().manual_seed(1))
        return Embeddings(torch.ones_like(found.vector) + noise[: len(images)])


def test_a_model_that_tells_no_photo_from_another_is_found(photos: Path, gallery: Path) -> None:
    for number in range(20):
        paint(photos / f"{number}.png", shade(number))
    run(gallery, photos, Constant())
    found = checked(gallery, Constant(), canaries=0)
    assert kinds(found) == ["all alike"]
    assert "mean cosine 1.000000" in found.findings[0].line
    assert not found.sound


def test_photos_of_one_person_alone_are_not_called_all_alike(tmp_path: Path, gallery: Path) -> None:
    for number in range(20):
        paint(tmp_path / "photos" / f"{number}.png", (120 + 4 * number, 40, 40))
    run(gallery, tmp_path / "photos")
    assert checked(gallery, Colours()).findings == ()


def test_different_photos_with_one_embedding_are_found(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    with Store.write(gallery, "colours-1", "default") as store:
        red = next(row for row in store.rows() if row.path.endswith("/red.png"))
        vector = arrays_of(store.whole([red.id]))["vector"]
    damaged(gallery, Colours(), "/blue.png", lambda arrays: arrays.update(vector=vector))
    found = checked(gallery, Colours(), canaries=0)
    assert kinds(found) == ["shared"]
    assert found.findings[0].photos == 2
    assert "blue.png" in found.findings[0].line
    assert "red.png" in found.findings[0].line
    assert not found.sound


def test_the_same_pixels_in_another_file_are_no_fault(photos: Path, gallery: Path) -> None:
    (photos / "again.png").write_bytes((photos / "red.png").read_bytes() + b"trailing bytes")
    (photos / "copy.png").write_bytes((photos / "blue.png").read_bytes())
    run(gallery, photos)
    found = checked(gallery, Colours())
    assert kinds(found) == ["copies"]
    assert found.findings[0].photos == 2
    assert found.sound


class Drifted(Colours):
    """Gives other vectors than when the gallery was made, under the same fingerprint."""

    def encode_images(self, images: Tensor) -> Embeddings:
        return super().encode_images(images.flip(1))


class DriftedParts(PartColours):
    def encode_images(self, images: Tensor) -> Embeddings:
        found = super().encode_images(images)
        assert found.parts is not None
        return Embeddings(found.vector, found.parts.roll(1, 1), found.values, found.mask)


@pytest.mark.parametrize(("kind", "now"), [(Colours, Drifted), (PartColours, DriftedParts)])
def test_a_canary_tells_when_the_model_gives_something_else_now(
    tmp_path: Path, gallery: Path, kind: type[Colours], now: type[Colours]
) -> None:
    for number in range(40):
        top = paint(tmp_path / "photos" / f"{number}.png", shade(number))
        with Image.open(top) as image:
            image.paste(shade(number + 50), (0, 0, 20, 15))
            image.save(top)
    run(gallery, tmp_path / "photos", kind())
    assert checked(gallery, kind()).sound
    found = checked(gallery, now(), canaries=8)
    assert kinds(found) == ["canary"]
    assert found.canaries == 8
    assert not found.sound


def test_another_model_in_the_folder_and_none_are_found(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    other = check(Store.open(gallery), None, fingerprint="another-model")
    assert kinds(other) == ["model"]
    assert "another-mode" in other.findings[0].line
    assert "colours-1" in other.findings[0].line
    gone = check(Store.open(gallery), None, fingerprint=None)
    assert kinds(gone) == ["model"]
    assert "not there any more" in gone.findings[0].line
    assert not other.sound
    assert not gone.sound
    # A model that is another's is never asked for canaries.
    method = Colours("another-model")
    assert checked(gallery, method).canaries == 0
    assert method.embedded == 0


@pytest.mark.parametrize("thumbnail", [b"", b"no JPEG", None])
def test_a_thumbnail_that_does_not_decode_is_found(
    photos: Path, gallery: Path, thumbnail: bytes | None
) -> None:
    run(gallery, photos)
    store = Store.open(gallery)
    row = next(row for row in store.rows() if row.path.endswith("/red.png"))
    whole = store.whole([row.id])["thumbnail"][0].as_py()
    cut = whole[: len(whole) // 2] if thumbnail is None else thumbnail
    damaged(gallery, Colours(), "/red.png", lambda _: None, thumbnail=cut)
    found = checked(gallery, Colours())
    assert kinds(found) == ["thumbnail"]
    assert not found.sound


def test_rows_that_are_there_twice_are_found(photos: Path, gallery: Path) -> None:
    run(gallery, photos)
    with Store.write(gallery, "colours-1", "default") as store:
        first = store.whole([store.rows()[0].id])
        store.add(first)
        again = first.set_column(0, first.schema.field("id"), pa.array([99], pa.int64()))
        store.add(again)
    found = checked(gallery, Colours())
    assert kinds(found) == ["repeated path", "repeated id"]
    assert [finding.photos for finding in found.findings] == [2, 1]


def test_an_empty_gallery_is_sound(gallery: Path) -> None:
    with Store.write(gallery, "colours-1", "default"):
        pass
    found = checked(gallery, Colours())
    assert (found.photos, found.findings, found.sound) == (0, (), True)


def test_progress_goes_block_by_block_to_the_last_photo(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(gallery, Parted(), drawn(300, 2), rows(300))
    heard: list[tuple[int, int]] = []
    monkeypatch.setattr(health, "_BLOCK", 90)
    found = check(
        Store.open(gallery),
        None,
        fingerprint="parted-1",
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(0, 300), (90, 300), (180, 300), (270, 300), (300, 300)]
    assert {"missing", "thumbnail"} == set(kinds(found))
    assert found.record()["findings"][0]["photos"] == 300
