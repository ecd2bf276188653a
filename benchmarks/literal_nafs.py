"""NAFS as its description is written, operation by operation: what our training step is held to.

Every caption and both its sub-sentences are padded to 100 ids and read by BERT, padding included;
the image network runs in torch's plain layout and cuts, concatenates and puts back its stripes;
local similarity loops over captions, copies each one's keys and values to all photos, builds the
contexts and does so in both directions, of which one is used; CMPC builds the projected vectors.
"""

import copy
import functools

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, leaky_relu, pad

from passerby.methods.nafs import Nafs
from passerby.types import Batch, Texts

LENGTH = 100  # ids of a caption and of each sub-sentence
SHARPNESS, SLOPE, EPSILON = 20.0, 0.1, 1e-8
Items = tuple[Tensor, Tensor]  # queries or keys, and values: (N, I, D) each


class LiteralNafs(nn.Module):
    """The losses of a Nafs, from a copy of its weights, which keep their names under `own`.

    The model reads sub-sentences by themselves, two of them, which every caption has; it shuffles
    stripes as one batch or not at all; it has contexts, a local loss in one direction, persons and
    no bn_group.
    """

    def __init__(self, nafs: Nafs) -> None:
        super().__init__()
        self.own = copy.deepcopy(nafs).to(memory_format=torch.contiguous_format)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        own = self.own
        photos, photo_items = self.photos(batch.images)
        texts, text_items, there = self.texts(batch.texts)
        found = literal_local(text_items, there, photo_items)
        scores = found[("i2t", "t2i").index(own.config.direction)]  # the other one is not used
        rows = scores.T if own.config.direction == "i2t" else scores
        same = (batch.persons[:, None] == batch.persons[None, :]).float()
        target = same / same.norm(dim=1, keepdim=True)
        to_texts, to_photos = photos @ unit(texts).T, texts @ unit(photos).T
        return {
            "cmpm": divergence(to_texts, target) + divergence(to_photos, target),
            "cmpc": literal_cmpc(texts, photos, own.classes, batch.persons),
            "local": own.config.local_weight * divergence(SHARPNESS * rows, target),
        }

    def photos(self, images: Tensor) -> tuple[Tensor, Items]:
        """The whole photo's vector (N, D), and queries and values (N, 1 + stripes, D)."""
        own, parts = self.own.image_encoder, self.own.photo_parts
        second = own.trunk(own.embedder(images))
        third = own.third(second)
        stripes = self.stripes(own.branch2, second, own.counts[0])
        stripes += self.stripes(own.branch3, third, own.counts[1])
        pooled = own.fourth(third).mean((2, 3))
        vector = self.own.photo_norm(self.own.photo_head(pooled))
        queries, values = [parts.query(vector)], [parts.value(vector)]
        for number, stripe in enumerate(stripes):
            narrow = parts.narrow[number](stripe)
            queries.append(parts.queries[number](narrow))
            values.append(parts.values[number](narrow))
        return vector, (torch.stack(queries, 1), torch.stack(values, 1))

    def stripes(self, branch: nn.Module, features: Tensor, count: int) -> list[Tensor]:
        """The vector (N, C) of each stripe: cut, shuffled, seen by the branch, cut, put back."""
        order = list(range(count))
        if self.training and self.own.config.shuffle == "batch":
            order = torch.randperm(count).tolist()
        pieces = cut(features, count)
        seen = cut(branch(torch.cat([pieces[i] for i in order], 2)), count)
        return [seen[order.index(i)].mean((2, 3)) for i in range(count)]

    def texts(self, texts: Texts) -> tuple[Tensor, Items, Tensor]:
        """The sentence's vector (T, D), keys and values of all items, which are attended to."""
        own, parts = self.own, self.own.text_parts
        tokens = self.read(texts.ids, texts.mask)
        pairs = (t.flatten(0, 1) for t in (texts.part_ids, texts.part_mask))
        subs = self.read(*pairs)[:, 0].unflatten(0, (-1, 2))
        vector = own.text_norm(own.text_head(tokens[:, 0]))
        items = torch.cat([vector[:, None], subs, tokens[:, 1 : LENGTH - 1]], 1)
        keys, values = parts.key_norm(parts.key(items)), parts.value_norm(parts.value(items))
        beyond = int(own.config.text_items.removeprefix("n+"))
        there = torch.arange(LENGTH + 1) < texts.mask.sum(1, keepdim=True) + beyond
        return vector, (keys, values), there

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """BERT's last layer over rows padded to LENGTH."""
        ids, mask = (pad(t, (0, LENGTH - t.shape[1])) for t in (ids, mask))
        return self.own.text_encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state


def cut(features: Tensor, count: int) -> list[Tensor]:
    """(N, C, h, w) as `count` stripes of equal height; the last takes the remainder."""
    each = features.shape[2] // count
    first = [features[:, :, i * each : (i + 1) * each] for i in range(count - 1)]
    return [*first, features[:, :, (count - 1) * each :]]


def literal_local(texts: Items, there: Tensor, photos: Items) -> tuple[Tensor, Tensor]:
    """(T, P) twice, image to text and text to image. there: bool (T, W), which items of a text
    count; one without any scores 0.
    """
    both = []
    for keys, values, own in zip(*texts, there, strict=True):
        copies = [side[own].repeat(len(photos[0]), 1, 1) for side in (keys, values)]
        nothing = (keys.new_zeros(len(photos[0])),) * 2
        both.append(literal_pairs(*copies, *photos) if own.any() else nothing)
    i2t, t2i = zip(*both, strict=True)
    return torch.stack(i2t), torch.stack(t2i)


def literal_pairs(
    keys: Tensor, values: Tensor, queries: Tensor, contents: Tensor
) -> tuple[Tensor, Tensor]:
    """(P,) twice from P texts (P, W, D) and P photos (P, R, D), pair by pair."""
    keys = keys / (keys.norm(dim=2, keepdim=True) + EPSILON)
    queries = queries / (queries.norm(dim=2, keepdim=True) + EPSILON)
    alike = leaky_relu(queries @ keys.mT, SLOPE)
    over_words = (SHARPNESS * alike / (alike.norm(dim=1, keepdim=True) + EPSILON)).softmax(2)
    over_parts = (SHARPNESS * alike / (alike.norm(dim=2, keepdim=True) + EPSILON)).softmax(1)
    i2t = cosine_similarity(contents, over_words @ values, 2, EPSILON).mean(1)
    t2i = cosine_similarity(values, over_parts.mT @ contents, 2, EPSILON).mean(1)
    return i2t, t2i


def literal_cmpc(texts: Tensor, photos: Tensor, classes: Tensor, persons: Tensor) -> Tensor:
    weight, z, x = unit(classes), unit(texts), unit(photos)
    projected = ((photos * z).sum(1, keepdim=True) * z, (texts * x).sum(1, keepdim=True) * x)
    return torch.stack([cross_entropy(rows @ weight.T, persons) for rows in projected]).sum()


def divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Of softmaxed rows from the target, its mean over rows."""
    p = logits.softmax(1)
    return (p * (logits.log_softmax(1) - (target + EPSILON).log())).sum(1).mean()


unit = functools.partial(nn.functional.normalize, dim=1)
