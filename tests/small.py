"""The smallest towers that train, as recipe tables, for tests that need any model."""

from typing import Any


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
