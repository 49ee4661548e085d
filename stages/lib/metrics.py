"""What is reported of a classifier's predictions on the test part, and the curves behind it."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk

DIGITS = 4  # of every reported number: what differs beyond is rounding of another CPU, not a result


def summarise(labels, probabilities, classes):
    """Return the metrics of one test as nested dicts of numbers rounded to `DIGITS`.

    The prediction is the class of highest probability. A metric that is undefined is left out rather than called 0:
    recall, F1 and AUC of a class without test images, precision of a class that was never predicted. Macro averages
    are over the classes for which the metric is defined.

    Args:
        labels: class number of each image, at least one image.
        probabilities: float array (images, classes).
        classes: class names in the order of the columns.

    Returns:
        {"accuracy", "balanced_accuracy",
         "macro": {"precision", "recall", "f1", "auc"}, "weighted": {"precision", "recall", "f1"},
         "per_class": {name: {"precision", "recall", "specificity", "f1", "auc", "support"}}}; AUC is one-vs-rest.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    predicted = probabilities.argmax(axis=1)
    numbers = np.arange(len(classes))
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        labels, predicted, labels=numbers, zero_division=np.nan
    )
    matrices = sk.multilabel_confusion_matrix(labels, predicted, labels=numbers)
    per_class = {}
    for number, name in enumerate(classes):
        true_negatives, false_positives = matrices[number, 0]
        is_class = labels == number
        defined = is_class.any() and not is_class.all()
        per_class[name] = {
            "precision": precision[number],
            "recall": recall[number] if support[number] else np.nan,
            "specificity": _ratio(true_negatives, true_negatives + false_positives),
            "f1": f1[number] if support[number] else np.nan,
            "auc": sk.roc_auc_score(is_class, probabilities[:, number]) if defined else np.nan,
            "support": int(support[number]),
        }
    columns = pd.DataFrame(per_class).T
    tested = columns[columns["support"] > 0]
    weights = tested["support"] / tested["support"].sum()
    summary = {
        **score(labels, predicted),
        "macro": {name: columns[name].mean() for name in ("precision", "recall", "f1", "auc")},
        # A class with test images that was never predicted has no precision; it weighs 0, as scikit-learn has it.
        "weighted": {name: (tested[name].fillna(0) * weights).sum() for name in ("precision", "recall", "f1")},
        "per_class": per_class,
    }
    return rounded(summary)


def score(labels, predicted):
    """Return accuracy and balanced accuracy, the mean recall of the classes that have images, of class numbers."""
    recalls = [np.mean(predicted[labels == number] == number) for number in np.unique(labels)]
    return {"accuracy": np.mean(labels == predicted), "balanced_accuracy": np.mean(recalls)}


def rounded(content):
    """Return nested dicts with every number rounded to `DIGITS` and every NaN left out."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items() if not _undefined(value)}
    return content if isinstance(content, int) else round(float(content), DIGITS)


def roc_curves(labels, probabilities, classes):
    """Return one-vs-rest ROC curves as a table with columns class, fpr, tpr; corners of each curve only."""
    tables = []
    for number, name, is_class in _one_vs_rest(labels, classes):
        fpr, tpr, _ = sk.roc_curve(is_class, probabilities[:, number])
        tables.append(pd.DataFrame({"class": name, "fpr": fpr, "tpr": tpr}))
    return _joined(tables, ["class", "fpr", "tpr"])


def pr_curves(labels, probabilities, classes):
    """Return one-vs-rest precision-recall curves as a table with columns class, recall, precision."""
    tables = []
    for number, name, is_class in _one_vs_rest(labels, classes):
        precision, recall, _ = sk.precision_recall_curve(is_class, probabilities[:, number], drop_intermediate=True)
        tables.append(pd.DataFrame({"class": name, "recall": recall, "precision": precision}))
    return _joined(tables, ["class", "recall", "precision"])


def _one_vs_rest(labels, classes):
    """Yield (number, name, is_class) of each class that has test images and is not alone."""
    labels = np.asarray(labels)
    for number, name in enumerate(classes):
        is_class = labels == number
        if is_class.any() and not is_class.all():
            yield number, name, is_class


def _joined(tables, columns):
    return pd.concat(tables, ignore_index=True).round(DIGITS) if tables else pd.DataFrame(columns=columns)


def _ratio(part, whole):
    return part / whole if whole else np.nan


def _undefined(value):
    return isinstance(value, float) and np.isnan(value)
