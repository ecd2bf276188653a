"""The ACSA checkpoint that its authors released (Ji et al. 2022), as a model of `methods/acsa.py`.

Names are found from ours to theirs, so that each of ours has one of theirs and what is left over of
theirs is seen. Sizes are read off the tensors: a smaller checkpoint of the same names fits too.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerby.build import preset
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe
from passerby.language.tokenizer import Tokenizer
from passerby.methods.acsa import Acsa, Config
from passerby.released import bert, swin
from passerby.released.container import (
    AS_RELEASED,
    Container,
    another,
    check_axes,
    filled,
    left_over,
    other_shape,
    persons,
)
from passerby.released.folder import Converted, Imported, imported

PREFIXES = {
    "image_encoder.model.": swin.SWIN,
    "windows.norm.": "image_model.norm_window_stage3.",
    "text_encoder.model.": bert.BERT,
    "photo_norm.": "bottleneck_image.",
    "text_norm.": "bottleneck_text.",
    "photo_parts.block.": "basic_block.",
    "photo_parts.window_block.": "window_conv.",
    **{
        f"photo_parts.narrow.{place}.": f"fc_{region}.fc_{region}."
        for place, region in enumerate(("head", "upper", "lower", "feet"))
    },
    "photo_parts.query.": "fc_image_query.",
    "photo_parts.value.": "fc_image_value.",
    "text_parts.key.": "fc_text_key.",
    "text_parts.key_norm.": "bottleneck_text_key.",
    "text_parts.value.": "fc_text_value.",
    "text_parts.value_norm.": "bottleneck_text_value.",
}
# The window norm of a stage too early (computed, then dropped), and ImageNet's classifier.
DEAD = (bert.POOLER, "image_model.norm_window_stage2.", "image_model.head.")
BLOCKS = ("photo_parts.block.", "photo_parts.window_block.")
INNER = {"first.": "conv1.", "first_norm.": "bn1.", "second.": "conv2.", "second_norm.": "bn2."}
KERNEL = re.compile(r"photo_parts\.(window_)?block\.(first|second)\.weight")
SIDE = 3  # of those kernels; on a map of one place, padded by one, their centre alone acts
PHRASES = "bottleneck_text_key.weight"
TOLD = (
    "In the file, the residual blocks of regions and windows are 3x3 convolutions on a map of one "
    "place: only the centre of a kernel ever acted, and it is all that was kept; the other 8/9 of "
    "their numbers did nothing. Positions and masks of attention are computed from sizes; those "
    "that the file stores were found to be the same."
)


def import_acsa(file: Path, out: Path, tokenizer: Tokenizer | None = None) -> Imported:
    """The model folder `out` from a released checkpoint file.

    tokenizer: of its BERT; without one the model takes token ids only. Raises BadModel for a file
    that is damaged, would be executed, holds NaN or is another method's, for a tokenizer of another
    vocabulary, and unless `out` is new or empty. Nothing is written then.
    """
    return imported("ACSA", "Ji et al. 2022", file, out, tokenizer, convert, [TOLD])


def convert(container: Container, where: str, tokenizer: Tokenizer | None = None) -> Converted:
    """Our names, shapes and settings for a released checkpoint; `where` begins each complaint.

    Raises BadModel for names, shapes or attention masks that are not those of ACSA, and for another
    tokenizer.
    """
    network = container.network
    sized = {**swin.sized(network), **bert.SIZED, PHRASES: 2}
    missing = [name for name in sized if name not in network]
    if missing:
        strange = sorted(name for name in network if not _known(name))
        raise another(network, "ACSA", missing, strange, where)
    check_axes(network, sized, where)
    config = _settings(container, where)
    bert.check_tokenizer(tokenizer, network, where)
    try:
        with torch.device("meta"):  # all of it is about to be replaced
            model = Acsa(config, tokenizer)
    except BadRecipe as error:
        raise BadModel(f"{where} makes no ACSA model: {error}") from None
    own = {name: tensor for name, tensor in model.state_dict().items() if name != "classes"}
    names = {name: released_name(name) for name in own}
    computed = swin.buffers(model.image_encoder.model)
    rest = {name: tensor for name, tensor in network.items() if name not in computed}
    skipped = left_over(rest, names.values(), lambda name: name.startswith(DEAD), "ACSA", where)
    swin.check_buffers(network, computed, where)
    given = {
        name: (theirs, _acting(name, own[name], theirs, network[theirs], where))
        for name, theirs in names.items()
    }
    if model.classes is not None and container.classes is not None:
        own["classes"], given["classes"] = model.classes, ("W", container.classes.T)
    return Converted(model, filled(own, given, where), skipped)


def released_name(name: str) -> str:
    """What the released checkpoint calls our tensor `name`; queries, keys and values of a Swin's
    block are one matrix there.
    """
    ours = max((start for start in PREFIXES if name.startswith(start)), key=len)
    inner = name.removeprefix(ours)
    if PREFIXES[ours] == swin.SWIN:
        return swin.released_name(inner)
    if ours in BLOCKS:
        part = next(start for start in INNER if inner.startswith(start))
        inner = INNER[part] + inner.removeprefix(part)
    return PREFIXES[ours] + inner


def _acting(name: str, own: Tensor, theirs: str, found: Tensor, where: str) -> Tensor:
    """What our tensor `own` takes of theirs: a third of it, a kernel's centre, or all."""
    third = swin.third(name)
    if third is not None:
        if len(own) * 3 != (len(found) if found.ndim else 0):
            raise other_shape(where, theirs, found.shape, (3 * len(own), *own.shape[1:]))
        return found.unflatten(0, (3, -1))[third]
    if KERNEL.fullmatch(name):
        if found.shape != (*own.shape, SIDE, SIDE):
            raise other_shape(where, theirs, found.shape, (*own.shape, SIDE, SIDE))
        return found[:, :, SIDE // 2, SIDE // 2]
    return found


def _settings(container: Container, where: str) -> Config:
    """The preset "released" with every size read off the checkpoint's tensors."""
    network = container.network
    photo, text = swin.options(network, where), bert.options(network)
    width = text["hidden_size"]
    stages = len(photo["depths"])
    if photo["embed_dim"] * 2 ** (stages - 1) != width:
        raise BadModel(
            f"{where}: {stages} stages from {photo['embed_dim']} channels on do not end in the "
            f"{width} numbers of its BERT; {AS_RELEASED}"
        )
    classes = persons(container, width, where)
    settings: dict[str, Any] = preset(Config, "released")
    places = text["max_position_embeddings"]
    side = swin.photo_side(photo)
    try:
        return Config(
            **settings
            | {
                "photo": replace(Config().photo, height=side, width=side),
                "image_encoder": EncoderSpec("swin", options=photo),
                "text_encoder": EncoderSpec("bert", options=text),
                "phrases": len(network[PHRASES]),
                "length": min(settings["length"], places),
                "phrase_length": min(settings["phrase_length"], places),
                "persons": classes,
            }
        )
    except BadRecipe as error:
        raise BadModel(f"{where} makes no ACSA model: {error}") from None


def _known(name: str) -> bool:
    """Whether a name begins as one of the checkpoint does; all that can be said without sizes."""
    return name.startswith((*(set(PREFIXES.values()) - {swin.SWIN}), *swin.STARTS, *DEAD))
