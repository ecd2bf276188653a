"""An ACSA training step, losses and gradients, against the form that its description writes out.

    python benchmarks/acsa_step.py [--turns 3] [--out results/acsa_step.json]

Swin-T and BERT-base with random weights, photos of 224x224, 11003 persons, batch 4, captions of 20
to 45 random ids with three to eight phrases of three to six, no dropout and no dropped paths (also
with the preset "released", whose dropout of the text encoder would make losses differ), one thread.
literal_acsa.py says what the written-out form is; it has a copy of the weights, and gradients go
through all of its BERT. Ours reads texts without gradients; with cached texts it finds captions and
phrases among vectors that were kept before; and so in bf16, uncached. The forms take turns, see
race.py. Losses must be equal: to 1e-4 in fp32, to 1 % in bf16. The number of weights that get
gradients is told beside; of the written-out form's some are the outer taps of kernels on maps of
one place.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from literal_acsa import LiteralAcsa
from race import STILL, Step, compared, drawn_ids, drawn_photos, step
from report import finish, machine
from torch import nn
from torch.nn.functional import pad

from passerby.encoders.reading import pooled
from passerby.encoders.spec import EncoderSpec
from passerby.encoders.vectors import Vectors, fingerprint
from passerby.methods.acsa import Acsa, Config
from passerby.types import Batch, Texts

BATCH, PERSONS, IDS, PHRASES, PHRASE_IDS = 4, 11003, (20, 45), (3, 8), (3, 6)
FILLER = (101, 0, 102)  # [CLS] [PAD] [SEP], what the released code reads where there is no phrase
COMPARABLE = {"region_dropout": 0.0, "text_dropout": False}


def some_batch(config: Config, vocabulary: int) -> Batch:
    draw = torch.Generator().manual_seed(1)
    ids, mask = drawn_ids(torch.linspace(*IDS, BATCH).round().long(), vocabulary, draw)
    counts = torch.linspace(*PHRASES, BATCH).round().long()
    there = torch.arange(config.phrases) < counts[:, None]
    lengths = torch.randint(PHRASE_IDS[0], PHRASE_IDS[1] + 1, there.shape, generator=draw)
    phrase_ids, phrase_mask = drawn_ids(lengths * there, vocabulary, draw)
    if config.fillers == "attended":
        filler = pad(torch.tensor(FILLER), (0, phrase_ids.shape[2] - len(FILLER)))
        phrase_ids = torch.where(there[..., None], phrase_ids, filler)
        phrase_mask[..., : len(FILLER)] = 1
    texts = Texts(ids=ids, mask=mask, phrase_ids=phrase_ids, phrase_mask=phrase_mask)
    images = drawn_photos(BATCH, (224, 224), (8, 8), draw)
    persons = torch.randint(PERSONS, (BATCH,), generator=draw)
    return Batch(images, texts, persons, torch.arange(BATCH))


def whole(preset: str, turns: int) -> dict[str, float]:
    """Seconds, ratios and weights of a whole step. Stops where losses are not equal."""
    torch.manual_seed(0)
    config = Config(
        image_encoder=EncoderSpec("swin", options={"drop_path_rate": 0.0}),
        text_encoder=EncoderSpec("bert", options=STILL),
        persons=PERSONS,
    )
    config = replace(config, **Config.presets.get(preset, {}) | COMPARABLE)
    acsa = Acsa(config).train()
    literal, batch = LiteralAcsa(acsa), some_batch(config, acsa.text_encoder.vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        kept = read(acsa, batch.texts, Path(folder))

        def cached() -> dict[str, float]:
            acsa.vectors = kept
            told = step(acsa, batch)
            acsa.vectors = None
            return told

        steps: dict[str, Step] = {
            "ours": lambda: step(acsa, batch),
            "literal": lambda: step(literal, batch),
            "ours with cached texts": cached,
            "ours in bf16": lambda: step(acsa, batch, half=True),
        }
        values = compared(preset, steps, turns)
    told = {"ours": trained(acsa), "literal": trained(literal)}
    return values | {f"{preset}: weights with gradients, {n}": count for n, count in told.items()}


def read(acsa: Acsa, texts: Texts, folder: Path) -> Vectors:
    """The vectors of captions and phrases, as `Acsa.prepare` keeps them."""
    encoder, pooling = acsa.text_encoder, acsa.config.text_pooling
    kept = Vectors(folder, fingerprint(encoder, pooling=pooling), encoder.width)
    phrases = texts.phrase_ids.flatten(0, 1), texts.phrase_mask.flatten(0, 1)
    for ids, mask in ((texts.ids, texts.mask), phrases):
        with torch.no_grad():
            kept.add(ids, mask, pooled(encoder, ids, mask, pooling))
    return kept


def trained(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    values: dict[str, float] = {}
    for preset in ("default", "released"):
        values |= whole(preset, given.turns)
    finish("acsa_step", values, given.out, machine=machine())


if __name__ == "__main__":
    main()
