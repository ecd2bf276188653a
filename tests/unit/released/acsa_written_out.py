"""ACSA written out literally from a checkpoint's own names: sections 3.2, 3.3, 3.4 and 3.6."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from written_out import bert, linear, norm, unit

State = dict[str, Tensor]


def layer_norm(state: State, name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.layer_norm(x, weight.shape, weight, state[f"{name}.bias"])


def places(side: int, window: int, shift: int) -> Tensor:
    """(windows, window^2): which position of a map each cell of the shifted grid's windows is."""
    found = []
    for top in range(0, side, window):
        for left in range(0, side, window):
            rows = [(top + a + shift) % side for a in range(window)]
            columns = [(left + b + shift) % side for b in range(window)]
            found.append([row * side + column for row in rows for column in columns])
    return torch.tensor(found)


def mask(side: int, window: int, shift: int) -> Tensor:
    """(windows, window^2, window^2): -100 between cells that only the wrapped grid brought
    together, else 0.
    """
    cells = places(side, window, shift)
    wrapped = torch.stack([cells // side < shift, cells % side < shift])
    # A grid that wraps puts its first rows and columns behind the last ones: into the last windows.
    apart = (wrapped[:, :, :, None] != wrapped[:, :, None, :]).any(0)
    return torch.where(apart, -100.0, 0.0)


def positions(window: int) -> Tensor:
    """(window^2, window^2): a row of the table for each step from one cell to another."""
    cells = [(row, column) for row in range(window) for column in range(window)]
    table = torch.empty(window**2, window**2, dtype=torch.int64)
    for i, (row, column) in enumerate(cells):
        for j, (other_row, other_column) in enumerate(cells):
            down, right = row - other_row + window - 1, column - other_column + window - 1
            table[i, j] = down * (2 * window - 1) + right
    return table


def attention(state: State, name: str, x: Tensor, masked: Tensor | None) -> Tensor:
    """x (N, windows, cells, C), within each window; the projection included."""
    table = state[f"{name}.relative_position_bias_table"]
    heads = table.shape[1]
    split = linear(state, f"{name}.qkv", x).unflatten(-1, (3, heads, -1))
    q, k, v = split.permute(3, 0, 1, 4, 2, 5)  # (N, windows, heads, cells, C / heads)
    scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
    scores = scores + table[state[f"{name}.relative_position_index"]].permute(2, 0, 1)
    if masked is not None:
        scores = scores + masked[:, None]
    out = (scores.softmax(-1) @ v).transpose(2, 3).flatten(-2)
    return linear(state, f"{name}.proj", out)


def mlp(state: State, name: str, x: Tensor) -> Tensor:
    inner = F.gelu(linear(state, f"{name}.mlp.fc1", layer_norm(state, f"{name}.norm2", x)))
    return linear(state, f"{name}.mlp.fc2", inner)


def block(state: State, name: str, x: Tensor, window: int, odd: bool) -> tuple[Tensor, Tensor]:
    """x (N, h, h, C), and what the windows' attention gives (N, windows, cells, C)."""
    side = x.shape[1]
    shift = window // 2 if odd and side > window else 0
    cells = places(side, window, shift)
    windows = layer_norm(state, f"{name}.norm1", x).flatten(1, 2)[:, cells]
    seen = attention(
        state, f"{name}.attn", windows, mask(side, window, shift) if shift else None
    )  # fmt: skip
    back = torch.empty_like(x.flatten(1, 2))
    back[:, cells] = seen
    x = x + back.view_as(x)
    return x + mlp(state, name, x), seen


def merge(state: State, name: str, x: Tensor) -> Tensor:
    """Four neighbours become one: rows even, odd, even, odd; columns even, even, odd, odd."""
    four = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
    return F.linear(
        layer_norm(state, f"{name}.norm", torch.cat(four, -1)), state[f"{name}.reduction.weight"]
    )


def swin(state: State, images: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """p (N, C) and the four windows (N, 4, C / 2) of the last block of stage 3."""
    first, start = "image_model.patch_embed", "image_model.layers"
    x = F.conv2d(images, state[f"{first}.proj.weight"], state[f"{first}.proj.bias"], stride=4)
    x = layer_norm(state, f"{first}.norm", x.permute(0, 2, 3, 1))
    seen: dict[int, Tensor] = {}
    for stage in range(4):
        number = 0
        while f"{start}.{stage}.blocks.{number}.norm1.weight" in state:
            name = f"{start}.{stage}.blocks.{number}"
            x, seen[stage] = block(state, name, x, window, number % 2 == 1)
            number += 1
        assert number
        if stage == 2:
            inner = seen[stage] + mlp(state, name, seen[stage])
            windows = layer_norm(state, "image_model.norm_window_stage3", inner).mean(2)
        if stage < 3:
            x = merge(state, f"{start}.{stage}.downsample", x)
    assert x.shape[1:3] == (window, window)
    return layer_norm(state, "image_model.norm", x).mean((1, 2)), windows


def residual(state: State, name: str, x: Tensor) -> Tensor:
    """3x3 convolutions on a map of one place."""
    y = x[:, :, None, None]
    inner = F.conv2d(y, state[f"{name}.conv1.weight"], padding=1)
    inner = F.relu(norm(state, f"{name}.bn1", inner))
    inner = norm(state, f"{name}.bn2", F.conv2d(inner, state[f"{name}.conv2.weight"], padding=1))
    return F.relu(inner + y)[:, :, 0, 0]


def photo_side(state: State, images: Tensor, window: int) -> tuple[Tensor, Tensor, Tensor]:
    """x (N, D), queries and values (N, 7, D)."""
    pooled, windows = swin(state, images, window)
    x = norm(state, "bottleneck_image", pooled)
    chunks = residual(state, "basic_block", x).chunk(6, 1)
    regions = {
        "head": torch.cat(chunks[0:2], 1),
        "upper": torch.cat(chunks[1:3], 1),
        "lower": torch.cat(chunks[3:5], 1),
        "feet": chunks[5],
    }
    tokens = [F.relu(linear(state, f"fc_{n}.fc_{n}", piece)) for n, piece in regions.items()]
    small = [residual(state, "window_conv", windows[:, place]) for place in range(4)]
    tokens += [torch.cat(small[:2], 1), torch.cat(small[2:], 1)]
    whole = sum(tokens) / 6
    seven = torch.stack([whole, *tokens], 1)
    return x, linear(state, "fc_image_query", seven), linear(state, "fc_image_value", seven)


def text_side(
    state: State, ids: Tensor, mask: Tensor, phrase_ids: Tensor, phrase_mask: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """z (T, D), keys and values (T, 10, D)."""
    reader = bert(state).to(state["bottleneck_text.weight"].dtype)
    whole = reader(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
    phrases = [
        reader(input_ids=phrase_ids[:, i], attention_mask=phrase_mask[:, i]).last_hidden_state[:, 0]
        for i in range(phrase_ids.shape[1])
    ]
    items = torch.stack(phrases, 1)
    keys, values = (
        layer_norm(state, f"bottleneck_text_{kind}", linear(state, f"fc_text_{kind}", items))
        for kind in ("key", "value")
    )
    return norm(state, "bottleneck_text", whole), keys, values


def score(photo: list[Tensor], text: list[Tensor]) -> float:
    """S of one photo and one text, from their vector, parts and values."""
    (x, queries, contents), (z, keys, values) = photo, text
    a = F.leaky_relu(unit(queries) @ unit(keys).T, 0.1)  # (7, 10)
    context = a / (a.square().sum(0, keepdim=True).sqrt() + 1e-8)
    gathered = (20 * context).softmax(1) @ values
    local = F.cosine_similarity(contents, gathered, dim=1, eps=1e-8).mean()
    return float(0.9 * F.cosine_similarity(x, z, dim=0) + 0.1 * local)
