"""Logistic regression on features, as a head of one layer."""

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from wbc.train.head import Head
from wbc.train.layers import SCORING, Dense, Standardize


class Cells(NamedTuple):
    """Features and labels of cells."""

    features: npt.NDArray  # (cells, n)
    labels: npt.NDArray[np.integer]  # class number of each


def fit_regression(cells: Cells, weights: npt.NDArray[np.floating], classes: int, c: float) -> Head:
    """Return scikit-learn's logistic regression on standardized features.

    Args:
        cells: at least one of each class.
        weights: of each cell.
        classes: number of classes, at least three.
        c: scikit-learn's C, the inverse of the weight of the L2 penalty.
    """
    features = cells.features.astype(np.float64)
    standardize = Standardize.fit(features)
    regression = LogisticRegression(C=c, solver="newton-cg", max_iter=1000, tol=1e-6)
    with warnings.catch_warnings():
        # At the optimum, rounding can keep the last line search from finding a lower point.
        warnings.filterwarnings("ignore", message=".*[Ll]ine ?[Ss]earch|Rounding errors")
        regression.fit(standardize.forward(features, SCORING)[0], cells.labels, weights)
    assert len(regression.classes_) == classes
    return Head([standardize, Dense(regression.coef_.T, regression.intercept_)])
