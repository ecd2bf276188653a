"""A NAFS training step, losses and gradients, against the form that its description writes out.

    python benchmarks/nafs_step.py [--turns 3] [--out results/nafs_step.json]

ResNet-50 and BERT-base with random weights, photos of 384x128, 11003 persons, batch 4, captions of
20 to 45 random ids with two sub-sentences of about half, no dropout, one thread. literal_nafs.py
says what the written-out form is; it has a copy of the weights. Our step in fp32, the written-out
one and our step in bf16 take turns, see race.py. Losses must be equal: to 1e-4 in fp32, to 1 % in
bf16. Local similarity alone, forward and backward, at batch 64: a process of ten turns for each
form, so that each has a peak of memory of its own.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch
from literal_nafs import LiteralNafs, literal_local
from race import CLOSE, STILL, Step, compared, drawn_ids, drawn_photos, step
from report import finish, machine
from torch import Tensor, nn

from passerby.encoders.spec import EncoderSpec
from passerby.methods.nafs import Config, Nafs
from passerby.similarity.local_attention import local_similarity
from passerby.types import Batch, Embeddings, Texts

BATCH, PERSONS, IDS = 4, 11003, (20, 45)
PAIRS, PARTS, ITEMS, LENGTHS, DIM = 64, 6, 101, (23, 48), 768  # local similarity alone
LOCAL_TURNS = 10  # of a fresh process the first few also pay for pages that it asks the system for


def some_batch(vocabulary: int) -> Batch:
    draw = torch.Generator().manual_seed(1)
    lengths = torch.linspace(*IDS, BATCH).round().long()
    ids, mask = drawn_ids(lengths, vocabulary, draw)
    # Each half with a [CLS] and a [SEP] of its own.
    half = (lengths - 2) // 2
    part_ids, part_mask = drawn_ids(
        torch.stack([half, lengths - 2 - half], 1) + 2, vocabulary, draw
    )
    texts = Texts(ids=ids, mask=mask, part_ids=part_ids, part_mask=part_mask)
    images = drawn_photos(BATCH, (384, 128), (12, 4), draw)
    persons = torch.randint(PERSONS, (BATCH,), generator=draw)
    return Batch(images, texts, persons, torch.arange(BATCH))


def calm(network: nn.Module) -> None:
    """Random weights under which a rounding error does not grow from block to block: what a
    residual block adds begins small, as is usual at the start of training (Goyal et al. 2017).
    """
    for module in network.modules():
        if type(module).__name__ == "ResNetBottleNeckLayer":
            nn.init.constant_(module.layer[-1].normalization.weight, 0.1)


def whole(preset: str, turns: int) -> dict[str, float]:
    """Seconds and ratios of a whole step. Stops where losses are not equal."""
    torch.manual_seed(0)
    text, settings = EncoderSpec("bert", options=STILL), Config.presets.get(preset, {})
    nafs = Nafs(Config(text_encoder=text, persons=PERSONS, **settings)).train()
    calm(nafs.image_encoder)
    literal, batch = LiteralNafs(nafs), some_batch(nafs.text_encoder.vocabulary)
    steps: dict[str, Step] = {
        "ours": lambda: step(nafs, batch),
        "literal": lambda: step(literal, batch),
        "ours in bf16": lambda: step(nafs, batch, half=True),
    }
    return compared(preset, steps, turns)


def local_alone(form: str, turns: int) -> dict[str, float]:
    """CPU seconds and MiB of local similarity, forward and backward, and its gradients' size."""
    # What the libraries set up at their first use is not the formula's.
    local_slopes(form, *local_sides(2, LENGTHS[1]))
    sides = local_sides(PAIRS, ITEMS)
    before, taken = memory(), []
    for _ in range(turns):
        began = time.process_time()
        slopes = local_slopes(form, *sides)
        taken.append(time.process_time() - began)
    size = float(torch.stack([slope.norm() for slope in slopes]).sum())
    return {"seconds": min(taken), "MiB": (memory() - before) / 1024, "slope": size}


def local_sides(count: int, items: int) -> tuple[list[Tensor], Tensor]:
    """Keys, values, queries and contents of `count` texts and photos; which items there are."""
    draw = torch.Generator().manual_seed(3)
    shapes = [(count, n, DIM) for n in (items, items, PARTS, PARTS)]
    sides = [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]
    lengths = torch.randint(LENGTHS[0], LENGTHS[1] + 1, (count, 1), generator=draw)
    return sides, torch.arange(items) < lengths


def local_slopes(form: str, sides: list[Tensor], there: Tensor) -> tuple[Tensor, ...]:
    """The gradients of a sum over all pairs, the photo parts being those that attend."""
    texts, photos = sides[:2], sides[2:]
    if form == "literal":
        scores = literal_local(texts, there, photos)[0]
    else:
        vector = torch.zeros(len(there), 1)
        scores = local_similarity(Embeddings(vector, *texts, there), Embeddings(vector, *photos))
    return torch.autograd.grad(scores.square().sum(), sides)


def memory() -> int:
    """The most KiB this process has held. Not ru_maxrss, which begins at the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def local_compared() -> dict[str, float]:
    found = {}
    for form in ("ours", "literal"):
        command = [sys.executable, __file__, "--local", form]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        found[form] = json.loads(told.stdout)
    ours, literal = found["ours"], found["literal"]
    if abs(ours["slope"] / literal["slope"] - 1) > CLOSE:
        raise SystemExit(f"local similarity has other gradients: {found}")
    return {
        "local similarity: CPU seconds, ours": round(ours["seconds"], 3),
        "local similarity: CPU seconds, literal": round(literal["seconds"], 2),
        "local similarity: times less CPU": literal["seconds"] / ours["seconds"],
        "local similarity: MiB, ours": round(ours["MiB"], 1),
        "local similarity: MiB, literal": round(literal["MiB"]),
        "local similarity: times less memory": literal["MiB"] / ours["MiB"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--local", choices=["ours", "literal"], help="one form's process")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.local:
        print(json.dumps(local_alone(given.local, LOCAL_TURNS)))
        return
    values = local_compared()
    for preset in ("default", "released"):
        values |= whole(preset, given.turns)
    finish("nafs_step", values, given.out, machine=machine())


if __name__ == "__main__":
    main()
