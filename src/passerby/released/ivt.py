"""The IVT checkpoint that its authors released (Shu et al. 2022), as a model of `methods/ivt.py`.

Names are found from ours to theirs, so that each of ours has one of theirs and what is left over of
theirs is seen. Sizes are read off the tensors: a smaller checkpoint of the same names fits too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerby.build import preset
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe
from passerby.language.tokenizer import Tokenizer
from passerby.methods.ivt import Config, Ivt
from passerby.released import bert
from passerby.released.container import (
    AS_RELEASED,
    Container,
    another,
    check_axes,
    count,
    filled,
    left_over,
    other_shape,
)
from passerby.released.folder import Converted, Imported, imported

ALL = "encoder_vl."
PREFIXES = {
    "network.photo_tokens.cls": f"{ALL}cls_token",
    "network.photo_tokens.positions": f"{ALL}pos_embed",
    "network.photo_tokens.types": f"{ALL}type_embed",
    "network.photo_tokens.patches.": f"{ALL}patch_embed.proj.",
    "network.word_tokens.words.": f"{ALL}embeddings.word_embeddings.",
    "network.word_tokens.positions.": f"{ALL}embeddings.position_embeddings.",
    "network.word_tokens.segments.": f"{ALL}embeddings.token_type_embeddings.",
    "network.word_tokens.norm.": f"{ALL}embeddings.LayerNorm.",
    "network.blocks.": f"{ALL}blocks.",
    "network.norm.": f"{ALL}norm.",
}
INNER = {".attention.": ".attn.", ".photo.": ".mlp_vis.", ".text.": ".mlp_txt."}
ORDER = f"{ALL}embeddings.position_ids"  # 0, 1, 2, ...: counted here, not stored
# A temperature, a classifier and its norm that the authors' training made and never used.
DEAD = ("classifier_img.", "bottleneck_img.")
UNUSED = ("temp", ORDER)
PLACES = PREFIXES["network.photo_tokens.positions"]
PATCHES = f"{ALL}patch_embed.proj.weight"
BLOCK = f"{ALL}blocks.0."
PHOTO_INNER, TEXT_INNER = f"{BLOCK}mlp_vis.fc1.weight", f"{BLOCK}mlp_txt.fc1.weight"
WORDS = f"{ALL}embeddings.word_embeddings.weight"
WORD_PLACES = f"{ALL}embeddings.position_embeddings.weight"
SEGMENTS = f"{ALL}embeddings.token_type_embeddings.weight"
TEXT = (WORDS, WORD_PLACES, SEGMENTS, TEXT_INNER)
SIZED = {PLACES: 3, PATCHES: 4, PHOTO_INNER: 2, **dict.fromkeys(TEXT, 2)}


def import_ivt(file: Path, out: Path, tokenizer: Tokenizer | None = None) -> Imported:
    """The model folder `out` from a released checkpoint file.

    tokenizer: bert-base-uncased's; without one the model takes token ids only. Raises BadModel for
    a file that is damaged, would be executed, holds NaN or is another method's, for a tokenizer of
    another vocabulary, and unless `out` is new or empty. Nothing is written then.
    """
    return imported("IVT", "Shu et al. 2022", file, out, tokenizer, convert)


def convert(container: Container, where: str, tokenizer: Tokenizer | None = None) -> Converted:
    """Our names, shapes and settings for a released checkpoint; `where` begins each complaint.

    Raises BadModel for names or shapes that are not those of IVT, for patches that no stride lays
    as its positions count them, and for another tokenizer.
    """
    network = container.network
    missing = [name for name in SIZED if name not in network]
    if missing:
        strange = sorted(name for name in network if not _known(name))
        raise another(network, "IVT", missing, strange, where)
    check_axes(network, SIZED, where)
    config = _settings(network, where)
    bert.check_tokenizer(tokenizer, network, where, WORDS)
    try:
        with torch.device("meta"):  # all of it is about to be replaced
            model = Ivt(config, tokenizer)
    except BadRecipe as error:
        raise BadModel(f"{where} makes no IVT model: {error}") from None
    own = model.state_dict()
    names = {name: released_name(name) for name in own}
    classes = () if container.classes is None else ("W",)  # IVT tells no classes apart
    skipped = left_over(
        network,
        names.values(),
        lambda name: name.startswith(DEAD) or name in UNUSED,
        "IVT",
        where,
        classes,
    )
    _check_order(network, where)
    given = {name: (theirs, network[theirs]) for name, theirs in names.items()}
    return Converted(model, filled(own, given, where), skipped)


def released_name(name: str) -> str:
    """What the released checkpoint calls our tensor `name`."""
    ours = max((start for start in PREFIXES if name.startswith(start)), key=len)
    inner = name.removeprefix(ours)
    if ours == "network.blocks.":
        for part, theirs in INNER.items():
            inner = inner.replace(part, theirs)
    return PREFIXES[ours] + inner


def stride(places: int, patch: int, height: int, width: int) -> int | None:
    """How far apart patches lie on a photo where `places` of them fit, 1 at least and `patch` at
    most; of several such strides the largest. None where there is no such stride.
    """
    for step in range(patch, 0, -1):
        rows, columns = ((side - patch) // step + 1 for side in (height, width))
        if min(rows, columns) > 0 and rows * columns == places:
            return step
    return None


def _settings(network: Mapping[str, Tensor], where: str) -> Config:
    """The preset "released" with every size read off the checkpoint's tensors."""
    settings: dict[str, Any] = preset(Config, "released")
    usual = Config(**settings)
    photo = usual.photo
    width, _, patch, other = network[PATCHES].shape
    if patch != other:
        raise BadModel(
            f"{where}: {PATCHES!r} has patches of {patch}x{other}, not square ones; {AS_RELEASED}"
        )
    words = network[WORDS].shape
    if words[1] != width:
        raise other_shape(where, WORDS, words, (len(network[WORDS]), width))
    places = network[PLACES].shape[1]
    step = stride(places - 1, patch, photo.height, photo.width)
    if step is None:
        raise BadModel(
            f"{where}: {PLACES!r} has {places} places; patches of {patch}x{patch} on photos of "
            f"{photo.height}x{photo.width} make that many at no stride; {AS_RELEASED}"
        )
    depth = count(network, f"{ALL}blocks.")
    text = bert.settings(network, TEXT, depth)
    seen = {
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": text["num_attention_heads"],
        "intermediate_size": len(network[PHOTO_INNER]),
        "patch_size": patch,
    }
    try:
        return Config(
            **settings
            | {
                "image_encoder": EncoderSpec("vit", options=seen),
                "text_encoder": EncoderSpec("bert", options=text),
                "stride": step,
                "length": min(usual.length, text["max_position_embeddings"]),
            }
        )
    except BadRecipe as error:
        raise BadModel(f"{where} makes no IVT model: {error}") from None


def _check_order(network: Mapping[str, Tensor], where: str) -> None:
    """Raises BadModel where the checkpoint reads the places of words in another order than 0, 1,
    2, ...: nothing here would do so.
    """
    counted = list(range(len(network[WORD_PLACES])))
    if ORDER in network and network[ORDER].flatten().tolist() != counted:
        raise BadModel(f"{where}: {ORDER!r} does not count from 0 on; {AS_RELEASED}")


def _known(name: str) -> bool:
    """Whether a name begins as one of the checkpoint does; all that can be said without sizes."""
    return name in UNUSED or name.startswith((*PREFIXES.values(), *DEAD))
