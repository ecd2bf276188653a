"""NAFS written out literally from a checkpoint's own names: sections 2.2, 2.4, 2.5 and 2.7."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertConfig, BertModel

State = dict[str, Tensor]
BERT = "language_model.textExtractor."


def norm(state: State, name: str, x: Tensor) -> Tensor:
    told = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *told)


def block(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    """A bottleneck, its stride on the 3x3 convolution."""
    y = F.relu(norm(state, f"{name}.bn1", F.conv2d(x, state[f"{name}.conv1.weight"])))
    y = F.conv2d(y, state[f"{name}.conv2.weight"], stride=stride, padding=1)
    y = F.conv2d(F.relu(norm(state, f"{name}.bn2", y)), state[f"{name}.conv3.weight"])
    y = norm(state, f"{name}.bn3", y)
    if f"{name}.downsample.0.weight" in state:
        x = F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride)
        x = norm(state, f"{name}.downsample.1", x)
    return F.relu(x + y)


def layer(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    number = 0
    while f"image_model.{name}.{number}.conv1.weight" in state:
        x = block(state, f"image_model.{name}.{number}", x, 1 if number else stride)
        number += 1
    assert number
    return x


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{name}.weight"].flatten(1), state[f"{name}.bias"])


def photo_side(state: State, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x (N, D), queries and values (N, 6, D)."""
    x = F.conv2d(images, state["image_model.conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(norm(state, "image_model.bn1", x)), 3, 2, 1)
    second = layer(state, "layer2", layer(state, "layer1", x, 1), 2)
    third = layer(state, "layer3", second, 2)
    fourth = layer(state, "layer4", third, 1)
    assert fourth.shape[2:] == (24, 8)
    branch2 = layer(state, "branch2_layer4", layer(state, "branch2_layer3", second, 2), 1)
    branch3 = layer(state, "branch3_layer4", third, 1)
    whole = norm(state, "bottleneck_image", linear(state, "conv_images", fourth.mean((2, 3))))
    queries = [linear(state, "global_image_query", whole)]
    values = [linear(state, "global_image_value", whole)]
    for number, seen, count in ((2, branch2, 3), (3, branch3, 2)):
        rows = 24 // count
        for i in range(count):
            stripe = seen[:, :, i * rows : (i + 1) * rows].mean((2, 3))
            narrow = linear(state, f"fc_p{number}_list.{i}", stripe)
            queries.append(linear(state, f"fc_p{number}_list_query.{i}", narrow))
            values.append(linear(state, f"fc_p{number}_list_value.{i}", narrow))
    return whole, torch.stack(queries, 1), torch.stack(values, 1)


def bert(state: State) -> BertModel:
    own = {name.removeprefix(BERT): t for name, t in state.items() if name.startswith(BERT)}
    words, hidden = own["embeddings.word_embeddings.weight"].shape
    model = BertModel(
        BertConfig(
            vocab_size=words, hidden_size=hidden, num_hidden_layers=2, num_attention_heads=1,
            intermediate_size=len(own["encoder.layer.0.intermediate.dense.weight"]),
            max_position_embeddings=len(own["embeddings.position_embeddings.weight"]),
        )
    )  # fmt: skip
    model.load_state_dict(own)
    return model.eval()


def text_side(
    state: State, ids: Tensor, mask: Tensor, part_ids: Tensor, part_mask: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """z (T, D), keys and values (T, 101, D)."""
    reader = bert(state)
    tokens = reader(input_ids=ids, attention_mask=mask).last_hidden_state
    subs = [
        reader(input_ids=part_ids[:, i], attention_mask=part_mask[:, i]).last_hidden_state[:, 0]
        for i in range(2)
    ]
    whole = norm(state, "bottleneck_text", linear(state, "conv_text", tokens[:, 0]))
    items = torch.cat([whole[:, None], torch.stack(subs, 1), tokens[:, 1:99]], 1)
    assert items.shape[1] == 101
    both = []
    for kind in ("key", "value"):
        name = f"local_bottleneck_text_{kind}"
        told = state[f"{name}.weight"], state[f"{name}.bias"]
        both.append(
            F.layer_norm(linear(state, f"local_fc_text_{kind}", items), told[0].shape, *told)
        )
    return whole, both[0], both[1]


def unit(x: Tensor) -> Tensor:
    return x / (x.norm(dim=-1, keepdim=True) + 1e-8)


def score(photo: tuple[Tensor, ...], text: tuple[Tensor, ...], tokens: int) -> float:
    """S of one photo and one text of `tokens` real ids, from their vector, parts and values."""
    (x, queries, contents), (z, keys, values) = photo, text
    used = min(tokens + 3, 101)
    keys, values = keys[:used], values[:used]
    a = F.leaky_relu(unit(queries) @ unit(keys).T, 0.1)  # (6, t)
    context = a / (a.square().sum(0, keepdim=True).sqrt() + 1e-8)
    gathered = (20 * context).softmax(1) @ values
    local = F.cosine_similarity(contents, gathered, dim=1, eps=1e-8).mean()
    return float(F.cosine_similarity(x, z, dim=0) + local)
