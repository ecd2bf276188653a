"""A small method with random weights, by each name in methods/."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tiny_methods import TINY, build


@pytest.fixture(params=sorted(TINY))
def tiny(request):
    return build(request.param)
