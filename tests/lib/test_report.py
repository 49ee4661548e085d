"""The sentences and tables of the report."""

import pandas as pd
import pytest

from stages.lib import report

FIVE = list(report.ORIGINAL["per_class"])


def metrics(classes, recall):
    return {"balanced_accuracy": recall, "per_class": {name: {"recall": recall} for name in classes}}


@pytest.mark.parametrize(
    ("fetch", "name"),
    [
        ({"synthetic": False, "source": "kaggle", "origin": f"{report.DATASET} version 1"}, "original study"),
        ({"synthetic": False, "source": "kaggle", "origin": "else/where version 1"}, "original study (other data)"),
        ({"synthetic": False, "source": "archive", "origin": "cells.zip"}, "original study (other data)"),
        ({"synthetic": True, "source": "synthetic", "origin": "seed 1"}, "original study (other data)"),
    ],
)
def test_original_study_is_on_other_data_unless_it_is_known_to_be_the_same(fetch, name):
    series = report.recalls({"image": metrics(FIVE, 0.5)}, FIVE, fetch)
    assert list(series) == ["image (split by file)", name]
    assert series[name]["eosinophil"] == 0.68


def test_original_study_is_left_out_where_classes_differ():
    fetch = {"synthetic": False, "source": "archive", "origin": "cells.zip"}
    assert list(report.recalls({"image": metrics(["sick"], 1.0)}, ["sick"], fetch)) == ["image (split by file)"]


def test_original_table_agrees_with_itself():
    for key in ("precision", "recall", "f1"):
        mean = sum(scores[key] for scores in report.ORIGINAL["per_class"].values()) / 5
        assert mean == pytest.approx(report.ORIGINAL["macro"][key], abs=0.0051)


def test_parts_counts_and_warns():
    splits = pd.DataFrame(
        {
            "label": ["a", "a", "b", "b"],
            "image": ["train", "test", "train", "train"],
            "grouped": ["train", "valid", "test", "valid"],
        }
    )
    counts, warnings = report.parts(splits)
    assert counts == {"a": {"image": [1, 0, 1], "grouped": [1, 1, 0]}, "b": {"image": [2, 0, 0], "grouped": [0, 1, 1]}}
    assert warnings == [
        "Protocol image: there are no valid images.",
        "Protocol grouped: no image of class a is in the test part, so its recall can't be measured.",
        "Protocol image: no image of class b is in the test part, so its recall can't be measured.",
        "Protocol grouped: no image of class b is in the train part, so it can't be learnt.",
    ]


def test_wrong_puts_the_most_confident_first_and_ties_by_path():
    predictions = pd.DataFrame(
        {
            "path": ["c", "b", "a", "d"],
            "label": ["x", "x", "x", "x"],
            "predicted": ["y", "y", "y", "x"],
            "p_x": [0.4, 0.1, 0.4, 0.9],
            "p_y": [0.6, 0.9, 0.6, 0.1],
        }
    )
    assert report.wrong(predictions)[["path", "probability"]].values.tolist() == [["b", 0.9], ["a", 0.6], ["c", 0.6]]


@pytest.mark.parametrize(("value", "text"), [(0.125, "+0.12"), (-0.5, "−0.50"), (-0.001, "0.00"), (None, "–")])
def test_gap(value, text):
    assert report.gap(value) == text


def test_escape_markdown():
    assert report.escape_markdown("a|b <i>\n*c* `d` $e$") == r"a\|b \<i\> \*c\* \`d\` \$e\$"
