"""A small CMR of random weights, and pairs to train it with."""

from __future__ import annotations

import copy
from typing import Any

import torch

from passerby.build import build_method
from passerby.config import parse_recipe
from passerby.methods.cmr import Cmr
from passerby.types import Batch

CAPTIONS = [
    "A man walks. He wears a red coat, and a black hat; no bag!",
    "a woman in blue",
    "The boy, in green trousers, has a yellow bag and white shoes.",
    "a girl with long hair and a grey skirt",
]
BERT = {"kind": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0}  # fmt: skip
RESNET = {"kind": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1],
          "layer_type": "basic"}  # fmt: skip
VIT = {"kind": "vit", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
       "intermediate_size": 16, "patch_size": 8}  # fmt: skip
BASE = {"photo": {"height": 48, "width": 16}, "image_encoder": RESNET, "text_encoder": BERT}
ENCODERS = {
    "resnet": {},
    "vit": {"image_encoder": VIT},
    "clip": {
        "image_encoder": {**VIT, "kind": "clip-vision"},
        "text_encoder": {n: v for n, v in BERT.items() if "dropout" not in n}
        | {"kind": "clip-text"},
    },
}
SMALL = {"name": "cmr", "dim": 8, "heads": 2, "part_count": 3, "warmup": 0}
PHOTOS = torch.randn(4, 3, 48, 16, generator=torch.Generator().manual_seed(0))
SETTINGS = [
    {},
    {"weighting": "text"},
    {"parts": "stripes", "fine_queries": "own"},
    {"decoder": "slots", "commonality": "sim_entropy"},
    {"residual": True, "layers": 2},
    {"commonality": "neighbour_count", "positives": "all", "negatives": "hardest"},
    {"commonality": "none", "classifiers": "shared", "cosine_scale": 16.0},
    {"coarse": False},
    {"fine": False, "last_stride": 2},
    {"identity_weight": 0.0, "commonality": "none"},
    {"cmr_weight": 0.0, "diversity_weight": 0.0},
]


def made(persons: int = 3, tables: dict[str, Any] | None = None, **settings: Any) -> Cmr:
    torch.manual_seed(0)
    told = {**copy.deepcopy(BASE), **(tables or {}), "method": {**SMALL, **settings}}
    return build_method(parse_recipe(told), CAPTIONS * 3, persons).eval()


def batch_for(method: Cmr, persons: tuple[int, ...] = (0, 1, 2, 0), epoch: int = 9) -> Batch:
    rows = len(persons)
    texts = method.tokenize(CAPTIONS[:rows])
    return Batch(PHOTOS[:rows], texts, torch.tensor(persons), torch.arange(rows), (), epoch)
