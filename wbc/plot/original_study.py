"""What the original study published, and how far its numbers can be compared with ours."""

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

COMPARABLE = {
    "same": "These are the images of the original study. It split them by file and counted every image once, so its "
    "numbers compare with the column split by file; which files stood in its test part is not known.",
    "synthetic": "The original study scored photographs of real cells, and the images here are drawn: its numbers are "
    "about other data and stand here for orientation only.",
    "unknown": "Whether these are the images of the original study is not known to this pipeline: take its numbers to "
    "be about other data.",
}


def whose(fetch: dict[str, Any]) -> str:
    """Return whose images these are, as a key of `COMPARABLE`, by the content of fetch.json."""
    if fetch["synthetic"]:
        return "synthetic"
    return "same" if fetch["source"] == "kaggle" and DATASET in fetch["origin"] else "unknown"


def same_classes(classes: Iterable[str]) -> bool:
    """Return whether these are exactly the classes of the original study."""
    return set(classes) == set(ORIGINAL["per_class"])
