"""A training step of CMR equals the form of its specification, a row and an anchor at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from literal_parts import LITERAL, dense, normed, places, unit
from torch import Tensor, nn

from passerby.encoders.spec import EncoderSpec
from passerby.method import PhotoSpec
from passerby.methods.cmr import Cmr, Config
from passerby.types import Batch, Texts

RESNET = EncoderSpec("resnet", options={
    "embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1], "layer_type": "basic",
})  # fmt: skip
BERT = EncoderSpec("bert", options={
    "vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 16, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
})  # fmt: skip
PERSONS = [0, 1, 2, 0, 3, 1]
BASE = {"dim": 8, "heads": 2, "part_count": 3, "warmup": 2, "negatives": "hardest", "persons": 4}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors of a few numbers: handing them to threads takes longer than they do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(**settings: Any) -> Cmr:
    """In float64; classifiers and weighers far enough from 0 that none would be missed."""
    torch.manual_seed(0)
    encoders = {"image_encoder": RESNET, "text_encoder": BERT}
    method = Cmr(Config(PhotoSpec(24, 8), **encoders, **{**BASE, **settings}))
    for name, weight in method.named_parameters():
        if name.startswith(("classes.", "weigh.")):
            nn.init.normal_(weight, 0.0, 0.4)
        elif name.startswith("parts.") and weight.ndim == 1:
            nn.init.normal_(weight, float("norm" in name and "weight" in name), 0.3)
    return method.train().double()


def some_batch(epoch: int) -> Batch:
    draw = torch.Generator().manual_seed(1)
    mask = (torch.arange(7) < torch.tensor([7, 3, 5, 1, 6, 4])[:, None]).long()
    ids = torch.randint(4, 30, mask.shape, generator=draw) * mask
    images = torch.randn(6, 3, 24, 8, generator=draw).double()
    return Batch(
        images, Texts(ids=ids, mask=mask), torch.tensor(PERSONS), torch.arange(6), (), epoch
    )


# Embeddings: X = LN(W x + b); g its maximum; C = Dec(Q, X); F = Dec'(C or Q', X).


def decoded(method: Cmr, tokens: Tensor, side: str, stripes: Tensor | None) -> dict[str, Any]:
    """One photo's or text's whole (D,), coarse and fine (K, D) or None; tokens: all are there."""
    config, parts = method.config, method.parts
    head = parts.get_submodule(side)
    memory = normed(dense(tokens, head[0]), head[1])
    found = {"whole": memory.max(0).values, "coarse": None, "fine": None}
    for name, where in (("coarse", None), ("fine", stripes)):
        if not getattr(config, name):
            continue
        own = name == "coarse" or config.fine_queries == "own" or not config.coarse
        asks = getattr(parts, f"{name}_tokens") if own else found["coarse"]
        allowed = places(where, 0, config.part_count, len(memory))
        decoder = getattr(parts, name)
        found[name] = LITERAL[config.decoder](decoder, asks, memory, side, allowed)[0]
    return found


def encoded(method: Cmr, batch: Batch) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What photos and texts become, one after the other."""
    maps = method.image_encoder(batch.images).map
    rows, columns = maps.shape[2:]
    stripes = None
    if method.config.parts == "stripes":
        height = rows // method.config.part_count
        stripes = torch.tensor([[
            [at // columns // height == k for at in range(rows * columns)]
            for k in range(method.config.part_count)
        ]])  # fmt: skip
    photos = [
        decoded(method, torch.stack([each[:, r, c] for r in range(rows) for c in range(columns)]),
                "photo", stripes)
        for each in maps
    ]  # fmt: skip
    read = method.text_encoder(batch.texts.ids, batch.texts.mask).tokens
    lengths = batch.texts.mask.sum(1).tolist()
    texts = [
        decoded(method, tokens[:length], "text", None)
        for tokens, length in zip(read, lengths, strict=True)
    ]
    return photos, texts


# Losses.


def cosines(texts: list[Tensor], photos: list[Tensor]) -> list[list[Tensor]]:
    """S: texts are rows. Parts (K, D) are compared side by side, as one vector."""
    rows, columns = ([unit(each.flatten()) for each in side] for side in (texts, photos))
    return [[t @ p for p in columns] for t in rows]


def ranked(scores: list[list[Tensor]], config: Config, asked: Any = None) -> Tensor:
    """Rank(S, m), and L_CMR of one part where asked[side][anchor] are margins: hardest semi-hard
    negatives, mined with m itself; the sum over anchors of both sides."""
    m, size, total = config.margin, len(PERSONS), torch.zeros(()).double()
    for side in (0, 1):  # texts as anchors, photos as anchors
        for i in range(size):
            row = [scores[i][j] if side == 0 else scores[j][i] for j in range(size)]
            alike = [j for j in range(size) if PERSONS[j] == PERSONS[i]]
            positives = [i] if config.positives == "pair" else alike
            for p in positives:
                hard = [
                    j for j in range(size)
                    if PERSONS[j] != PERSONS[i] and 0 < float((row[j] - row[p]).detach()) + m < m
                ]  # fmt: skip
                if hard:
                    j = max(hard, key=lambda each: float(row[each].detach()))
                    margin = m if asked is None else asked[side][i]
                    total = total + (margin - row[p] + row[j]).clamp(min=0) / len(positives)
    return total


def logits(row: Tensor, weight: Tensor, scale: float) -> Tensor:
    if not scale:
        return weight @ row
    return torch.stack([scale * unit(each) @ unit(row) for each in weight])


def identified(rows: list[Tensor], weight: Tensor, scale: float) -> Tensor:
    """ID of one side: the mean of -log softmax at the own person."""
    told = [logits(row, weight, scale) for row in rows]
    own = [
        each[person] - each.exp().sum().log() for each, person in zip(told, PERSONS, strict=True)
    ]
    return -torch.stack(own).mean()


def distinct(scores: list[list[float]], kind: str, config: Config, own: Any) -> list[list[float]]:
    """u of each anchor, texts and photos, of one part. own: the posteriors of both."""
    found = []
    for side in (0, 1):
        us = []
        for i in range(len(PERSONS)):
            row = [
                float((scores[i][j] if side == 0 else scores[j][i]).detach())
                for j in range(len(PERSONS))
            ]
            if kind == "none":
                us.append(1.0)
            elif kind == "id_posterior":
                us.append(own[side][i])
            elif kind == "sim_entropy":
                mass = [math.exp(s / config.entropy_temperature) for s in row]
                p = [each / sum(mass) for each in mass]
                us.append(1 + sum(x * math.log(x) for x in p) / math.log(len(PERSONS)))
            else:
                others = set(PERSONS) - {PERSONS[i]}
                near = 0
                for other in others:
                    of = [row[j] for j, person in enumerate(PERSONS) if person == other]
                    near += sum(of) / len(of) > row[i] - config.margin
                us.append(1 - near / len(others))
        found.append(us)
    return found


def spread(rows: list[Tensor], form: str) -> Tensor:
    """The mean cosine of two different parts, or of those above 0, over photos or texts."""
    least = 0.0 if form == "overlap" else -1.0
    total = torch.zeros(()).double()
    for parts in rows:
        units = [unit(part) for part in parts]
        pairs = [(a, b) for a in range(len(units)) for b in range(len(units)) if a != b]
        total = total + sum((units[a] @ units[b]).clamp(min=least) for a, b in pairs) / len(
            pairs
        ) / len(rows)
    return total


def literal(method: Cmr, batch: Batch) -> dict[str, Tensor]:
    """L = [ID(g) + Rank(g)] + 1/2 [ID(C) + Rank(C)] + 1/2 ID(F) + L_CMR + L_div."""
    config, named = method.config, {}
    photos, texts = encoded(method, batch)
    for name, times in (("whole", 1.0), ("coarse", 0.5)):
        if texts[0][name] is None:
            continue
        both = [[each[name].flatten() for each in side] for side in (photos, texts)]
        if method.classes is not None:
            weight = method.classes[name]
            told = sum(identified(rows, weight, config.cosine_scale) for rows in both)
            named[f"identity_{name}"] = times * told
        named[f"ranking_{name}"] = times * ranked(cosines(both[1], both[0]), config)
    if texts[0]["fine"] is not None:
        fine = [[each["fine"] for each in side] for side in (photos, texts)]
        named |= parted(method, fine, [each["whole"] for each in texts], batch.epoch)
    return named


def parted(method: Cmr, fine: Any, wholes: list[Tensor], epoch: int) -> dict[str, Tensor]:
    config, count, named = method.config, method.config.part_count, {}
    scores = [
        cosines(*([each[k] for each in rows] for rows in reversed(fine))) for k in range(count)
    ]
    zero = torch.zeros(()).double()
    total, told = zero, zero
    for k in range(count):
        own = None
        if method.classes is not None:
            shared = config.classifiers == "shared"
            weight = method.classes["fine"] if shared else method.classes["fine"][k]
            sides = [[each[k] for each in rows] for rows in fine]
            told = told + sum(identified(rows, weight, config.cosine_scale) for rows in sides)
            own = [
                [
                    float(logits(row, weight, config.cosine_scale).softmax(0)[person].detach())
                    for row, person in zip(rows, PERSONS, strict=True)
                ]
                for rows in reversed(sides)
            ]
        asked = None
        if epoch >= config.warmup:
            u = distinct(scores[k], config.commonality, config, own)
            asked = [[max(config.floor, config.margin * x) for x in row] for row in u]
        total = total + ranked(scores[k], config, asked)
    if method.classes is not None:
        named["identity_fine"] = 0.5 * told / count
    named["cmr"] = 0.5 * total
    if config.parts == "learned":
        named["diversity"] = 0.04 * sum(spread(side, config.diversity) for side in fine)
    if config.weighting == "text":
        first, last = method.weigh[0], method.weigh[2]
        weights = [dense(dense(row, first).clamp(min=0), last).softmax(0) for row in wholes]
        weighed = [
            [sum(weights[i][k] * scores[k][i][j] for k in range(count)) for j in range(len(wholes))]
            for i in range(len(wholes))
        ]
        named["ranking_fine"] = 0.5 * ranked(weighed, config)
    return named


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"parts": "stripes"},
        {"decoder": "slots"},
        {"residual": True, "fine_queries": "own"},
        {"decoder": "slots", "parts": "stripes"},
        {"commonality": "sim_entropy"},
        {"commonality": "neighbour_count", "fine_queries": "own"},
        {"commonality": "none", "layers": 2},
        {"classifiers": "shared"},
        {"cosine_scale": 8.0},
        {"weighting": "text", "diversity": "mean"},
        {"positives": "all", "last_stride": 2},
        {"coarse": False},
        {"fine": False},
        {"warmup": 3},  # not over yet
        {"identity_weight": 0.0, "commonality": "sim_entropy"},
    ],
    ids=lambda settings: " ".join(map(str, settings.values())) or "as set",
)
def test_losses_and_gradients_equal_the_specification_written_out(settings) -> None:
    method, batch = made(**settings), some_batch(2)
    told, wanted = method.losses(batch), literal(method, batch)
    assert set(told) == set(wanted)
    for name, loss in wanted.items():
        assert float(told[name].detach()) == pytest.approx(float(loss.detach()), abs=1e-8), name
        assert name == "diversity" or loss > 0, name
    named = dict(method.named_parameters())
    ours, theirs = (
        torch.autograd.grad(torch.stack(list(each.values())).sum(), named.values(),
                            allow_unused=True, materialize_grads=True)
        for each in (told, wanted)
    )  # fmt: skip
    for name, one, other in zip(named, ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8, msg=name)


def test_after_the_warm_up_margins_are_other_ones_than_before() -> None:
    """So that the test above tells one from the other, for each of the three estimators."""
    for kind in ("id_posterior", "sim_entropy", "neighbour_count"):
        before, after = (
            float(made(commonality=kind).losses(some_batch(epoch))["cmr"].detach())
            for epoch in (1, 2)
        )
        assert after < before - 1e-3, kind
