import json

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.metrics import classification_report

from wbc.evaluate.metrics import auc, cell_weights, compute_metrics, rounded, score

CLASSES = ["basophil", "eosinophil", "lymphocyte"]


def test_agrees_with_scikit_learns_report(test_part):
    labels, probabilities = test_part
    ours = compute_metrics(labels, probabilities, CLASSES)
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
    found = compute_metrics(np.array([0, 0, 0, 1, 1, 2]), probabilities, CLASSES)
    assert found["accuracy"] == 0.6667
    assert found["balanced_accuracy"] == 0.5556  # (2/3 + 1 + 0) / 3
    assert found["per_class"]["basophil"] == {
        "precision": 0.6667, "recall": 0.6667, "specificity": 0.6667, "f1": 0.6667, "auc": 0.6667, "support": 3,
    }  # fmt: skip
    # Never predicted, so it has no precision; and its two averages say so.
    assert found["per_class"]["lymphocyte"] == {"recall": 0.0, "specificity": 1.0, "f1": 0.0, "auc": 0.5, "support": 1}
    assert found["macro"]["precision"] == 0.6667  # of basophil and eosinophil, both 2/3


def test_a_class_without_test_images_has_no_recall():
    found = compute_metrics(np.array([0, 0, 1, 1]), np.eye(3)[[0, 0, 1, 2]], CLASSES)
    assert found["per_class"]["lymphocyte"] == {"precision": 0.0, "specificity": 0.75, "support": 0}
    assert found["balanced_accuracy"] == 0.75
    json.dumps(found, allow_nan=False)


def test_balanced_accuracy_is_the_mean_recall():
    assert score(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])) == {"accuracy": 0.75, "balanced_accuracy": 0.5}


def test_weights_are_scikit_learns(test_part):
    labels, probabilities = test_part
    predicted = probabilities.argmax(axis=1)
    weights = np.random.default_rng(1).random(200)
    weights[::7] = 0
    found = compute_metrics(labels, probabilities, CLASSES, weights)
    said = {"sample_weight": weights}

    def near(value):
        return pytest.approx(value, abs=1e-4)

    assert found["accuracy"] == near(sk.accuracy_score(labels, predicted, **said))
    assert found["balanced_accuracy"] == near(sk.balanced_accuracy_score(labels, predicted, **said))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, predicted, **said)
    for number, name in enumerate(CLASSES):
        for metric, values in {"precision": precision, "recall": recall, "f1": f1}.items():
            assert found["per_class"][name][metric] == near(values[number])
        area = sk.roc_auc_score(labels == number, probabilities[:, number], **said)
        assert found["per_class"][name]["auc"] == near(area)
        others = labels != number
        specificity = sk.accuracy_score(others[others], (predicted != number)[others], sample_weight=weights[others])
        assert found["per_class"][name]["specificity"] == near(specificity)


def test_ties_count_half_whatever_their_weights():
    scores, is_class = np.array([0.2, 0.2, 0.5, 0.5, 0.5, 0.9]), np.array([True, False, True, False, False, True])
    weights = np.array([1.0, 2, 3, 4, 0.5, 1])
    assert auc(is_class, scores, weights) == pytest.approx(sk.roc_auc_score(is_class, scores, sample_weight=weights))
    assert auc(is_class, np.ones(6), weights) == 0.5
    assert np.isnan(auc(np.ones(6, bool), scores, weights))


def test_a_cell_weighs_once_whatever_its_copies():
    # Two cells of class 0, one of them nine times and right; one cell of class 1, half of its images right.
    groups, labels = np.array([0] * 9 + [1, 2, 2]), np.array([0] * 10 + [1, 1])
    probabilities = np.eye(3)[[0] * 9 + [1, 1, 0]]
    weights = cell_weights(groups)
    assert weights.sum() == pytest.approx(3)
    found = compute_metrics(labels, probabilities, CLASSES, weights)
    assert found["per_class"]["basophil"]["recall"] == 0.5  # by image it is 0.9
    assert found["per_class"]["basophil"]["support"] == 2
    assert found["accuracy"] == 0.5
    assert score(labels, probabilities.argmax(axis=1), weights) == pytest.approx(
        {"accuracy": 0.5, "balanced_accuracy": 0.5}
    )


def test_weights_that_are_no_whole_numbers_leave_undefined_what_is():
    weights = cell_weights([0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2])
    found = compute_metrics(np.zeros(12, int), np.eye(3)[[0] * 12], CLASSES, weights)
    assert "specificity" not in found["per_class"]["basophil"]
    assert found["per_class"]["eosinophil"] == {"specificity": 1.0, "support": 0}


def test_rounded_leaves_nan_out_and_keeps_none():
    assert rounded({"a": float("nan"), "b": None, "c": {"d": 0.123456}}) == {"b": None, "c": {"d": 0.1235}}
