"""One tiny recipe a method: a new file in methods/ needs an entry here and nothing else."""

CAPTIONS = [
    "a man in a red shirt and blue jeans",
    "The woman is wearing a long white dress, black sandals and a handbag over her left shoulder.",
    "person with backpack",
    "She has long dark hair and wears a green coat over a grey sweater. She carries a brown bag "
    "and is walking away from the camera.",
    "a boy in yellow shorts",
    "An older man with a cap, a striped shirt and khaki pants",
]
SMALL_RESNET = {
    "kind": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1],
    "layer_type": "basic",
}  # fmt: skip
SMALL_BERT = {
    "kind": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 64,
}  # fmt: skip
SMALL_STAIRS = {**SMALL_RESNET, "hidden_sizes": [8, 16, 16], "depths": [1, 1, 1]}
SMALL_SWIN = {
    "kind": "swin", "embed_dim": 8, "depths": [1, 2, 1], "num_heads": [1, 2, 2], "window_size": 4,
}  # fmt: skip
SMALL_VIT = {
    "kind": "vit", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 32, "patch_size": 8,
}  # fmt: skip
TINY = {
    "acsa": {
        "method": {"name": "acsa"},
        "image_encoder": SMALL_SWIN,
        "text_encoder": SMALL_BERT,
    },
    "cmr": {
        "method": {"name": "cmr", "dim": 12, "heads": 2, "part_count": 2, "warmup": 0},
        "image_encoder": SMALL_RESNET,
        "text_encoder": SMALL_BERT,
    },
    "ivt": {
        "method": {"name": "ivt", "stride": 6, "drop_path": 0.0},
        "image_encoder": SMALL_VIT,
        "text_encoder": SMALL_BERT,
    },
    "ivt_pretrain": {
        "method": {"name": "ivt_pretrain", "fusion_layers": 2},
        "image_encoder": SMALL_VIT,
        "text_encoder": SMALL_BERT,
    },
    "nafs": {
        "method": {"name": "nafs"},
        "image_encoder": SMALL_STAIRS,
        "text_encoder": SMALL_BERT,
    },
    "twotower": {
        "method": {
            "name": "twotower",
            "dim": 12,
            "identity_weight": 0.5,
            "photo_pooling": "stripes",
        },
        "image_encoder": SMALL_RESNET,
        "text_encoder": SMALL_BERT,
    },
}


def build(name):
    import torch

    from passerby.build import build_method
    from passerby.config import parse_recipe

    torch.manual_seed(0)
    recipe = parse_recipe({"photo": {"height": 64, "width": 32}, **TINY[name]})
    return build_method(recipe, CAPTIONS * 3, 3).eval()
