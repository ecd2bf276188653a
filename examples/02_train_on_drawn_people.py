"""Draw people, train a small two-tower on them, and measure it.

    python examples/02_train_on_drawn_people.py WORK [--persons 400] [--epochs 5]

A researcher's whole road in one screen: data, recipe, training, an honest number.
"""

import argparse
from pathlib import Path

import passerby
from passerby.config import parse_recipe
from passerby.data.sources import read_data
from passerby.evaluation import evaluate
from passerby.runs import train

SMALL = {
    "method": {"name": "twotower", "dim": 128, "photo_pooling": "stripes", "text_pooling": "max"},
    "image_encoder": {
        "kind": "resnet", "layer_type": "basic",
        "embedding_size": 24, "hidden_sizes": [24, 48, 96], "depths": [1, 1, 1],
    },
    "text_encoder": {
        "kind": "bert", "hidden_size": 96, "num_hidden_layers": 1, "num_attention_heads": 4,
        "intermediate_size": 192, "max_position_embeddings": 80,
    },
    "augment": {"flip": 0.5, "pad": 10, "erase": 0.2},
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--persons", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    given = parser.parse_args()

    people = f"drawn:{given.work / 'people'}"
    tenth = max(given.persons // 10, 2)
    recipe = parse_recipe(
        {
            **SMALL,
            "run": {"name": "small", "out": str(given.work / "runs"), "seed": 1},
            "draw": {"persons": given.persons, "val_persons": tenth, "test_persons": tenth},
            "data": {"train": people, "batch": given.batch, "workers": 0},
            "train": {"epochs": given.epochs},
        }
    )

    def watch(event: dict) -> None:
        if "validation" in event:
            print(f"epoch {event['epoch']}: validation rank-1 {event['validation']['rank-1']:.1f}")

    folder = train(recipe, resume=True, watch=watch)
    report = evaluate(passerby.load(folder / "best"), read_data(people, "test"))
    print({name: round(value, 1) for name, value in report.metrics.items()})


if __name__ == "__main__":
    main()
