"""The scores of the schemes next to each other, each with its interval, and their differences."""

from collections.abc import Sequence
from typing import Any, NamedTuple

# Metrics of a class by their names in metrics.json; a class of few cells has no estimate of NEEDS_CELLS.
CLASS_METRICS = ("precision", "recall", "specificity", "f1", "auc")
NEEDS_CELLS = ("recall", "f1", "auc")

# Where the averages are in metrics.json.
BALANCED_ACCURACY = ("balanced_accuracy",)
EACH_CELL = (BALANCED_ACCURACY, ("accuracy",), ("macro", "f1"))
EACH_IMAGE = (BALANCED_ACCURACY, ("accuracy",), ("macro", "precision"), ("macro", "f1"), ("macro", "auc"))
BASELINES = ("logistic_regression", "color_histogram", "majority")
COMPARED = BASELINES[:2]  # the baselines that use the images


def titles(unit: str, own_parts: bool = False) -> dict[str, str]:
    """Return {scheme: its name}, the recommended one first.

    >>> titles("cell")
    {'crossval': 'cross-validated by cell', 'grouped': 'split by cell', 'image': 'split by file'}

    Args:
        unit: see `results.Run.unit`.
        own_parts: whether the user gave the parts of the split.
    """
    return {
        "crossval": f"cross-validated by {unit}",
        "grouped": f"split by {unit}",
        "image": "split as given" if own_parts else "split by file",
    }


class Estimate(NamedTuple):
    """A score with its interval."""

    value: float | None = None  # 0-1; None where it isn't defined
    low: float | None = None
    high: float | None = None
    few: int | None = None  # scored cells of a class that has too few for an estimate

    @property
    def interval(self) -> str:
        """Return the interval as text; "" where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:.2f}–{self.high:.2f}"

    def __str__(self) -> str:
        value = "–" if self.value is None else f"{self.value:.2f}"
        return f"{value} ({self.interval})" if self.interval else value


class Row(NamedTuple):
    """One score by every scheme."""

    key: str  # a metric's name in metrics.json, a baseline, or a class
    scores: dict[str, Estimate]  # {scheme: score}


class Gap(NamedTuple):
    """The difference between the split by file and the cross-validation by group, in balanced accuracy."""

    by_file: Estimate
    by_group: Estimate
    near_duplicates: float | None  # share of the test images, split by file, with a near-duplicate in training
    shared_groups: float | None  # share of them whose given group is in training
    same_heads: bool  # whether the heads of both have the same units

    @property
    def difference(self) -> float:
        """Return by how much the split by file scores higher."""
        assert self.by_file.value is not None and self.by_group.value is not None  # some image was scored
        return self.by_file.value - self.by_group.value

    @property
    def leaks(self) -> bool:
        """Return whether any test image has a near-duplicate or an image of its group in training."""
        return bool(self.near_duplicates or self.shared_groups)

    @property
    def significant(self) -> bool:
        """Return whether the interval of the split by file is wholly above the cross-validation's."""
        low, high = self.by_file.low, self.by_group.high
        return low is not None and high is not None and low > high


class Verdict(NamedTuple):
    """The classifier compared with a baseline, in balanced accuracy."""

    baseline: str
    own: Estimate
    theirs: float

    @property
    def better(self) -> bool:
        """Return whether the classifier's whole interval is above the other score, which is taken as exact."""
        return self.own.low is not None and self.own.low > self.theirs

    @property
    def worse(self) -> bool:
        """Return whether the classifier's whole interval is below the other score."""
        return self.own.high is not None and self.own.high < self.theirs


def lookup(content: dict[str, Any], *keys: str) -> Any:
    """Return the value that `keys` lead to in nested dicts, or None where there is none."""
    for key in keys:
        if key not in content:
            return None
        content = content[key]
    return content


def cells(metrics: dict[str, Any], name: str) -> int:
    """Return how many cells of class `name` were scored."""
    return lookup(metrics, "cells", "per_class", name, "support") or 0


def estimate(metrics: dict[str, Any], *keys: str, min_cells: int = 0) -> Estimate:
    """Return the `Estimate` of one score.

    Args:
        metrics: content of metrics.json.
        keys: that lead to the score: ("cells", "per_class", "monocyte", "recall").
        min_cells: a recall, F1 or AUC of a class with fewer scored cells is not estimable.
    """
    if "per_class" in keys and keys[-1] in NEEDS_CELLS and cells(metrics, keys[-2]) < min_cells:
        return Estimate(few=cells(metrics, keys[-2]))
    bounds = lookup(metrics, "intervals", *keys) or {}
    return Estimate(lookup(metrics, *keys), bounds.get("low"), bounds.get("high"))


def averages(metrics: dict[str, dict[str, Any]]) -> list[Row]:
    """Return the averages over the classes, each cell counting once.

    Args:
        metrics: {scheme: content of its metrics.json}.
    """
    return [_row(metrics, keys[-1], ("cells", *keys)) for keys in EACH_CELL]


def recalls(metrics: dict[str, dict[str, Any]], classes: Sequence[str], min_cells: int) -> list[Row]:
    """Return the recall of each class, each cell counting once; see `averages` and `estimate`."""
    return [_row(metrics, name, ("cells", "per_class", name, "recall"), min_cells) for name in classes]


def baselines(metrics: dict[str, dict[str, Any]]) -> list[Row]:
    """Return the balanced accuracy of the baselines, each cell counting once; see `averages`."""
    return [_row(metrics, name, ("baseline", name, "cells", "balanced_accuracy")) for name in BASELINES]


def averages_by_image(metrics: dict[str, dict[str, Any]]) -> list[Row]:
    """Return the averages over the classes, each image counting once; see `averages`."""
    return [_row(metrics, keys[-1], keys) for keys in EACH_IMAGE]


def recalls_by_image(metrics: dict[str, dict[str, Any]], classes: Sequence[str], min_cells: int) -> list[Row]:
    """Return the recall of each class, each image counting once; see `averages` and `estimate`."""
    return [_row(metrics, name, ("per_class", name, "recall"), min_cells) for name in classes]


def estimable(rows: Sequence[Row]) -> list[str]:
    """Return the schemes by which at least one of the rows has an estimate."""
    return [scheme for scheme in rows[0].scores if any(row.scores[scheme].few is None for row in rows)]


def gap(
    metrics: dict[str, dict[str, Any]], near_duplicates: float | None, shared_groups: float | None, same_heads: bool
) -> Gap:
    """Return the gap between the split by file and the cross-validation; see `Gap` and `averages`."""
    by_file, by_group = (estimate(metrics[name], "cells", "balanced_accuracy") for name in ("image", "crossval"))
    return Gap(by_file, by_group, near_duplicates, shared_groups, same_heads)


def against_baselines(metrics: dict[str, Any]) -> list[Verdict]:
    """Return a verdict for each baseline that uses the images.

    Args:
        metrics: content of a metrics.json.
    """
    own = estimate(metrics, "cells", "balanced_accuracy")
    return [Verdict(name, own, metrics["baseline"][name]["cells"]["balanced_accuracy"]) for name in COMPARED]


def _row(metrics: dict[str, dict[str, Any]], key: str, keys: Sequence[str], min_cells: int = 0) -> Row:
    return Row(key, {scheme: estimate(content, *keys, min_cells=min_cells) for scheme, content in metrics.items()})
