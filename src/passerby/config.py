"""Recipes: one flat TOML, typed, every key known; and the same dataclasses as JSON in a model."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from passerby.data.augment import Augment
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadRecipe
from passerby.method import PhotoSpec
from passerby.training.loop import Train
from passerby.training.optim import Optim

C = TypeVar("C")


@dataclass(frozen=True)
class Run:
    """name: folder under `out`. seed: of every random choice.

    vectors: folder that keeps what a frozen text encoder makes of captions, shared by the runs that
    name it; "" is the run's own.
    """

    name: str = "run"
    out: str = "runs"
    seed: int = 0
    vectors: str = ""


@dataclass(frozen=True)
class Draw:
    """People to draw for the training data before training, where persons > 0 (see drawn/)."""

    persons: int = 0
    photos: int = 4
    captions: int = 2
    seed: int = 0
    val_persons: int = 0
    test_persons: int = 0


@dataclass(frozen=True)
class Data:
    """train, val: NAME:ROOT. batch: pairs, of all processes that train together. pairs: "caption"
    (each caption a sample) or "photo" (a random one).

    sampler: "random", or "identity" (`each` pairs of batch // each persons). workers: processes
    that decode. cache: keep resized photos in memory. broken: "stop" at a photo that cannot be
    read, or "skip" it: another pair takes its place.
    """

    train: str = ""
    val: str = ""
    batch: int = 64
    pairs: str = "caption"
    sampler: str = "random"
    each: int = 4
    workers: int = 1
    cache: bool = False
    broken: str = "stop"


@dataclass(frozen=True)
class Vocabulary:
    """source: a folder or hub name with a tokenizer; "" trains WordPiece on the captions.

    size: entries at most. seen: how often a word must occur to be an entry.
    """

    source: str = ""
    size: int = 4000
    seen: int = 2


@dataclass(frozen=True)
class Recipe:
    """Everything a training run depends on. `method` is the raw table: its method types it."""

    run: Run = Run()
    draw: Draw = Draw()
    data: Data = Data()
    method: Mapping[str, Any] = field(default_factory=dict)
    photo: PhotoSpec = PhotoSpec()
    image_encoder: EncoderSpec = EncoderSpec("resnet")
    text_encoder: EncoderSpec = EncoderSpec("bert")
    vocabulary: Vocabulary = Vocabulary()
    augment: Augment = Augment()
    optim: Optim = field(default_factory=Optim)
    train: Train = Train()


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """A recipe file with `changes` ("optim.lr=1e-4") over it.

    Raises BadRecipe, with the nearest name, for an unknown key, a wrong type or no file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecipe(f"cannot read recipe {path} ({error}); name a .toml of recipes/") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRecipe(f"{path} is not TOML: {error}; correct that line") from None
    for change in changes:
        _apply(tables, change)
    recipe = parse_recipe(tables, str(path))
    if recipe.run.name == "run" and "name" not in tables.get("run", {}):
        recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, name=path.stem))
    return recipe


def parse_recipe(tables: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """A Recipe from its tables; see `read_recipe`."""
    tables = dict(tables)
    for name in ("image_encoder", "text_encoder"):
        if isinstance(tables.get(name), Mapping):
            tables[name] = _encoder(tables[name], f"{where} [{name}]")
    recipe = parse(Recipe, tables, where)
    if "name" not in recipe.method:
        raise BadRecipe(f'{where} [method] needs name, for example name = "twotower"')
    _check(recipe, where)
    return recipe


def parse(kind: type[C], table: Mapping[str, Any], where: str) -> C:
    """A dataclass from a table. Raises BadRecipe for unknown keys (nearest named), wrong types."""
    if not isinstance(table, Mapping):
        raise BadRecipe(f"{where} is a table, not {table!r}")
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in table:
        if name not in known:
            near = get_close_matches(name, known, 1, 0.0)
            raise BadRecipe(f"{where}: unknown key {name!r}; did you mean {near[0]!r}?")
    values = {n: _value(hints[n], v, f"{where}: {n}") for n, v in table.items()}
    try:
        return kind(**values)
    except TypeError:
        need = [n for n, f in known.items() if n not in values and _required(f)]
        raise BadRecipe(f"{where} needs {', '.join(need)}") from None


def to_json(value: Any) -> Any:
    """A dataclass as plain JSON values, such that `parse` gives it back."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: to_json(entry) for name, entry in value.items()}
    return [to_json(entry) for entry in value] if isinstance(value, tuple | list) else value


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _value(next(t for t in inner if t is not type(None)), value, where)
    if isinstance(value, hint if isinstance(hint, type) else ()) and dataclasses.is_dataclass(hint):
        return value
    if dataclasses.is_dataclass(hint):
        return parse(hint, value, where)  # type: ignore[arg-type]
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadRecipe(f"{where} is a list, not {value!r}")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(value):
            raise BadRecipe(f"{where} has {len(kinds)} entries, not {len(value)}")
        return tuple(_value(t, v, where) for t, v in zip(kinds, value, strict=True))
    if origin is not None:
        if not isinstance(value, Mapping):
            raise BadRecipe(f"{where} is a table, not {value!r}")
        return {name: _value(inner[1], v, f"{where}.{name}") for name, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRecipe(f"{where} is a number, not {value}")
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise BadRecipe(f"{where} is of type {hint.__name__}, not {value!r}")
    return value


def _encoder(table: Mapping[str, Any], where: str) -> EncoderSpec:
    """kind, source and, flat beside them, the settings of the transformers configuration."""
    if not isinstance(table.get("kind"), str) or not isinstance(table.get("source", ""), str):
        raise BadRecipe(f'{where} needs kind (a word), for example kind = "resnet"')
    if not isinstance(table.get("options", {}), Mapping):
        raise BadRecipe(f"{where} options is a table; the settings may also stand beside kind")
    options = {n: v for n, v in table.items() if n not in ("kind", "source", "options")}
    return EncoderSpec(
        table["kind"], table.get("source", ""), {**table.get("options", {}), **options}
    )


def _apply(tables: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    table, dot, key = name.strip().partition(".")
    if not equals or not dot:
        raise BadRecipe(f"--set {change!r} is not TABLE.KEY=VALUE, for example optim.lr=1e-4")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word needs no quotes on a command line
    entry = tables.setdefault(table, {})
    if not isinstance(entry, dict):
        raise BadRecipe(f"--set {change!r}: {table} is not a table")
    if not isinstance(value, str) and _is_word(table, key):
        value = text.strip()  # a name may look like a number or a date
    entry[key] = value


def _is_word(table: str, key: str) -> bool:
    """Whether the recipe's entry is a str."""
    kind = typing.get_type_hints(Recipe).get(table)
    return dataclasses.is_dataclass(kind) and typing.get_type_hints(kind).get(key) is str


def _check(recipe: Recipe, where: str) -> None:
    for ok, line in (
        (recipe.data.pairs in ("caption", "photo"), '[data] pairs is "caption" or "photo"'),
        (recipe.data.sampler in ("random", "identity"), '[data] sampler is "random" or "identity"'),
        (recipe.data.broken in ("stop", "skip"), '[data] broken is "stop" or "skip"'),
        (recipe.data.batch > 1, "[data] batch is 2 or more: a loss compares pairs"),
        (0 <= recipe.run.seed < 2**63, "[run] seed is from 0 to below 2**63"),
        (
            recipe.vocabulary.size > 0 and recipe.vocabulary.seen > 0,
            "[vocabulary] size and seen are 1 or more",
        ),
    ):
        if not ok:
            raise BadRecipe(f"{where}: {line}")


def _required(entry: dataclasses.Field[Any]) -> bool:
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING


def as_text(recipe: Recipe) -> str:
    """The recipe as one JSON line, to compare runs."""
    return json.dumps(to_json(recipe), sort_keys=True)
