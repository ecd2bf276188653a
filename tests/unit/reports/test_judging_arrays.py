"""Anyone's numbers: equal to a literal form, whatever the order, and each pitfall is found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passerby.errors import BadData
from passerby.reports.arrays import Arrays, arrays
from passerby.reports.compared import compare
from passerby.reports.intervals import intervals
from passerby.reports.judging import judge
from passerby.reports.made import NOT_KNOWN
from passerby.reports.told import lines
from passerby.reports.written import read_report
from passerby.types import Report

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
import literal_metrics as literal

PERSONS, EACH, DIM = 20, 3, 24
SHOWN = np.arange(PERSONS * EACH) // EACH
ASKED = np.arange(100) % (PERSONS + 2)  # of the last two persons there is no photo


def sides(noise: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    look = random.normal(size=(PERSONS + 2, DIM))
    texts = look[ASKED] + noise * random.normal(size=(len(ASKED), DIM))
    return texts, look[SHOWN] + random.normal(size=(len(SHOWN), DIM))


def given(**changed: Any) -> Arrays:
    texts, photos = sides()
    taken = {"text_ids": ASKED, "image_ids": SHOWN, **changed}
    if "similarity" not in taken:
        taken = {"text_features": texts, "image_features": photos, **taken}
    return arrays(**taken)


def cosines() -> np.ndarray:
    texts, photos = (each / np.linalg.norm(each, axis=1)[:, None] for each in sides())
    return texts @ photos.T


def found(report: Report) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in report.card["findings"]}


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("block", [7, 256])
def test_metrics_and_intervals_equal_a_literal_form(ties: bool, block: int) -> None:
    scores = np.round(cosines(), 1) if ties else cosines()
    report = judge(given(similarity=scores), ap="trapezoid", block=block)
    columns = literal.queries(scores, ASKED, SHOWN)
    assert report.metrics == pytest.approx(literal.metrics(columns), abs=1e-4)
    drawn = literal.intervals(columns, ASKED)
    assert report.intervals.keys() == drawn.keys()
    for name, span in report.intervals.items():
        assert span == pytest.approx(drawn[name], abs=1e-4)
    assert report.queries is not None
    for name in ("first", "ap", "trapezoid", "inp", "right"):
        assert report.queries[name] == pytest.approx(columns[name].tolist(), abs=1e-8)
    assert report.card["tied"]["queries"] == (columns["tied"] > 0).sum()


def test_features_and_their_cosines_give_one_report() -> None:
    one, other = judge(given()), judge(given(similarity=cosines()))
    assert one.metrics == other.metrics
    assert one.card["protocol"] == other.card["protocol"]


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e12])
def test_the_scale_of_a_matrix_changes_nothing(scale: float) -> None:
    plain = judge(given(similarity=cosines()), draws=0).metrics
    assert judge(given(similarity=cosines() * scale - scale), draws=0).metrics == plain


@pytest.mark.parametrize("tail", [None, -100])
def test_no_order_of_texts_or_photos_changes_what_is_told(tail: float | None) -> None:
    scores = cosines().round(1)
    if tail is not None:
        scores[scores < 0.2] = tail
    random = np.random.default_rng(2)
    texts, photos = random.permutation(len(ASKED)), random.permutation(len(SHOWN))
    names = {
        "text_names": np.array([f"t{n}" for n in range(len(ASKED))]),
        "image_names": np.array([f"p{n}" for n in range(len(SHOWN))]),
    }
    one = judge(given(similarity=scores, **names))
    other = judge(
        given(
            similarity=scores[texts][:, photos],
            text_ids=ASKED[texts], image_ids=SHOWN[photos],
            text_names=names["text_names"][texts], image_names=names["image_names"][photos],
        )
    )  # fmt: skip
    assert (one.metrics, one.intervals, one.curves) == (
        other.metrics, other.intervals, other.curves,
    )  # fmt: skip
    assert one.card == other.card


def test_a_report_is_what_compare_reads(tmp_path: Path) -> None:
    report = judge(given(text_names=[f"caf\udce9 {n}" for n in range(len(ASKED))]))
    report.write(tmp_path / "a.json")
    again = read_report(tmp_path / "a.json")
    assert again.metrics == report.metrics
    assert again.queries == report.queries
    assert intervals(again.queries, again.queries["person"]) == report.intervals  # type: ignore


def test_photo_to_text_turns_the_matrix_and_its_protocol() -> None:
    report = judge(given(similarity=cosines()), photo_to_text=True)
    columns = literal.queries(cosines().T, SHOWN, ASKED)
    expected = literal.metrics(columns)
    assert report.metrics == pytest.approx({n: expected[n] for n in report.metrics}, abs=1e-4)
    assert report.card["direction"] == report.card["protocol"]["direction"] == "photo-to-text"
    assert (report.card["queries"], report.card["captions"]) == (len(SHOWN), len(ASKED))


@pytest.mark.parametrize("by", ["features", "scores", "names", "halves"])
def test_a_gallery_with_a_row_a_caption_is_found_and_measured_without_it(by: str) -> None:
    _, photos = sides()
    rows = np.arange(100) % len(SHOWN)
    if by == "scores":
        made = given(similarity=cosines()[:, rows], image_ids=SHOWN[rows])
    elif by == "names":  # rows that differ, as of another augmentation
        other = photos[rows] + np.random.default_rng(3).normal(size=(100, DIM))
        other[: len(SHOWN)] = photos
        names = np.array([f"{n}.jpg" for n in rows])
        made = given(image_features=other, image_ids=SHOWN[rows], image_names=names)
    else:
        features = photos[rows].astype(np.float16 if by == "halves" else np.float32)
        noise = 1 + 1e-7 * np.random.default_rng(3).normal(size=features.shape)
        features = features if by == "halves" else (features * noise).astype(np.float32)
        made = given(image_features=features, image_ids=SHOWN[rows])
    report = judge(made, draws=0)
    each = found(report)["duplicated gallery rows"]
    assert each["count"] == 40
    assert "(one row a caption)" in each["said"]
    once = photos.astype(np.float16) if by == "halves" else photos
    assert report.card["without_duplicates"] == pytest.approx(
        judge(given(image_features=once), draws=0).metrics, abs=0.01
    )
    assert report.card["without_duplicates"]["mAP"] != report.metrics["mAP"]


def test_distinct_photos_are_no_duplicates() -> None:
    for made in (given(), given(similarity=cosines())):
        report = judge(made, draws=0)
        assert list(found(report)) == [
            "forms of average precision", "queries without a right photo",
        ]  # fmt: skip
        assert "without_duplicates" not in report.card


def test_a_row_or_a_name_of_two_persons_is_found() -> None:
    _, photos = sides()
    photos[50] = photos[3]
    names = [f"{n}.jpg" for n in range(len(SHOWN))]
    names[40] = names[9]
    told = judge(given(image_features=photos, image_names=names), draws=0).card["findings"]
    shared = [each for each in told if each["name"] == "rows shared by persons"]
    assert [each["count"] for each in shared] == [2, 2]
    assert "duplicated gallery rows" not in {each["name"] for each in told}


def test_ties_tell_what_a_careless_sort_could_print() -> None:
    scores = cosines().round(1)
    report = judge(given(similarity=scores), draws=0)
    worst = literal.metrics(literal.queries(scores, ASKED, SHOWN))
    # a hair in favour of right photos, which only decides between equal scores
    best = literal.metrics(literal.queries(scores + 1e-3 * (ASKED[:, None] == SHOWN), ASKED, SHOWN))
    bounds = report.card["order_range"]
    for name in ("rank-1", "mAP", "mINP"):
        assert bounds["worst"][name] == pytest.approx(worst[name], abs=1e-4)
        assert bounds["best"][name] == pytest.approx(best[name], abs=1e-4)
    assert best["mAP"] > worst["mAP"]
    assert found(report)["order dependence"]["count"] == report.card["tied"]["queries"] > 0
    assert (
        f"rank-1 {worst['rank-1']:.2f} to {best['rank-1']:.2f}"
        in (found(report)["order dependence"]["said"])
    )


def test_a_re_ranked_tail_of_one_constant_is_found_with_the_right_photos_in_it() -> None:
    scores = cosines()
    kept = np.sort(scores, axis=1)[:, -20][:, None]
    scores[scores < kept] = -100
    report = judge(given(similarity=scores), draws=0)
    each = found(report)["tied tail"]
    assert each["count"] == len(ASKED)
    right = (ASKED[:, None] == SHOWN)[ASKED < PERSONS]
    lost = 100 * (right & (scores[ASKED < PERSONS] == -100)).sum() / right.sum()
    assert (
        f"about 40 photos of one score (-100), {lost:.1f} % of their right photos" in (each["said"])
    )
    bounds = report.card["order_range"]
    assert f"between {bounds['worst']['mAP']:.2f} and {bounds['best']['mAP']:.2f}" in each["said"]
    assert bounds["worst"]["mAP"] < judge(given(similarity=cosines()), draws=0).metrics["mAP"]
    assert "duplicated gallery rows" not in found(report)


def test_a_photo_that_no_shortlist_holds_is_no_duplicate_of_another() -> None:
    scores = cosines()
    scores[:, [0, 1]] = -100
    assert "duplicated gallery rows" not in found(judge(given(similarity=scores), draws=0))


@pytest.mark.parametrize("offset", [1e5, 1e5 * np.arange(len(ASKED))[:, None]], ids=["all", "own"])
def test_scores_far_from_0_are_no_duplicates_and_duplicates_among_them_are(offset: Any) -> None:
    assert "duplicated gallery rows" not in found(judge(given(similarity=cosines() + offset)))
    twice = cosines()[:, [*range(len(SHOWN)), 0]] + offset
    told = found(judge(given(similarity=twice, image_ids=[*SHOWN, SHOWN[0]]), draws=0))
    assert told["duplicated gallery rows"]["count"] == 1


@pytest.mark.parametrize("tail", [-1e9, float(np.finfo(np.float32).min)])
def test_no_tail_makes_photos_alike_that_share_a_shortlist(tail: float) -> None:
    scores = cosines().astype(np.float32)
    scores[40:] = tail  # of whom no photo is in a shortlist; all are in the others'
    scores[:40, 30:] = tail
    told = found(judge(given(similarity=scores), draws=0))
    assert not {"duplicated gallery rows", "rows shared by persons"} & told.keys()


@pytest.mark.parametrize("queries", [2, 5])
def test_scores_of_a_few_queries_or_of_0_and_1_tell_no_photos_apart(queries: int) -> None:
    right = (ASKED[:, None] == SHOWN).astype(float)
    for scores, asked in ((right[:queries], ASKED[:queries]), (right, ASKED)):
        told = found(judge(given(similarity=scores, text_ids=asked), draws=0))
        assert not {"duplicated gallery rows", "rows shared by persons"} & told.keys()


@pytest.mark.parametrize("shape", ["plain", "near 1", "offset", "tail"])
def test_the_curve_is_that_of_the_scores_themselves(shape: str) -> None:
    shapes = {
        "plain": lambda s: s,
        "near 1": lambda s: 1 / (1 + np.exp(-(9 + 3 * s))),
        "offset": lambda s: s + 1000,
        "tail": lambda s: np.where(s < 0.1, -100, s),
    }
    scores, right = shapes[shape](cosines()), ASKED[:, None] == SHOWN
    curves = judge(given(similarity=scores), draws=2).curves
    assert curves is not None
    good, bad = scores[right][:, None], scores[~right][None]
    auc = ((good > bad) + (good == bad) / 2).mean()
    assert curves["roc"]["auc"] == pytest.approx(auc, abs=1e-6)


def test_a_curve_that_is_left_out_is_said(monkeypatch) -> None:
    monkeypatch.setattr("passerby.ranking.scores.MOST", 4)
    report = judge(given(similarity=cosines() + 3))
    assert report.curves is not None
    assert report.curves["roc"] == {}
    assert "ROC curve left out: scores too close together for a curve" in lines(report)
    assert not any("ROC" in line for line in lines(judge(given(similarity=cosines() // 1))))


def test_distances_taken_from_a_large_number_are_told_as_such() -> None:
    right = judge(given(similarity=1e6 + cosines()), draws=0)
    assert "distances" not in found(right)
    wrong = judge(given(similarity=1e6 - cosines()), draws=0)
    assert f"negated matrix is {right.metrics['rank-1']:.1f}" in found(wrong)["distances"]["said"]


def test_two_files_of_one_data_set_in_other_orders_are_compared() -> None:
    """Captions and files that are there twice get the same names."""
    random = np.random.default_rng(2)
    words = np.array([f"a man {n % 7}" for n in range(len(ASKED))])
    files = np.array([f"{n // 2}.jpg" for n in range(len(SHOWN))])
    texts, photos = random.permutation(len(ASKED)), random.permutation(len(SHOWN))
    one = judge(given(similarity=cosines(), text_names=words, image_names=files))
    other = judge(
        given(
            similarity=cosines()[texts][:, photos], text_ids=ASKED[texts],
            image_ids=SHOWN[photos], text_names=words[texts], image_names=files[photos],
        )
    )  # fmt: skip
    assert {row.word for row in compare(one, other, draws=100).rows} == {"no difference shown"}
    assert one.card["reranking"] == NOT_KNOWN
    assert judge(given(), draws=0).card["reranking"] == "none"


def test_distances_in_place_of_similarities_are_told_and_left_as_they_are() -> None:
    wrong, right = (judge(given(similarity=sign * cosines()), draws=0) for sign in (-1, 1))
    assert "similarity = -distances" in found(wrong)["distances"]["said"]
    assert f"negated matrix is {right.metrics['rank-1']:.1f}" in (found(wrong)["distances"]["said"])
    assert "distances" not in found(right)
    chance = np.random.default_rng(5).normal(size=cosines().shape)
    assert "distances" not in found(judge(given(similarity=chance), draws=0))


def test_both_definitions_of_average_precision_stand_side_by_side() -> None:
    report = judge(given())
    assert set(report.metrics) == {"rank-1", "rank-5", "rank-10", "R-Sum", "mAP", "mINP"}
    expected = literal.metrics(literal.queries(cosines(), ASKED, SHOWN))
    forms = report.card["ap_forms"]
    assert forms["standard"] == pytest.approx(expected["mAP"], abs=1e-4)
    assert forms["trapezoid"] == pytest.approx(expected["mAP-trapezoid"], abs=1e-4)
    assert "never mix" in found(report)["forms of average precision"]["said"]


def test_zero_and_constant_vectors_are_found() -> None:
    texts, photos = sides()
    photos[[4, 7]] = 0
    told = found(judge(given(image_features=photos, text_features=texts * 0 + 1), draws=0))
    assert told["zero vectors"]["count"] == 2
    assert "constant vectors" not in found(judge(given(), draws=0))
    same = np.tile(texts[:1], (len(texts), 1))
    told = found(judge(given(text_features=same), draws=0))
    assert told["constant vectors"]["count"] == len(texts)


def test_a_gallery_with_three_rows_a_photo_is_no_constant_encoder() -> None:
    _, photos = sides()
    rows = np.arange(4 * len(SHOWN)) % len(SHOWN)
    told = found(judge(given(image_features=photos[rows], image_ids=SHOWN[rows]), draws=0))
    assert told["duplicated gallery rows"]["count"] == 3 * len(SHOWN)
    assert "constant vectors" not in told


def test_half_of_cuhk_pedes_captions_is_no_gallery() -> None:
    random = np.random.default_rng(0)
    made = arrays(
        text_ids=np.arange(6156) % 1000, image_ids=np.arange(3078) % 1000,
        text_features=random.normal(size=(6156, 2)), image_features=random.normal(size=(3078, 2)),
    )  # fmt: skip
    from passerby.reports.pitfalls import _halved

    told = _halved(made)
    assert told is not None
    assert "[::2]" in told.said
    assert _halved(given()) is None


def test_queries_without_a_right_photo_are_counted_and_left_out() -> None:
    report = judge(given())
    lost = int((ASKED >= PERSONS).sum())
    assert report.card["queries_without_right_photo"] == lost
    assert found(report)["queries without a right photo"]["count"] == lost


def test_no_right_photo_at_all_is_refused_with_an_id_of_each_side() -> None:
    with pytest.raises(BadData, match=r"such as '0007'.*such as '7'"):
        judge(given(text_ids=["0007"] * len(ASKED), image_ids=[7] * len(SHOWN)))


@pytest.mark.parametrize("count", [(1, 60), (100, 1), (1, 1)])
def test_one_query_or_one_photo_is_measured_and_said_to_tell_nothing(
    count: tuple[int, int],
) -> None:
    texts, photos = sides()
    report = judge(
        given(
            text_features=texts[: count[0]], image_features=photos[: count[1]],
            text_ids=ASKED[: count[0]], image_ids=SHOWN[: count[1]],
        )
    )  # fmt: skip
    assert found(report)["too few to measure"]["said"].startswith(
        f"with queries: {count[0]} and gallery rows: {count[1]}"
    )
