"""Photos are embedded in pieces, side by side; nobody can tell from what comes out."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from passerby.embedding import PIECE, embed_images
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel
from passerby.method import PhotoSpec
from passerby.methods.twotower import Config, TwoTower
from passerby.types import Embeddings

TINY = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
WORDS = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "vocab_size": 20,
}  # fmt: skip


class Watched(TwoTower):
    """Notes of each call how many photos it had, in which thread, with how many of torch's; and
    whether any kept a graph for gradients.
    """

    def encode_images(self, images: Tensor) -> Embeddings:
        self.calls.append((len(images), threading.get_ident(), torch.get_num_threads()))
        self.graphs |= torch.is_grad_enabled()
        if self.fails:
            raise ValueError("no such photo")
        return super().encode_images(images)


@pytest.fixture
def method() -> Watched:
    torch.manual_seed(0)
    encoders = (EncoderSpec("resnet", "", TINY), EncoderSpec("bert", "", WORDS))
    made = Watched(Config(PhotoSpec(32, 16), *encoders, dim=8, mirror=True)).eval()
    made.calls, made.fails, made.graphs = [], False, False
    return made


@pytest.fixture(params=[1, 2, 3, 6])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def photos(count: int) -> Tensor:
    return torch.randn(count, 3, 32, 16, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("count", [0, 1, 31, 33, 130])
def test_a_photo_embeds_alike_whatever_stands_beside_it(
    method: Watched, threads: int, count: int
) -> None:
    images = photos(count)
    with torch.no_grad():
        alone = [TwoTower.encode_images(method, image[None]).vector for image in images]
    found = embed_images(method, images).vector
    assert found.shape == (count, 8)
    if alone:
        assert cosine_similarity(found, torch.cat(alone)).min() > 1 - 1e-5


def test_every_core_has_its_piece_and_no_piece_is_large(method: Watched, threads: int) -> None:
    embed_images(method, photos(4 * PIECE))
    sizes, _, each = zip(*method.calls, strict=True)
    assert sum(sizes) == 4 * PIECE
    assert max(sizes) <= PIECE
    assert len(sizes) >= threads
    assert set(each) == {1}
    assert not method.graphs


def test_few_photos_still_use_all_of_torchs_threads(method: Watched, threads: int) -> None:
    embed_images(method, photos(PIECE))
    assert {each for _, _, each in method.calls} == {max(1, threads // 2)}
    method.calls.clear()
    embed_images(method, photos(3))
    assert method.calls == [(3, threading.get_ident(), threads)]


@pytest.mark.parametrize("fails", [False, True])
def test_torch_has_its_threads_back_afterwards(method: Watched, threads: int, fails: bool) -> None:
    method.train().fails = fails
    if fails:
        with pytest.raises(ValueError, match="no such photo"):
            embed_images(method, photos(2 * PIECE))
    else:
        embed_images(method, photos(2 * PIECE))
    assert method.training
    told = []
    later = threading.Thread(target=lambda: told.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert [torch.get_num_threads(), *told] == [threads, threads]


def test_a_single_vector_that_is_not_finite_is_refused_in_any_piece(method: Watched) -> None:
    images = photos(2 * PIECE)
    images[-1] = torch.nan
    with pytest.raises(BadModel, match="not finite"):
        embed_images(method, images)
