"""What a classifier must beat before its score means anything."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

LEARNT = 100_000  # images at most that a regression learns from, which are in memory together: half a gigabyte
ROWS = 8192  # predicted at once


def baseline_predictions(labels, colors, features, train, test):
    """Return what each baseline, fitted on the `train` rows, predicts for the `test` rows.

    Of more than `LEARNT` rows, the regressions learn from that many, spread evenly over them.

    Args:
        labels: class number of each image.
        colors: float array (images, 64), see `color_histograms`.
        features: array (images, n), perhaps on disk: what the head is given of each image as it is.
        train, test: indices of images.

    Returns:
        {"majority", "color_histogram", "logistic_regression"}: int arrays of class numbers, one a test image. The
        last is the one that the head has to beat: the same features, without the head.
    """
    some = train if len(train) <= LEARNT else train[np.linspace(0, len(train) - 1, LEARNT).astype(int)]
    found = {"majority": majority(labels[train], len(test))}
    for name, numbers in (("color_histogram", colors), ("logistic_regression", features)):
        predict = logistic_regression(numbers[some].astype(np.float32), labels[some])
        parts = [test[start : start + ROWS] for start in range(0, len(test), ROWS)]
        found[name] = np.concatenate([predict(numbers[part].astype(np.float32)) for part in parts])
    return found


def majority(train_labels, count):
    """Predict the most frequent class of `train_labels` for `count` images."""
    return np.full(count, np.bincount(train_labels).argmax())


def logistic_regression(numbers, labels):
    """Fit logistic regression on standardized numbers (L2, C = 1).

    Where there is one class only to learn from, that one is predicted.

    Args:
        numbers: float array (images, n).
        labels: class number of each image, at least one.

    Returns:
        function from float arrays (images, n) to the class number of each image.
    """
    if (labels == labels[0]).all():
        return lambda asked: np.full(len(asked), labels[0])
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(numbers, labels).predict
