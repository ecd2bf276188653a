"""A sheet gives back by columns what came by rows, and leaves nothing behind."""

import pytest
import torch

from passerby.ranking.sheet import Sheet


@pytest.mark.parametrize("block", [1, 4, 100])
def test_columns_are_the_rows_turned_texts_in_their_order(block: int) -> None:
    scores = torch.randn(11, 9, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    found = []
    with Sheet(9) as sheet:
        for rows in order.split(3):
            sheet.write(rows, scores[rows])
        for photos, turned in sheet.columns(block):
            assert len(photos) <= block
            assert torch.equal(turned, scores.T[photos])
            found += photos.tolist()
    assert found == list(range(9))


def test_a_sheet_is_no_file_that_one_finds(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sheet(2) as sheet:
        sheet.write(torch.tensor([0]), torch.zeros(1, 2))
    assert not list(tmp_path.iterdir())
