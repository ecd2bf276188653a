"""ACSA as its description is written, operation by operation: what our training step is held to.

BERT reads every caption padded to 118 ids and each of its phrases, or what fills its place, padded
to 40, in the graph: the released code left BERT's first weights open to gradients, which then go
through all of BERT and are never used. Windows are cut out of Swin's block by hand. Residual blocks
are convolutions of 3x3 on maps of one place. Local similarity loops over captions.
"""

import copy

import torch
from literal_nafs import SHARPNESS, Items, divergence, literal_cmpc, literal_local, unit
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from passerby.methods.acsa import Acsa
from passerby.types import Batch, Texts

LENGTH, PHRASE_LENGTH = 118, 40
BEYOND = 3  # where fillers are attended to, a caption of n ids has n + 3 phrases at most
OPEN = 17  # BERT's first weights: its embeddings and most of its first layer
SLICES = ((0, 2), (1, 3), (3, 5), (5, 6))  # of six chunks: head, upper, lower, feet
BANDS = ((0, 2), (1, 4), (3, 6), (5, 7))  # of seven rows: the same


class LiteralAcsa(nn.Module):
    """The losses of an Acsa, from a copy of its weights, which keep their names under `own`.

    The model has persons, local losses, the usual sharpness and slope and no dropped paths; its
    vectors divide by six; of a Swin the last map but one is square and two windows wide.
    """

    def __init__(self, acsa: Acsa) -> None:
        super().__init__()
        self.own = copy.deepcopy(acsa)
        own = self.own.photo_parts
        self.block = LiteralResidual(own.block) if own.block is not None else None
        self.window_block = LiteralResidual(own.window_block)
        for weight in list(self.own.text_encoder.parameters())[:OPEN]:
            weight.requires_grad_()

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        config = self.own.config
        photos, photo_items = self.photos(batch.images)
        texts, text_items, there = self.texts(batch.texts)
        i2t, t2i = literal_local(text_items, there, photo_items)
        same = (batch.persons[:, None] == batch.persons[None, :]).float()
        target = same / same.norm(p=int(config.target_norm[1]), dim=1, keepdim=True)
        whole = divergence(photos @ unit(texts).T, target)
        whole = whole + divergence(texts @ unit(photos).T, target)
        if float(whole.detach()) < config.cmpm_floor:
            whole = torch.zeros(())
        cmpc = literal_cmpc(texts, photos, self.own.classes, batch.persons)
        rows = t2i if config.t2i_axis == "photos" else t2i.T
        return {
            "cmpm": whole,
            "cmpc": config.identity_weight * cmpc,
            "local_i2t": config.local_weight * divergence(SHARPNESS * i2t.T, target),
            "local_t2i": config.local_weight * divergence(SHARPNESS * rows, target),
        }

    def slopes(self) -> dict[str, Tensor]:
        """Gradients by the names that weights have in the model, zeros where there are none."""
        weights = dict(self.own.named_parameters())
        for name, block in (("block", self.block), ("window_block", self.window_block)):
            for layer, conv in block.convolutions.items() if block is not None else ():
                weights[f"photo_parts.{name}.{layer}.weight"] = conv.weight
        found = {n: torch.zeros_like(w) if w.grad is None else w.grad for n, w in weights.items()}
        return {n: s[:, :, 1, 1] if "_parts" in n and s.ndim == 4 else s for n, s in found.items()}

    def photos(self, images: Tensor) -> tuple[Tensor, Items]:
        """The whole photo's vector (N, D), queries and values (N, 7, D) of its tokens."""
        own, parts = self.own, self.own.photo_parts
        swin = own.image_encoder.spec.kind == "swin"
        pooled, last, windows = (self.swin if swin else self.resnet)(images)
        vector = own.photo_norm(own.photo_head(pooled))
        if self.block is None:
            # Each row of the map seven times: sevenths of its height are whole rows.
            height, rows = last.shape[2], last.repeat_interleave(7, 2)
            pieces = [rows[:, :, a * height : b * height].mean((2, 3)) for a, b in BANDS]
        else:
            chunks = self.block(vector).chunk(6, 1)
            pieces = [torch.cat(chunks[a:b], 1) for a, b in SLICES]
        regions = [relu(linear(piece)) for linear, piece in zip(parts.narrow, pieces, strict=True)]
        seen = [self.window_block(windows[:, n]) for n in range(4)]
        regions += [parts.widen(torch.cat(seen[n : n + 2], 1)) for n in (0, 2)]
        if own.config.image_phrase:
            regions = [sum(regions) / len(regions), *regions]
        tokens = torch.stack(regions, 1)
        return vector, (parts.query(tokens), parts.value(tokens))

    def swin(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The pooled vector (N, C), the last map (N, C, h, w) and four windows (N, 4, C / 2)."""
        model = self.own.image_encoder.model
        tokens, size = model.embeddings(images)
        *before, last_but_one, last = model.encoder.layers
        for stage in before:
            tokens = stage(tokens, size, always_partition=True)[0]
            size = (size[0] // 2, size[1] // 2)
        for block in last_but_one.blocks[:-1]:
            tokens = block(tokens, size, always_partition=True)[0]
        attended, tokens = literal_block(last_but_one.blocks[-1], tokens, size[0])
        windows = self.windows(attended, tokens.unflatten(1, size))
        tokens = last_but_one.downsample(tokens, size)
        size = (size[0] // 2, size[1] // 2)
        tokens = model.layernorm(last(tokens, size, always_partition=True)[0])
        return tokens.mean(1), tokens.mT.unflatten(2, size), windows

    def resnet(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `swin`."""
        model = self.own.image_encoder.model
        features = model.embedder(images)
        *stages, last = model.encoder.stages
        for stage in stages:
            features = stage(features)
        windows = self.windows(None, features.permute(0, 2, 3, 1))
        features = last(features)
        return features.mean((2, 3)), features, windows

    def windows(self, attended: list[Tensor] | None, grid: Tensor) -> Tensor:
        """(N, 4, C): of what was attended to in each window, or quadrants of a map."""
        norm = self.own.windows.norm
        if self.own.windows.kind == "shifted":
            block = self.own.image_encoder.model.encoder.layers[-2].blocks[-1]
            seen = [u + block.mlp(block.layernorm_after(u)) for u in attended]
            return torch.stack([norm(u).mean(1) for u in seen], 1)
        rows, columns = grid.shape[1] // 2, grid.shape[2] // 2
        tops, sides = (slice(rows), slice(rows, None)), (slice(columns), slice(columns, None))
        return torch.stack([norm(grid[:, r, c]).mean((1, 2)) for r in tops for c in sides], 1)

    def texts(self, texts: Texts) -> tuple[Tensor, Items, Tensor]:
        """The sentence's vector (T, D), keys and values of all phrases, which there are."""
        own, parts = self.own, self.own.text_parts
        vector = own.text_norm(self.read(texts.ids, texts.mask, LENGTH))
        there = texts.phrase_mask.bool().any(2)
        ids, mask = (padded(t, PHRASE_LENGTH) for t in (texts.phrase_ids, texts.phrase_mask))
        mask[..., 0] = 1  # what is not there is read too, and nothing cannot be attended to
        read = self.read(ids.flatten(0, 1), mask.flatten(0, 1), PHRASE_LENGTH)
        phrases = read.unflatten(0, there.shape) * there[..., None]
        items = parts.key_norm(parts.key(phrases)), parts.value_norm(parts.value(phrases))
        if own.config.fillers == "attended":
            places, lengths = torch.arange(there.shape[1]), texts.mask.sum(1, keepdim=True)
            there = there & (places < lengths + BEYOND)
        return vector, items, there

    def read(self, ids: Tensor, mask: Tensor, length: int) -> Tensor:
        """BERT's last layer at place 0 of rows padded to `length`."""
        rows = {"input_ids": padded(ids, length), "attention_mask": padded(mask, length)}
        return self.own.text_encoder.model(**rows).last_hidden_state[:, 0]


def padded(rows: Tensor, length: int) -> Tensor:
    """A copy, its last axis `length` long."""
    return pad(rows, (0, length - rows.shape[-1])).clone()


class LiteralResidual(nn.Module):
    """A residual block of 3x3 convolutions on maps of one place. The outer taps are random: they
    meet padding alone.
    """

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.norms = (own.first_norm, own.second_norm)  # a tuple: `own` has their weights already
        self.convolutions = nn.ModuleDict(
            {name: convolution(getattr(own, name)) for name in ("first", "second")}
        )

    def forward(self, rows: Tensor) -> Tensor:
        maps = rows[:, :, None, None]
        first, second = self.convolutions.values()
        inner = relu(batch_norm(self.norms[0], first(maps)))
        return relu(batch_norm(self.norms[1], second(inner)) + maps)[:, :, 0, 0]


def convolution(linear: nn.Linear) -> nn.Conv2d:
    """In place of a linear map, which needs no gradient any more."""
    weight = linear.weight.requires_grad_(False)
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, bias=False).to(weight)
    with torch.no_grad():
        conv.weight[:, :, 1, 1] = weight
    return conv


def batch_norm(own: nn.BatchNorm1d, maps: Tensor) -> Tensor:
    """Batch norm of maps (N, C, h, w) over photos and places."""
    mean = maps.mean((0, 2, 3), keepdim=True)
    spread = ((maps - mean) ** 2).mean((0, 2, 3), keepdim=True)
    scale, shift = (t[:, None, None] for t in (own.weight, own.bias))
    return (maps - mean) / (spread + own.eps).sqrt() * scale + shift


def literal_block(block: nn.Module, tokens: Tensor, side: int) -> tuple[list[Tensor], Tensor]:
    """A block of Swin on a map of two by two windows, tokens (N, side * side, C): what each window
    attended to, (N, S * S, C), in the order of the grid that the block shifts; and its output.
    """
    shift, size = block.shift_size, block.window_size
    grid = block.layernorm_before(tokens).unflatten(1, (side, side))
    grid = grid.roll((-shift, -shift), (1, 2))
    wrapped = (torch.arange(side) >= side - shift).long()  # rows, and columns, from the other end
    origins = 2 * wrapped[:, None] + wrapped
    cuts = (slice(size), slice(size, None))
    attended = [
        attention(block.attention, grid[:, r, c].flatten(1, 2), origins[r, c].flatten(), size)
        for r in cuts
        for c in cuts
    ]
    whole = [window.unflatten(1, (size, size)) for window in attended]
    merged = torch.cat([torch.cat(whole[:2], 2), torch.cat(whole[2:], 2)], 1)
    tokens = tokens + merged.roll((shift, shift), (1, 2)).flatten(1, 2)
    return attended, tokens + block.mlp(block.layernorm_after(tokens))


def attention(own: nn.Module, window: Tensor, origins: Tensor, size: int) -> Tensor:
    """Self-attention with Swin's relative positions, its projection included: (N, S * S, C) twice.
    origins: (S * S,); places of different origin, which are no neighbours, see nothing of each
    other.
    """
    rows = torch.arange(size).repeat_interleave(size)
    columns = torch.arange(size).repeat(size)
    down, right = (own_place[:, None] - own_place + size - 1 for own_place in (rows, columns))
    table = own.relative_position_bias.relative_position_bias_table
    bias = table[down * (2 * size - 1) + right].permute(2, 0, 1)
    bias = bias - 100.0 * (origins[:, None] != origins)
    projected = (own.q_proj(window), own.k_proj(window), own.v_proj(window))
    q, k, v = (t.unflatten(2, (own.num_attention_heads, -1)).transpose(1, 2) for t in projected)
    weights = (q @ k.mT / q.shape[-1] ** 0.5 + bias).softmax(3)
    return own.o_proj((weights @ v).transpose(1, 2).flatten(2))
