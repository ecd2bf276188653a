"""A recipe becomes a run: data read (or drawn), method built, trained, validated, kept."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerby.build import (
    build_method,
    device_for,
    load_method,
    method_settings,
    read_weights,
    save_method,
)
from passerby.config import Recipe, as_text, to_json
from passerby.data.batches import Batches, train_batches, without_broken
from passerby.data.cache import ResizedPhotos
from passerby.data.sources import parse as parse_source
from passerby.data.sources import read_data, read_splits
from passerby.embedding import device_of
from passerby.errors import BadModel, BadRecipe
from passerby.evaluation import evaluate
from passerby.method import Method
from passerby.training.checkpoint import settle, write_folder
from passerby.training.log import Journal, read_journal
from passerby.training.loop import Trainer
from passerby.tuning import choose, combinations, with_settings
from passerby.types import Batch, Report, Split

Watch = Callable[[dict[str, Any]], None]


def train(recipe: Recipe, *, resume: bool = False, watch: Watch | None = None) -> Path:
    """Runs a recipe to its end; gives the folder, which holds `best`, `last` and log.jsonl.

    resume: continue from `last` (from the start where there is none), exactly: the same machine,
    CPU, fp32 and one thread give the weights of an unbroken run bit for bit. watch: hears events.
    Raises BadRecipe when the run exists and `resume` is not set, was of another recipe, or is being
    trained by another process.
    """
    folder = Path(recipe.run.out) / recipe.run.name
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        _train(recipe, folder, _claim(folder, recipe, resume), watch)
    return folder


def _train(recipe: Recipe, folder: Path, resuming: bool, watch: Watch | None) -> None:
    device = device_for(recipe.train.device)
    method_settings(recipe)  # a misspelt key is refused before minutes of drawing
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    torch.manual_seed(recipe.run.seed)
    draw(recipe, watch)
    train_split, val_split = _splits(recipe)
    if recipe.data.broken == "skip":
        val_split = without_broken(val_split, recipe.data.workers)
    if resuming:
        method = load_method(folder / "last").train()
    else:
        captions = [caption.text for caption in train_split.captions]
        method = build_method(recipe, captions, len(train_split.persons))
    method.to(device)
    for settings in combinations(method):  # what Config refuses is not found after hours
        with_settings(method, settings)
    trainer = Trainer(
        method,
        recipe.train,
        recipe.optim,
        folder,
        partial(_save, method, recipe),
        partial(_validate, val_split, recipe),
        watch,
    )
    if resuming:
        trainer.resume()
    if trainer.position.epoch < recipe.train.epochs or not _has_chosen(method, folder):
        _prepare(method, recipe, folder, (train_split, val_split), watch)
    source = Source(recipe, train_split, method)
    trainer.run(source, source.steps, _left_out(method, train_split, val_split))
    if not _has_chosen(method, folder):
        at = recipe.train.epochs * source.steps
        _choose(method, recipe, folder, val_split, at, watch)


def _prepare(
    method: Method, recipe: Recipe, folder: Path, splits: Iterable[Split], watch: Watch | None
) -> None:
    """The method's own work on captions. Random choices go on after it as if it had not been: runs
    with and without vectors on disk are one."""
    captions = (caption.text for split in splits for caption in split.captions)
    vectors = Path(recipe.run.vectors) if recipe.run.vectors else folder / "vectors"
    device = device_of(method)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        method.prepare(list(dict.fromkeys(captions)), vectors, _teller("prepared", watch))


def _splits(recipe: Recipe) -> tuple[Split, Split]:
    """What is trained with, and what is validated with."""
    source, other = recipe.data.train, recipe.data.val
    if other and other != source:
        return read_data(source, "train"), read_data(other, "val")
    both = read_splits(source, "train", "val")
    return both[0], both[1]


def _left_out(method: Method, *splits: Split) -> list[str]:
    """What training and validation will not read, one line each."""
    told = [line for split in splits for line in split.left_out]
    return told + method.left_out([caption.text for s in splits for caption in s.captions])


def _has_chosen(method: Method, folder: Path) -> bool:
    """Whether nothing of the method's `choices` is left to choose in this run."""
    journal = folder / "log.jsonl"
    return not method.choices or any("chosen" in event for event in read_journal(journal))


def _choose(
    method: Method, recipe: Recipe, folder: Path, split: Split, at: int, watch: Watch | None
) -> None:
    """Gives `best` the settings that validation chooses, then logs them.

    It starts from the settings that the run began with, whatever `best` says already, so that it
    ends alike when a kill came between the two. The method takes the weights of `best`: its
    prepared texts stay.
    """
    best = folder / "best"
    settle(best)
    method.load_state_dict(read_weights(best / "model.safetensors"))
    chosen = choose(method, split, workers=recipe.data.workers)
    told = f"Chosen on {split.name} after training: {chosen}."
    better = with_settings(method, chosen.settings)
    write_folder(best, lambda part: _save(better, recipe, part, None, told))
    event = {"chosen": to_json(chosen.settings), "curve": to_json(chosen.curve)}
    Journal(folder / "log.jsonl", at).write(at, **event)
    if watch is not None:
        watch({**event, "at": at, "of": at})


def draw(recipe: Recipe, watch: Watch | None = None) -> None:
    """Draws the recipe's people where it asks for some and they are not on disk yet."""
    wanted = recipe.draw
    if not wanted.persons:
        return
    name, root = parse_source(recipe.data.train)
    if name != "drawn":
        raise BadRecipe('[draw] needs [data] train = "drawn:FOLDER", where the people are put')
    from passerby.drawn.world import draw_world

    draw_world(
        root,
        wanted.persons,
        wanted.photos,
        wanted.seed,
        captions=wanted.captions,
        val=wanted.val_persons,
        test=wanted.test_persons,
        progress=_teller("drawn", watch),
    )


def _teller(name: str, watch: Watch | None) -> Callable[[int, int], None]:
    """Progress as events {name: done, "of": all}; nothing is told of what is all there already."""
    working = False

    def hear(done: int, of: int) -> None:
        nonlocal working
        working = working or done < of
        if watch is not None and working:
            watch({name: done, "of": of})

    return hear


class Source:
    """The recipe's batches of any epoch, resized photos kept between epochs where it says so."""

    def __init__(self, recipe: Recipe, split: Split, method: Method) -> None:
        self.recipe, self.split, self.method = recipe, split, method
        self.photos = ResizedPhotos(split.photos, method.photo_spec, keep=recipe.data.cache)
        # The identity sampler makes more batches in one epoch than in another.
        epochs = recipe.train.epochs if recipe.data.sampler == "identity" else 1
        most = recipe.train.steps or None
        self.steps = min(len(self.epoch(epoch, 0, most)) for epoch in range(epochs))

    def __call__(self, epoch: int, start: int) -> Batches[Batch]:
        return self.epoch(epoch, start, self.steps)

    def epoch(self, epoch: int, start: int, steps: int | None = None) -> Batches[Batch]:
        """Batches of an epoch from number `start` on; steps: at most, None for all of them."""
        data = self.recipe.data
        return train_batches(
            self.split,
            self.method.draw_texts,
            self.method.photo_spec,
            batch=data.batch,
            seed=self.recipe.run.seed,
            epoch=epoch,
            start=start,
            augment=self.recipe.augment,
            workers=data.workers,
            sampler=data.sampler,
            each=data.each,
            pairs=data.pairs,
            photos=self.photos,
            steps=steps,
            views=self.method.views,
            broken=data.broken,
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time; the lock dies with its holder.

    lockf, where a gallery's lock is flock: that one the forked data workers would hold on to for
    some seconds after a kill, and a resume would be refused.
    """
    with (folder / "lock").open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadRecipe(
                f"{folder} is being trained by another process; wait until it has ended, or give "
                "this run another name with --set run.name=NAME"
            ) from None
        yield


def _claim(folder: Path, recipe: Recipe, resume: bool) -> bool:
    """Makes the recipe.json of the run's folder; True when there is a checkpoint to take up.

    Before its first step a run holds nothing to lose, so a refused recipe can be corrected.
    """
    file, last = folder / "recipe.json", folder / "last"
    holds = ("last", "best", "last.new", "last.old", "best.new", "best.old")
    events = read_journal(folder / "log.jsonl")
    begun = bool(events) or any((folder / name).exists() for name in holds)
    text = as_text(recipe) + "\n"
    if begun and not resume:
        raise BadRecipe(
            f"{folder} holds a run already; continue it with --resume, or give this one another "
            "name with --set run.name=NAME"
        )
    if begun and (not file.exists() or file.read_text(encoding="utf-8") != text):
        raise BadRecipe(
            f"{folder} is a run of another recipe; resume it with the recipe and --set it began "
            "with, or give this one another name with --set run.name=NAME"
        )
    settle(last)
    if last.exists() and not (last / "state.json").exists():
        raise BadModel(f"{last} has no training state; remove {folder} and start again")
    validated = sum("validation" in event for event in events)
    if not last.exists() and validated > 1:
        raise BadModel(
            f"{folder} has a best model but its checkpoint is gone; keep it and name another run "
            "with --set run.name=NAME"
        )
    part = folder / "recipe.json.part"
    part.write_text(text, encoding="utf-8")
    part.replace(file)
    return last.exists()


def _save(
    method: Method,
    recipe: Recipe,
    folder: Path,
    weights: Mapping[str, Tensor] | None,
    told: str = "",
) -> None:
    name = str(recipe.method["name"])
    card = (
        f"# {recipe.run.name}\n\nA model of passerby (`{name}`), trained on `{recipe.data.train}` "
        f"(seed {recipe.run.seed}). The recipe is recipe.json of its run.\n"
    ) + "".join(f"\n{line}\n" for line in (method.remark, told) if line)
    save_method(method, name, folder, weights=weights, card=card)


def _validate(split: Split, recipe: Recipe, method: Method) -> Report:
    return evaluate(method, split, workers=recipe.data.workers, draws=0)
