"""An IVT training step, losses and gradients, against the form that its description writes out.

    python benchmarks/ivt_step.py [--turns 3] [--out results/ivt_step.json]

The preset "released" with random weights: ViT-B/16 on three views of 384x128 with stride 12 (311
tokens a photo), BERT-base's embeddings, four pairs of four persons; sentences of 25 to 60 random
ids, phrases of 12 to 15, words of 6 to 10; no dropout and no dropped paths; tokens are dropped, the
same ones by every form; one thread. literal_ivt.py says what the written-out form is; it has a
copy of the weights. Beside the whole step: the text side alone, all levels, with the gradients of a
fixed sum of its vectors; and token dropping alone, of embedded photos and texts, with gradients.
The forms take turns, see race.py. Losses must be equal: to 1e-4 in fp32, to 1 % in bf16.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from literal_ivt import LiteralIvt, left, padded
from race import STILL, Step, compared, drawn_ids, drawn_photos, step
from report import finish, machine
from torch import Tensor, nn

from passerby.encoders.network import dropped
from passerby.encoders.spec import EncoderSpec
from passerby.methods.ivt import Config, Ivt
from passerby.types import Batch, Texts

BATCH, CELLS, STRIDE = 4, (12, 4), 12
IDS = {"": (25, 60), "phrase_": (12, 15), "word_": (6, 10)}


def some_batch(config: Config, vocabulary: int) -> Batch:
    draw = torch.Generator().manual_seed(1)
    tensors: dict[str, Tensor] = {}
    for level, ends in IDS.items():
        lengths = torch.linspace(*ends, BATCH).round().long()
        tensors[f"{level}ids"], tensors[f"{level}mask"] = drawn_ids(lengths, vocabulary, draw)
    size = (config.photo.height, config.photo.width)
    images = drawn_photos(config.views * BATCH, size, CELLS, draw)
    return Batch(images, Texts(**tensors), torch.arange(BATCH), torch.arange(BATCH))


def whole(ivt: Ivt, literal: LiteralIvt, batch: Batch, turns: int) -> dict[str, float]:
    steps: dict[str, Step] = {
        "ours": lambda: step(ivt, batch),
        "literal": lambda: step(literal, batch),
        "ours in bf16": lambda: step(ivt, batch, half=True),
        "literal in bf16": lambda: step(literal, batch, half=True),
    }
    return compared("whole step", steps, turns)


def texts_alone(ivt: Ivt, literal: LiteralIvt, batch: Batch, turns: int) -> dict[str, float]:
    """All levels read with what is dropped, and the gradients of a fixed sum of the vectors."""
    torch.manual_seed(2)
    gone, levels = ivt.maskings(batch)[1], ivt.config.levels
    weights = torch.randn(len(levels) * BATCH, ivt.network.width)

    def work(model: nn.Module, read: Callable[[], Tensor]) -> dict[str, float]:
        model.zero_grad(set_to_none=True)
        told = (read() * weights).sum()
        told.backward()
        model.zero_grad(set_to_none=True)  # the next form's memory
        return {"sum": float(told.detach())}

    steps: dict[str, Step] = {
        "ours": lambda: work(
            ivt, lambda: ivt.network.texts(*padded(batch.texts, levels), gone, first=True).first
        ),
        "literal": lambda: work(literal, lambda: literal.texts(batch.texts, gone)),
    }
    return compared("texts alone", steps, turns)


def dropping_alone(ivt: Ivt, batch: Batch, turns: int) -> dict[str, float]:
    """Embedded photos and texts without what is dropped, and the gradients of their squares' sum.

    Texts as both forms have them: ours drops before words are looked up, and that it costs
    nothing there is not counted.
    """
    torch.manual_seed(2)
    gone, width = ivt.maskings(batch), ivt.network.width
    mask = padded(batch.texts, ivt.config.levels)[1]
    masks = torch.ones(len(batch.images), ivt.network.photo_places, dtype=torch.long), mask
    sides = [torch.randn(*own.shape, width, requires_grad=True) for own in masks]

    def work(drop: Callable[[Tensor, Tensor, Tensor], Tensor]) -> dict[str, float]:
        told = [drop(*side) for side in zip(sides, masks, gone, strict=True)]
        total = torch.stack([(rest * rest).sum() for rest in told]).sum()
        total.backward()
        for side in sides:
            side.grad = None
        return {"sum": float(total.detach())}

    steps: dict[str, Step] = {
        "ours": lambda: work(lambda tokens, _, own: dropped(tokens, own).tokens),
        "literal": lambda: work(lambda tokens, own_mask, own: left(tokens, own_mask, own)[0]),
    }
    return compared("dropping alone", steps, turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Config(
        image_encoder=EncoderSpec("vit", options=STILL),
        text_encoder=EncoderSpec("bert", options=STILL),
        stride=STRIDE,
    )
    config = replace(config, **Config.presets["released"] | {"drop_path": 0.0})
    ivt = Ivt(config).train()
    literal = LiteralIvt(ivt)
    batch = some_batch(config, ivt.network.word_tokens.words.num_embeddings)
    values = whole(ivt, literal, batch, given.turns)
    values |= texts_alone(ivt, literal, batch, given.turns)
    values |= dropping_alone(ivt, batch, given.turns)
    finish("ivt_step", values, given.out, machine=machine())


if __name__ == "__main__":
    main()
