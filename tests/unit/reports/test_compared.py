"""Two reports are compared query by query when they share their protocol, and refused when not."""

from dataclasses import replace

import numpy as np
import pytest

from passerby.errors import BadData
from passerby.reports.compared import compare
from passerby.reports.intervals import metric_columns
from passerby.reports.made import NOT_KNOWN, protocol
from passerby.types import Report

PERSONS, EACH = 40, 3


def made(hits, ap="standard", **changes):
    """A report of PERSONS x EACH queries, whose first photo is right where `hits` says so."""
    ids = [f"q{n}" for n in range(PERSONS * EACH)]
    persons = [f"p{n // EACH}" for n in range(PERSONS * EACH)]
    good = [1.0 if hit else 0.25 for hit in hits]
    queries = {
        "id": ids, "person": persons, "first": [1 if hit else 4 for hit in hits], "ap": good,
        "trapezoid": good, "inp": good, "right": [2] * len(ids),
    }  # fmt: skip
    names, values, _ = metric_columns(queries, ap)
    metrics = dict(zip(names, (100 * values.mean(0)).tolist(), strict=True))
    pairs = list(zip(ids, persons, strict=True))
    told = protocol(pairs, [("a", "p0")], **{"ap": ap, **changes})
    return Report(metrics, {"protocol": told}, queries=queries)


def drawn(share, seed=0):
    return np.random.default_rng(seed).random(PERSONS * EACH) < share


def test_the_better_one_is_named_in_either_order() -> None:
    good, poor = made(drawn(0.9)), made(drawn(0.4, 1))
    for pair, word, sign in (((poor, good), "B is better", 1), ((good, poor), "A is better", -1)):
        found = compare(*pair)
        assert [row.metric for row in found.rows] == list(good.metrics)
        first = found.rows[0]
        assert (first.a, first.b) == (pair[0].metrics["rank-1"], pair[1].metrics["rank-1"])
        assert first.difference.difference == pytest.approx(first.b - first.a, abs=1e-3)
        assert sign * first.difference.low > 0
        assert first.difference.p < 0.01
        assert first.word == word
    assert (found.queries, found.persons) == (120, 40)


def test_a_report_and_itself_show_no_difference() -> None:
    found = compare(made(drawn(0.5)), made(drawn(0.5)))
    assert {row.word for row in found.rows} == {"no difference shown"}
    assert {row.difference.p for row in found.rows} == {1}


def test_a_difference_by_chance_is_called_one_about_as_often_as_five_in_a_hundred() -> None:
    called = sum(
        compare(made(drawn(0.5, 2 * n)), made(drawn(0.5, 2 * n + 1)), draws=400).rows[0].word
        != "no difference shown"
        for n in range(200)
    )
    assert 2 <= called <= 20


def test_queries_are_paired_by_their_ids() -> None:
    a, b = made(drawn(0.6)), made(drawn(0.5, 1))
    turned = replace(b, queries={name: column[::-1] for name, column in b.queries.items()})
    assert compare(a, turned).rows == compare(a, b).rows


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"direction": "photo-to-text"}, "direction: text-to-photo in a.json, photo-to-text in"),
        ({"rerank": "neighbours"}, "re-ranking: none in a.json, neighbours in b.json"),
        ({"ap": "trapezoid"}, "average precision: standard in a.json, trapezoid in b.json"),
    ],
)
def test_reports_of_other_protocols_are_refused_with_both_values(changes, said: str) -> None:
    with pytest.raises(BadData) as refused:
        compare(made(drawn(0.5)), made(drawn(0.5), **changes), ("a.json", "b.json"))
    assert said in str(refused.value)
    assert "; " in str(refused.value)


@pytest.mark.parametrize(("key", "said"), [("queries", "queries"), ("gallery", "gallery")])
def test_other_queries_and_another_gallery_are_refused(key: str, said: str) -> None:
    a, b = made(drawn(0.5)), made(drawn(0.5))
    b.card["protocol"][key] = "f" * 64
    with pytest.raises(
        BadData, match=rf"{said} \(a fingerprint\): \w{{12}} in A, ffffffffffff in B"
    ):
        compare(a, b)


def test_other_words_of_the_same_captions_are_refused_where_both_are_known() -> None:
    one, other = (made(drawn(0.5), texts=[("q0", text)]) for text in ("a man", "a woman"))
    with pytest.raises(BadData, match="captions"):
        compare(one, other)
    assert compare(one, made(drawn(0.5))).rows


def test_queries_that_are_not_what_the_card_says_are_refused() -> None:
    a, b = made(drawn(0.5)), made(drawn(0.5))
    shorter = replace(b, queries={name: column[:-1] for name, column in b.queries.items()})
    with pytest.raises(BadData, match=r"120 in A, 119 in B .*'q119' in A alone"):
        compare(a, shorter)
    with pytest.raises(BadData, match="119 in A, 120 in B"):
        compare(shorter, b)
    right = replace(b, queries={**b.queries, "right": [1] * 120})
    with pytest.raises(BadData, match="number of right photos of query 'q0' differs: 2 in A, 1 in"):
        compare(a, right)
    moved = replace(b, queries={**b.queries, "person": ["x"] * 120})
    with pytest.raises(BadData, match="person of query 'q0' differs"):
        compare(a, moved)


def test_metrics_that_do_not_follow_from_the_queries_are_refused() -> None:
    a, b = made(drawn(0.5)), made(drawn(0.5))
    better = replace(b, metrics={**b.metrics, "mAP": 99.0})
    with pytest.raises(BadData, match=r"B: mAP is 99.00, but \d+\.\d\d by its queries"):
        compare(a, better)


def test_an_older_report_is_refused_with_the_remedy() -> None:
    a = made(drawn(0.5))
    for older in (replace(a, queries=None), replace(a, card={})):
        with pytest.raises(BadData, match=r"old\.json: .*evaluate that model again"):
            compare(a, older, ("new.json", "old.json"))


def test_queries_of_one_person_are_refused() -> None:
    one = made(drawn(0.5))
    one = replace(one, queries={**one.queries, "person": ["x"] * 120})
    with pytest.raises(BadData, match="1 person, and an interval needs two or more"):
        compare(one, one)


def test_queries_of_other_names_are_refused_with_one_of_each_side() -> None:
    a, b = made(drawn(0.5)), made(drawn(0.5))
    other = replace(b, queries={**b.queries, "id": ["x", *b.queries["id"][1:]]})
    other.card["protocol"]["queries"] = "f" * 64
    with pytest.raises(BadData, match=r"\(names differ: 'q0' in A alone, 'x' in B alone\); eval"):
        compare(a, other)


def test_notes_tell_of_a_matrix_as_given_and_of_other_ties() -> None:
    a, b = made(drawn(0.5)), made(drawn(0.5))
    notes = compare(a, b).notes
    given = b.with_card(reranking=NOT_KNOWN, ties="equal scores")
    told = compare(a.with_card(ties="to 1e-6"), given, ("a.json", "b.json")).notes
    assert set(told) - set(notes) == {
        "b.json was made of scores as given: whether they are re-ranked is not known.",
        "Ties differ: to 1e-6 in a.json; equal scores in b.json.",
    }


def test_notes_say_what_a_p_is_not_and_that_few_persons_are_few() -> None:
    a = made(drawn(0.5))
    assert "not corrected" in compare(a, a).notes[0]
    few = replace(a, queries={**a.queries, "person": [f"p{n % 5}" for n in range(120)]})
    assert any(note.startswith("5 persons are few") for note in compare(few, few).notes)
