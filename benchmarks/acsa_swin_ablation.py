"""What regions and windows are worth to a small Swin that starts from nothing, on drawn people.

    python benchmarks/acsa_swin_ablation.py RUNS [--out results/acsa_swin_ablation.json]

recipes/acsa-drawn-swin.toml: the shipped residual network has no shifted windows, and a Swin starts
from random weights, so the numbers are low. Else as acsa_ablation.py.
"""

from ablation import RECIPES, Ablation, given, measure

EPOCHS = 6
VARIANTS: dict[str, tuple[dict[str, object], str | None]] = {
    "global": ({"local_weight": 0.0}, None),
    "channel regions, shifted windows": ({}, "global"),
    "spatial regions, quadrants": ({"regions": "spatial"}, "channel regions, shifted windows"),
}
CURVES = tuple(VARIANTS)[1:]


def main() -> None:
    asked = given(__doc__)
    recipe = RECIPES / "acsa-drawn-swin.toml"
    swin = Ablation("ACSA ablation, Swin", recipe, EPOCHS, VARIANTS, asked.runs, curves=CURVES)
    measure(swin, asked.out)


if __name__ == "__main__":
    main()
