"""Taking weights from a transformers folder or hub name: nothing missing, nothing silent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from passerby.encoders.spec import EncoderSpec, configure, unfit, unreachable, untrained
from passerby.errors import BadModel


def pretrained(model_class: Any, source: str, **settings: Any) -> nn.Module:
    """A model with the weights of `source` (safetensors only: a pickle is never executed).

    Raises BadModel when the source cannot be read or leaves weights of the model unset.
    """
    from transformers.utils import logging

    spoken = logging.get_verbosity()
    logging.set_verbosity_error()  # its report of differing shapes takes a screen
    try:
        model, info = model_class.from_pretrained(
            source,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **settings,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise unreachable(source, error) from None
    except Exception as error:  # whatever a layer says of a size of 0 or a list too short
        raise unfit(source, error) from None
    finally:
        logging.set_verbosity(spoken)
    differing = sorted(info["mismatched_keys"])
    if differing:
        name, there, asked = differing[0]
        raise BadModel(
            f"{source}: weight {name!r} has shape {tuple(there)}, the settings ask for "
            f"{tuple(asked)}; leave out the options that change sizes, or take another source"
        )
    missing = sorted(info["missing_keys"])
    if missing:
        raise BadModel(
            f"{source} leaves {len(missing)} weights unset, the first being {missing[0]!r}; "
            "it is not a complete checkpoint of this kind"
        )
    return model


def described(source: str) -> Mapping[str, Any]:
    """What config.json says when `source` is a model folder of passerby; else empty."""
    try:
        told = json.loads((Path(source) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) and {"method", "config"} <= set(told) else {}


def inherited(
    spec: EncoderSpec, tower: str, config_class: Any, model_class: Any, **extra: Any
) -> Any:
    """The encoder that a passerby model folder holds as `tower` ("image_encoder"), to start from.

    Raises BadModel when the folder has none of this kind, or its weights do not fit the options.
    """
    told = described(spec.source)["config"].get(tower, {})
    if told.get("kind") != spec.kind:
        raise BadModel(
            f"{spec.source} holds {told.get('kind') or 'no encoder'!r} as {tower}, not "
            f"{spec.kind!r}; change the kind or name another source"
        )
    options = {**told["options"], **spec.options}
    model = untrained(model_class, configure(config_class, options), **extra)
    try:
        model.load_state_dict(stored(spec.source, f"{tower}.model."))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise BadModel(
            f"{spec.source}: its {tower} does not fit ({reason}); leave out options that change "
            "sizes, or name a model that keeps this encoder whole, such as a twotower"
        ) from None
    return model


def stored(source: str, start: str) -> dict[str, Tensor]:
    """The tensors of a passerby model folder whose names begin with `start`, without it; no other
    is read.
    """
    try:
        with safe_open(Path(source) / "model.safetensors", "pt") as file:
            names = [name for name in file.keys() if name.startswith(start)]  # noqa: SIM118 - no dict
            return {name.removeprefix(start): file.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError) as error:
        raise unreachable(source, error) from None


def resize_positions(positions: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Position embeddings of another grid.

    positions: (1 + h*w, D), the class token's first, for the grid `old` = (h, w). Returns
    (1 + H*W, D) for `new` = (H, W), bicubic, as ViT fine-tuning does at another resolution
    (Dosovitskiy et al. 2021, section 3.2).
    """
    if old == new:
        return positions
    grid = positions[1:].reshape(1, *old, -1).permute(0, 3, 1, 2).float()
    grid = torch.nn.functional.interpolate(grid, new, mode="bicubic", align_corners=False)
    grid = grid.permute(0, 2, 3, 1).reshape(new[0] * new[1], -1)
    return torch.cat([positions[:1], grid.to(positions.dtype)])
