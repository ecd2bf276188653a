"""What each part of NAFS is worth on drawn people: recipes/nafs-drawn.toml, cut to five minutes.

    python benchmarks/nafs_ablation.py RUNS [--out results/nafs_ablation.json]

Two seeds a variant; run it again to go on after a break. How it is measured: ablation.py.
"""

from ablation import RECIPES, Ablation, given, measure

EPOCHS = 3
# name: (settings of [method], the variant it is compared with)
PLAIN = {"parts": 0, "shuffle": "none", "context": False}
VARIANTS: dict[str, tuple[dict[str, object], str | None]] = {
    "global": ({"local_weight": 0.0}, None),
    "stripes": (PLAIN, "global"),
    "shuffle": ({"parts": 0, "context": False}, "stripes"),
    "sub-sentences, separate": ({"context": False}, "shuffle"),
    "sub-sentences, masked": ({"context": False, "text": "masked"}, "shuffle"),
    "context, i2t": ({}, "sub-sentences, separate"),
    "context, t2i": ({"direction": "t2i"}, "context, i2t"),
    "context, both": ({"direction": "both"}, "context, i2t"),
    "l1 targets": ({"target_norm": "l1"}, "context, i2t"),
}


def main() -> None:
    asked = given(__doc__)
    recipe = RECIPES / "nafs-drawn.toml"
    nafs = Ablation("NAFS ablation", recipe, EPOCHS, VARIANTS, asked.runs, reranked="context, i2t")
    measure(nafs, asked.out)


if __name__ == "__main__":
    main()
