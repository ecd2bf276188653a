"""A report is made of outcomes, whoever ranked; its protocol tells what two reports share."""

import json

import pytest
import torch

from passerby.errors import BadData
from passerby.ranking.metrics import Outcomes, outcomes
from passerby.ranking.order import rank
from passerby.reports.made import fingerprint, protocol, report_of
from passerby.reports.told import cell, lines
from passerby.reports.written import read_report


def found(scores, right):
    """Outcomes of scores (Q, P) and of which are right."""
    names = [f"q{n}" for n in range(len(scores))], [f"p{n}" for n in range(scores.shape[1])]
    return outcomes(rank(*names, scores), right)


@pytest.fixture
def made():
    scores = torch.tensor([[0.9, 0.5, 0.5], [0.9, 0.5, 0.1], [0.2, 0.1, 0.2], [0.1, 0.1, 0.3]])
    right = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    return report_of(
        found(scores, right), ["a", "b", "c", "d"], ["x", "y", "x", "z"], card={"queries": 4}
    )


def test_a_report_tells_every_query_and_leaves_those_without_a_right_photo_out_of_means(
    made,
) -> None:
    assert made.metrics["rank-1"] == pytest.approx(100 / 3, abs=1e-3)
    assert made.queries["first"] == [1, 2, 2, 0]
    assert made.queries["right"] == [1, 1, 1, 0]
    assert made.card["queries_without_right_photo"] == 1
    assert made.card["intervals"]["persons"] == 2


def test_ties_of_right_with_wrong_are_counted_and_ties_of_wrong_with_wrong_are_not(made) -> None:
    assert made.card["tied"]["queries"] == 1  # "c"; "a" ties behind its right photo, "d" has none
    assert made.card["tied"]["rank-1 if lucky"] == pytest.approx(200 / 3, abs=1e-3)


def test_what_a_report_says_is_a_line_each(made) -> None:
    full = made.with_card(photos=3, persons=3)
    told = lines(full)
    assert told[0] == "4 queries, 3 photos, 3 persons"
    assert told[1] == "1 queries have no right photo and do not count"
    assert "Rank-1 is 33.33, and would be 66.67 if all were lucky" in told[2]
    assert "2 persons again; so few that they are too narrow" in told[3]
    low, high = full.intervals["mAP"]
    assert cell(full, "mAP", 1) == f"{full.metrics['mAP']:.1f} [{low:.1f}, {high:.1f}]"


def test_whoever_calls_may_say_how_ties_were_settled() -> None:
    one = found(torch.tensor([[0.5]]), torch.tensor([[True]]))
    assert report_of(one, ["q"], ["p"], card={}).card["ties"].startswith("scores rounded")
    assert report_of(one, ["q"], ["p"], card={"ties": "none"}).card["ties"] == "none"


def test_of_one_person_no_interval_is_told_and_why() -> None:
    one = found(torch.tensor([[0.5]]), torch.tensor([[True]]))
    report = report_of(one, ["q"], ["p"], card={"queries": 1, "photos": 1, "persons": 1})
    assert report.intervals == {}
    assert cell(report, "mAP") == "100.00"
    assert "no intervals: all queries are of one person" in lines(report)[-1]


def test_no_right_photo_at_all_is_refused() -> None:
    nothing = found(torch.tensor([[0.5]]), torch.tensor([[False]]))
    with pytest.raises(BadData, match="no query has a right photo"):
        report_of(nothing, ["q"], ["p"], card={})


def test_a_report_that_is_written_reads_back_the_same(made, tmp_path) -> None:
    place = tmp_path / "r.json"
    made.write(place)
    assert read_report(place) == made
    told = json.loads(place.read_text())
    assert list(told) == ["metrics", "card", "intervals", "queries"]
    assert '"first": [1, 2, 2, 0]' in place.read_text()  # a column a line


def test_a_fingerprint_is_of_ids_and_persons_in_any_order() -> None:
    pairs = [("a", "1"), ("b", "2"), ("c", None)]
    assert fingerprint(pairs) == fingerprint(pairs[::-1])
    assert len({fingerprint(each) for each in (pairs, pairs[:2], [("a", "2"), *pairs[1:]])}) == 3
    assert fingerprint([("\udcff", "1")])  # a name that is no UTF-8


def test_a_protocol_tells_all_that_two_reports_must_share() -> None:
    told = protocol([("q", "1")], [("p", "1")], rerank="neighbours", ap="trapezoid")
    assert told["direction"] == "text-to-photo"
    assert (told["rerank"], told["ap"]) == ("neighbours", "trapezoid")
    assert told["queries"] != told["gallery"]
    assert "texts" not in told
    assert "texts" in protocol([("q", "1")], [], texts=[("q", "a man")])


def test_outcomes_are_picked_in_the_order_asked_for() -> None:
    some = Outcomes(*(torch.arange(3) for _ in range(7)))
    assert some.rows(torch.tensor([2, 0])).first.tolist() == [2, 0]
