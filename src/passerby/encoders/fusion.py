"""Texts that look at photos token by token: what a pair is judged by in pre-training, not searched.

Layers of BERT (Devlin et al. 2019), post-norm, with a cross-attention between self-attention and
feed-forward, as IVT's generic pre-training has it (Shu et al. 2022; our specification, 1.9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from passerby.encoders.packing import Rows
from passerby.encoders.shared import Attention, FeedForward
from passerby.encoders.spec import EncoderSpec, configure
from passerby.encoders.texts import text_encoder
from passerby.encoders.weights import described, stored
from passerby.errors import BadModel, BadRecipe

STD = 0.02  # of fresh weights, BERT's
OWN = "fusion."  # how the weights of a Fusion begin in a model folder
SAME = {  # names of a layer, ours and BERT's
    "attention.proj": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed.fc1": "intermediate.dense",
    "feed.fc2": "output.dense",
    "feed_norm": "output.LayerNorm",
}


class CrossAttention(nn.Module):
    """Texts ask, photos answer; rows of `both` are keys and values, each head by head."""

    def __init__(self, dim: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.both = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, rows: Rows, photos: Tensor, looks: Tensor) -> Tensor:
        """tokens: (S, D), T rows, to the same. photos: (P, N, D). looks: int64 (T,), at which."""
        query = rows.padded(self.query(tokens))
        # Keys and values once a photo, whatever the number of texts that look at it.
        key, value = self.both(photos).unflatten(2, (2, self.heads, -1)).unbind(2)
        found = scaled_dot_product_attention(
            query.unflatten(2, (self.heads, -1)).transpose(1, 2),
            key.index_select(0, looks).transpose(1, 2),
            value.index_select(0, looks).transpose(1, 2),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.proj(rows.unpadded(found.transpose(1, 2).flatten(2)))


class FusionLayer(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        dim, heads = config.hidden_size, config.num_attention_heads
        dropout, eps = config.attention_probs_dropout_prob, config.layer_norm_eps
        self.attention = Attention(dim, heads, dropout)
        self.cross = CrossAttention(dim, heads, dropout)
        self.feed = FeedForward(dim, config.intermediate_size)
        self.attention_norm, self.cross_norm, self.feed_norm = (
            nn.LayerNorm(dim, eps) for _ in range(3)
        )
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, tokens: Tensor, rows: Rows, photos: Tensor, looks: Tensor) -> Tensor:
        tokens = self.attention_norm(tokens + self.dropout(self.attention(tokens, rows)))
        seen = self.cross(tokens, rows, photos, looks)
        tokens = self.cross_norm(tokens + self.dropout(seen))
        return self.feed_norm(tokens + self.dropout(self.feed(tokens)))


class Fusion(nn.Module):
    """`layers` of them, with the sizes and dropouts of the "bert" `text`.

    From a source of BERT they take its first layers, all of each: self-attention, feed-forward and
    their norms; cross-attention starts fresh. From a model folder that has a fusion, all of it is
    taken; heads and temperature of pre-training always start anew.

    Raises BadRecipe for a number of layers that is not to be had, BadModel for a source without.
    """

    def __init__(self, text: EncoderSpec, layers: int) -> None:
        super().__init__()
        if layers < 1:
            raise BadRecipe(f"fusion_layers = {layers}; it is 1 or more")
        config, weights = _begun(text, layers)
        self.layers = nn.ModuleList(FusionLayer(config) for _ in range(layers))
        self.apply(fresh)
        if weights:
            _fill(self, weights, text.source)

    def forward(self, texts: Tensor, mask: Tensor, photos: Tensor, looks: Tensor) -> Tensor:
        """(T, L, D), zeros where a text has ended.

        texts: (T, L, D) and their mask (T, L), 1 on real tokens. photos: (P, N, D), all their
        tokens. looks: int64 (T,), the photo that each text looks at.
        """
        rows, places = Rows.of(mask != 0)
        tokens = texts.flatten(0, 1).index_select(0, places)
        for layer in self.layers:
            tokens = layer(tokens, rows, photos, looks)
        found = tokens.new_zeros(mask.numel(), tokens.shape[1]).index_copy(0, places, tokens)
        return found.unflatten(0, mask.shape)


class WordHead(nn.Module):
    """Which word stood at a token: dense, GELU, norm, then the word embeddings and a bias."""

    def __init__(self, dim: int, vocabulary: int, eps: float = 1e-12) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(dim, dim), nn.LayerNorm(dim, eps)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.apply(fresh)

    def forward(self, tokens: Tensor, words: Tensor) -> Tensor:
        """tokens: (M, D). words: the embeddings (V, D) they share. Logits (M, V)."""
        return linear(self.norm(gelu(self.dense(tokens))), words, self.bias)


def start(bert: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The weights of a `Fusion` that BERT's first layers give: all of theirs, each once."""
    found = {}
    for number in range(layers):
        own = f"encoder.layer.{number}."
        for end in ("weight", "bias"):
            asked = [bert[f"{own}attention.self.{n}.{end}"] for n in ("query", "key", "value")]
            found[f"layers.{number}.attention.qkv.{end}"] = torch.cat(asked)
            for name, theirs in SAME.items():
                found[f"layers.{number}.{name}.{end}"] = bert[f"{own}{theirs}.{end}"]
    return found


def fresh(module: nn.Module) -> None:
    """A linear map as BERT starts it."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=STD)
        nn.init.zeros_(module.bias)


def _begun(text: EncoderSpec, layers: int) -> tuple[Any, dict[str, Tensor]]:
    """The settings of BERT, and what the layers start from; nothing where there is no source."""
    from transformers import BertConfig

    if not text.source:
        return configure(BertConfig, text.options), {}
    told = described(text.source).get("config", {})
    own = stored(text.source, OWN) if told else {}
    if own:
        options = {**told["text_encoder"]["options"], **text.options}
        return configure(BertConfig, options), own
    if told and stored(text.source, "network."):
        raise BadModel(
            f"{text.source} holds a network, but no fusion to start from; name a BERT, or a model "
            "that was pre-trained with ITM or MLM"
        )
    bert = text_encoder(text).model
    if layers > bert.config.num_hidden_layers:
        raise BadRecipe(
            f"fusion_layers = {layers}, but {text.source} has {bert.config.num_hidden_layers} "
            "layers to start from; ask for at most that"
        )
    return bert.config, start(bert.state_dict(), layers)


def _fill(fusion: Fusion, weights: Mapping[str, Tensor], source: str) -> None:
    """Puts in what a source gives. Raises BadModel where that is not all but cross-attention."""
    own = fusion.state_dict()
    from_bert = not any(".cross" in name for name in weights)
    wanted = {name for name in own if not (from_bert and ".cross" in name)}
    odd = sorted(wanted ^ set(weights))
    odd = odd or sorted(n for n in wanted if own[n].shape != weights[n].shape)
    if odd:
        raise BadModel(
            f"{source}: {odd[0]!r} of its fusion is not as the settings ask for it; leave out "
            "those that change sizes, and keep its fusion_layers"
        )
    fusion.load_state_dict(dict(weights), strict=False)
