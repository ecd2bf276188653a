"""The decoders of parts equal a form that is written out: places, heads, slots, one at a time."""

from __future__ import annotations

import pytest
import torch
from literal_parts import LITERAL, places
from torch import Tensor, nn

from passerby.encoders.decoder import AttentionDecoder, SlotDecoder, decoder_of
from passerby.encoders.parts import stripes
from passerby.errors import BadRecipe

ROWS, PARTS, LENGTH, DIM = 3, 4, 8, 12
SHAPES = {  # heads, layers, iterations, residual
    "attention": (3, 2, 1, False),
    "residual": (3, 1, 1, True),
    "slots": (1, 1, 5, False),
}
PADS = torch.arange(LENGTH) < torch.tensor([LENGTH, 5, 1])[:, None]  # (N, L)
WHERE = {
    "everywhere": None,
    "pads": PADS[:, None],
    "stripes": stripes((4, 2), PARTS),
    "own places": (torch.arange(ROWS * PARTS * LENGTH) % 3 < 2).reshape(ROWS, PARTS, LENGTH),
}


def made(kind: str, dim: int = DIM, heads: int = 0) -> nn.Module:
    """In float64; norms and biases away from 1 and 0, so that none would be missed."""
    torch.manual_seed(0)
    given, *rest = SHAPES[kind]
    name = "slots" if kind == "slots" else "attention"
    decoder = decoder_of(name, dim, heads or given, *rest).double()
    for name, weight in decoder.named_parameters():
        if weight.ndim == 1:
            nn.init.normal_(weight, float("norm" in name and "weight" in name), 0.4)
    return decoder


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def given(grad: bool = False) -> tuple[Tensor, Tensor]:
    """Queries (N, K, D) and memory (N, L, D)."""
    queries, memory = drawn(ROWS, PARTS, DIM, seed=1), 2 * drawn(ROWS, LENGTH, DIM, seed=2)
    return queries.requires_grad_(grad), memory.requires_grad_(grad)


def slopes(decoder: nn.Module, found: Tensor, tensors: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Gradients of a weighed sum: of queries, memory and every weight that it reaches."""
    named = dict(zip(("queries", "memory"), tensors, strict=True)) | dict(
        decoder.named_parameters()
    )
    loss = (found * drawn(*found.shape, seed=3)).sum()
    told = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: slope for name, slope in zip(named, told, strict=True) if slope is not None}


@pytest.mark.parametrize("side", ["photo", "text"])
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", LITERAL)
def test_parts_gradients_and_looks_equal_the_form_that_is_written_out(kind, where, side) -> None:
    decoder, there = made(kind), WHERE[where]
    queries, memory = given(grad=True)
    found = decoder(queries, memory, side, there)
    literal = [
        LITERAL[kind](decoder, queries[row], memory[row], side, places(there, row, PARTS, LENGTH))
        for row in range(ROWS)
    ]
    wanted = torch.stack([parts for parts, _ in literal])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
    looks = decoder.looks(queries, memory, side, there)
    torch.testing.assert_close(looks, torch.stack([own for _, own in literal]), rtol=0, atol=1e-10)
    ours, theirs = (slopes(decoder, each, (queries, memory)) for each in (found, wanted))
    assert set(ours) == set(theirs)
    for name, slope in theirs.items():
        torch.testing.assert_close(ours[name], slope, rtol=1e-9, atol=1e-9, msg=name)
    assert len(ours) > 10
    assert all(ours[name].abs().max() > 1e-3 for name in ("queries", "memory"))


@pytest.mark.parametrize("kind", LITERAL)
def test_pads_never_change_a_part_a_look_or_a_gradient(kind: str) -> None:
    decoder, there = made(kind), WHERE["pads"]
    queries, memory = given(grad=True)
    found = decoder(queries, memory, "text", there)
    plain = slopes(decoder, found, (queries, memory))
    assert not plain["memory"][~PADS].any()
    other = torch.where(PADS[..., None], memory, 1e3 * drawn(ROWS, LENGTH, DIM, seed=9))
    longer = torch.cat([other, drawn(ROWS, 5, DIM, seed=8)], 1)
    longer = longer.detach().requires_grad_()
    wide = nn.functional.pad(there, (0, 5))
    padded = decoder(queries, longer, "text", wide)
    torch.testing.assert_close(padded, found, rtol=0, atol=1e-12)
    looks = decoder.looks(queries, longer, "text", wide)
    assert not looks[~wide.expand_as(looks)].any()
    for name, slope in slopes(decoder, padded, (queries, longer)).items():
        wanted = nn.functional.pad(plain[name], (0, 0, 0, 5)) if name == "memory" else plain[name]
        torch.testing.assert_close(slope, wanted, rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize("kind", LITERAL)
def test_a_part_of_a_stripe_sees_nothing_of_the_others(kind: str) -> None:
    decoder, there = made(kind), WHERE["stripes"]
    queries, memory = given()
    looks = decoder.looks(queries, memory, "photo", there)
    assert not looks[:, ~there[0]].any()
    if kind == "slots":  # what others see says how much of its stripe is left to a slot
        return
    changed = torch.where(there[0, 1][:, None], memory, drawn(ROWS, LENGTH, DIM, seed=9))
    # A block lets parts talk to each other; what a part itself sees is its stripe.
    decoder.blocks = nn.ModuleList()
    found, again = (decoder(queries, each, "photo", there) for each in (memory, changed))
    torch.testing.assert_close(found[:, 1], again[:, 1], rtol=0, atol=1e-12)
    assert (found[:, 0] - again[:, 0]).abs().max() > 1e-2


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", LITERAL)
def test_looks_are_from_0_and_sum_to_1(kind: str, where: str) -> None:
    looks = made(kind).looks(*given(), "photo", WHERE[where])
    assert looks.shape == (ROWS, PARTS, LENGTH)
    assert looks.min() >= 0
    torch.testing.assert_close(looks.sum(2), torch.ones(ROWS, PARTS).double(), rtol=0, atol=1e-5)


def test_with_one_head_what_is_decoded_is_the_values_weighed_by_the_looks() -> None:
    decoder = made("attention", heads=1)
    decoder.blocks, decoder.norm = nn.ModuleList(), nn.Identity()
    queries, memory = given()
    looks = decoder.looks(queries, memory, "text", WHERE["pads"])
    values = decoder.key_value(decoder.memory_norms["text"](memory))[..., DIM:]
    found = decoder(queries, memory, "text", WHERE["pads"])
    torch.testing.assert_close(found, decoder.proj(looks @ values), rtol=0, atol=1e-12)


def test_in_attention_all_but_the_norm_of_the_memory_serves_both_sides() -> None:
    decoder, (queries, memory) = made("attention"), given(grad=True)
    reached = {
        side: set(slopes(decoder, decoder(queries, memory, side, None), (queries, memory)))
        for side in ("photo", "text")
    }
    own = {side: {f"memory_norms.{side}.{name}" for name in ("weight", "bias")} for side in reached}
    assert reached["photo"] - own["photo"] == reached["text"] - own["text"]
    assert reached["photo"] & own["photo"] == own["photo"]
    assert reached["photo"] | reached["text"] == {
        "queries", "memory", *(name for name, _ in decoder.named_parameters())
    }  # fmt: skip
    different = decoder(queries, memory, "photo", None) - decoder(queries, memory, "text", None)
    assert different.abs().max() > 1e-2
    decoder.memory_norms["text"].load_state_dict(decoder.memory_norms["photo"].state_dict())
    same = (decoder(queries, memory, side, None) for side in ("photo", "text"))
    assert torch.equal(*same)


@pytest.mark.parametrize(("kind", "same"), [("attention", True), ("residual", False)])
def test_only_a_residual_leads_round_the_cross_attention(kind: str, same: bool) -> None:
    decoder, (queries, memory) = made(kind), given()
    alike = memory[:, :1].expand(-1, LENGTH, -1)
    found = decoder(queries, alike, "text", None)
    other = decoder(queries.flip(0), alike, "text", None)
    assert torch.allclose(found, other, rtol=0, atol=1e-12) is same


def test_slots_have_weights_of_their_own_on_each_side_and_begin_alike() -> None:
    decoder, (queries, memory) = made("slots"), given(grad=True)
    names = {name for name, _ in decoder.named_parameters()}
    for side in ("photo", "text"):
        told = slopes(decoder, decoder(queries, memory, side, None), (queries, memory))
        own = {name for name in names if name.startswith(f"sides.{side}.")}
        assert set(told) == {"queries", "memory", *own}
    assert len(names) == 2 * len(own)
    torch.manual_seed(0)
    photo, text = SlotDecoder(DIM, 5).sides.values()
    assert not torch.equal(photo.query.weight, text.query.weight)
    text.load_state_dict(photo.state_dict())
    assert torch.equal(photo(queries.float(), memory.float(), None)[0],
                       text(queries.float(), memory.float(), None)[0])  # fmt: skip


def test_tokens_start_by_looking_at_different_places() -> None:
    """Else all parts start as one, and no loss tells them apart."""
    torch.manual_seed(0)
    decoder = decoder_of("attention", 64, 4, 1, 1)
    tokens = torch.nn.init.orthogonal_(torch.empty(1, 6, 64))
    looks = decoder.looks(tokens, torch.randn(1, 32, 64), "photo", None)[0]
    apart = (looks[:, None] - looks[None]).abs().sum(2) / 2  # shares that two tokens do not share
    assert apart[~torch.eye(6, dtype=torch.bool)].min() > 0.2


def test_a_slot_without_competition_takes_each_of_its_places_alike() -> None:
    decoder, (queries, memory) = made("slots"), given()
    alone = decoder.looks(queries[:, :1], memory, "photo", None)
    torch.testing.assert_close(alone, torch.full_like(alone, 1 / LENGTH), rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", LITERAL)
def test_one_set_of_queries_serves_all_rows_and_rows_do_not_meet(kind: str) -> None:
    decoder, (queries, memory) = made(kind), given()
    asked = queries[:1].expand(ROWS, -1, -1)
    whole = decoder(asked, memory, "photo", None)
    for row in range(ROWS):
        alone = decoder(queries[:1], memory[row : row + 1], "photo", None)
        torch.testing.assert_close(alone, whole[row : row + 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("slot", 12, 3, 1, 5), "'slot'; it is one of attention, slots"),
        (("attention", 12, 5, 1, 5), r"heads \(5\) divide 12"),
        (("attention", 12, 0, 1, 5), "1 or more"),
        (("attention", 12, 3, 0, 5), "1 or more"),
        (("slots", 12, 3, 1, 0), "1 or more"),
    ],
)
def test_settings_that_make_no_decoder_are_refused_in_one_line(arguments, told: str) -> None:
    with pytest.raises(BadRecipe, match=told) as caught:
        decoder_of(*arguments)
    assert "\n" not in str(caught.value)


def test_each_kind_is_made_as_it_is_named() -> None:
    assert isinstance(decoder_of("attention", 12, 3, 2, 5), AttentionDecoder)
    slots = decoder_of("slots", 12, 3, 2, 7)
    assert isinstance(slots, SlotDecoder)
    assert {side.iterations for side in slots.sides.values()} == {7}
