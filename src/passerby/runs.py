"""A recipe becomes a run: data read (or drawn), method built, trained, validated, kept."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
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
from passerby.training.averaging import share_norms
from passerby.training.checkpoint import settle, write_folder
from passerby.training.log import Journal, read_journal
from passerby.training.loop import Trainer
from passerby.training.processes import ALONE, Processes
from passerby.training.track import check_installed
from passerby.tuning import choose, combinations, with_settings
from passerby.types import Batch, Report, Split

Watch = Callable[[dict[str, Any]], None]


def train(
    recipe: Recipe,
    *,
    resume: bool = False,
    watch: Watch | None = None,
    processes: Processes = ALONE,
    track: bool = False,
) -> Path:
    """Runs a recipe to its end; gives the folder, which holds `best`, `last` and log.jsonl.

    resume: continue from `last` (from the start where there is none), exactly: the same machine,
    CPU, fp32 and one thread give the weights of an unbroken run bit for bit. watch: hears events.
    processes: as `joined` gives them (training/joining.py); each calls this with the same recipe.
    track: curves for TensorBoard, in `tensorboard`, whether the run began with them or not.
    Raises BadRecipe when the run exists and `resume` is not set, was of another recipe, or is being
    trained by another process.
    """
    if track:
        check_installed()
    folder = Path(recipe.run.out) / recipe.run.name
    with _alone(folder) if processes.first else nullcontext():
        resuming = processes.once(lambda: _claim(folder, recipe, resume))
        if not (folder / "recipe.json").exists():
            raise BadRecipe(
                f"process {processes.rank} of {processes.size} does not see {folder}, which process"
                " 0 made; set [run] out to a folder on a disk that all machines share"
            )
        _train(recipe, folder, resuming, watch, processes, track)
    return folder


def _train(
    recipe: Recipe,
    folder: Path,
    resuming: bool,
    watch: Watch | None,
    processes: Processes,
    track: bool,
) -> None:
    watch = watch if processes.first else None
    device = _device(recipe, processes)
    method_settings(recipe)  # a misspelt key is refused before minutes of drawing
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    torch.manual_seed(recipe.run.seed)
    processes.once(lambda: draw(recipe, watch))
    train_split, val_split = _splits(recipe)
    if recipe.data.broken == "skip" and processes.first:
        val_split = without_broken(val_split, recipe.data.workers)
    method = _built(recipe, folder, train_split, resuming, processes).to(device)
    if recipe.train.sync_norms and not processes.alone:
        share_norms(method)
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
        processes,
        track,
    )
    if resuming:
        trainer.resume()
    ended = trainer.position.epoch >= recipe.train.epochs
    if not ended or processes.once(lambda: not _has_chosen(method, folder)):
        for turn in (processes.once, _others(processes)):  # what is on disk is not made again
            turn(lambda: _prepare(method, recipe, folder, (train_split, val_split), watch))
    source = Source(recipe, train_split, method, (processes.rank, processes.size))
    trainer.run(source, source.steps, _left_out(method, train_split, val_split))
    at = recipe.train.epochs * source.steps
    processes.once(lambda: _choose(method, recipe, folder, val_split, at, watch))


def _others(processes: Processes) -> Callable[[Callable[[], None]], None]:
    """Runs work in every process but the first."""
    return lambda work: None if processes.first else work()


def _device(recipe: Recipe, processes: Processes) -> torch.device:
    """The recipe's device; of several processes of a machine each has a GPU of its own."""
    device = device_for(recipe.train.device)
    if recipe.train.sync_norms and device.type != "cuda":
        raise BadRecipe(
            "[train] sync_norms needs GPUs: torch shares batch norms there alone; leave it out"
        )
    if processes.alone or device.type != "cuda":
        return device
    if processes.local >= torch.cuda.device_count():
        raise BadRecipe(
            f"{processes.local + 1} processes were started on this machine, which has "
            f"{torch.cuda.device_count()} GPUs; start one for each with --nproc-per-node"
        )
    device = torch.device("cuda", processes.local)
    torch.cuda.set_device(device)
    return device


def _built(
    recipe: Recipe, folder: Path, split: Split, resuming: bool, processes: Processes
) -> Method:
    """The method to train. Of several processes the first builds it and the others load what it
    wrote: all have the same weights and the same vocabulary. Each draws random numbers of its own.
    """
    if resuming:
        method = load_method(folder / "last").train()
    elif processes.first:
        captions = [caption.text for caption in split.captions]
        method = build_method(recipe, captions, len(split.persons))
    if not processes.alone and not resuming:
        begun, name = folder / "begun", str(recipe.method["name"])
        processes.once(lambda: write_folder(begun, lambda part: save_method(method, name, part)))
        if not processes.first:
            method = load_method(begun).train()
        processes.everyones(None)  # all have read it
        # A network disk may keep a file that another still holds open: the next start removes it.
        processes.once(lambda: shutil.rmtree(begun, ignore_errors=True))
    if not processes.first:
        torch.manual_seed((recipe.run.seed + 7919 * processes.rank) % 2**63)
    return method


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
    """Gives `best` the settings that validation chooses, then logs them; once a run.

    It starts from the settings that the run began with, whatever `best` says already, so that it
    ends alike when a kill came between the two. The method takes the weights of `best`: its
    prepared texts stay.
    """
    if _has_chosen(method, folder):
        return
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
    """The recipe's batches of any epoch, resized photos kept between epochs where it says so.

    share: the part of each batch that is this process's, see `train_batches`. steps: of the
    optimizer in an epoch, `accumulate` batches each.
    """

    def __init__(
        self, recipe: Recipe, split: Split, method: Method, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.recipe, self.split, self.method, self.share = recipe, split, method, share
        self.photos = ResizedPhotos(split.photos, method.photo_spec, keep=recipe.data.cache)
        # The identity sampler makes more batches in one epoch than in another.
        epochs = recipe.train.epochs if recipe.data.sampler == "identity" else 1
        most = recipe.train.steps or None
        batches = min(len(self.epoch(epoch, 0, most)) for epoch in range(epochs))
        self.steps = batches // recipe.train.accumulate
        if not self.steps:
            raise BadRecipe(
                f"an epoch has {batches} batches, and [train] accumulate = "
                f"{recipe.train.accumulate} wants as many for one step; lower it or [data] batch"
            )

    def __call__(self, epoch: int, start: int) -> Batches[Batch]:
        return self.epoch(epoch, start, self.steps * self.recipe.train.accumulate)

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
            share=self.share,
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One run at a time in its folder, which is made; the lock dies with its holder.

    lockf, where a gallery's lock is flock: that one the forked data workers would hold on to for
    some seconds after a kill, and a resume would be refused.
    """
    folder.mkdir(parents=True, exist_ok=True)
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
    shutil.rmtree(folder / "begun", ignore_errors=True)  # of several processes, killed at the start
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
