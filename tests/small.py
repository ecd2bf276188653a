"""The smallest towers that train, as recipe tables, for tests that need any model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from passerby.config import Recipe, parse_recipe
from passerby.training.log import read_journal


def towers(positions: int = 40) -> dict[str, Any]:
    """Tables [photo], [image_encoder] and [text_encoder]; texts of `positions` tokens at most."""
    return {
        "photo": {"height": 32, "width": 16},
        "image_encoder": {
            "kind": "resnet", "embedding_size": 8, "hidden_sizes": [8], "depths": [1],
            "layer_type": "basic",
        },
        "text_encoder": {
            "kind": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "max_position_embeddings": positions,
        },
    }  # fmt: skip


def recipe_of(base: Mapping[str, Any], people: Path, out: Path, name: str, **tables: Any) -> Recipe:
    """The recipe `base` with other settings, of a run called `name` that trains on `people`."""
    told: dict[str, Any] = {table: dict(settings) for table, settings in base.items()}
    told["run"] |= {"name": name, "out": str(out)}
    told["data"] |= {"train": f"cuhk-pedes:{people}"}
    for table, settings in tables.items():
        told[table] |= settings
    return parse_recipe(told)


def steps(folder: Path) -> list[dict[str, Any]]:
    """What a run has logged of its steps."""
    return [event for event in read_journal(folder / "log.jsonl") if "loss" in event]
