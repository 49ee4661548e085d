"""The curves behind the metrics of classifiers: ROC and precision-recall, one class against all others."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.evaluate.metrics import DIGITS


def roc_curves(y_true: npt.ArrayLike, y_prob: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return one-vs-rest ROC curves as a table with columns class, fpr, tpr; corners of each curve only."""
    from sklearn.metrics import roc_curve  # takes a second to import, and most who import this module draw nothing

    tables = []
    for number, name, is_class in _one_vs_rest(y_true, classes):
        fpr, tpr, _ = roc_curve(is_class, y_prob[:, number])
        tables.append(pd.DataFrame({"class": name, "fpr": fpr, "tpr": tpr}))
    return _joined(tables, ["class", "fpr", "tpr"])


def pr_curves(y_true: npt.ArrayLike, y_prob: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return one-vs-rest precision-recall curves as a table with columns class, recall, precision."""
    from sklearn.metrics import precision_recall_curve  # as above

    tables = []
    for number, name, is_class in _one_vs_rest(y_true, classes):
        precision, recall, _ = precision_recall_curve(is_class, y_prob[:, number], drop_intermediate=True)
        tables.append(pd.DataFrame({"class": name, "recall": recall, "precision": precision}))
    return _joined(tables, ["class", "recall", "precision"])


def _one_vs_rest(y_true: npt.ArrayLike, classes: Sequence[str]) -> Iterator[tuple[int, str, np.ndarray]]:
    """Yield (number, name, is_class) of each class that has test images and is not alone."""
    y_true = np.asarray(y_true)
    for number, name in enumerate(classes):
        is_class = y_true == number
        if is_class.any() and not is_class.all():
            yield number, name, is_class


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True).round(DIGITS) if tables else pd.DataFrame(columns=columns)
