import numpy as np
import pytest

from wbc.evaluate.curves import pr_curves, roc_curves
from wbc.evaluate.metrics import compute_metrics

CLASSES = ["basophil", "eosinophil", "lymphocyte"]


def test_curves_end_where_they_must(test_part):
    labels, probabilities = test_part
    roc, pr = roc_curves(labels, probabilities, CLASSES), pr_curves(labels, probabilities, CLASSES)
    for name in CLASSES:
        curve = roc[roc["class"] == name]
        assert curve[["fpr", "tpr"]].iloc[0].tolist() == [0, 0]
        assert curve[["fpr", "tpr"]].iloc[-1].tolist() == [1, 1]
        area = np.trapezoid(curve["tpr"], curve["fpr"])
        assert area == pytest.approx(
            compute_metrics(labels, probabilities, CLASSES)["per_class"][name]["auc"], abs=2e-3
        )
        assert pr[pr["class"] == name]["recall"].max() == 1


def test_no_curve_where_there_is_nothing_to_tell_apart():
    assert roc_curves([1, 1], np.eye(3)[[1, 2]], CLASSES).empty
    assert list(pr_curves([1, 1], np.eye(3)[[1, 2]], CLASSES)) == ["class", "recall", "precision"]
