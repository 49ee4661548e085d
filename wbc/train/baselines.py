"""Baselines: simpler classifiers on the same images, and the table of their predictions."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.errors import UserError
from wbc.common.files import reading, write_csv
from wbc.split.schemes import SCHEMES
from wbc.train.class_weights import class_weight

MOST_ROWS = 100_000  # limit on the training rows of a regression, which take a gigabyte of memory
ROWS = 8192  # rows predicted at once
# So close to the optimum that a prediction depends on the data and not on the CPU's rounding. With scikit-learn's 1e-4,
# predictions differed between two kinds of CPU. Newton's method converges ten times faster than L-BFGS.
TOLERANCE = 1e-8
# The best of 1, 0.1, 0.03 and 0.01, and of class weights none, sqrt and balanced, on BCCD's cells, cross-validated by
# cell. An inner cross-validation chooses badly if a class has only four cells.
C = 0.03

Labels = npt.NDArray[np.integer]


class Baselines(NamedTuple):
    """Predictions of each baseline; the stage `baseline` writes image.csv, grouped.csv and crossval.csv.

    Each table has the column path, and one per baseline with class names: majority, color_histogram,
    logistic_regression.

    >>> baselines = Baselines.load(Path("data/baselines"))                        # doctest: +SKIP
    >>> baselines.predictions("grouped", paths, classes)["majority"]              # doctest: +SKIP
    """

    tables: dict[str, pd.DataFrame]  # {scheme: a row per scored image}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the tables in a folder; names stay text."""
        tables = {}
        for scheme in SCHEMES:
            with reading(file := folder / f"{scheme}.csv"):
                tables[scheme] = pd.read_csv(file, dtype=str, keep_default_na=False)
        return cls(tables)

    def save(self, folder: Path) -> None:
        """Write the tables into a folder."""
        for scheme, table in self.tables.items():
            write_csv(folder / f"{scheme}.csv", table)

    def predictions(self, scheme: str, images: Sequence[str], classes: list[str]) -> dict[str, Labels]:
        """Return {baseline: class number that it predicts for each image} of a scheme.

        Args:
            scheme: image, grouped or crossval.
            images: paths of the images that the scheme scores, in order.
            classes: class names in the order of their numbers.

        Raises:
            UserError: the table holds other images or classes.
        """
        table = self.tables[scheme]
        if table["path"].tolist() != list(images):
            raise UserError(
                f"The baselines of the scheme `{scheme}` predict other images than those that it scores: they were "
                "made from another split. Type `dvc repro`."
            )
        numbers = {name: number for number, name in enumerate(classes)}
        found = table.drop(columns="path").apply(lambda column: column.map(numbers))
        if found.isna().any(axis=None):
            raise UserError(
                f"The baselines of the scheme `{scheme}` predict other classes than {', '.join(classes)}: they were "
                "made from other images, or are damaged. Type `dvc repro`."
            )
        return {baseline: found[baseline].to_numpy() for baseline in found}


def baseline_predictions(
    labels: Labels, colors: npt.NDArray, features: npt.NDArray, train: Labels, test: Labels
) -> dict[str, Labels]:
    """Fit each baseline on the `train` rows and return its predictions for the `test` rows.

    With more than `MOST_ROWS` rows, the regressions are trained on that many evenly spaced ones.

    Args:
        labels: class number of each image.
        colors: float array (images, 64), see `color_histogram`.
        features: array (images, zooms, n), may be memory-mapped. All zooms train; the first one predicts.
        train, test: indices of images.

    Returns:
        {"majority", "color_histogram", "logistic_regression"}: class numbers, one per test image. Logistic regression
        has the same features as the head.
    """
    predictions = {"majority": majority(labels[train], len(test))}
    for name, inputs in (("color_histogram", colors[:, None]), ("logistic_regression", features)):
        zooms, length = inputs.shape[1:]
        most = MOST_ROWS // zooms
        learned = train if len(train) <= most else train[np.linspace(0, len(train) - 1, most).astype(int)]
        rows = inputs[learned].astype(np.float64).reshape(len(learned) * zooms, length)
        predict = logistic_regression(rows, np.repeat(labels[learned], zooms))
        parts = [test[start : start + ROWS] for start in range(0, len(test), ROWS)]
        predictions[name] = np.concatenate([predict(inputs[part, 0].astype(np.float64)) for part in parts])
    return predictions


def majority(train_labels: Labels, count: int) -> Labels:
    """Return the most frequent class of `train_labels`, `count` times."""
    return np.full(count, np.bincount(train_labels).argmax())


def logistic_regression(inputs: npt.NDArray, labels: Labels) -> Callable[[npt.NDArray], Labels]:
    """Fit logistic regression on standardized inputs, with the L2 penalty `C` and the weights of `class_weight`.

    If all images are of one class, that class is predicted.

    Args:
        inputs: float64 array (images, n).
        labels: class number of each image, at least one.

    Returns:
        function from float arrays (images, n) to the class number of each image.
    """
    if (labels == labels[0]).all():
        return lambda rows: np.full(len(rows), labels[0])
    # Imported here, since readers of the tables don't need scikit-learn, which is slow to import.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    counts = np.bincount(labels)
    weights = {
        number: float(weight) for number, weight in enumerate(class_weight("sqrt", labels, len(counts))) if weight
    }
    regression = LogisticRegression(C=C, class_weight=weights, solver="newton-cg", max_iter=1000, tol=TOLERANCE)
    with warnings.catch_warnings():
        # The last line search may find no lower point within the rounding: then this is the optimum.
        warnings.filterwarnings("ignore", message=".*[Ll]ine ?[Ss]earch|Rounding errors")
        return make_pipeline(StandardScaler(), regression).fit(inputs, labels).predict
