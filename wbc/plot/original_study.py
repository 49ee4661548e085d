"""The scores that the original study published."""

from collections.abc import Iterable
from typing import Any

# The table in the shape of metrics.json: random split by file, 106 test images per class. It has no AUC and no
# specificity; its balanced accuracy is its macro recall.
ORIGINAL: dict[str, Any] = {
    "accuracy": 0.92,
    "balanced_accuracy": 0.92,
    "macro": {"precision": 0.94, "recall": 0.92, "f1": 0.92},
    "weighted": {"precision": 0.94, "recall": 0.92, "f1": 0.92},
    "per_class": {
        "basophil": {"precision": 1.00, "recall": 1.00, "f1": 1.00, "support": 106},
        "eosinophil": {"precision": 0.97, "recall": 0.68, "f1": 0.80, "support": 106},
        "lymphocyte": {"precision": 0.99, "recall": 0.99, "f1": 0.99, "support": 106},
        "monocyte": {"precision": 0.96, "recall": 0.99, "f1": 0.98, "support": 106},
        "neutrophil": {"precision": 0.76, "recall": 0.96, "f1": 0.85, "support": 106},
    },
}

DATASET = "brikwerk/bccd-white-blood-cell"  # on Kaggle


def whose(fetch: dict[str, Any]) -> str:
    """Return the images' relation to the study's, by the content of fetch.json: "same", "synthetic" or "unknown"."""
    if fetch["synthetic"]:
        return "synthetic"
    return "same" if fetch["source"] == "kaggle" and DATASET in fetch["origin"] else "unknown"


def same_classes(classes: Iterable[str]) -> bool:
    """Return whether these are exactly the classes of the original study."""
    return set(classes) == set(ORIGINAL["per_class"])
