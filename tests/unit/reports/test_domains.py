"""What a model was trained on, beside what it is measured on."""

import pytest

from passerby.reports.domains import domain, trained_on, warnings


@pytest.mark.parametrize(
    ("trained", "measured", "said"),
    [
        ("cuhk-pedes:a", "cuhk-pedes:b", "in-domain"),
        ("cuhk-pedes:a", "cuhk-pedes-acsa:a", "in-domain"),
        ("cuhk-pedes:a", "rstpreid:b", "cross-domain"),
        ("icfg-pedes:a", "rstpreid:b", "shared source"),
        ("rstpreid:a", "icfg-pedes:b", "shared source"),
        ("drawn:a", "drawn:b", "in-domain"),
        ("drawn:a", "rstpreid:b", "cross-domain"),
        ("files:a.csv", "files:./a.csv", "in-domain"),
        ("files:a.csv", "files:b.csv", "unknown"),
        ("files:a.csv", "rstpreid:b", "unknown"),
        ("tars:a", "cuhk-pedes:b", "unknown"),
        ("of-another-version:a", "cuhk-pedes:b", "unknown"),
        (None, "cuhk-pedes:b", "unknown"),
    ],
)
def test_a_data_set_is_in_domain_cross_domain_of_one_source_or_unknown(
    trained, measured: str, said: str
) -> None:
    assert domain(trained, measured) == said


def test_a_recipe_tells_what_was_trained_on_and_anything_else_does_not() -> None:
    assert trained_on({"data": {"train": "drawn:x"}}) == "drawn:x"
    for other in (None, {}, {"data": {}}, {"data": {"train": ""}}, [], {"data": 5}):
        assert trained_on(other) is None


def test_two_benchmarks_of_one_source_are_warned_of_together_and_as_train_and_test() -> None:
    both = warnings(None, ["icfg-pedes:a", "cuhk-pedes:b", "rstpreid:c"])
    assert len(both) == 1
    assert "icfg-pedes and rstpreid are both cut from MSMT17" in both[0]
    trained = warnings("icfg-pedes:a", ["rstpreid:c"])
    assert len(trained) == 1
    assert "trained on icfg-pedes, and rstpreid is cut from MSMT17 as well" in trained[0]
    assert len(warnings("icfg-pedes:a", ["icfg-pedes:a", "rstpreid:c"])) == 2
    assert not warnings("cuhk-pedes:a", ["icfg-pedes:a", "drawn:b"])
