"""The scores of the schemes next to each other, and the flags that the report's sentences depend on."""

import pytest

from wbc.plot import comparison
from wbc.plot.original_study import DATASET, ORIGINAL, whose

NAMES = comparison.titles("cell")


def metrics(balanced, low, high, classes=("a",), cells=10, baseline=0.5):
    """A metrics.json with one score everywhere."""
    span = {"low": low, "high": high}
    simple = {"accuracy": baseline, "balanced_accuracy": baseline, "cells": {"balanced_accuracy": baseline}}
    per_class = {name: {"recall": balanced, "f1": balanced, "auc": balanced, "support": cells} for name in classes}
    return {
        "accuracy": balanced,
        "balanced_accuracy": balanced,
        "macro": {},
        "per_class": per_class,
        "cells": {"accuracy": balanced, "balanced_accuracy": balanced, "macro": {}, "per_class": per_class},
        "intervals": {
            "confidence_level": 0.95,
            "balanced_accuracy": span,
            "cells": {"balanced_accuracy": span, "per_class": {name: {"recall": span} for name in classes}},
        },
        "baseline": dict.fromkeys(comparison.BASELINES, simple),
    }


def test_a_score_has_its_interval():
    content = metrics(0.8, 0.7, 0.9)
    assert str(comparison.estimate(content, "cells", "per_class", "a", "recall")) == "0.80 (0.70–0.90)"
    assert str(comparison.estimate(content, "accuracy")) == "0.80"
    assert str(comparison.estimate(content, "macro", "auc")) == "–"


@pytest.mark.parametrize(("cells", "few"), [(0, 0), (1, 1), (5, None)])
def test_a_class_of_few_cells_has_no_recall(cells, few):
    content = metrics(0.8, 0.7, 0.9, cells=cells)
    for keys in (("per_class", "a", "recall"), ("cells", "per_class", "a", "recall"), ("per_class", "a", "auc")):
        found = comparison.estimate(content, *keys, min_cells=5)
        assert found.few == few
        assert found.value == (0.8 if few is None else None)


def test_a_scheme_without_any_estimate_is_left_out():
    results = {"image": metrics(0.8, 0.7, 0.9, "ab", cells=9), "grouped": metrics(0.8, 0.7, 0.9, "ab", cells=4)}
    rows = comparison.recalls(results, ["a", "b"], 5)
    assert comparison.estimable(rows) == ["image"]
    results["grouped"]["cells"]["per_class"] = {"a": {"recall": 0.5, "support": 5}, "b": {"support": 0}}
    assert comparison.estimable(comparison.recalls(results, ["a", "b"], 5)) == ["image", "grouped"]


def test_rows_have_an_estimate_by_each_scheme():
    results = {name: metrics(0.8, 0.7, 0.9) for name in NAMES}
    assert [row.key for row in comparison.averages(results)] == ["balanced_accuracy", "accuracy", "f1"]
    for row in (*comparison.averages(results)[:1], *comparison.recalls(results, ["a"], 5)):
        assert {scheme: str(score) for scheme, score in row.scores.items()} == dict.fromkeys(NAMES, "0.80 (0.70–0.90)")
    assert comparison.baselines(results)[0].scores["crossval"].value == 0.5


def test_a_clear_gap_is_significant():
    results = {"image": metrics(0.98, 0.95, 1.0), "crossval": metrics(0.55, 0.48, 0.62)}
    found = comparison.gap(results, 0.99, None, same_heads=True)
    assert found.significant and found.leaks and found.difference == pytest.approx(0.43)


def test_a_gap_within_the_intervals_is_not_significant():
    results = {"image": metrics(0.70, 0.6, 0.8), "crossval": metrics(0.75, 0.7, 0.8)}
    found = comparison.gap(results, 0.5, None, same_heads=True)
    assert not found.significant and found.difference == pytest.approx(-0.05)


@pytest.mark.parametrize(("near", "shared", "leaks"), [(0.0, None, False), (0.0, 0.0, False), (0.0, 1.0, True)])
def test_a_shared_patient_is_a_leak_as_a_near_duplicate_is(near, shared, leaks):
    results = {"image": metrics(0.9, 0.8, 1), "crossval": metrics(0.9, 0.8, 1)}
    assert comparison.gap(results, near, shared, same_heads=True).leaks is leaks


@pytest.mark.parametrize(
    ("baseline", "better", "worse"), [(0.5, True, False), (0.75, False, False), (0.95, False, True)]
)
def test_the_classifier_is_better_only_where_its_whole_interval_is(baseline, better, worse):
    for found in comparison.against_baselines(metrics(0.8, 0.7, 0.9, baseline=baseline)):
        assert (found.better, found.worse, found.theirs) == (better, worse, baseline)


@pytest.mark.parametrize(
    ("fetch", "expected"),
    [
        ({"synthetic": False, "source": "kaggle", "origin": f"{DATASET} version 1"}, "same"),
        ({"synthetic": False, "source": "kaggle", "origin": "else/where version 1"}, "unknown"),
        ({"synthetic": False, "source": "archive", "origin": "cells.zip"}, "unknown"),
        ({"synthetic": True, "source": "synthetic", "origin": "seed 1"}, "synthetic"),
    ],
)
def test_the_images_are_the_original_studys_only_if_they_were_fetched_from_there(fetch, expected):
    assert whose(fetch) == expected


def test_original_table_agrees_with_itself():
    for key in ("precision", "recall", "f1"):
        mean = sum(scores[key] for scores in ORIGINAL["per_class"].values()) / 5
        assert mean == pytest.approx(ORIGINAL["macro"][key], abs=0.0051)


def test_schemes_are_named_by_their_unit():
    assert comparison.titles("patient", own_parts=True) == {
        "crossval": "cross-validated by patient",
        "grouped": "split by patient",
        "image": "split as given",
    }
