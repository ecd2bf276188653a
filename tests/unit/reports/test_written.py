"""A report's file that is damaged or something else is refused in one line."""

import json

import pytest

from passerby.errors import BadData
from passerby.reports.written import read_report

COLUMNS = {
    "id": ["a", "b"], "person": ["x", "y"], "first": [1, 2], "ap": [1.0, 0.5],
    "trapezoid": [1.0, 0.25], "inp": [1.0, 0.5], "right": [1, 1],
}  # fmt: skip
WHOLE = {"metrics": {"rank-1": 50.0}, "card": {}, "queries": COLUMNS}


def refused(tmp_path, text):
    place = tmp_path / "r.json"
    place.write_text(text)
    with pytest.raises(BadData) as caught:
        read_report(place)
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_cut_anywhere_is_said_to_be_cut(tmp_path) -> None:
    text = json.dumps(WHOLE)
    for end in range(len(text)):
        assert "cut off or no JSON" in refused(tmp_path, text[:end])


@pytest.mark.parametrize("told", [[], 5, {}, {"metrics": {}, "card": {}}, {"card": {}},
                                  {"metrics": {"rank-1": 5.0}}, [WHOLE]])  # fmt: skip
def test_json_of_another_kind_is_no_report(tmp_path, told) -> None:
    assert "JSON, but no report" in refused(tmp_path, json.dumps(told))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metrics": {"rank-1": "high"}}, "no number"),
        ({"metrics": {"rank-1": float("nan")}}, "no number"),
        ({"intervals": {"rank-1": [1]}}, "not two numbers"),
        ({"queries": {**COLUMNS, "ap": [1.0]}}, "do not fit together"),
        ({"queries": {**COLUMNS, "ap": [1.0, None]}}, "do not fit together"),
        ({"queries": {**COLUMNS, "id": ["a", 2]}}, "do not fit together"),
        ({"queries": {**COLUMNS, "id": ["a", "a"]}}, "share an id"),
        ({"queries": [1]}, "do not fit together"),
    ],
)
def test_parts_that_do_not_fit_together_are_named(tmp_path, change, said: str) -> None:
    assert said in refused(tmp_path, json.dumps(WHOLE | change))


@pytest.mark.parametrize(
    "digits", [pytest.param(400, id="beyond a float"), pytest.param(5000, id="beyond Python")]
)
def test_a_whole_number_without_end_is_refused(tmp_path, digits: int) -> None:
    text = json.dumps(WHOLE).replace('"first": [1,', f'"first": [{"9" * digits},')
    refused(tmp_path, text)


def test_a_missing_file_and_a_folder_are_said(tmp_path) -> None:
    with pytest.raises(BadData, match="no such file"):
        read_report(tmp_path / "none.json")
    with pytest.raises(BadData, match="a folder"):
        read_report(tmp_path)


def test_bytes_that_are_no_text_are_said(tmp_path) -> None:
    (tmp_path / "r.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(BadData, match="cut off or no JSON"):
        read_report(tmp_path / "r.json")


def test_an_older_report_reads_without_its_queries(tmp_path) -> None:
    place = tmp_path / "r.json"
    place.write_text(json.dumps({"metrics": {"rank-1": 50.0}, "card": {"split": "x"}}))
    report = read_report(place)
    assert report.queries is None
    assert report.intervals == {}
