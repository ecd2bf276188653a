"""Names become objects here and only here: methods, models, galleries."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import json
import os
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import passerby.methods
from passerby.calibration import FILE, read_calibration, write_calibration
from passerby.config import Recipe, parse, to_json
from passerby.encoders.spec import EncoderSpec
from passerby.errors import BadModel, BadRecipe
from passerby.language.tokenizer import Tokenizer, read_tokenizer, train_wordpiece
from passerby.method import Method

if TYPE_CHECKING:
    from passerby.gallery.search import Searcher

FORMAT = 1
DEFAULT = Path(__file__).parent / "default_model"


def method_class(name: str) -> type[Method]:
    """The method in methods/NAME.py, or in the module a dotted name imports.

    Raises BadRecipe when there is none, with the nearest name.
    """
    folder = Path(str(passerby.methods.__file__)).parent
    known = sorted(f.stem for f in folder.glob("*.py") if not f.stem.startswith("_"))
    if "." not in name and name not in known:
        near = get_close_matches(name, known, 1, 0.0)[0]
        raise BadRecipe(f"no method {name!r}; did you mean {near!r}? A module of your own: a.b")
    if "." in name and "" in name.split("."):
        raise BadRecipe(f"{name!r} is no dotted name; a module of your own is written a.b")
    path = name if "." in name else f"passerby.methods.{name}"
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        raise BadRecipe(f"no module {path!r} ({error}); is its folder on PYTHONPATH?") from None
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Method) and value.__module__ == path
    ]
    if len(found) != 1:
        raise BadRecipe(f"{path} holds {len(found)} subclasses of Method; a module holds one")
    return found[0]


def config_class(kind: type[Method]) -> type[Any]:
    """The Config dataclass beside a method in its module. Raises BadRecipe when there is none."""
    config = vars(sys.modules[kind.__module__]).get("Config")
    if not dataclasses.is_dataclass(config) or not isinstance(config, type):
        raise BadRecipe(f"{kind.__module__} has no dataclass Config; write one beside the method")
    own = kind.photo_spec is not Method.photo_spec
    known = {field.name for field in dataclasses.fields(config)}
    if not own and "photo" not in known:
        raise BadRecipe(f"{kind.__module__}.Config has no field photo; add photo: PhotoSpec")
    unknown = sorted(set(kind.choices) - known)
    if unknown:
        raise BadRecipe(
            f"{kind.__module__}: choices names {unknown[0]!r}, which Config has not; add that field"
        )
    return config


def method_settings(recipe: Recipe) -> tuple[type[Method], Any]:
    """The recipe's method and its typed Config. Raises BadRecipe, with the nearest name.

    preset = NAME takes the settings that `Config.presets` gathers under that name; what the recipe
    says beside it comes before them.
    """
    kind = method_class(str(recipe.method["name"]))
    config = config_class(kind)
    settings = {name: value for name, value in recipe.method.items() if name != "name"}
    if "preset" in settings:
        settings = preset(config, settings.pop("preset")) | settings
    return kind, parse(config, settings, "[method]")


def preset(config: type[Any], name: object) -> dict[str, Any]:
    """The settings of a method's preset. Raises BadRecipe, with the nearest name."""
    known: Mapping[str, dict[str, Any]] = getattr(config, "presets", {})
    if name not in known:
        near = get_close_matches(str(name), known, 1, 0.0)
        hint = f"did you mean {near[0]!r}?" if near else "this method has none: leave it out"
        raise BadRecipe(f"[method] no preset {name!r}; {hint}")
    return dict(known[str(name)])


def build_method(recipe: Recipe, captions: Iterable[str], persons: int) -> Method:
    """A method ready to train: tokenizer read, or trained on `captions`; encoders from the recipe.

    persons: classes of the training split.
    """
    vocabulary = recipe.vocabulary
    for source in (vocabulary.source, recipe.image_encoder.source, recipe.text_encoder.source):
        _check_folder(source)
    photo, text = _at_home(recipe.image_encoder), _at_home(recipe.text_encoder)
    if vocabulary.source or text.source:
        tokenizer = read_tokenizer(vocabulary.source or text.source)
    else:
        tokenizer = train_wordpiece(captions, vocabulary.size, vocabulary.seen)
    kind, config = method_settings(recipe)
    given = {
        "photo": recipe.photo,
        "image_encoder": photo,
        "text_encoder": text,
        "persons": persons,
    }
    fields = {f.name for f in dataclasses.fields(config)}
    config = dataclasses.replace(config, **{n: v for n, v in given.items() if n in fields})
    return kind(config, tokenizer)


def _check_folder(source: str) -> None:
    """Raises BadModel for a folder that is not there; a hub name has one "/" at most."""
    is_path = source.count("/") > 1 or source.startswith((".", "/"))
    if is_path and not Path(source).is_dir():
        raise BadModel(
            f"no model folder at {source}; train or fetch it first, or set source to another"
        )


def _at_home(spec: EncoderSpec) -> EncoderSpec:
    """The spec with the shipped model's folder for the source "default"."""
    return dataclasses.replace(spec, source=str(DEFAULT)) if spec.source == "default" else spec


def save_method(
    method: Method,
    name: str,
    folder: Path,
    *,
    weights: Mapping[str, torch.Tensor] | None = None,
    half: bool = False,
    card: str = "",
) -> None:
    """Writes a model folder: config.json, model.safetensors, the tokenizer, a model card, and
    calibration.json when the method has a calibration.

    weights: instead of the method's own. half: store floats as fp16.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = {n: t.detach().cpu().contiguous() for n, t in (weights or method.state_dict()).items()}
    if half:
        kept = {n: t.half() if t.is_floating_point() else t for n, t in kept.items()}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    tokenizer = getattr(method, "tokenizer", None)
    described = {
        "format": FORMAT,
        "method": name,
        "tokenizer": isinstance(tokenizer, Tokenizer),
        "config": to_json(method.resolved()),
    }
    told = folder / "config.json"
    told.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    # safetensors writes for its owner alone; a service reads what others have trained.
    (folder / "model.safetensors").chmod(told.stat().st_mode & 0o777)
    if isinstance(tokenizer, Tokenizer):
        tokenizer.save(folder)
    if method.calibration is not None:
        write_calibration(folder, method.calibration)
    else:  # another model's, that was here before
        (folder / FILE).unlink(missing_ok=True)
    (folder / "README.md").write_text(card or f"# A {name} model of passerby\n", encoding="utf-8")


def model_folder(name: str | Path | None = None) -> Path:
    """The folder of a model as users name it: None and "default" are the shipped one."""
    return DEFAULT if str(name or "default") == "default" else Path(str(name))


def load_method(folder: str | Path | None = None, *, calibrated: bool = True) -> Method:
    """The method in a model folder (the default model when None), in eval mode, on the CPU.

    calibrated: with its calibration, where it has one; without, a damaged one is not met.
    Raises BadModel when the folder, its settings or its weights are wrong. A pickle is never read.
    """
    path = model_folder(folder)
    described = _described(path)
    kind = method_class(str(described["method"]))
    config = parse(config_class(kind), described["config"], f"{path}/config.json")
    tokenizer = read_tokenizer(path) if (path / "tokenizer.json").exists() else None
    if tokenizer is None and described.get("tokenizer"):
        raise BadModel(f"{path} has lost its tokenizer.json; copy the whole model folder")
    method = kind(config, tokenizer)
    _fill(method, read_weights(path / "model.safetensors"), path)
    method.calibration = read_calibration(path) if calibrated else None
    method.fingerprint = fingerprint(path)
    return method.eval()


def open_gallery(gallery: str | Path, model: str | Path | None = None) -> Searcher:
    """A gallery, ready to search with the model that made it; see `passerby.open`."""
    from passerby.gallery.search import Searcher
    from passerby.gallery.store import Store

    store = Store.open(Path(gallery))
    own = store.model_folder
    if model is None and own != "default" and not Path(own).is_dir():
        raise BadModel(
            f"no model folder at {own} any more, whose model made this gallery; say where it is "
            "now with --model"
        )
    return Searcher(load_method(model or own), store)


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises BadModel when it is missing or damaged."""
    if not file.is_file():
        others = [
            f.name for f in file.parent.glob("*") if f.suffix in (".pt", ".pth", ".bin", ".tar")
        ]
        hint = f" ({others[0]} is a pickle, which is never executed here)" if others else ""
        raise BadModel(f"no {file.name} in {file.parent}{hint}; name a folder passerby has written")
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise BadModel(
            f"{file} is not a whole safetensors file ({error}); a pickle is never executed, and a "
            "truncated file must be copied again"
        ) from None


def fingerprint(folder: Path) -> str:
    """sha256 over what decides embeddings: settings, weights and tokenizer."""
    digest = hashlib.sha256()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        file = folder / name
        if file.is_file():
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def device_for(name: str) -> torch.device:
    """ "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1"."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise BadRecipe(f"no device {name!r}; it is auto, cpu or cuda")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BadRecipe("this machine has no CUDA device; use cpu or auto")
    return device


def _described(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        near = " (it is a file: a pickle is never executed)" if path.is_file() else ""
        raise BadModel(f"no model folder at {path}{near}; train one, or leave --model out")
    file = path / "config.json"
    if not file.is_file():
        if os.path.lexists(path / "model.safetensors"):
            raise BadModel(f"{path} has weights but no config.json; copy the whole model folder")
        raise BadModel(f"{path} is not a model folder: it has no config.json; name one that has")
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadModel(f"{file} is not JSON ({error}); copy the model folder again") from None
    if not isinstance(described, dict) or not {"format", "method", "config"} <= set(described):
        raise BadModel(f"{file} does not describe a passerby model; name a folder passerby wrote")
    if described["format"] != FORMAT:
        raise BadModel(
            f"{path} has model format {described['format']}, this passerby reads {FORMAT}; "
            "install the passerby that wrote it"
        )
    return described


def _fill(method: Method, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    own = method.state_dict()
    for name, tensor in own.items():
        if name not in weights:
            raise BadModel(f"{path}: weight {name!r} is missing; it is another method's checkpoint")
        if weights[name].shape != tensor.shape:
            raise BadModel(
                f"{path}: weight {name!r} has shape {tuple(weights[name].shape)}, its config.json "
                f"asks for {tuple(tensor.shape)}; copy config.json and weights from one run"
            )
    extra = sorted(set(weights) - set(own))
    if extra:
        raise BadModel(f"{path}: weight {extra[0]!r} is not this method's; copy one whole folder")
    bad = next(
        (n for n, t in weights.items() if t.is_floating_point() and not t.isfinite().all()), ""
    )
    if bad:
        raise BadModel(f"{path}: weight {bad!r} holds values that are not finite; use another one")
    method.load_state_dict(dict(weights))
