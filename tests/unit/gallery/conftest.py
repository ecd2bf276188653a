"""Folders of painted photos, and a gallery beside each."""

from __future__ import annotations

from pathlib import Path

import colours
import pytest


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with one photo a colour, two of them in a folder below."""
    folder = tmp_path / "photos"
    for place, name in enumerate(colours.COLOURS):
        colours.paint(folder / ("" if place < 4 else "below") / f"{name}.png", name)
    return folder


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    return tmp_path / "gallery"
