"""Reading anyone's arrays: names and kinds that are taken, and one line for what is not."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from passerby.errors import BadData
from passerby.reports.arrays import arrays, read_arrays

RANDOM = np.random.default_rng(0)
FEATURES = {
    "text_ids": np.array([1, 1, 2, 3]),
    "image_ids": np.array([1, 2, 3]),
    "text_features": RANDOM.normal(size=(4, 5)).astype(np.float32),
    "image_features": RANDOM.normal(size=(3, 5)).astype(np.float32),
}
MATRIX = {
    **{name: FEATURES[name] for name in ("text_ids", "image_ids")},
    "similarity": RANDOM.normal(size=(4, 3)),
}


def scores(given: Any) -> np.ndarray:
    return torch.cat([block for _, block in given.blocks(3)]).numpy()


@pytest.fixture
def saved(tmp_path: Path):
    def save(**named: Any) -> Path:
        np.savez(tmp_path / "file.npz", **named)
        return tmp_path / "file.npz"

    return save


def test_features_are_compared_by_cosine_and_by_inner_product_on_demand() -> None:
    texts, photos = FEATURES["text_features"], FEATURES["image_features"]
    products = texts @ photos.T
    lengths = np.linalg.norm(texts, axis=1)[:, None] * np.linalg.norm(photos, axis=1)
    given = arrays(**FEATURES)
    assert scores(given) == pytest.approx(products / lengths, abs=1e-6)
    assert "cosines" in given.compared
    assert scores(arrays(**FEATURES, dot=True)) == pytest.approx(products, abs=1e-5)


@pytest.mark.parametrize(
    ("text_ids", "image_ids", "kind"),
    [
        ("qids", "gids", "int64"), ("query_ids", "gallery_ids", "float64"),
        ("text_pids", "image_pids", "U"), ("text_ids", "photo_ids", "S"),
    ],
)  # fmt: skip
def test_common_names_and_kinds_of_ids_are_taken(saved, text_ids, image_ids, kind) -> None:
    named = {
        text_ids: FEATURES["text_ids"].astype(kind)[:, None],
        image_ids: FEATURES["image_ids"].astype(kind),
        "qfeats": FEATURES["text_features"], "photo_features": FEATURES["image_features"],
        "words": np.array(["other", "arrays", "are", "left", "alone"]),
    }  # fmt: skip
    given = read_arrays(saved(**named))
    assert given.text_persons == ("1", "1", "2", "3")
    assert given.photo_persons == ("1", "2", "3")
    assert (scores(given) == scores(arrays(**FEATURES))).all()


def test_tensors_and_half_precision_are_taken_and_the_latter_is_said() -> None:
    halves = {n: torch.tensor(a).half() if a.ndim == 2 else a for n, a in FEATURES.items()}
    given = arrays(**halves)
    assert scores(given) == pytest.approx(scores(arrays(**FEATURES)), abs=5e-3)
    assert "float16" in given.notes[0]
    mixed = {**FEATURES, "text_features": FEATURES["text_features"].astype(np.float64)}
    assert scores(arrays(**mixed)) == pytest.approx(scores(arrays(**FEATURES)), abs=1e-6)


def test_a_matrix_the_other_way_round_is_turned_and_said() -> None:
    plain, turned = arrays(**MATRIX), arrays(**{**MATRIX, "similarity": MATRIX["similarity"].T})
    assert (scores(plain) == scores(turned)).all()
    assert not plain.notes
    assert "transposed" in turned.notes[0]


def test_names_tell_rows_apart_and_without_them_places_do() -> None:
    assert arrays(**FEATURES).photos == ("0", "1", "2")
    given = arrays(**FEATURES, image_names=["a", "a", "a (2)"], text_names=list("wxyz"))
    assert given.photos == ("a", "a (2)", "a (2) (2)")
    assert given.photo_files == ("a", "a", "a (2)")
    assert given.texts == ("w", "x", "y", "z")


def test_turned_photos_ask_for_texts() -> None:
    for kind in (FEATURES, MATRIX):
        given = arrays(**kind)
        turned = given.turned()
        assert scores(turned) == pytest.approx(scores(given).T, abs=1e-6)
        assert turned.text_persons == given.photo_persons
        assert turned.relevant(slice(0, 3)).equal(given.relevant(slice(0, 4)).T)


def without(name: str, **changed: Any) -> dict[str, Any]:
    return {key: value for key, value in {**FEATURES, **changed}.items() if key != name}


def holed(value: float) -> np.ndarray:
    features = FEATURES["image_features"].copy()
    features[1, 2] = value
    return features


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (without("text_ids"), "no text_ids .person ids. among image_features"),
        (without("image_features"), "neither features of both sides nor a similarity"),
        (without("", image_features=holed(np.nan)), "image_features: row 1 holds NaN .1 of 3"),
        (without("", image_features=holed(np.inf)), "row 1 holds an infinite number"),
        (without("", text_ids=[1, 2, 3]), "4 text_features with 3 text_ids"),
        (without("", text_ids=[1, 2, 3], image_ids=[1, 2, 3, 4]), "the ids of the two are swapped"),
        (without("", image_features=np.ones((3, 4))), "5 numbers each, image_features 4"),
        (without("", text_ids=[1, 2, 3, 4.5]), r"text_ids\[3\] is 4.5, which is no id"),
        (without("", text_ids=[1, 2, 3, np.nan]), r"text_ids\[3\] is nan"),
        (without("", text_ids=[1, 2, 3, 1e30]), r"text_ids\[3\] is 1e\+30, which is no id"),
        (without("", image_features=holed(1e30)), r"largest number of row 1 is 1e\+30 \(1 of 3"),
        (without("", text_features=FEATURES["text_features"] * 1e-30), r"4 of 4 rows are beyond"),
        (without("", text_ids=np.ones((4, 2), int)), r"text_ids is of shape \(4, 2\)"),
        (without("", text_ids=[True] * 4), "text_ids is of type bool"),
        (without("", text_features=np.ones((4, 5), complex)), "of type complex128"),
        (without("", text_features=np.ones((4, 5, 1))), r"of shape \(4, 5, 1\)"),
        (without("", text_features=np.ones((0, 5))), "none of them empty"),
        (without("", image_names=["a", "b"]), "image_names has 2 entries, image_ids 3"),
        (without("", qids=[1, 2, 3, 4]), "text_ids and qids mean the same"),
        ({**MATRIX, "similarity": np.ones((4, 4))}, r"\(4, 4\), but there are 4 text_ids and 3"),
        (without("", text_ids=np.array([1, "a", None, 2], object)), "array of Python objects"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_in_one_line(saved, named, said) -> None:
    with pytest.raises(BadData, match=said) as refused:
        read_arrays(saved(**named))
    assert "\n" not in str(refused.value)
    assert "file.npz" in str(refused.value)


def entry(header: str, data: bytes = bytes(64)) -> bytes:
    """An array as .npy has it, with this header."""
    padded = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + data


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000)}", "larger than"),
        (f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30},)}}", "not an .npz file"),
        ("((((", "not an .npz file"),
        ("{'a", "not an .npz file"),
        ("{'descr': 5, 'fortran_order': False, 'shape': (2,)}", "not an .npz file"),
    ],
)
def test_an_array_that_is_not_what_its_header_says_is_refused(tmp_path, header, said) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as made:
        made.writestr("text_ids.npy", entry(header))
    with pytest.raises(BadData, match=said) as refused:
        read_arrays(tmp_path / "a.npz")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("local", "central", "value"), [(6, 8, 1), (8, 10, 99)])
def test_an_archive_that_is_encrypted_or_packed_oddly_is_refused(saved, local, central, value):
    path = saved(**FEATURES)
    whole = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = whole.find(mark)
        while at >= 0:  # of each entry: its flags, or how it is packed
            whole[at + place] = value
            at = whole.find(mark, at + 4)
    path.write_bytes(whole)
    with pytest.raises(BadData, match="encrypted, or packed in a way"):
        read_arrays(path)


def test_files_that_are_no_npz_are_refused_and_nothing_in_them_is_run(tmp_path: Path) -> None:
    touched = tmp_path / "touched"

    class Bomb:
        def __reduce__(self):
            return Path.touch, (touched,)

    torch.save({"text_ids": Bomb()}, tmp_path / "a.pt")
    torch.save({"text_ids": Bomb()}, tmp_path / "named_otherwise.npz")
    np.save(tmp_path / "b.npy", np.ones(3))
    np.savez(tmp_path / "bomb.npz", text_ids=np.array([Bomb()]))
    whole = tmp_path / "c.npz"
    np.savez_compressed(whole, **FEATURES)
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:-300])
    spoilt = bytearray(whole.read_bytes())
    spoilt[120:160] = bytes(40)
    (tmp_path / "spoilt.npz").write_bytes(spoilt)
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("text_ids")
    for name, said in (
        ("a.pt", "pickles are not read.*numpy.savez"),
        ("named_otherwise.npz", "pickles are not read"),
        ("bomb.npz", "Python objects"),
        ("b.npy", "one array without names"),
        ("cut.npz", "not an .npz file, or cut off"),
        ("spoilt.npz", "not an .npz file, or cut off"),
        ("empty.npz", "not an .npz file, or cut off"),
        ("text.npz", "not an .npz file, or cut off"),
        ("none.npz", "there is no such file"),
    ):
        with pytest.raises(BadData, match=said):
            read_arrays(tmp_path / name)
    assert not touched.exists()
