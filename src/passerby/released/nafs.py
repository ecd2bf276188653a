"""The NAFS checkpoint that its authors released (Gao et al. 2021), as a model of `methods/nafs.py`.

Names are found from ours to theirs, so that each of ours has one of theirs and what is left over of
theirs is seen. Sizes are read off the tensors: a smaller checkpoint of the same names fits too.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from passerby.build import preset
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe
from passerby.language.tokenizer import Tokenizer
from passerby.method import PhotoSpec
from passerby.methods.nafs import Config, Nafs
from passerby.released import bert
from passerby.released.container import (
    Container,
    another,
    check_axes,
    count,
    filled,
    left_over,
    persons,
)
from passerby.released.folder import Converted, Imported, imported

PREFIXES = {
    "image_encoder.embedder.embedder.convolution.": "image_model.conv1.",
    "image_encoder.embedder.embedder.normalization.": "image_model.bn1.",
    "text_encoder.model.": bert.BERT,
    "photo_head.": "conv_images.",
    "photo_norm.": "bottleneck_image.",
    "text_head.": "conv_text.",
    "text_norm.": "bottleneck_text.",
    "text_parts.key.": "local_fc_text_key.",
    "text_parts.key_norm.": "local_bottleneck_text_key.",
    "text_parts.value.": "local_fc_text_value.",
    "text_parts.value_norm.": "local_bottleneck_text_value.",
    "photo_parts.query.": "global_image_query.",
    "photo_parts.value.": "global_image_value.",
}
STAGES = {
    "trunk.0": "layer1",
    "trunk.1": "layer2",
    "third": "layer3",
    "fourth": "layer4",
    "branch2.0": "branch2_layer3",
    "branch2.1": "branch2_layer4",
    "branch3.0": "branch3_layer4",
}
LISTS = {"narrow": "", "queries": "_query", "values": "_value"}
STAGE = re.compile(r"image_encoder\.(\w+(?:\.\d)?)\.layers\.(\d+)\.(.+)")
INNER = re.compile(r"(?:layer\.(\d)|shortcut)\.(convolution|normalization)\.(\w+)")
STRIPE = re.compile(r"photo_parts\.(narrow|queries|values)\.(\d+)\.(\w+)")
SIZED = {  # what sizes are read off, and how many axes it has
    "image_model.conv1.weight": 4,
    **{f"image_model.layer{n}.0.conv3.weight": 4 for n in range(1, 5)},
    **bert.SIZED,
    "local_bottleneck_text_key.weight": 2,
    "fc_p2_list.0.weight": 2,
    "fc_p3_list.0.weight": 2,
}


def import_nafs(file: Path, out: Path, tokenizer: Tokenizer | None = None) -> Imported:
    """The model folder `out` from a released checkpoint file.

    tokenizer: of the BERT that was fine-tuned; without one the model takes token ids only. Raises
    BadModel for a file that is damaged, would be executed, holds NaN or is another method's, for a
    tokenizer of another vocabulary, and unless `out` is new or empty. Nothing is written then.
    """
    return imported("NAFS", "Gao et al. 2021", file, out, tokenizer, convert)


def convert(container: Container, where: str, tokenizer: Tokenizer | None = None) -> Converted:
    """Our names, shapes and settings for a released checkpoint; `where` begins each complaint.

    Raises BadModel for names or shapes that are not those of NAFS, and for another tokenizer.
    """
    network = container.network
    missing = [name for name in SIZED if name not in network]
    if missing:
        strange = sorted(name for name in network if not _known(name))
        raise another(network, "NAFS", missing, strange, where)
    config = _settings(container, where)
    bert.check_tokenizer(tokenizer, network, where)
    try:
        with torch.device("meta"):  # all of it is about to be replaced
            model = Nafs(config, tokenizer)
    except BadRecipe as error:
        raise BadModel(f"{where} makes no NAFS model: {error}") from None
    own = {name: tensor for name, tensor in model.state_dict().items() if name != "classes"}
    names = {name: released_name(name, config.stripes[0]) for name in own}
    skipped = left_over(
        network, names.values(), lambda name: name.startswith(bert.POOLER), "NAFS", where
    )
    given = {name: (theirs, network[theirs]) for name, theirs in names.items()}
    if model.classes is not None and container.classes is not None:
        own["classes"], given["classes"] = model.classes, ("W", container.classes.T)
    return Converted(model, filled(own, given, where), skipped)


def released_name(name: str, finer: int) -> str:
    """What the released checkpoint calls our tensor `name`. finer: stripes of the finer branch.

    A ResNet is named as torchvision does, block by block; stripes are numbered in each branch anew.
    """
    stage, stripe = STAGE.fullmatch(name), STRIPE.fullmatch(name)
    if stage is not None:
        inner = INNER.fullmatch(stage[3])
        assert inner is not None, name
        layer, kind, what = inner.groups()
        convolution = kind == "convolution"
        if layer is None:
            part = f"downsample.{0 if convolution else 1}"
        else:
            part = f"{'conv' if convolution else 'bn'}{int(layer) + 1}"
        return f"image_model.{STAGES[stage[1]]}.{stage[2]}.{part}.{what}"
    if stripe is not None:
        number = int(stripe[2])
        branch, place = (2, number) if number < finer else (3, number - finer)
        return f"fc_p{branch}_list{LISTS[stripe[1]]}.{place}.{stripe[3]}"
    ours = max((start for start in PREFIXES if name.startswith(start)), key=len)
    return PREFIXES[ours] + name.removeprefix(ours)


def _settings(container: Container, where: str) -> Config:
    """The preset "released" with every size read off the checkpoint's tensors."""
    network = container.network
    check_axes(network, SIZED, where)
    text = bert.options(network)
    classes = persons(container, text["hidden_size"], where)
    places = text["max_position_embeddings"]
    # The matrix holds the sentence, the two sub-sentences and all tokens but the first and last.
    length = len(network["local_bottleneck_text_key.weight"]) - 3 + 2
    if length > places:
        raise BadModel(f"{where} reads {length} tokens, its BERT has places for {places}")
    stages = [f"image_model.layer{number}." for number in range(1, 5)]
    photo = {
        "layer_type": "bottleneck",
        "embedding_size": len(network["image_model.conv1.weight"]),
        "hidden_sizes": [len(network[f"{stage}0.conv3.weight"]) for stage in stages],
        "depths": [count(network, stage) for stage in stages],
    }
    own = {
        "photo": PhotoSpec(384, 128),
        "image_encoder": EncoderSpec("resnet", options=photo),
        "text_encoder": EncoderSpec("bert", options=text),
        "stripes": (count(network, "fc_p2_list."), count(network, "fc_p3_list.")),
        "length": length,
        "persons": classes,
    }
    try:
        return Config(**preset(Config, "released") | own)
    except BadRecipe as error:
        raise BadModel(f"{where} makes no NAFS model: {error}") from None


def _known(name: str) -> bool:
    """Whether a name begins as one of the checkpoint does; all that can be said without sizes."""
    stages = tuple(f"image_model.{stage}." for stage in STAGES.values())
    return name.startswith((*PREFIXES.values(), *stages, "fc_p2_list", "fc_p3_list"))
