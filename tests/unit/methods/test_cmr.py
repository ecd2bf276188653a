"""CMR: every setting trains, what is refused, and zeros where a zero is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_cmr import CAPTIONS, ENCODERS, PHOTOS, SETTINGS, batch_for, made
from torch.nn.functional import normalize

from passerby.embedding import embed_images, embed_texts
from passerby.errors import BadRecipe
from passerby.losses.diversity import diversity
from passerby.losses.ranking import ranking


def values(losses) -> dict[str, float]:
    return {name: float(loss.detach()) for name, loss in losses.items()}


def slopes(method, losses) -> dict[str, torch.Tensor]:
    method.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()
    return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_setting_trains_all_its_weights_and_keeps_its_sides_apart(settings) -> None:
    method = made(**settings).train()
    losses = method.losses(batch_for(method))
    found = slopes(method, losses)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(slope.isfinite().all() for slope in found.values())
    assert set(found) == {name for name, _ in method.named_parameters()}
    method.eval()
    with torch.no_grad():
        photos, texts = method.encode_images(PHOTOS), method.encode_texts(method.tokenize(CAPTIONS))
        whole = method.similarity(texts, photos)
        alone = method.similarity(
            method.encode_texts(method.tokenize(CAPTIONS[1:2])), photos.rows([2])
        )
    torch.testing.assert_close(alone[0, 0], whole[1, 2], atol=1e-5, rtol=0)
    cosines = normalize(texts.vector, dim=1) @ normalize(photos.vector, dim=1).T
    torch.testing.assert_close(method.bound(cosines), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ENCODERS)
def test_each_kind_of_encoder_trains_a_step_and_searches(kind: str) -> None:
    method = made(tables=ENCODERS[kind], parts="stripes").train()
    batch = batch_for(method)
    optimizer = torch.optim.SGD(method.parameters(), 0.01)
    before = sum(values(method.losses(batch)).values())
    for _ in range(5):
        slopes(method, method.losses(batch))
        optimizer.step()
    after = sum(values(method.losses(batch)).values())
    assert np.isfinite(after)
    assert after < before
    scores = method.similarity(embed_texts(method, CAPTIONS), embed_images(method, PHOTOS))
    assert scores.shape == (4, 4)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_one_person_in_a_batch_has_nobody_to_be_told_from(settings) -> None:
    for persons in ((1, 1, 1, 1), (2,)):
        method = made(**settings).train()
        losses = method.losses(batch_for(method, persons)) if len(persons) > 1 else (
            method.eval().losses(batch_for(method, persons))
        )  # fmt: skip
        told = values(losses)
        assert all(np.isfinite(value) for value in told.values())
        assert all(told[n] == 0 for n in told if n == "cmr" or n.startswith("ranking"))
        assert all(value > 0 for n, value in told.items() if n.startswith("identity"))
        found = slopes(method, losses)
        assert all(slope.isfinite().all() for slope in found.values())


def test_nobody_else_makes_a_part_distinct_to_the_counts_of_neighbours() -> None:
    method = made(commonality="neighbour_count")
    method.losses(batch_for(method, (1, 1, 1, 1)))
    assert all(float(method.measures[f"commonality {k}"]) == 0 for k in (1, 2, 3))
    assert float(method.measures["floor share"]) == 0


@pytest.mark.parametrize("positives", ["pair", "all"])
def test_with_one_photo_a_person_everywhere_all_positives_are_the_pairs(positives: str) -> None:
    persons = (0, 1, 2, 3)
    one, other = (made(4, positives=each, negatives="hardest") for each in (positives, "pair"))
    told = values(one.losses(batch_for(one, persons)))
    assert all(np.isfinite(value) for value in told.values())
    assert told == pytest.approx(values(other.losses(batch_for(other, persons))))


def test_without_a_semi_hard_negative_rankings_are_0_and_train_nothing() -> None:
    method = made(margin=1e-9, floor=0.0, identity_weight=0.0, commonality="none",
                  diversity_weight=0.0, weighting="text")  # fmt: skip
    losses = method.losses(batch_for(method))
    assert values(losses) == dict.fromkeys(
        ("ranking_whole", "ranking_coarse", "cmr", "ranking_fine"), 0.0
    )
    assert not any(slope.any() for slope in slopes(method, losses).values())


def test_before_the_warm_up_is_over_parts_are_ranked_plainly() -> None:
    for kind in ("id_posterior", "sim_entropy", "neighbour_count"):
        for negatives in ("hardest", "random"):
            told = {"negatives": negatives, "margin": 0.4}
            method, plain = (
                made(commonality=kind, warmup=3, **told),
                made(commonality="none", **told),
            )
            plain.load_state_dict(method.state_dict())
            found = []
            for model, epoch in ((plain, 9), (method, 0), (method, 2), (method, 3)):
                torch.manual_seed(4)
                found.append(values(model.losses(batch_for(model, epoch=epoch))))
            assert found[0] == found[1] == found[2]
            assert found[0]["cmr"] > 0
            assert found[3]["cmr"] < found[0]["cmr"]
            assert {**found[3], "cmr": 0} == {**found[0], "cmr": 0}


def test_the_plain_ranking_of_parts_is_that_of_their_cosines() -> None:
    method = made(commonality="none", negatives="hardest", margin=0.4)
    batch = batch_for(method)
    with torch.no_grad():
        told = values(method.losses(batch))["cmr"]
        scores = method.part_scores(
            method.features_of_texts(batch.texts), method.features_of_photos(batch.images)
        )
        own = 0.5 * ranking(scores, batch.persons, 0.4, negatives="hardest")
    assert told == pytest.approx(float(own), rel=1e-6)
    assert told > 0


@pytest.mark.parametrize("kind", ["id_posterior", "sim_entropy", "neighbour_count"])
def test_measures_are_the_share_at_the_floor_and_the_commonality_of_each_part(kind: str) -> None:
    method = made(commonality=kind, warmup=3)
    for epoch in (2, 3):
        method.losses(batch_for(method, epoch=epoch))
        told = {name: float(value) for name, value in method.measures.items()}
        assert -1 / 2 <= told.pop("parts alike") <= 1  # three vectors are not more opposed
        assert set(told) == {"floor share", "commonality 1", "commonality 2", "commonality 3"}
        assert all(0 <= value <= 1 for value in told.values())
        # Margins are whole while it warms up; commonality is told all the same.
        assert epoch == 3 or told["floor share"] == 0
        assert told["commonality 1"] > 0
        assert not any(value.requires_grad for value in method.measures.values())


def test_a_floor_that_is_the_margin_or_posteriors_near_0_leave_all_at_the_floor() -> None:
    method = made(floor=0.2)
    method.losses(batch_for(method))
    assert float(method.measures["floor share"]) == 1
    many = made(50)  # untrained, each has a posterior of 1 / 50
    many.losses(batch_for(many))
    assert float(many.measures["floor share"]) == 1
    assert float(many.measures["commonality 2"]) == pytest.approx(0.98, abs=1e-3)


@pytest.mark.parametrize("settings", [{"commonality": "none"}, {"cmr_weight": 0.0}])
def test_where_nothing_measures_commonality_only_how_alike_parts_are_is_told(settings) -> None:
    method = made(**settings, parts="stripes")
    batch = batch_for(method)
    method.losses(batch)
    assert set(method.measures) == {"parts alike"}
    sides = method.features_of_photos(batch.images), method.features_of_texts(batch.texts)
    own = sum(float(diversity(side.fine, "mean").detach()) for side in sides) / 2
    assert float(method.measures["parts alike"]) == pytest.approx(own, abs=1e-6)
    whole = made(fine=False)
    whole.losses(batch_for(whole))
    assert dict(whole.measures) == {}


def test_weights_count_once_in_their_losses() -> None:
    def losses(weighting="text", **settings) -> dict[str, float]:
        method = made(negatives="hardest", weighting=weighting, margin=0.4, **settings)
        with torch.no_grad():
            for weight in method.classes.values():
                weight.mul_(300)
            return values(method.losses(batch_for(method)))

    plain = losses()
    names = {
        "identity_weight": {"identity_whole", "identity_coarse", "identity_fine"},
        "ranking_weight": {"ranking_whole", "ranking_coarse", "ranking_fine"},
        "local_weight": {"identity_coarse", "identity_fine", "ranking_coarse", "ranking_fine"},
        "cmr_weight": {"cmr"},
        "diversity_weight": {"diversity"},
    }
    assert set(plain) == set().union(*names.values())
    starts = {"local_weight": 0.5, "cmr_weight": 0.5, "diversity_weight": 0.04}
    for weight, own in names.items():
        told = losses(**{weight: 3 * starts.get(weight, 1.0)})
        for name, value in plain.items():
            assert told[name] == pytest.approx((3 if name in own else 1) * value, rel=1e-4), name
    assert "cmr" not in losses(cmr_weight=0.0)
    assert "diversity" not in losses(diversity_weight=0.0)
    assert set(losses("mean", local_weight=0.0, commonality="none")) == {
        "identity_whole", "ranking_whole", "cmr", "diversity",
    }  # fmt: skip


def test_without_classes_there_is_no_posterior_and_it_says_so() -> None:
    method = made(0)
    with pytest.raises(BadRecipe, match="classifier of parts") as told:
        method.losses(batch_for(method))
    assert "\n" not in str(told.value)
    plain = made(0, commonality="sim_entropy")
    assert not any(n.startswith("identity") for n in plain.losses(batch_for(plain)))


def test_draws_depend_on_the_seed_of_torch_alone() -> None:
    method = made(margin=0.6)
    told = []
    for seed in (1, 1, 2, 3, 4, 5):
        torch.manual_seed(seed)
        told.append(values(method.losses(batch_for(method, (0, 1, 2, 1)))))
    assert told[0] == told[1]
    assert any(each != told[0] for each in told[2:])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"floor": 0.3}, "floor = 0.3 and margin = 0.2"),
        ({"floor": -0.1}, "floor from 0 to margin"),
        ({"margin": 0.0, "floor": 0.0}, "margin is above 0"),
        ({"parts": "stripes", "part_count": 5}, "one of 1, 2, 3, 4, 6, 12"),
        ({"parts": "stripes", "part_count": 4, "last_stride": 2}, "6 rows .* one of 1, 2, 3, 6,"),
        ({"identity_weight": 0.0}, "sim_entropy"),
        ({"local_weight": 0.0}, "sim_entropy"),
        ({"identity_weight": 0.0, "ranking_weight": 0.0, "commonality": "none"}, "trains"),
        ({"parts": "striped"}, "learned, stripes"),
        ({"decoder": "slot"}, "attention, slots"),
        ({"fine_queries": "fine"}, "coarse, own"),
        ({"commonality": "posterior"}, "id_posterior, sim_entropy, neighbour_count, none"),
        ({"negatives": "hard"}, "random, hardest"),
        ({"positives": "pairs"}, "pair, all"),
        ({"weighting": "photo"}, "mean, text"),
        ({"classifiers": "one"}, "separate, shared"),
        ({"heads": 3}, r"heads \(3\) divide 8"),
        ({"heads": 0}, "1 or more"),
        ({"decoder": "slots", "iterations": 0}, "1 or more"),
        ({"layers": 0}, "1 or more"),
        ({"dim": 0}, "1 or more"),
        ({"part_count": 0}, "1 or more"),
        ({"length": 2}, "length 3"),
        ({"warmup": -1}, "warmup 0 or more"),
        ({"last_stride": 3}, "1 or 2"),
        ({"entropy_temperature": 0.0}, "above 0"),
        ({"cmr_weight": -1.0}, "0 or more"),
        ({"cosine_scale": -1.0}, "0 or more"),
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_make_no_cmr_are_refused_in_one_line(settings, told: str) -> None:
    with pytest.raises(BadRecipe, match=told) as caught:
        made(**settings)
    assert "\n" not in str(caught.value)


def test_four_stripes_fit_the_map_that_a_last_stride_of_1_makes() -> None:
    method = made(parts="stripes", part_count=4)
    assert np.isfinite(sum(values(method.losses(batch_for(method))).values()))


def test_what_needs_no_classifiers_of_parts_is_not_refused() -> None:
    for settings in ({"fine": False}, {"cmr_weight": 0.0}, {"commonality": "neighbour_count"}):
        method = made(identity_weight=0.0, **settings)
        assert values(method.losses(batch_for(method)))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_in_half_precision_losses_stay_in_fp32_and_near_the_whole_ones(settings) -> None:
    method = made(**settings)
    batch = batch_for(method)
    with torch.autocast("cpu", torch.bfloat16):
        losses = method.losses(batch)
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    assert all(value.dtype == torch.float32 for value in method.measures.values())
    found = slopes(method, losses)
    assert all(slope.isfinite().all() for slope in found.values())
    whole = values(method.losses(batch))
    for name, value in values(losses).items():
        if name.startswith("identity") or name == "diversity":
            assert value == pytest.approx(whole[name], rel=0.05, abs=0.02), name
