"""What crosses a door is checked when it is made, and picked, joined and moved without loss."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch

from passerby.errors import BadData
from passerby.types import Batch, Caption, Embeddings, Photo, Ranking, Report, Split, Texts

A, B = Photo("a.jpg", Path("a.jpg"), "1"), Photo("b.jpg", Path("b.jpg"), "2")


def test_a_split_names_its_persons_once_in_the_order_of_its_photos() -> None:
    again, nobody = Photo("c", Path("c"), "2"), Photo("d", Path("d"))
    split = Split("test", (B, A, again, nobody), (Caption("a#0", "a man", "a.jpg", "1"),))
    assert split.persons == ("2", "1")


@pytest.mark.parametrize(
    ("photos", "captions", "told"),
    [
        ((A, B, A), (), "photo 'a.jpg' is listed twice; keep one record"),
        ((A,), (Caption("x", "he", "a.jpg", "1"),) * 2, "share an id; give each its own"),
        ((A,), (Caption("x", "she", "b.jpg", "2"),), "'b.jpg', which is not in this split; add"),
    ],
)
def test_a_split_that_contradicts_itself_is_refused_in_one_line(photos, captions, told) -> None:
    with pytest.raises(BadData, match=told) as refused:
        Split("val", photos, captions)
    assert str(refused.value).startswith("val: ")
    assert "\n" not in str(refused.value)


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        A.person = "3"  # type: ignore[misc]


@pytest.fixture
def texts() -> Texts:
    return Texts(
        ids=torch.arange(12).view(4, 3), mask=torch.ones(4, 3), part_ids=torch.zeros(4, 2, 5)
    )


def test_texts_need_one_number_of_rows() -> None:
    with pytest.raises(ValueError, match=r"'mask': \(3, 2\)"):
        Texts(ids=torch.zeros(4, 2), mask=torch.zeros(3, 2))
    with pytest.raises(ValueError, match="one common number"):
        Texts()


def test_texts_are_read_by_the_names_of_their_tensors(texts) -> None:
    assert len(texts) == 4
    assert texts.part_ids.shape == (4, 2, 5)
    assert "mask" in texts
    assert "phrases" not in texts
    with pytest.raises(AttributeError, match=r"\['ids', 'mask', 'part_ids'\], not 'phrases'"):
        _ = texts.phrases


def test_rows_of_texts_are_picked_from_every_tensor(texts) -> None:
    for index in (slice(1, 3), [2, 0], torch.tensor([False, True, True, False])):
        some = texts.rows(index)
        assert len(some) == 2
        assert torch.equal(some.ids, texts.ids[index])
        assert some.part_ids.shape == (2, 2, 5)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_texts_survive_a_copy_and_the_way_out_of_a_worker(texts, way) -> None:
    again = way(texts)
    assert again.tensors.keys() == texts.tensors.keys()
    assert torch.equal(again.ids, texts.ids)


def test_a_batch_moves_with_its_texts(texts) -> None:
    batch = Batch(torch.zeros(4, 3, 8, 4), texts, torch.arange(4), torch.arange(4))
    moved = batch.to("meta")
    assert len(batch) == len(moved) == 4
    assert {moved.images.device.type, moved.texts.mask.device.type} == {"meta"}
    assert batch.texts.mask.device.type == "cpu"


def local(n: int) -> Embeddings:
    return Embeddings(
        torch.rand(n, 4), torch.rand(n, 3, 2).half(), torch.rand(n, 3, 2), torch.ones(n, 3) > 0
    )


def test_embeddings_hold_the_tensors_that_are_there() -> None:
    assert list(Embeddings(torch.zeros(2, 4)).tensors()) == ["vector"]
    assert list(local(2).tensors()) == ["vector", "parts", "values", "mask"]


def test_blocks_of_embeddings_joined_and_cut_again_are_the_same() -> None:
    one, two = local(2), local(3)
    whole = Embeddings.cat([one, two])
    assert len(whole) == 5
    for block, rows in ((one, slice(0, 2)), (two, slice(2, 5))):
        for name, tensor in whole.rows(rows).tensors().items():
            assert torch.equal(tensor, block.tensors()[name])
    only = Embeddings.cat([Embeddings(torch.zeros(1, 4)), Embeddings(torch.ones(1, 4))])
    assert only.parts is None


def test_floats_become_float32_and_masks_stay_masks() -> None:
    found = local(2).float()
    assert found.parts is not None
    assert found.mask is not None
    assert (found.parts.dtype, found.mask.dtype) == (torch.float32, torch.bool)


def test_a_ranking_needs_a_row_a_query_and_a_score_a_place() -> None:
    order = torch.zeros(2, 3, dtype=torch.int64)
    for queries, scores in ((("q",), torch.zeros(2, 3)), (("q", "r"), torch.zeros(2, 2))):
        with pytest.raises(ValueError, match=r"same \(Q, K\)"):
            Ranking(queries, ("a", "b", "c"), order, scores)


def test_a_ranking_tells_the_first_k_by_the_names_of_photos() -> None:
    order = torch.tensor([[0, 1], [2, 0]])
    ranking = Ranking(("q", "r"), ("a", "b", "c"), order, torch.tensor([[0.5, 0.25], [1, 0.0]]))
    assert list(ranking.top(1, 1)) == [("c", 1.0)]
    assert list(ranking.top(0, 9)) == [("a", 0.5), ("b", 0.25)]


def test_a_card_grows_without_changing_the_report_it_came_from(tmp_path) -> None:
    first = Report({"rank-1": 50.0}, {"split": "test", "seed": 1})
    second = first.with_card(seed=2, data="drawn:Ü")
    assert first.card == {"split": "test", "seed": 1}
    second.write(tmp_path / "new" / "r.json")
    text = (tmp_path / "new" / "r.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "metrics": {"rank-1": 50.0},
        "card": {"split": "test", "seed": 2, "data": "drawn:Ü"},
    }
