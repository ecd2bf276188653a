"""What each part of IVT is worth on drawn people: recipes/ivt-drawn.toml, cut to some minutes.

    python benchmarks/ivt_ablation.py RUNS [--out results/ivt_ablation.json]

Two seeds a variant; run it again to go on after a break. How it is measured: ablation.py. All have
three views of each photo. The trapezoid's mAP stands beside the standard one.
"""

from ablation import RECIPES, Ablation, given, measure

EPOCHS = 3
UNMASKED = {"photo_masking": 0.0, "text_masking": 0.0}
PATCHES = {"kind": "vit", "source": "", "hidden_size": 128, "num_hidden_layers": 3,
           "num_attention_heads": 4, "intermediate_size": 256, "patch_size": 8}  # fmt: skip
# name: (settings of [method], the variant it is compared with)
VARIANTS: dict[str, tuple[dict[str, object], str | None]] = {
    "sentence": ({"levels": ["sentence"], **UNMASKED}, None),
    "with phrases": ({"levels": ["phrase", "sentence"], **UNMASKED}, "sentence"),
    "with phrases and words": (UNMASKED, "with phrases"),
    "photos masked": ({"text_masking": 0.0}, "with phrases and words"),
    "texts masked": ({"photo_masking": 0.0}, "with phrases and words"),
    "both masked": ({}, "with phrases and words"),
    "separate attention": ({"attention": "separate"}, "both masked"),
    "patches from nothing": (
        {f"image_encoder.{name}": value for name, value in PATCHES.items()},
        "both masked",
    ),
}


def main() -> None:
    asked = given(__doc__)
    recipe = RECIPES / "ivt-drawn.toml"
    measure(Ablation("IVT ablation", recipe, EPOCHS, VARIANTS, asked.runs), asked.out)


if __name__ == "__main__":
    main()
