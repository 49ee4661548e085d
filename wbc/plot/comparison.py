"""The scores side by side, each with its interval, and what their differences mean."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from wbc.common.wording import plural
from wbc.evaluate.class_metrics import PER_CLASS
from wbc.plot.original_study import ORIGINAL, same_classes, whose

# Each way of scoring, the one to believe first; `titles` puts the unit in place of {unit}.
_TITLES = {"crossval": "cross-validated by {unit}", "grouped": "split by {unit}", "image": "split by file"}
GIVEN_PARTS = "split as given"  # in place of "split by file"

Rows = list[tuple[str, tuple[str, ...]]]

# Rows of the table: name, and where the number is in metrics.json. A cell with several images counts as the share of
# them that was named right.
EACH_CELL: Rows = [
    ("Balanced accuracy", ("cells", "balanced_accuracy")),
    ("Accuracy", ("cells", "accuracy")),
    ("Macro F1", ("cells", "macro", "f1")),
]
EACH_IMAGE: Rows = [
    ("Balanced accuracy", ("balanced_accuracy",)),
    ("Accuracy", ("accuracy",)),
    ("Macro precision", ("macro", "precision")),
    ("Macro F1", ("macro", "f1")),
    ("Macro AUC", ("macro", "auc")),
]
BASELINES = {
    "logistic_regression": "logistic regression on the same features",
    "color_histogram": "logistic regression on the color histogram",
    "majority": "always the commonest class",
}
RULE = "Better is said only where the whole interval lies above the other's score, which is taken as exact."


def unit_of(audit: dict[str, Any]) -> str:
    """Return the word for what is never divided: what the widest given groups are, else a cell.

    Args:
        audit: content of audit.json.
    """
    return "cell" if audit["level"] == "photograph" else audit["level"]


def titles(audit: dict[str, Any]) -> dict[str, str]:
    """Return {protocol: what it is called}, the one to believe first.

    Args:
        audit: content of audit.json.
    """
    names = {protocol: title.format(unit=unit_of(audit)) for protocol, title in _TITLES.items()}
    return names | ({"image": GIVEN_PARTS} if audit.get("own_parts") else {})


class Estimate(NamedTuple):
    """A score with its interval."""

    value: float | None = None  # 0-1; None where it isn't defined
    low: float | None = None
    high: float | None = None
    wilson: bool = False  # Wilson's interval, or combined with one: some class's resamples all gave one value
    few: str = ""  # what is said instead, where the class has too few cells for any estimate

    @property
    def text(self) -> str:
        """Return the score with two decimals, or why there is none."""
        return self.few or number(self.value)

    @property
    def interval(self) -> str:
        """Return the interval as text, † for Wilson's; "" where there is none."""
        if self.low is None:
            return ""
        return f"{self.low:.2f}–{self.high:.2f}{'†' if self.wilson else ''}"

    def __str__(self) -> str:
        return f"{self.text} ({self.interval})" if self.interval else self.text


# Sections of rows: (heading, [(name, {protocol: score}, the original study's or None)]).
Table = list[tuple[str, list[tuple[str, dict[str, Estimate], float | None]]]]


def number(value: float | None, digits: int = 2) -> str:
    """Return a score as text, and an undefined one (None) as a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


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


def estimate(metrics: dict[str, Any], *keys: str, min_cells: int = 0, unit: str = "cell") -> Estimate:
    """Return the `Estimate` of one score.

    Args:
        metrics: content of metrics.json.
        keys: where the score is in it: ("cells", "per_class", "monocyte", "recall").
        min_cells: a recall, F1 or AUC of a class with fewer scored cells is not estimable.
        unit: see `unit_of`.
    """
    if "per_class" in keys and PER_CLASS[keys[-1]].by_class and cells(metrics, keys[-2]) < min_cells:
        count = cells(metrics, keys[-2])
        return Estimate(few=f"not estimable: {plural(count, unit)}")
    bounds = lookup(metrics, "intervals", *keys) or {}
    return Estimate(lookup(metrics, *keys), bounds.get("low"), bounds.get("high"), bool(bounds.get("wilson")))


def published(classes: Sequence[str]) -> dict[str, float | None]:
    """Return the original study's scores per image, {name as in `table`: score or None}; {} for other classes."""
    if not same_classes(classes):
        return {}
    return {name: lookup(ORIGINAL, *keys) for name, keys in [*EACH_IMAGE, *_recall_rows(classes)]}


def _recall_rows(classes: Sequence[str]) -> Rows:
    return [(f"Recall: {name}", ("per_class", name, "recall")) for name in classes]


def table(results: dict[str, dict[str, Any]], classes: Sequence[str], min_cells: int, unit: str = "cell") -> Table:
    """Return the table that sets the protocols side by side.

    Args:
        results: {protocol: content of its metrics.json}.
        classes: class names in the order wanted.
        min_cells: as for `estimate`.
        unit: see `unit_of`.

    Returns:
        [(heading, [(name, {protocol: Estimate}, the original study's score or None)])].
    """
    recalls = _recall_rows(classes)
    baselines: Rows = [(text, ("baseline", name, "cells", "balanced_accuracy")) for name, text in BASELINES.items()]
    sections: dict[str, Rows] = {
        f"Each {unit} counts once": [*EACH_CELL, *((name, ("cells", *keys)) for name, keys in recalls)],
        f"Simpler methods: balanced accuracy, each {unit} counts once": baselines,
        "Each image counts once": [*EACH_IMAGE, *recalls],
    }
    known = ORIGINAL if same_classes(classes) else {}
    return [
        (
            heading,
            [
                (
                    name,
                    {
                        protocol: estimate(metrics, *keys, min_cells=min_cells, unit=unit)
                        for protocol, metrics in results.items()
                    },
                    lookup(known, *keys),
                )
                for name, keys in rows
            ],
        )
        for heading, rows in sections.items()
    ]


def recalls(
    results: dict[str, dict[str, Any]],
    classes: Sequence[str],
    fetch: dict[str, Any],
    min_cells: int,
    names: dict[str, str],
    unit: str = "cell",
) -> dict[str, dict[str, Estimate]]:
    """Return the recall of each class, each cell counting once, and their mean, for the figure that compares protocols.

    Args:
        results, classes, min_cells: as for `table`.
        fetch: content of fetch.json.
        names: {protocol: what it is called}, see `titles`.
        unit: see `unit_of`.

    Returns:
        {series: {class: Estimate}}; the original study is a series where all its classes are here.
    """
    series: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
        names[protocol]: (metrics, ("cells",)) for protocol, metrics in results.items()
    }
    if same_classes(classes):
        name = "original study" if whose(fetch) == "same" else "original study (other data)"
        series[name] = (ORIGINAL, ())
    return {
        name: {
            **{
                # The original study's images are all there is of it: its cells were not counted.
                label: estimate(
                    metrics, *where, "per_class", label, "recall", min_cells=min_cells if where else 0, unit=unit
                )
                for label in classes
            },
            "mean (balanced accuracy)": estimate(metrics, *where, "balanced_accuracy"),
        }
        for name, (metrics, where) in series.items()
    }


def gap(results: dict[str, dict[str, Any]], leak: dict[str, float], unit: str = "cell", are_alike: bool = True) -> str:
    """Return what the difference between the split by file and the cross-validation by cell means, in plain sentences.

    Args:
        results: {protocol: content of its metrics.json}.
        leak: {protocol: share of the test images whose group is in training too}.
        unit: see `unit_of`.
        are_alike: whether the heads of both have the same units.
    """
    copy = "copy" if unit == "cell" else f"image of the same {unit}"
    by_file, by_cell = (estimate(results[name], "cells", "balanced_accuracy") for name in ("image", "crossval"))
    assert by_file.value is not None and by_cell.value is not None  # defined wherever an image was scored
    difference = by_file.value - by_cell.value
    if not leak["image"]:
        return (
            f"No test image of the split by file has a recognized {copy} in training, so every column scores {unit}s "
            "that were not trained on as far as is known; the columns differ by chance and by how many images were "
            "trained on."
        )
    seen = (
        f"In the split by file, {100 * leak['image']:.0f} % of the test images have a recognized {copy} in training: "
        f"the same {unit} stood in training and in test."
    )
    sizes = "" if are_alike else ", as far as heads of different sizes compare"
    if by_file.low is not None and by_cell.high is not None and by_file.low > by_cell.high:
        return (
            f"{seen} The score split by file therefore measures remembering as well as recognizing: it says how well "
            f"images of known {unit}s are named. By {unit}, no recognized {copy} of a scored one was trained on. "
            f"The gap of {difference:.2f} in balanced accuracy is what remembering adds{sizes}: a new {unit} can't be "
            f"remembered, so expect the number by {unit}."
        )
    return (
        f"{seen} The score split by file therefore can't tell remembering from recognizing. Its balanced accuracy is "
        f"{abs(difference):.2f} {'above' if difference > 0 else 'below'} the cross-validated one, and the intervals "
        f"overlap: chance could explain it. Still, only the columns by {unit} score {unit}s that were not trained on."
    )


def against_baselines(metrics: dict[str, Any], unit: str = "cell") -> list[tuple[bool, str]]:
    """Return whether the classifier is worth its trouble, one sentence per simpler method that looks at the images.

    It is called better by `RULE`, and worse where the whole interval lies below.

    Args:
        metrics: content of a metrics.json; compared is the balanced accuracy with each cell counting once.
        unit: see `unit_of`.

    Returns:
        [(better, sentence)], `better` being whether the classifier is; logistic regression on the same features first.
    """
    own = estimate(metrics, "cells", "balanced_accuracy")
    verdicts = []
    for name in ("logistic_regression", "color_histogram"):
        theirs = metrics["baseline"][name]["cells"]["balanced_accuracy"]
        better = own.low is not None and own.low > theirs
        worse = own.high is not None and own.high < theirs
        verdicts.append(
            (
                better,
                f"The classifier is {'better' if better else 'worse' if worse else 'no better'} than "
                f"{BASELINES[name]}: balanced accuracy {own} against {theirs:.2f}, each {unit} counting once.",
            )
        )
    return verdicts


def too_few(results: dict[str, dict[str, Any]], classes: Sequence[str], min_cells: int) -> dict[str, dict[str, int]]:
    """Return classes whose recall is not estimable, as {class: {protocol: its scored cells}}."""
    cells_scored = {
        name: {
            protocol: cells(metrics, name) for protocol, metrics in results.items() if cells(metrics, name) < min_cells
        }
        for name in classes
    }
    return {name: counts for name, counts in cells_scored.items() if counts}
