"""The scores side by side: what stands in the table, and what the sentences make of it."""

import pytest

from wbc.plot import comparison
from wbc.plot.original_study import DATASET, ORIGINAL

FIVE = list(ORIGINAL["per_class"])

NAMES = comparison.titles({"level": "photograph"})


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
            "n_resamples": 1000,
            "balanced_accuracy": span,
            "cells": {"balanced_accuracy": span, "per_class": {name: {"recall": span} for name in classes}},
        },
        "baseline": dict.fromkeys(comparison.BASELINES, simple),
    }


def test_a_score_stands_with_its_interval():
    content = metrics(0.8, 0.7, 0.9)
    assert str(comparison.estimate(content, "cells", "per_class", "a", "recall")) == "0.80 (0.70–0.90)"
    assert str(comparison.estimate(content, "accuracy")) == "0.80"
    assert str(comparison.estimate(content, "macro", "auc")) == "–"


def test_wilsons_interval_is_marked():
    content = metrics(1.0, 0.44, 1.0)
    content["intervals"]["balanced_accuracy"]["wilson"] = 1
    assert str(comparison.estimate(content, "balanced_accuracy")) == "1.00 (0.44–1.00†)"


@pytest.mark.parametrize(("cells", "said"), [(0, "not estimable: 0 cells"), (1, "not estimable: 1 cell"), (5, "0.80")])
def test_a_class_of_few_cells_has_no_recall(cells, said):
    content = metrics(0.8, 0.7, 0.9, cells=cells)
    for keys in (("per_class", "a", "recall"), ("cells", "per_class", "a", "recall"), ("per_class", "a", "auc")):
        assert comparison.estimate(content, *keys, min_cells=5).text == said


def test_a_class_of_few_cells_is_named_with_where_and_how_many():
    results = {"image": metrics(0.8, 0.7, 0.9, cells=9), "crossval": metrics(0.8, 0.7, 0.9, cells=4)}
    assert comparison.too_few(results, ["a"], 5) == {"a": {"crossval": 4}}
    assert comparison.too_few(results, ["a"], 4) == {}


def test_the_table_has_a_column_a_protocol_and_the_original_study_where_classes_are_the_same():
    results = {name: metrics(0.8, 0.7, 0.9, FIVE) for name in NAMES}
    rows = {
        (heading, name): (found, known)
        for heading, part in comparison.table(results, FIVE, 5)
        for name, found, known in part
    }
    found, known = rows["Each image counts once", "Recall: eosinophil"]
    assert list(found) == ["crossval", "grouped", "image"] and known == 0.68
    assert rows["Each cell counts once", "Recall: eosinophil"][1] is None  # the original study counted no cells
    other = {name: metrics(0.8, 0.7, 0.9) for name in NAMES}
    assert all(known is None for _, part in comparison.table(other, ["a"], 5) for *_, known in part)


def test_a_clear_gap_is_named_for_what_it_is():
    results = {"image": metrics(0.98, 0.95, 1.0), "crossval": metrics(0.55, 0.48, 0.62)}
    said = comparison.gap(results, {"image": 0.99, "grouped": 0.0})
    assert "99 % of the test images have a recognized copy in training" in said
    assert "The gap of 0.43 in balanced accuracy is what remembering adds: a new cell" in said
    said = comparison.gap(results, {"image": 0.99, "grouped": 0.0}, are_alike=False)
    assert "is what remembering adds, as far as heads of different sizes compare: a new cell" in said


def test_a_gap_within_the_intervals_is_not_called_one():
    results = {"image": metrics(0.70, 0.6, 0.8), "crossval": metrics(0.75, 0.7, 0.8)}
    said = comparison.gap(results, {"image": 0.5, "grouped": 0.0})
    assert "0.05 below" in said and "chance could explain" in said and "The gap of" not in said


def test_without_copies_nothing_is_said_of_remembering():
    results = {"image": metrics(0.98, 0.95, 1.0), "crossval": metrics(0.55, 0.48, 0.62)}
    said = comparison.gap(results, {"image": 0.0, "grouped": 0.0})
    assert "No test image" in said and "remember" not in said


@pytest.mark.parametrize(
    ("baseline", "better", "word"), [(0.5, True, "better"), (0.75, False, "no better"), (0.95, False, "worse")]
)
def test_a_head_is_better_only_where_its_whole_interval_is(baseline, better, word):
    found = comparison.against_baselines(metrics(0.8, 0.7, 0.9, baseline=baseline))
    assert [verdict for verdict, _ in found] == [better] * 2
    assert f"is {word} than logistic regression on the same features" in found[0][1]
    assert f"0.80 (0.70–0.90) against {baseline:.2f}" in found[0][1]


@pytest.mark.parametrize(
    ("fetch", "name"),
    [
        ({"synthetic": False, "source": "kaggle", "origin": f"{DATASET} version 1"}, "original study"),
        ({"synthetic": False, "source": "kaggle", "origin": "else/where version 1"}, "original study (other data)"),
        ({"synthetic": False, "source": "archive", "origin": "cells.zip"}, "original study (other data)"),
        ({"synthetic": True, "source": "synthetic", "origin": "seed 1"}, "original study (other data)"),
    ],
)
def test_original_study_is_on_other_data_unless_it_is_known_to_be_the_same(fetch, name):
    series = comparison.recalls({"image": metrics(0.5, 0.4, 0.6, FIVE)}, FIVE, fetch, 5, NAMES)
    assert list(series) == ["split by file", name]
    assert series[name]["eosinophil"].value == 0.68


def test_original_study_is_left_out_where_classes_differ():
    fetch = {"synthetic": False, "source": "archive", "origin": "cells.zip"}
    series = comparison.recalls({"image": metrics(1.0, 0.9, 1.0, ["sick"])}, ["sick"], fetch, 5, NAMES)
    assert list(series) == ["split by file"]


def test_original_table_agrees_with_itself():
    for key in ("precision", "recall", "f1"):
        mean = sum(scores[key] for scores in ORIGINAL["per_class"].values()) / 5
        assert mean == pytest.approx(ORIGINAL["macro"][key], abs=0.0051)


def test_the_unit_of_the_scores_is_that_of_the_widest_given_group():
    names = comparison.titles({"level": "patient", "own_parts": True})
    assert names == {
        "crossval": "cross-validated by patient",
        "grouped": "split by patient",
        "image": "split as given",
    }
