"""Local similarity equals literal loops over its formula, and the released numbers.

tests/fixtures/matching.* are numbers from the released NAFS code on random inputs.
"""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cosine_similarity, leaky_relu

from passerby.errors import BadModel, BadRecipe
from passerby.losses.identity import cmpc
from passerby.losses.matching import cmpm, local_kl
from passerby.similarity.local_attention import attention_weights, local_similarity
from passerby.types import Embeddings

FIXTURES = Path(__file__).parents[1] / "fixtures"
EPSILON = 1e-8
DIRECTIONS = ["i2t", "t2i", "both"]


def drawn(count, parts, seed, lengths=None, dtype=torch.float64, width=8):
    generator = torch.Generator().manual_seed(seed)
    keys, values = (
        torch.randn(count, parts, width, generator=generator, dtype=dtype) for _ in "kv"
    )
    mask = None if lengths is None else torch.arange(parts) < torch.tensor(lengths)[:, None]
    return Embeddings(torch.zeros(count, width, dtype=dtype), keys, values, mask)


def some_texts(dtype=torch.float64):
    """Unequal lengths, not sorted, and a hole in one text."""
    texts = drawn(5, 7, 1, [4, 7, 1, 5, 2], dtype)
    texts.mask[1, 2] = False
    return texts


def some_photos(dtype=torch.float64):
    return drawn(4, 3, 2, [3, 2, 3, 1], dtype)


def unit(vector):
    norm = math.sqrt(sum(x * x for x in vector))
    return [x / (norm + EPSILON) for x in vector]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def softmax(logits):
    mass = [math.exp(x - max(logits)) for x in logits]
    return [m / sum(mass) for m in mass]


def literal_pair(keys, values, queries, contents, over_words, context, sharpness=20.0, slope=0.1):
    """One text and one photo, loop by loop; over_words: photo parts attend to words."""
    alike = [[dot(unit(k), unit(q)) for k in keys] for q in queries]
    alike = [[x if x > 0 else slope * x for x in row] for row in alike]
    if not over_words:  # the other direction is the same with the sides exchanged
        alike = [list(column) for column in zip(*alike, strict=True)]
        values, contents = contents, values
    if context:
        norms = [math.sqrt(dot(column, column)) + EPSILON for column in zip(*alike, strict=True)]
        alike = [[x / n for x, n in zip(row, norms, strict=True)] for row in alike]
    total = 0.0
    for row, own in zip(alike, contents, strict=True):
        weights = softmax([sharpness * x for x in row])
        gathered = [dot(weights, column) for column in zip(*values, strict=True)]
        size = math.sqrt(dot(own, own)) * math.sqrt(dot(gathered, gathered))
        total += dot(own, gathered) / max(size, EPSILON)
    return total / len(contents)


def literal(texts, photos, direction, context=True):
    def there(side, i):
        mask = [True] * side.parts.shape[1] if side.mask is None else side.mask[i].tolist()
        pick = lambda rows: [row for row, here in zip(rows, mask, strict=True) if here]  # noqa: E731
        return pick(side.parts[i].tolist()), pick(side.values[i].tolist())

    def score(i, j):
        sides = (*there(texts, i), *there(photos, j))
        ways = [w for w in ("i2t", "t2i") if direction in (w, "both")]
        return sum(literal_pair(*sides, w == "i2t", context) for w in ways) / len(ways)

    return torch.tensor(
        [[score(i, j) for j in range(len(photos))] for i in range(len(texts))], dtype=torch.float64
    )


def copying(texts, photos, sharpness=20.0, slope=0.1):
    """The formula of "i2t" as written: a caption at a time, its words copied to each photo."""
    queries = photos.parts / (photos.parts.norm(dim=2, keepdim=True) + EPSILON)
    rows = []
    for keys, values, mask in zip(texts.parts, texts.values, texts.mask, strict=True):
        keys, values = keys[mask], values[mask]
        keys = (keys / (keys.norm(dim=1, keepdim=True) + EPSILON)).repeat(len(photos), 1, 1)
        values = values.repeat(len(photos), 1, 1)
        alike = leaky_relu(queries @ keys.mT, slope)
        alike = alike / (alike.norm(dim=1, keepdim=True) + EPSILON)
        gathered = (sharpness * alike).softmax(2) @ values
        rows.append(cosine_similarity(photos.values, gathered, dim=2).mean(1))
    return torch.stack(rows)


def gradients(score, *sides):
    sides = [
        replace(s, parts=s.parts.clone().requires_grad_(), values=s.values.clone().requires_grad_())
        for s in sides
    ]
    scores = score(*sides)
    pull = torch.linspace(-1, 1, scores.numel(), dtype=scores.dtype).view_as(scores)
    (scores * pull).sum().backward()
    return scores.detach(), [tensor.grad for s in sides for tensor in (s.parts, s.values)]


@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_local_similarity_equals_its_formula_with_absent_parts(direction, context):
    texts, photos = some_texts(), some_photos()
    found = local_similarity(texts, photos, direction=direction, context=context)
    assert found.dtype == torch.float64
    torch.testing.assert_close(
        found, literal(texts, photos, direction, context), rtol=1e-7, atol=1e-9
    )


def test_values_and_gradients_equal_the_form_that_copies():
    texts, photos = some_texts(), drawn(4, 3, 2)
    expected, slopes = gradients(copying, texts, photos)
    found, ours = gradients(local_similarity, texts, photos)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
    for mine, theirs in zip(ours, slopes, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_gradients_equal_differences(direction, context):
    texts, photos = drawn(2, 3, 1, [3, 1], width=3), drawn(2, 2, 2, [1, 2], width=3)

    def score(keys, values, queries, contents):
        return local_similarity(
            replace(texts, parts=keys, values=values),
            replace(photos, parts=queries, values=contents),
            direction=direction,
            context=context,
            cells=12,
        )

    leaves = [
        t.clone().requires_grad_() for t in (texts.parts, texts.values, photos.parts, photos.values)
    ]
    assert torch.autograd.gradcheck(score, leaves, eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("cells", [1, 50, 200])
def test_blocks_change_neither_a_score_nor_a_gradient(direction, cells):
    texts, photos = some_texts(torch.float32), some_photos(torch.float32)
    whole, slopes = gradients(
        lambda t, p: local_similarity(t, p, direction=direction), texts, photos
    )
    cut, ours = gradients(
        lambda t, p: local_similarity(t, p, direction=direction, cells=cells), texts, photos
    )
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-6)
    for mine, theirs in zip(ours, slopes, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_float64_is_float64_all_the_way(direction):
    """Searches compare exactly with it: a step through float32 would be off by 1e-8."""
    texts, photos = some_texts(), some_photos()
    found, slopes = gradients(
        lambda t, p: local_similarity(t, p, direction=direction, cells=50), texts, photos
    )
    with torch.no_grad():
        searched = local_similarity(texts, photos, direction=direction)
    assert all(tensor.dtype == torch.float64 for tensor in (found, searched, *slopes))
    torch.testing.assert_close(searched, found, rtol=0, atol=1e-14)
    expected = literal(texts, photos, direction)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_a_second_backward_pass_finds_what_the_first_one_found():
    texts, photos = some_texts(), some_photos()
    texts.parts.requires_grad_()
    photos.values.requires_grad_()
    total = local_similarity(texts, photos, cells=50).square().sum()
    first = torch.autograd.grad(total, (texts.parts, photos.values), retain_graph=True)
    second = torch.autograd.grad(total, (texts.parts, photos.values))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_what_absent_parts_hold_never_matters(direction):
    texts, photos = some_texts(), some_photos()
    spoiled = [
        replace(s, **{n: getattr(s, n).clone() for n in ("parts", "values")})
        for s in (texts, photos)
    ]
    for side in spoiled:
        side.parts[~side.mask] = torch.nan
        side.values[~side.mask] = 1e9
    clean = local_similarity(texts, photos, direction=direction)
    found, slopes = gradients(lambda t, p: local_similarity(t, p, direction=direction), *spoiled)
    torch.testing.assert_close(found, clean)
    assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_zeros_and_texts_without_words_have_finite_scores_and_gradients(direction):
    texts, photos = some_texts(torch.float32), some_photos(torch.float32)
    texts.mask[3] = False
    photos.mask[2] = False
    for tensor in (texts.parts, texts.values, photos.parts, photos.values):
        tensor[0] = 0
    found, slopes = gradients(
        lambda t, p: local_similarity(t, p, direction=direction), texts, photos
    )
    assert found[3].eq(0).all()
    assert found[:, 2].eq(0).all()
    assert torch.isfinite(found).all()
    assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_one_text_one_photo_and_none_have_their_shape(direction):
    texts, photos = drawn(1, 1, 1), drawn(1, 1, 2)
    expected = cosine_similarity(texts.values[0], photos.values[0])[None]
    torch.testing.assert_close(local_similarity(texts, photos, direction=direction), expected)
    nobody = local_similarity(texts, photos.rows(slice(0, 0)), direction=direction)
    assert nobody.shape == (1, 0)


def test_scores_stay_within_one_where_contents_cancel():
    texts, photos = drawn(2, 2, 1, dtype=torch.float32), drawn(2, 2, 2, dtype=torch.float32)
    texts.parts[:] = 1
    texts.values[:, 1] = -texts.values[:, 0]
    found, slopes = gradients(local_similarity, texts, photos)
    assert found.abs().max() <= 1
    assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("direction", ["i2t", "t2i"])
def test_weights_sum_to_one_and_contexts_made_of_them_score_the_same(direction):
    texts, photos = some_texts(), some_photos()
    weights = attention_weights(texts, photos, direction=direction)
    words, parts = texts.mask, photos.mask
    assert weights.shape == (5, 4, 3, 7)
    assert weights[~(words[:, None, None] & parts[None, :, :, None])].eq(0).all()
    if direction == "i2t":
        torch.testing.assert_close(weights.sum(3), parts.double().expand(5, -1, -1))
        gathered = torch.einsum("tprw,twd->tprd", weights, texts.values)
        cosines = cosine_similarity(gathered, photos.values[None], dim=3) * parts
        score = cosines.sum(2) / parts.sum(1)
    else:
        torch.testing.assert_close(weights.sum(2), words.double()[:, None].expand(-1, 4, -1))
        gathered = torch.einsum("tprw,prd->tpwd", weights, photos.values)
        cosines = cosine_similarity(gathered, texts.values[:, None], dim=3) * words[:, None]
        score = cosines.sum(2) / words.sum(1)[:, None]
    torch.testing.assert_close(score, local_similarity(texts, photos, direction=direction))


def test_local_similarity_and_its_gradient_are_the_same_inside_bf16_autocast():
    texts, photos = some_texts(torch.float32), some_photos(torch.float32)
    outside, slopes = gradients(local_similarity, texts, photos)
    with torch.autocast("cpu", torch.bfloat16):
        inside, ours = gradients(local_similarity, texts, photos)
    assert torch.equal(inside, outside)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(ours, slopes, strict=True))


def test_half_precision_embeddings_are_compared_in_float32():
    texts, photos = (s(torch.float32) for s in (some_texts, some_photos))
    halves = [
        replace(s, parts=s.parts.bfloat16(), values=s.values.bfloat16()) for s in (texts, photos)
    ]
    found, slopes = gradients(local_similarity, *halves)
    assert found.dtype == torch.float32
    assert slopes[0].dtype == torch.bfloat16
    torch.testing.assert_close(found, local_similarity(*(half.float() for half in halves)))


def test_unknown_directions_and_embeddings_without_parts_are_refused():
    texts, photos = some_texts(), some_photos()
    with pytest.raises(BadRecipe, match='"i2t", "t2i" or "both"'):
        local_similarity(texts, photos, direction="up")
    with pytest.raises(BadRecipe, match="both"):
        attention_weights(texts, photos, direction="both")
    with pytest.raises(BadModel, match="local features"):
        local_similarity(texts, replace(photos, parts=None))


def test_released_similarities_losses_and_gradients_are_met():
    data = load_file(FIXTURES / "matching.safetensors")
    numbers = json.loads((FIXTURES / "matching.json").read_text(encoding="utf-8"))
    names = ["text_global", "text_key", "text_value", "image_global", "photo_query", "photo_value"]
    leaves = {name: data[name].clone().requires_grad_() for name in names}
    mask = torch.arange(17) < data["text_length"][:, None]
    texts = Embeddings(*(leaves[name] for name in names[:3]), mask)
    photos = Embeddings(*(leaves[name] for name in names[3:]))
    i2t = local_similarity(texts, photos)
    t2i = local_similarity(texts, photos, direction="t2i")
    torch.testing.assert_close(i2t.detach(), data["i2t"].T, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(t2i.detach(), data["t2i"].T, rtol=1e-5, atol=1e-6)
    persons, weight = data["labels"], data["class_weight"].T
    found = {
        "cmpm": cmpm(texts.vector, photos.vector, persons),
        "cmpc": cmpc(texts.vector, photos.vector, weight, persons),
        "local_kl_i2t": local_kl(i2t, persons),
    }
    for name, loss in found.items():
        assert float(loss.detach()) == pytest.approx(numbers[name], rel=1e-5)
    total = found["cmpm"] + found["cmpc"] + numbers["local_weight"] * found["local_kl_i2t"]
    assert float(total.detach()) == pytest.approx(numbers["total"], rel=1e-5)
    total.backward()
    for name, leaf in leaves.items():
        expected = data[f"grad.{name}"]
        bound = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(leaf.grad, expected, rtol=1e-4, atol=bound)
