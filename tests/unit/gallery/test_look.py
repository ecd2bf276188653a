"""What is told of a file, and by whom: threads that leave the cores to each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from passerby.data.images import read_photo
from passerby.gallery.reading import Seen, in_order, look
from passerby.method import PhotoSpec

SPEC = PhotoSpec(32, 16)


def painted(path: Path, size: tuple[int, int], turned: int = 1) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turned
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    return path


@pytest.mark.parametrize("turned", [1, 6])
@pytest.mark.parametrize("size", [(9, 20), (31, 64), (32, 63), (33, 65), (64, 128), (301, 407)])
def test_a_photo_has_its_own_size_however_it_was_decoded(
    tmp_path: Path, size: tuple[int, int], turned: int
) -> None:
    seen = look(painted(tmp_path / "a.jpg", size, turned), None, (), SPEC)
    assert (seen.width, seen.height) == (size if turned == 1 else size[::-1])


def test_some_sizes_above_are_decoded_at_a_fraction(tmp_path: Path) -> None:
    large = painted(tmp_path / "a.jpg", (301, 407))
    assert read_photo(large, (SPEC.height, SPEC.width)).width < 301


def test_files_are_read_in_threads_with_one_of_torchs_each(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        paths = [tmp_path / str(number) for number in range(6)]
        found = in_order(paths, lambda path: Seen(path, str(torch.get_num_threads())), 2, 4)
        assert [(seen.path, seen.text) for seen in found] == [(path, "1") for path in paths]
        with ThreadPoolExecutor(1) as later:
            told = later.submit(torch.get_num_threads).result()
        assert (torch.get_num_threads(), told) == (3, 3)
    finally:
        torch.set_num_threads(before)


def test_a_thread_that_asks_torch_for_nothing_before_leaves_its_threads_as_they_were(
    tmp_path: Path,
) -> None:
    before, found = torch.get_num_threads(), []

    def walk() -> None:
        task = lambda path: Seen(path, str(path))  # noqa: E731
        list(in_order([tmp_path / str(n) for n in range(8)], task, 2, 4))

    def ask() -> None:
        found.append(torch.get_num_threads())

    for each in (walk, ask):  # each in a thread that has not used torch yet
        thread = Thread(target=each)
        thread.start()
        thread.join()
    assert found == [before]
