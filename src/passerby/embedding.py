"""Photos and texts to embeddings, the same road for a gallery, a query and an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from passerby.errors import BadModel
from passerby.method import Method
from passerby.types import Embeddings

TEXT_BLOCK = 256
PIECE = 32  # photos that a core encodes at a time: memory of their maps is cached and used again


def device_of(method: Method) -> torch.device:
    return next(method.parameters()).device


@torch.inference_mode()
def embed_images(method: Method, images: Tensor) -> Embeddings:
    """images (N, 3, H, W) -> float32 Embeddings on the CPU, in eval mode.

    On the CPU pieces of the batch are encoded side by side, each in a thread of its own: cores that
    share out every operation wait for each other after each, and long on a machine in use.

    Raises BadModel when an embedding is not finite: such weights would poison a gallery silently.
    """
    device = device_of(method)
    with _evaluating(method):
        if device.type == "cpu":
            found = _side_by_side(method, images)
        else:
            found = method.encode_images(images.to(device)).float().to("cpu")
    return _finite(found, "photo")


def _side_by_side(method: Method, images: Tensor) -> Embeddings:
    """Pieces of like size, PIECE photos at most; as many at once as torch has threads and there are
    halves of PIECE. Where that is fewer than its threads, each piece has several.
    """
    threads = torch.get_num_threads()
    cores = max(1, min(threads, 2 * len(images) // PIECE))
    rounds = max(1, -(-len(images) // (cores * PIECE)))
    pieces = images.split(max(1, -(-len(images) // (cores * rounds))))

    @torch.inference_mode()  # each thread has its own
    def encode(piece: Tensor) -> Embeddings:
        return method.encode_images(piece).float()

    if cores == 1:
        return Embeddings.cat([encode(piece) for piece in pieces])
    each = (threads // cores,)
    try:
        with ThreadPoolExecutor(cores, "encode", torch.set_num_threads, each) as pool:
            return Embeddings.cat(list(pool.map(encode, pieces)))
    finally:
        torch.set_num_threads(threads)  # what threads that begin later take


@torch.inference_mode()
def embed_texts(method: Method, texts: Sequence[str]) -> Embeddings:
    """T sentences -> float32 Embeddings on the CPU, in eval mode. A block has texts of like length.

    Sentences are encoded in blocks of TEXT_BLOCK sorted by length, so that short ones are not
    padded to the longest, and put back in order.
    """
    device = device_of(method)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    blocks = []
    with _evaluating(method):
        for start in range(0, len(order), TEXT_BLOCK):
            block = [texts[place] for place in order[start : start + TEXT_BLOCK]]
            found = method.encode_texts(method.tokenize(block).to(device))
            blocks.append(found.float().to("cpu"))
    back = torch.empty(len(order), dtype=torch.int64)
    back[torch.tensor(order)] = torch.arange(len(order))
    return _finite(_stack(blocks).rows(back), "text")


class _evaluating:  # noqa: N801 - a context manager, read as a phrase
    """Eval mode inside, the mode before it after."""

    def __init__(self, method: Method) -> None:
        self.method, self.was = method, method.training

    def __enter__(self) -> None:
        self.method.eval()

    def __exit__(self, *_: object) -> None:
        self.method.train(self.was)


def _stack(blocks: list[Embeddings]) -> Embeddings:
    """Blocks one below the other; parts of unequal number are padded with absent ones."""
    if blocks[0].parts is None:
        return Embeddings.cat(blocks)
    most = max(block.parts.shape[1] for block in blocks if block.parts is not None)
    return Embeddings.cat([_widen(block, most) for block in blocks])


def _widen(block: Embeddings, parts: int) -> Embeddings:
    named = block.tensors()
    have = named["parts"].shape[1]
    if "mask" not in named:
        named["mask"] = torch.ones(len(block), have, dtype=torch.bool)
    for name in set(named) & {"parts", "values", "mask"}:
        tensor = named[name]
        named[name] = torch.cat(
            [tensor, tensor.new_zeros(len(tensor), parts - have, *tensor.shape[2:])], 1
        )
    return Embeddings(**named)


def _finite(found: Embeddings, what: str) -> Embeddings:
    if not torch.isfinite(found.vector).all():
        raise BadModel(
            f"the model gives {what} embeddings that are not finite; its weights are damaged: "
            "load another checkpoint"
        )
    return found
