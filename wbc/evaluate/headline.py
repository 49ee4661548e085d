"""The headline: the few numbers by which two runs are compared."""

from typing import Any

from wbc.evaluate.results import Details

DIGITS = 3  # so that a row of `dvc metrics show` fits 120 columns


def headline(metrics: dict[str, dict[str, Any]], details: Details) -> dict[str, float]:
    """Return about ten numbers with names so short that `dvc metrics show` fits a terminal.

    All scores count each group once.

    Args:
        metrics: {scheme: content of its metrics.json}.
        details: the source of the leak: the true one where the cells are known, else of recognized near-duplicates.

    Returns:
        of the cross-validation "bacc" (balanced accuracy), "low" and "high" (its interval), "acc" and "auc" (macro
        average); "logreg", the cross-validated balanced accuracy of logistic regression; "group" and "image", the
        balanced accuracy of the two test parts; "leak_grp" and "leak_img", the share of the test images with a
        near-duplicate in training; "leak_cv", this share in the cross-validation, where the cells are known.
    """
    cells = {scheme: content["cells"] for scheme, content in metrics.items()}
    interval = metrics["crossval"]["intervals"]["cells"].get("balanced_accuracy", {})
    leak = details.truth["leak"] if details.truth["known"] else details.split["leak"]
    numbers = {
        "bacc": cells["crossval"]["balanced_accuracy"],
        "low": interval.get("low"),
        "high": interval.get("high"),
        "acc": cells["crossval"]["accuracy"],
        "auc": cells["crossval"]["macro"].get("auc"),
        "group": cells["grouped"]["balanced_accuracy"],
        "image": cells["image"]["balanced_accuracy"],
        "logreg": metrics["crossval"]["baseline"]["logistic_regression"]["cells"]["balanced_accuracy"],
        "leak_cv": leak.get("crossval"),
        "leak_grp": leak["grouped"],
        "leak_img": leak["image"],
    }
    return {name: round(value, DIGITS) for name, value in numbers.items() if value is not None}
