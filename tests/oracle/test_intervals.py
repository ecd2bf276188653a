"""Intervals equal a literal loop that draws persons and counts again, and stay what they are under
any order of the queries; a paired difference equals its loop as well."""

import numpy as np
import pytest
import torch

from passerby.ranking.metrics import Outcomes, summary
from passerby.reports import intervals as module
from passerby.reports.intervals import intervals, paired

NAMES = ["rank-1", "rank-5", "rank-10", "R-Sum", "mAP", "mAP-trapezoid", "mINP"]


def random_outcomes(seed, count=60, persons=9):
    """Outcomes at random, a tenth without a right photo, and whose they are."""
    generator = torch.Generator().manual_seed(seed)

    def draw(high):
        return torch.randint(0, high, (count,), generator=generator)

    right = draw(10).clamp(max=3)
    first = torch.where(right > 0, draw(14) + 1, 0)
    ap, area, inp = torch.rand(3, count, generator=generator, dtype=torch.float64)
    found = Outcomes(first, ap, area, inp, right, right * 0, first)
    return found, [f"p{n}" for n in draw(persons).tolist()]


def literal_values(found, chosen):
    """Each metric in percent over the queries in `chosen`, one at a time."""
    made = {}
    for k in (1, 5, 10):
        made[f"rank-{k}"] = sum(1 <= int(found.first[n]) <= k for n in chosen) / len(chosen)
    made["R-Sum"] = made["rank-1"] + made["rank-5"] + made["rank-10"]
    for name, column in (("mAP", "ap"), ("mAP-trapezoid", "trapezoid"), ("mINP", "inp")):
        made[name] = sum(float(getattr(found, column)[n]) for n in chosen) / len(chosen)
    return {name: 100 * value for name, value in made.items()}


def literal_draws(found, persons, draws, seed):
    """The queries of each drawing: persons by name, as many as there are, with all theirs."""
    theirs = {}
    for n, person in enumerate(persons):
        if found.right[n] > 0:
            theirs.setdefault(person, []).append(n)
    names = sorted(theirs)
    random = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = random.integers(len(names), size=len(names))
        yield [n for place in drawn for n in theirs[names[place]]]


@pytest.mark.parametrize("seed", range(3))
def test_intervals_equal_a_literal_loop_over_drawings(seed: int) -> None:
    found, persons = random_outcomes(seed)
    drawn = [literal_values(found, chosen) for chosen in literal_draws(found, persons, 200, seed)]
    made = intervals(found, persons, draws=200, seed=seed, ap="trapezoid")
    assert list(made) == NAMES
    for name, bounds in made.items():
        expected = np.percentile([values[name] for values in drawn], (2.5, 97.5))
        assert bounds == pytest.approx(expected, abs=1e-4)
        assert bounds[0] < summary(found, ap="trapezoid")[name] < bounds[1]


def test_metrics_of_the_columns_are_the_metrics_of_the_summary() -> None:
    found, persons = random_outcomes(5)
    asked = [n for n in range(len(persons)) if found.right[n] > 0]
    assert summary(found, ap="trapezoid") == pytest.approx(literal_values(found, asked), abs=1e-3)


def test_paired_differences_equal_a_literal_loop() -> None:
    found, persons = random_outcomes(1)
    other, _ = random_outcomes(2)
    other = Outcomes(other.first, other.ap, other.trapezoid, other.inp, found.right, found.tied,
                     other.lucky)  # fmt: skip
    rows = list(literal_draws(found, persons, 300, 4))
    made = paired(found, other, persons, draws=300, seed=4, ap="trapezoid")
    changes = [
        {name: literal_values(other, chosen)[name] - literal_values(found, chosen)[name]
         for name in NAMES} for chosen in rows
    ]  # fmt: skip
    for name, difference in made.items():
        values = np.round([change[name] for change in changes], 9)
        low, high = np.percentile(values, (2.5, 97.5))
        assert (difference.low, difference.high) == pytest.approx((low, high), abs=1e-4)
        fewer = min(sum(values <= 0), sum(values >= 0))
        assert difference.p == pytest.approx(min(1, 2 * (fewer + 1) / 301))


def test_a_report_s_columns_and_outcomes_give_the_same_intervals() -> None:
    found, persons = random_outcomes(3)
    columns = {name: getattr(found, name).tolist() for name in ("first", "ap", "inp", "right")}
    assert intervals(columns, persons) == intervals(found, persons)


def test_no_order_of_the_queries_changes_an_interval() -> None:
    found, persons = random_outcomes(4)
    order = torch.randperm(len(persons), generator=torch.Generator().manual_seed(0))
    shuffled = found.rows(order), [persons[n] for n in order.tolist()]
    assert intervals(*shuffled) == intervals(found, persons)


def test_what_is_held_at_once_changes_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    found, persons = random_outcomes(6)
    whole = intervals(found, persons)
    monkeypatch.setattr(module, "HELD", 70)
    assert intervals(found, persons) == whole


def test_a_seed_gives_one_interval_and_another_seed_another() -> None:
    found, persons = random_outcomes(7)
    assert intervals(found, persons, seed=1) == intervals(found, persons, seed=1)
    assert intervals(found, persons, seed=1) != intervals(found, persons, seed=2)


def test_asking_each_person_ten_times_makes_nothing_surer() -> None:
    found, persons = random_outcomes(8)
    ten = Outcomes.cat([found] * 10)
    surer = intervals(ten, persons * 10)
    for name, bounds in intervals(found, persons).items():
        assert surer[name] == pytest.approx(bounds, abs=1e-4)
    apart = intervals(ten, [str(n) for n in range(10 * len(persons))])  # as if all were strangers
    for name, (low, high) in intervals(found, persons).items():
        assert apart[name][1] - apart[name][0] < 0.6 * (high - low)


def test_of_one_person_no_interval_is_told() -> None:
    found, persons = random_outcomes(9)
    assert intervals(found, ["one"] * len(persons)) == {}
    assert paired(found, found, ["one"] * len(persons)) == {}


def test_equal_outcomes_show_no_difference() -> None:
    found, persons = random_outcomes(10)
    for difference in paired(found, found, persons).values():
        assert (difference.difference, difference.low, difference.high) == (0, 0, 0)
        assert difference.p == 1
        assert not difference.shown


def test_queries_with_other_right_photos_are_not_paired() -> None:
    found, persons = random_outcomes(11)
    other, _ = random_outcomes(12)
    with pytest.raises(ValueError, match="same right photos"):
        paired(found, other, persons)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """300 samples of 40 persons with 4 queries each that mostly stand and fall together."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        share = random.beta(1, 1, size=40)  # of a person's queries; their mean is a half
        hits = random.random((40, 4)) < share[:, None]
        first = np.where(hits, 1, 20).ravel()
        queries = {"first": first, "ap": first, "inp": first, "right": np.ones(160)}
        low, high = intervals(queries, [f"{n // 4}" for n in range(160)], draws=300)["rank-1"]
        held += low <= 50 <= high
    assert 0.90 <= held / 300 <= 0.98
