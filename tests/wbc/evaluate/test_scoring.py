import json

import numpy as np
import pandas as pd
import pytest

from wbc.evaluate.intervals import wilson
from wbc.evaluate.metrics import compute_metrics, rounded
from wbc.evaluate.params import IntervalParams
from wbc.evaluate.results import Result
from wbc.evaluate.scoring import describe, source_counts, without_overlap

CLASSES = ["basophil", "eosinophil", "lymphocyte"]
PARAMS = IntervalParams(confidence_level=0.95)


@pytest.fixture(scope="module")
def scored():
    """Three cells of class 0, ten copies of each and all right; 30 and 60 cells of the others, most of them right."""
    random = np.random.default_rng(0)
    copies = np.array([10] * 3 + [2] * 30 + [1] * 60)
    of_cell = np.repeat([0, 1, 2], [3, 30, 60])
    shown = of_cell.copy()
    shown[3:][random.random(90) < 0.2] = 1
    shown[3:33][random.random(30) < 0.2] = 2
    labels, groups = np.repeat(of_cell, copies), np.repeat(np.arange(93), copies)
    probabilities = 2 * np.eye(3)[np.repeat(shown, copies)] + random.random((len(labels), 3))
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True), groups


@pytest.fixture(scope="module")
def metrics(scored):
    labels, probabilities, groups = scored
    return rounded(describe(labels, probabilities, groups, CLASSES, {"majority": np.full(len(labels), 2)}, PARAMS))


def test_what_was_reported_is_still_reported(scored, metrics):
    labels, probabilities, _ = scored
    assert metrics.items() >= compute_metrics(labels, probabilities, CLASSES).items()
    json.dumps(metrics, allow_nan=False)


def test_support_of_cells_is_cells(metrics):
    assert {name: values["support"] for name, values in metrics["per_class"].items()} == dict(
        zip(CLASSES, (30, 60, 60), strict=True)
    )
    assert {name: values["support"] for name, values in metrics["cells"]["per_class"].items()} == dict(
        zip(CLASSES, (3, 30, 60), strict=True)
    )


def test_a_class_of_few_cells_is_left_out_of_a_balanced_accuracy_of_its_own(metrics):
    recalls = [values["recall"] for values in metrics["cells"]["per_class"].values()]  # of 3, 30 and 60 cells
    assert metrics["cells"]["balanced_accuracy_common"] == pytest.approx(np.mean(recalls[1:]), abs=1e-4)
    assert metrics["cells"]["common_from"] == 5


def test_a_group_with_two_labels_supports_both():
    found = describe(np.array([0, 0, 1, 2]), np.eye(3)[[0, 0, 1, 2]], np.array([7, 7, 7, 8]), CLASSES, {}, PARAMS)
    assert [values["support"] for values in found["cells"]["per_class"].values()] == [1, 1, 1]


def test_every_headline_number_has_an_interval_around_it(metrics):
    intervals = metrics["intervals"]
    assert intervals["confidence_level"] == 0.95
    pairs = [
        *((metrics[name], intervals[name]) for name in ("accuracy", "balanced_accuracy")),
        *((metrics["cells"][name], intervals["cells"][name]) for name in ("accuracy", "balanced_accuracy")),
        *((value, intervals["macro"][name]) for name, value in metrics["macro"].items()),
    ]
    for name in CLASSES:
        for metric in ("precision", "recall", "f1", "auc"):
            pairs.append((metrics["per_class"][name][metric], intervals["per_class"][name][metric]))
        pairs.append((metrics["cells"]["per_class"][name]["recall"], intervals["cells"]["per_class"][name]["recall"]))
    assert len(pairs) == 2 + 2 + 4 + 15
    for value, interval in pairs:
        assert 0 <= interval["low"] <= value <= interval["high"] <= 1
        assert interval["low"] < interval["high"]


def test_three_of_three_right_are_three_cells_not_thirty(metrics):
    low, high = wilson(1, 3, 0.95)
    expected = pytest.approx({"low": low, "high": high}, abs=1e-4)
    assert metrics["intervals"]["per_class"]["basophil"]["recall"] == expected
    assert metrics["intervals"]["cells"]["per_class"]["basophil"]["recall"] == expected


def test_averages_do_not_take_three_of_three_for_certain(metrics):
    three = metrics["intervals"]["per_class"]["basophil"]["recall"]["low"]
    assert metrics["balanced_accuracy"] - metrics["intervals"]["balanced_accuracy"]["low"] > (1 - three) / 3


def test_all_right_is_not_certain():
    labels = np.repeat([0, 1, 2], [3, 20, 20])
    found = describe(labels, np.eye(3)[labels], np.arange(43), CLASSES, {}, PARAMS)["intervals"]
    for interval in (found["accuracy"], found["balanced_accuracy"], *found["macro"].values()):
        assert 0.7 < interval["low"] < 1 == pytest.approx(interval["high"])
    assert found["accuracy"]["low"] > found["balanced_accuracy"]["low"]  # the three cells weigh less in it
    assert found["per_class"]["basophil"]["auc"]["low"] == pytest.approx(wilson(1, 3, 0.95)[0])


def test_a_class_without_images_has_no_interval():
    labels = np.repeat([0, 1], 10)
    found = describe(labels, np.eye(3)[labels], np.arange(20), CLASSES, {}, PARAMS)["intervals"]
    assert found["per_class"]["lymphocyte"] == {}


def test_baselines_by_image_and_by_cell(metrics):
    assert metrics["baseline"]["majority"] == {
        "accuracy": 0.4, "balanced_accuracy": 0.3333, "cells": {"accuracy": 0.6452, "balanced_accuracy": 0.3333}
    }  # fmt: skip


def test_sources_count_groups():
    assert source_counts(["a", "a", "b", "a"], [1, 1, 2, 3], ["a", "b", "c"]) == {"a": 2, "b": 1, "c": 0}


def test_files_written(scored, metrics, tmp_path):
    labels, probabilities, groups = scored
    images = pd.DataFrame({"path": [f"{n}.png" for n in range(len(labels))], "group": groups}, index=labels + 100)
    Result.of(metrics, images, labels, probabilities, CLASSES).save(folder := tmp_path / "image")
    tmp_path = folder
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert list(table) == ["path", "group", "predicted", *(f"p_{name}" for name in CLASSES)]
    assert len(table) == len(labels)
    assert (table["predicted"] == np.array(CLASSES)[probabilities.argmax(axis=1)]).all()
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert (
        set(pd.read_csv(tmp_path / "roc.csv")["class"])
        == set(pd.read_csv(tmp_path / "pr.csv")["class"])
        == set(CLASSES)
    )


def test_what_was_saved_is_loaded(scored, metrics, tmp_path):
    labels, probabilities, groups = scored
    names = ["1", "NA", "None"]  # classes may be called so
    images = pd.DataFrame({"path": [f"{n}.png" for n in range(len(labels))], "label": np.array(names)[labels]})
    saved = Result.of(metrics, images.assign(group=groups), labels, probabilities, names)
    saved.save(tmp_path / "image")
    loaded = Result.load(tmp_path / "image")
    assert loaded.metrics == saved.metrics
    assert loaded.predictions["predicted"].tolist() == saved.predictions["predicted"].tolist()
    assert set(loaded.roc["class"]) == set(names)


def test_the_score_over_the_other_images_counts_as_the_score_beside_it():
    """The first image trained the backbone. The rest is a group of three images, all right, and one image, wrong."""
    labels, groups = np.array([0, 0, 0, 0, 1]), np.array([0, 1, 1, 1, 2])
    probabilities = np.tile([0.9, 0.1], (5, 1))
    overlap = np.arange(5) == 0
    arguments = (labels, probabilities, groups, ["a", "b"], overlap, IntervalParams(confidence_level=0.95))
    by_image, by_group = (without_overlap(*arguments, each_group=each) for each in (False, True))
    assert (by_image["accuracy"], by_group["accuracy"]) == (0.75, 0.5)
    assert (by_image["images"], by_image["rest"]) == (1, 4)
    assert all(found["intervals"]["accuracy"]["low"] < found["accuracy"] for found in (by_image, by_group))
    nothing_left = without_overlap(*arguments[:4], np.ones(5, bool), arguments[5], each_group=True)
    assert nothing_left == {"images": 5, "rest": 0}
