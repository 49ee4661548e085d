"""The counts of the report; its pages are tested with the stage."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from wbc.evaluate.curves import pr_curves
from wbc.plot import report


def test_parts_counts_images():
    splits = pd.DataFrame(
        {
            "label": ["a", "a", "b", "b"],
            "image": ["train", "test", "train", "train"],
            "grouped": ["train", "valid", "test", "valid"],
        }
    )
    assert report.parts(splits) == {
        "a": {"image": {"train": 1, "valid": 0, "test": 1}, "grouped": {"train": 1, "valid": 1, "test": 0}},
        "b": {"image": {"train": 2, "valid": 0, "test": 0}, "grouped": {"train": 0, "valid": 1, "test": 1}},
    }


def test_average_precision_is_scikit_learns_from_the_written_curve():
    random = np.random.default_rng(0)
    y_true = random.integers(3, size=200)
    y_prob = random.dirichlet(np.ones(3), size=200).round(2) + 0.3 * np.eye(3)[y_true]
    curves = pr_curves(y_true, y_prob, ["a", "b", "c"])
    for number, name in enumerate("abc"):
        expected = average_precision_score(y_true == number, y_prob[:, number])
        assert report.average_precision(curves, name) == pytest.approx(expected, abs=1e-3)
    assert report.average_precision(curves, "without a curve") is None
