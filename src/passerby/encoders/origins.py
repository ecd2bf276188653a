"""Where the weights of a network for photos and texts start: a ViT, a BERT, another such network.

A ViT gives attention, norms, the photo's feed-forward, patches, class token and positions; a BERT
the words' tables and norm and the text's feed-forward, layer by layer. Its own attention and the
norms of its layers stay out, as in IVT: they were made for post-norm blocks. Layers that a BERT has
not start at random; where fewer are asked for, its first are taken. Of a model folder of passerby
that holds such a network each side gives its own part: the photo's all that a ViT gives, the text's
all that a BERT gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from passerby.encoders.photos import pair
from passerby.encoders.spec import (
    EncoderSpec,
    choose,
    configure,
    read_source,
    settings,
)
from passerby.encoders.weights import described, inherited, pretrained, resize_positions, stored
from passerby.errors import BadModel, BadRecipe

OWN = "network."  # how names of such a network begin in a model folder
POSITIONS, TYPES = "photo_tokens.positions", "photo_tokens.types"
_TEXT = re.compile(r"word_tokens\.|blocks\.\d+\.text\.|text_blocks\.|text_norm\.")
_VIT = {
    "embeddings.cls_token": "photo_tokens.cls",
    "embeddings.position_embeddings": POSITIONS,
    "embeddings.patch_embeddings.projection.": "photo_tokens.patches.",
    "layernorm.": "norm.",
}
_VIT_LAYER = {
    "layernorm_before.": "norm1.",
    "layernorm_after.": "norm2.",
    "attention.o_proj.": "attention.proj.",
    "mlp.": "photo.",
}
_BERT = {
    "embeddings.word_embeddings.": "word_tokens.words.",
    "embeddings.position_embeddings.": "word_tokens.positions.",
    "embeddings.token_type_embeddings.": "word_tokens.segments.",
    "embeddings.LayerNorm.": "word_tokens.norm.",
}
_BERT_LAYER = {"intermediate.dense.": "text.fc1.", "output.dense.": "text.fc2."}
_LOOSE = ("num_hidden_layers", "num_attention_heads", "hidden_dropout_prob")
# Of a BERT's layers, what stays out.
LEFT_OUT = re.compile(r"encoder\.layer\.\d+\.(attention\.|output\.LayerNorm\.)")


@dataclass(frozen=True)
class Start:
    """tensors: by the network's names. size, stride: of the photos and patches whose grid the
    positions are of; own: whether they are of such a network, so that types are told too.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    stride: int = 0
    own: bool = False


def photo_start(spec: EncoderSpec) -> tuple[EncoderSpec, Any, Start]:
    """The spec without the source of a network, the ViTConfig (None for another photo encoder,
    which reads its own source), and the photo side's weights. Raises BadModel, BadRecipe.
    """
    from transformers import ViTConfig, ViTModel

    told = described(spec.source)
    own = _own(spec.source)
    if own:
        told = told["config"]
        side = told["image_encoder"]
        if side["kind"] != spec.kind:
            raise BadModel(
                f"{spec.source} holds a network of {side['kind']!r}, not {spec.kind!r}; change the "
                "kind or name another source"
            )
        start = Start(
            {name: t for name, t in own.items() if not _TEXT.match(name)},
            _photo_size(told, spec.source), told.get("stride", 0), True,
        )  # fmt: skip
        spec = EncoderSpec(spec.kind, "", {**side["options"], **spec.options})
        return spec, configure(ViTConfig, spec.options) if spec.kind == "vit" else None, start
    if spec.kind != "vit":
        return spec, None, Start()
    options = {name: value for name, value in spec.options.items() if name != "image_size"}
    if not spec.source:
        return spec, configure(ViTConfig, options), Start()
    fitted = EncoderSpec(spec.kind, spec.source, options)
    extra = {"add_pooling_layer": False}
    if told:
        model = inherited(fitted, "image_encoder", ViTConfig, ViTModel, **extra)
    else:
        config = read_source(fitted, ViTConfig)
        model = pretrained(ViTModel, spec.source, config=config, **extra)
    return spec, model.config, Start(from_vit(model.state_dict()), pair(model.config.image_size))


def text_start(spec: EncoderSpec, vocabulary: int | None) -> tuple[Any, Start]:
    """The BertConfig and the text side's weights; a vocabulary sizes what starts from nothing.

    Raises BadModel, and BadRecipe for another kind.
    """
    from transformers import BertConfig, BertModel

    choose({"bert": None}, spec.kind, "text")
    told, own = described(spec.source), _own(spec.source)
    if own:
        options = {**told["config"]["text_encoder"]["options"], **spec.options}
        tensors = {name: tensor for name, tensor in own.items() if _TEXT.match(name)}
        config = configure(BertConfig, options)
        return config, Start(_first(tensors, config.num_hidden_layers), own=True)
    if not spec.source:
        words = {} if vocabulary is None else {"vocab_size": vocabulary}
        return configure(BertConfig, {**words, **spec.options}), Start()
    extra = {"add_pooling_layer": False}
    # What is the network's own and no matter of a BERT's tensors.
    loose = {name: value for name, value in spec.options.items() if name in _LOOSE}
    rest = {name: value for name, value in spec.options.items() if name not in _LOOSE}
    fitted = EncoderSpec(spec.kind, spec.source, rest)
    if told:
        model = inherited(fitted, "text_encoder", BertConfig, BertModel, **extra)
    else:
        config = read_source(fitted, BertConfig)
        model = pretrained(BertModel, spec.source, config=config, **extra)
    config = configure(BertConfig, {**settings(model.config), **loose})
    return config, Start(_first(from_bert(model.state_dict()), config.num_hidden_layers))


def from_vit(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """transformers' ViTModel by the network's names; queries, keys and values become one matrix."""
    made: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        layer = re.match(r"layers\.(\d+)\.(.*)", name)
        if layer is None:
            made[_renamed(name, _VIT)] = tensor
        elif not re.match(r"attention\.[qkv]_proj\.", layer[2]):
            made[f"blocks.{layer[1]}.{_renamed(layer[2], _VIT_LAYER)}"] = tensor
        elif layer[2].startswith("attention.q_proj."):
            kind = layer[2].rsplit(".", 1)[1]
            parts = [weights[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            made[f"blocks.{layer[1]}.attention.qkv.{kind}"] = torch.cat(parts)
    return made


def from_bert(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """transformers' BertModel by the network's names, without what LEFT_OUT names."""
    made = {}
    for name, tensor in weights.items():
        layer = re.match(r"encoder\.layer\.(\d+)\.(.*)", name)
        if layer is None:
            made[_renamed(name, _BERT)] = tensor
        elif not LEFT_OUT.match(name):
            made[f"blocks.{layer[1]}.{_renamed(layer[2], _BERT_LAYER)}"] = tensor
    return made


def check_sizes(sizes: Any, words: Any, text: EncoderSpec, drop_path: float) -> None:
    """Raises BadRecipe where these settings make no network, or one that is not ours."""
    dropouts = (words.hidden_dropout_prob, sizes.hidden_dropout_prob)
    for wrong, line in (
        (
            words.hidden_size != sizes.hidden_size,
            f"{text.source or '[text_encoder]'}: words of {words.hidden_size} numbers in a network "
            f"of {sizes.hidden_size}; one network has one width: take sources of one hidden_size",
        ),
        (
            words.num_hidden_layers > sizes.num_hidden_layers,
            f"[text_encoder] has {words.num_hidden_layers} layers, the network "
            f"{sizes.num_hidden_layers}; set its num_hidden_layers to at most that",
        ),
        (
            sizes.hidden_size % sizes.num_attention_heads,
            f"{sizes.num_attention_heads} heads do not divide the {sizes.hidden_size} numbers of a "
            "token; correct num_attention_heads or hidden_size",
        ),
        (
            {words.hidden_act, sizes.hidden_act} != {"gelu"},
            f"hidden_act is {words.hidden_act!r} and {sizes.hidden_act!r}; feed-forwards have "
            '"gelu" here: take other sources',
        ),
        (
            not getattr(sizes, "qkv_bias", True) or getattr(sizes, "num_channels", 3) != 3,
            "qkv_bias is on and num_channels is 3 in this network; leave them out",
        ),
        (
            not all(0 <= share < 1 for share in (*dropouts, sizes.attention_probs_dropout_prob)),
            "hidden_dropout_prob and attention_probs_dropout_prob are from 0 to below 1",
        ),
        (
            words.max_position_embeddings < 3,
            "max_position_embeddings is 3 or more: a text has an opening and a closing token",
        ),
        (not 0 <= drop_path < 1, f"drop_path = {drop_path}; it is from 0 to below 1"),
    ):
        if wrong:
            raise BadRecipe(line)


@torch.no_grad()
def fill(network: Any, start: Start, source: str) -> None:
    """Puts a start's tensors into the network: positions resized to its grid, all else as it is.

    A network's types of another form than ours are added to its positions, which says the same.
    Raises BadModel for tensors that the network has not or has in another shape.
    """
    tensors = dict(start.tensors)
    if POSITIONS in tensors:
        _fit_places(network, tensors, start)
    held = network.state_dict()
    for told, tensor in tensors.items():
        name = told
        if network.attention == "separate" and _TEXT.match(told):
            name = re.sub(r"^blocks\.", "text_blocks.", told)
        own = held.get(name)
        if own is None or own.shape != tensor.shape:
            there = "none" if own is None else tuple(own.shape)
            raise BadModel(
                f"{source}: {told!r} has shape {tuple(tensor.shape)}, the network {there}; take a "
                "source of the same sizes and attention, or leave out what changes them"
            )
        own.copy_(tensor)
    if start.own and POSITIONS in tensors:
        lost = [n for n in held if n not in tensors and not _TEXT.match(n) and n != TYPES]
        if lost:
            raise BadModel(
                f"{source} has no {lost[0]!r} to start from; ask for no more layers than it has"
            )


def _fit_places(network: Any, tensors: dict[str, Tensor], start: Start) -> None:
    """Positions and types of the network's grid and form."""
    old, new = network.grid(start.size, start.stride), network.photo_tokens.grid
    places, types = tensors[POSITIONS], tensors.pop(TYPES, None)
    own = network.photo_tokens.types
    if start.own and (types is None or own is None or (own.shape[1] == 1) != (types.shape[1] == 1)):
        places = places if types is None else places + types
        types = None if own is None else torch.zeros_like(places if own.shape[1] > 1 else own)
    tensors[POSITIONS] = resize_positions(places[0], old, new)[None]
    if types is not None:
        one = types.shape[1] == 1
        tensors[TYPES] = types if one else resize_positions(types[0], old, new)[None]


def _own(source: str) -> dict[str, Tensor]:
    """The tensors of the network in a model folder of passerby; none where there is none."""
    return stored(source, OWN) if described(source) else {}


def _photo_size(told: Mapping[str, Any], source: str) -> tuple[int, int]:
    try:
        return told["photo"]["height"], told["photo"]["width"]
    except (KeyError, TypeError):
        raise BadModel(
            f"{source}: its config.json tells no size of photos; copy the whole model folder"
        ) from None


def _first(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Without what is of blocks from number `layers` on."""
    numbers = {name: re.match(r"(?:text_)?blocks\.(\d+)\.", name) for name in tensors}
    return {n: t for n, t in tensors.items() if not (m := numbers[n]) or int(m[1]) < layers}


def _renamed(name: str, starts: Mapping[str, str]) -> str:
    for start, ours in starts.items():
        if name.startswith(start):
            return ours + name.removeprefix(start)
    raise BadModel(f"no place for the weight {name!r} in a network for photos and texts")
