"""What an encoder is made of, as a recipe or a model folder says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from passerby.errors import BadModel, BadRecipe

_SIZES = ("size", "sizes", "depths", "heads", "layers", "embeddings")  # how such names end


@dataclass(frozen=True)
class EncoderSpec:
    """One encoder of transformers.

    kind: "resnet", "vit", "swin", "clip-vision" for photos; "bert", "clip-text" for texts.
    source: a local folder or a hub name to take weights from, or a model folder of passerby, whose
    own encoder is the start ("default": the shipped model's); "" starts from random weights.
    options: settings of the transformers configuration class (over those of the source).
    """

    kind: str
    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def choose(kinds: Mapping[str, Any], kind: str, what: str) -> Any:
    """The entry of `kinds` named `kind`. Raises BadRecipe with the nearest name."""
    if kind not in kinds:
        near = get_close_matches(kind, kinds, 1, 0.0)[0]
        raise BadRecipe(f"no {what} encoder {kind!r}; did you mean {near!r}? ({', '.join(kinds)})")
    return kinds[kind]


def configure(config_class: Any, options: Mapping[str, Any]) -> Any:
    """A transformers configuration. Raises BadRecipe when it knows no such setting."""
    known = set(config_class().to_dict())
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1, 0.0)[0]
            raise BadRecipe(f"{config_class.__name__} has no {name!r}; did you mean {near!r}?")
        if name.endswith(_SIZES) and any(n < 1 for n in _whole_numbers(options[name])):
            raise BadRecipe(f"{config_class.__name__}: {name} is 1 or more, not {options[name]}")
    try:
        return config_class(**options)
    except Exception as error:  # its strict dataclasses raise errors of many roots
        reason = " ".join(str(error).split())[:200]
        raise BadRecipe(f"{config_class.__name__} refuses these settings: {reason}") from None


def _whole_numbers(value: Any) -> list[int]:
    entries = value if isinstance(value, list | tuple) else [value]
    return [entry for entry in entries if isinstance(entry, int) and not isinstance(entry, bool)]


def untrained(model_class: Any, config: Any, **extra: Any) -> Any:
    """A transformers model of random weights. Raises BadRecipe when sizes do not fit."""
    try:
        return model_class(config, **extra)
    except Exception as error:  # whatever a layer says of a size of 0 or an unknown activation
        raise BadRecipe(
            f"{type(config).__name__} makes no model ({_named(error)}); correct its settings"
        ) from error


def read_source(spec: EncoderSpec, config_class: Any) -> Any:
    """The configuration that a folder or hub name holds, with `spec.options` over it.

    Raises BadModel when it cannot be read (with what to do about it) or is of another kind.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(spec.source)
    except (OSError, ValueError) as error:
        raise unreachable(spec.source, error) from None
    except Exception as error:  # its strict dataclasses raise errors of many roots
        raise unfit(spec.source, error) from None
    part = spec.kind.removeprefix("clip-")
    if config.model_type == "clip" and spec.kind.startswith("clip-"):
        config = getattr(config, f"{part}_config")
    if not isinstance(config, config_class):
        raise BadModel(
            f"{spec.source} holds a {config.model_type!r} model, not {spec.kind!r}; "
            "name another source or change the kind"
        )
    merged = {**config.to_dict(), **spec.options}
    configure(config_class, spec.options)
    return config_class.from_dict(merged)


def unfit(source: str, error: Exception) -> BadModel:
    """What to say of a folder whose config.json describes no model that can be made."""
    return BadModel(
        f"{source}: its config.json makes no model ({_named(error)}); correct it, or take another "
        "source"
    )


def _named(error: Exception) -> str:
    """An error's kind and words on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def settings(config: Any) -> dict[str, Any]:
    """Every setting of a configuration, so that a model folder needs no source.

    Keys that its class does not know, which old checkpoints carry, are left out.
    """
    known = set(type(config)().to_dict()) - {"transformers_version"}
    return {name: value for name, value in config.to_dict().items() if name in known}


def unreachable(source: str, error: Exception) -> BadModel:
    """What to do when a folder or hub name gives no model."""
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return BadModel(
        f"no model at {source!r} ({reason}); if it is a hub name and this machine is offline, "
        f"fetch it elsewhere with `hf download {source} --local-dir FOLDER` and set source to "
        "that folder"
    )
