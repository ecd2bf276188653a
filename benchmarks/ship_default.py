"""Puts a trained model into the package as the default one: fp16 weights and its card.

    python benchmarks/ship_default.py runs/default/best

Writes src/passerby/default_model/. The card's tables are then filled by benchmarks/tables.py from
results/, after the benchmarks have been run with the new model.
"""

import json
import sys
from pathlib import Path

import passerby
from passerby.build import DEFAULT, save_method

CARD = Path(__file__).with_name("default_model_card.md")


def main() -> None:
    best = Path(sys.argv[1])
    run = best.parent
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    state = json.loads((run / "last" / "state.json").read_text(encoding="utf-8"))
    method = passerby.load(best)
    drawn, spec = recipe["draw"], method.photo_spec
    trained = drawn["persons"] - drawn["val_persons"] - drawn["test_persons"]
    card = CARD.read_text(encoding="utf-8").format(
        parameters=sum(p.numel() for p in method.parameters()) / 1e6,
        photos=trained * drawn["photos"],
        persons=trained,
        val=drawn["val_persons"],
        seed=drawn["seed"],
        epoch=state["best_epoch"],
        height=spec.height,
        width=spec.width,
        length=method.config.length,
    )
    save_method(method, recipe["method"]["name"], DEFAULT, half=True, card=card)
    (DEFAULT / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in DEFAULT.iterdir())
    print(f"{DEFAULT.relative_to(Path.cwd())}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
