"""The headline: the few numbers by which two runs are compared."""

from typing import Any

DIGITS = 3  # so that a row of `dvc metrics show` fits 120 columns


def headline(metrics: dict[str, Any], audit: dict[str, Any], truth: dict[str, Any]) -> dict[str, float]:
    """Return about ten numbers with names so short that `dvc metrics show` fits a terminal.

    All scores count each photographed cell once.

    Args:
        metrics: {scheme: content of its metrics.json}.
        audit: content of audit.json, whose leak is of recognized copies.
        truth: content of truth.json, whose leak is the true one where it is known.

    Returns:
        of the cross-validation "bacc" (balanced accuracy), "low" and "high" (its interval), "acc" and "auc" (macro
        average); "group" and "image", the balanced accuracy of the two protocols' test parts; "logreg", that of
        logistic regression, cross-validated; "leak_grp" and "leak_img", the share of the test images with a copy in
        training, and "leak_cv", the same of the cross-validation, where the truth is known.
    """
    cells = {scheme: content["cells"] for scheme, content in metrics.items()}
    interval = metrics["crossval"]["intervals"]["cells"].get("balanced_accuracy", {})
    leak = truth["leak"] if truth["known"] else audit["leak"]
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
