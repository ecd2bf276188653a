"""What was tried for the default model: short runs of its encoders on drawn people, trained alike.

    python benchmarks/default_ablation.py RUNS [--out results/default_ablation.json]

recipes/twotower-drawn.toml, whose encoders start from the shipped model, cut; one seed a variant;
run it again to go on after a break. How it is measured: ablation.py. Besides, on validation: the
Rank-1 of queries with one slip and with three (harm_texts.py), the mean over all harms of photos
(harm_photos.py) but those that take colour or light away for good, and the share of swapped words
that are noticed (attributes.py), of all attributes together.
"""

from pathlib import Path

import numpy as np
from ablation import RECIPES, Ablation, given, measure
from attributes import Scorer, trials, wins
from harm_photos import PHOTOS
from robustness import embed_harmed, firsts, harmed_split, percent

import passerby
from passerby.drawn.facts import read_wardrobe
from passerby.evaluation import embed_photos
from passerby.types import Split

EPOCHS = 3
HARMS = [name for name in PHOTOS if name not in ("grayscale", "mirrored")]
SLIPS = ("misspelt", "misspelt in three words")
STRONG = {
    "augment.erase": 0.25, "augment.erase_largest": 0.3, "augment.widen": 0.2,
    "augment.brightness": 0.25, "augment.contrast": 0.25, "augment.gamma": 0.3,
    "augment.balance": 0.1, "augment.blur": 0.8, "augment.downsample": 0.8, "augment.noise": 7,
}  # fmt: skip
# name: (settings, the variant it is compared with)
VARIANTS: dict[str, tuple[dict[str, object], str | None]] = {
    "as it is": ({}, None),
    "mirror images averaged": ({"mirror": True}, "as it is"),
    "slips and synonyms read": ({"respell": True}, "as it is"),
    "false twins": ({"twin_weight": 0.5}, "as it is"),
    "stronger photo changes": (STRONG, "as it is"),
}


def main() -> None:
    asked = given(__doc__)
    recipe = RECIPES / "twotower-drawn.toml"
    ablation = Ablation("default model", recipe, EPOCHS, VARIANTS, asked.runs, seeds=(1,))
    measure(ablation, asked.out, besides)


def besides(folder: Path, val: Split) -> dict[str, float]:
    """Of one run: what is left of Rank-1 when photos are harmed, and words that it notices."""
    method = passerby.load(folder / "best")
    plain = embed_photos(method, val.photos)
    ranks = [firsts(method, val, embed_harmed(method, val.photos, name)) for name in HARMS]
    root = next(p for p in val.photos[0].path.parents if (p / "wardrobe.json").exists())
    swapped = trials(read_wardrobe(root, "val"))
    right, _ = wins(Scorer(method, val, swapped), swapped)
    slips = [firsts(method, harmed_split(val, name), plain) for name in SLIPS]
    return {
        "rank-1 of misspelt queries": percent(np.concatenate(slips) <= 1),
        "rank-1 of harmed photos": percent(np.concatenate(ranks) <= 1),
        "swapped words noticed": percent(right),
    }


if __name__ == "__main__":
    main()
