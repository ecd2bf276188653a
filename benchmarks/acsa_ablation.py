"""What each part of ACSA is worth on drawn people: recipes/acsa-drawn.toml, cut to five minutes.

    python benchmarks/acsa_ablation.py RUNS [--out results/acsa_ablation.json]

Two seeds a variant; run it again to go on after a break. How it is measured: ablation.py. The
fusion weight is chosen on validation when a run ends. "tagged phrases" need the extra [nlp].
"""

from ablation import RECIPES, Ablation, given, measure

EPOCHS = 6
# name: (settings of [method], the variant it is compared with)
VARIANTS: dict[str, tuple[dict[str, object], str | None]] = {
    "global": ({"local_weight": 0.0}, None),
    "region-phrase": ({"image_phrase": False}, "global"),
    "image-phrase": ({}, "region-phrase"),
    "spatial regions": ({"regions": "spatial"}, "image-phrase"),
    "fillers attended": ({"fillers": "attended"}, "image-phrase"),
    "noun phrases": ({"phrase_rule": "noun"}, "image-phrase"),
    "textblob-like phrases": ({"phrase_rule": "textblob-like"}, "image-phrase"),
    "tagged phrases": ({"phrase_rule": "tagged"}, "image-phrase"),
    "trained text": ({"text": "trained"}, "image-phrase"),
}
CURVES = ("image-phrase", "spatial regions")


def main() -> None:
    asked = given(__doc__)
    recipe = RECIPES / "acsa-drawn.toml"
    acsa = Ablation("ACSA ablation", recipe, EPOCHS, VARIANTS, asked.runs, curves=CURVES)
    measure(acsa, asked.out)


if __name__ == "__main__":
    main()
