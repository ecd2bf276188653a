"""The optimizer, its named groups and its rate at any step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from passerby.errors import BadRecipe
from passerby.method import Method


@dataclass(frozen=True)
class Optim:
    """kind: "adamw", or "adam" or "sgd", which add the decay to the gradient (L2). beta1, beta2: of
    the first two. momentum: of sgd (not Nesterov's). lr: peak. The rate of a named parameter group
    is `lr` times its entry in `scale`, all through the schedule.

    schedule: "cosine" (to `final` x lr), "step" (x `gamma` at each of `milestones`, in epochs) or
    "constant"; `warmup` epochs rise linearly from `warmup_from` x lr. offset: the cosine begins
    where the warm-up ends; without it, at the first step, so that the warm-up covers its first
    stretch (IVT). every: the rate changes at each "step" or each "epoch". decay: on matrices only,
    not on norms and biases, unless decay_all; `decays` gives a named group its own. clip: greatest
    norm of the gradient, 0 for none.
    """

    kind: str = "adamw"
    lr: float = 1e-3
    decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.98
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 1.0
    warmup_from: float = 0.01
    offset: bool = True
    final: float = 0.0
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    every: str = "step"
    clip: float = 0.0
    scale: Mapping[str, float] = field(default_factory=dict)
    decays: Mapping[str, float] = field(default_factory=dict)
    decay_all: bool = False

    def __post_init__(self) -> None:
        if self.schedule not in ("cosine", "step", "constant"):
            raise BadRecipe(f"[optim] schedule {self.schedule!r} is not cosine, step or constant")
        if self.kind not in ("adamw", "adam", "sgd"):
            raise BadRecipe(f'[optim] kind is "adamw", "adam" or "sgd", not {self.kind!r}')
        if self.every not in ("step", "epoch"):
            raise BadRecipe(f'[optim] every is "step" or "epoch", not {self.every!r}')
        if not 0 < self.lr < math.inf:
            raise BadRecipe("[optim] lr is above 0")
        if min(self.decay, self.clip, self.warmup, *self.decays.values()) < 0:
            raise BadRecipe("[optim] decay, clip and warmup are 0 or more")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise BadRecipe("[optim] beta1 and beta2 are from 0 to below 1")
        if not 0 <= self.momentum < 1:
            raise BadRecipe("[optim] momentum is from 0 to below 1")

    def factor(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """What `lr` is multiplied by at `step` (from 0) of `steps`."""
        if self.every == "epoch":
            step -= step % steps_per_epoch
        warm = self.warmup * steps_per_epoch
        if step < warm:
            return self.warmup_from + (1 - self.warmup_from) * step / warm
        if self.schedule == "step":
            passed = sum(step >= epoch * steps_per_epoch for epoch in self.milestones)
            return self.gamma**passed
        if self.schedule == "constant":
            return 1.0
        begun = warm if self.offset else 0.0
        done = (step - begun) / max(steps - begun, 1)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def optimizer(method: Method, settings: Optim) -> Optimizer:
    """AdamW, Adam or SGD over the method's named groups, each split in decayed and not decayed.

    Raises BadRecipe when `scale` or `decays` name no group; ValueError when the method's groups
    leave out or repeat a trainable parameter, which would freeze or double it silently.
    """
    groups = method.parameter_groups()
    for table in ("scale", "decays"):
        for name in getattr(settings, table):
            if name not in groups:
                near = get_close_matches(name, groups, 1, 0.0)[0]
                raise BadRecipe(f"[optim] {table}: no group {name!r}; did you mean {near!r}?")
    cover(method, groups)
    parts = []
    for name, parameters in groups.items():
        trainable = [p for p in parameters if p.requires_grad]
        own = settings.decays.get(name, settings.decay)
        for decay, chosen in (
            (own, [p for p in trainable if p.ndim > 1]),
            (own if settings.decay_all else 0.0, [p for p in trainable if p.ndim < 2]),
        ):
            scale = settings.scale.get(name, 1.0)
            parts.append({"params": chosen, "weight_decay": decay, "scale": scale, "name": name})
    parts = [part for part in parts if part["params"]]
    if settings.kind == "sgd":
        return _sgd(parts, settings)
    kind = AdamW if settings.kind == "adamw" else Adam
    return kind(parts, lr=settings.lr, betas=(settings.beta1, settings.beta2), fused=True)


def _sgd(parts: list[dict[str, Any]], settings: Optim) -> Optimizer:
    made = SGD(parts, lr=settings.lr, momentum=settings.momentum, fused=True)
    if settings.momentum:
        # The fused step fails where some weights of a group have a momentum and others, which had
        # no gradient yet, none. From zero it is the same number as without one.
        for weight in (weight for part in parts for weight in part["params"]):
            made.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    return made


def cover(method: Method, groups: Mapping[str, list[nn.Parameter]]) -> None:
    """Raises ValueError unless every trainable parameter is in exactly one group."""
    names = {id(p): n for n, p in method.named_parameters() if p.requires_grad}
    listed = [id(p) for parameters in groups.values() for p in parameters if p.requires_grad]
    lost = sorted(names[key] for key in set(names) - set(listed))
    twice = sorted({names.get(key, "a stranger") for key in listed if listed.count(key) > 1})
    strange = set(listed) - set(names)
    if lost or twice or strange:
        raise ValueError(f"parameter groups leave out {lost[:3]}, repeat {twice[:3]}")


def set_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
