import json

import numpy as np
import pytest
from sklearn.metrics import classification_report

from stages.lib.metrics import pr_curves, roc_curves, score, summarise

CLASSES = ["basophil", "eosinophil", "lymphocyte"]


@pytest.fixture
def test_part():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=200)
    probabilities = random.dirichlet([1, 1, 1], size=200) + 0.5 * np.eye(3)[labels]
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_agrees_with_scikit_learns_report(test_part):
    labels, probabilities = test_part
    ours = summarise(labels, probabilities, CLASSES)
    theirs = classification_report(labels, probabilities.argmax(1), target_names=CLASSES, output_dict=True)
    assert ours["accuracy"] == pytest.approx(theirs["accuracy"], abs=1e-4)
    for average in ("macro", "weighted"):
        for ours_name, theirs_name in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert ours[average][ours_name] == pytest.approx(theirs[f"{average} avg"][theirs_name], abs=1e-4)
    for name in CLASSES:
        assert ours["per_class"][name]["recall"] == pytest.approx(theirs[name]["recall"], abs=1e-4)
        assert ours["per_class"][name]["support"] == theirs[name]["support"]


def test_by_hand():
    #            true      0    0    0    1    1    2
    probabilities = np.eye(3)[[0, 0, 1, 1, 1, 0]]
    found = summarise([0, 0, 0, 1, 1, 2], probabilities, CLASSES)
    assert found["accuracy"] == 0.6667
    assert found["balanced_accuracy"] == 0.5556  # (2/3 + 1 + 0) / 3
    assert found["per_class"]["basophil"] == {
        "precision": 0.6667, "recall": 0.6667, "specificity": 0.6667, "f1": 0.6667, "auc": 0.6667, "support": 3,
    }  # fmt: skip
    # Never predicted, so it has no precision; and its two averages say so.
    assert found["per_class"]["lymphocyte"] == {"recall": 0.0, "specificity": 1.0, "f1": 0.0, "auc": 0.5, "support": 1}
    assert found["macro"]["precision"] == 0.6667  # of basophil and eosinophil, both 2/3


def test_a_class_without_test_images_has_no_recall():
    found = summarise([0, 0, 1, 1], np.eye(3)[[0, 0, 1, 2]], CLASSES)
    assert found["per_class"]["lymphocyte"] == {"precision": 0.0, "specificity": 0.75, "support": 0}
    assert found["balanced_accuracy"] == 0.75
    json.dumps(found, allow_nan=False)


def test_curves_end_where_they_must(test_part):
    labels, probabilities = test_part
    roc, pr = roc_curves(labels, probabilities, CLASSES), pr_curves(labels, probabilities, CLASSES)
    for name in CLASSES:
        curve = roc[roc["class"] == name]
        assert curve[["fpr", "tpr"]].iloc[0].tolist() == [0, 0]
        assert curve[["fpr", "tpr"]].iloc[-1].tolist() == [1, 1]
        area = np.trapezoid(curve["tpr"], curve["fpr"])
        assert area == pytest.approx(summarise(labels, probabilities, CLASSES)["per_class"][name]["auc"], abs=2e-3)
        assert pr[pr["class"] == name]["recall"].max() == 1


def test_no_curve_where_there_is_nothing_to_tell_apart():
    assert roc_curves([1, 1], np.eye(3)[[1, 2]], CLASSES).empty
    assert list(pr_curves([1, 1], np.eye(3)[[1, 2]], CLASSES)) == ["class", "recall", "precision"]


def test_balanced_accuracy_is_the_mean_recall():
    assert score(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])) == {"accuracy": 0.75, "balanced_accuracy": 0.5}
