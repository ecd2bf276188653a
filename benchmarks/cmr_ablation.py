"""What each part of CMR, a reconstruction, is worth on drawn people: recipes/cmr-drawn.toml, cut.

    python benchmarks/cmr_ablation.py RUNS [--out results/cmr_ablation.json]

Two seeds a variant; run it again to go on after a break. How it is measured: ablation.py.
"""

from ablation import RECIPES, Ablation, given, measure

EPOCHS, WARMUP = 3, 1
# name: (settings of [method], the variant it is compared with)
VARIANTS: dict[str, tuple[dict[str, object], str | None]] = {
    "global": ({"coarse": False, "fine": False}, None),
    "with coarse parts": ({"fine": False}, "global"),
    "with fine parts": ({"cmr_weight": 0.0}, "with coarse parts"),
    "fine parts ranked": ({"commonality": "none"}, "with fine parts"),
    "id_posterior": ({}, "fine parts ranked"),
    "sim_entropy": ({"commonality": "sim_entropy"}, "fine parts ranked"),
    "neighbour_count": ({"commonality": "neighbour_count"}, "fine parts ranked"),
    "stripes": ({"parts": "stripes"}, "id_posterior"),
    "fine asked by coarse": ({"fine_queries": "coarse"}, "id_posterior"),
    "little diversity": ({"diversity_weight": 0.04}, "id_posterior"),
    "slots": ({"decoder": "slots"}, "id_posterior"),
}


def main() -> None:
    asked = given(__doc__)
    recipe = RECIPES / "cmr-drawn.toml"
    variants = {
        name: ({"warmup": WARMUP, **settings}, other)
        for name, (settings, other) in VARIANTS.items()
    }
    measure(
        Ablation("CMR ablation (a reconstruction)", recipe, EPOCHS, variants, asked.runs), asked.out
    )


if __name__ == "__main__":
    main()
