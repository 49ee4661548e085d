"""What the report says: the numbers, sentences and tables that its Markdown and its HTML page share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from wbc.common.wording import listed
from wbc.evaluate.class_metrics import AVERAGED, PER_CLASS
from wbc.plot import comparison, sentences
from wbc.plot.audit_sentences import given_sentences, shared_sentences, withheld_sentences
from wbc.plot.comparison import estimate, lookup, number
from wbc.plot.mistakes import confusion_squares, one_per_group, wrong
from wbc.plot.original_study import COMPARABLE, ORIGINAL, same_classes, whose
from wbc.plot.sentences import percent
from wbc.split.schemes import PARTS

FIRST_ROWS = 8  # of the table on the first screen
LISTED = 10  # of duplicates and doubtful labels; reports/audit.json holds the rest

# Kind of figure: its title, and how to read it; `context` puts the word for a group in place of {unit}.
FIGURES = {
    "confusion": (
        "Confusion matrix",
        "A row is a true class, a column what the classifier called it; a dark square off the diagonal is a pair of "
        "classes that it takes for one another.",
    ),
    "history": (
        "Training history",
        "Where the train line goes on rising and the valid line doesn't, the head learns its training images by heart; "
        "the green dots mark the epoch whose weights were kept.",
    ),
    "roc": (
        "ROC curves",
        "Each panel sets one class against all others: the nearer the blue line comes to the top left corner, the "
        "better; the dashes are guessing.",
    ),
    "pr": (
        "Precision-recall curves",
        "As one accepts less certain images, more cells of the class are found (to the right) and more of the finds "
        "are wrong (downwards); the dashes are what guessing reaches.",
    ),
    "mistakes": (
        "Most confident mistakes",
        "Wrongly classified images, one per {unit} and the surest first, each with its true class, → the class it was "
        "given, and the probability that the classifier gave that; sure mistakes are often wrong labels, poor crops or "
        "rare forms. Beside each its heat map: bright is what speaks for that class. A bright "
        "background, or a map without light, says that the cell was not what decided.",
    ),
    "reliability": (
        "Reliability",
        "Where a dot lies on the dashes, probabilities mean what they say; below them the classifier is too sure.",
    ),
    "risk": (
        "Mistakes among the surest answers",
        "Were only the surest share of the images answered, and the rest left to a person, this share of the answers "
        "would be wrong.",
    ),
}


def parts(
    splits: pd.DataFrame, protocols: Sequence[str] = ("image", "grouped")
) -> dict[str, dict[str, dict[str, int]]]:
    """Count the images of each class in each part, as {class: {protocol: {part: images}}}.

    Args:
        splits: data frame with the columns label and one of train/valid/test per protocol.
    """
    return {
        label: {protocol: {part: int((rows[protocol] == part).sum()) for part in PARTS} for protocol in protocols}
        for label, rows in splits.groupby("label", sort=True)
    }


class Run(NamedTuple):
    """What a run of the pipeline has left to report on."""

    fetch: dict[str, Any]  # content of data/fetch.json
    features: dict[str, Any]  # of data/features/features.json
    splits: pd.DataFrame  # of data/splits.csv
    audit: dict[str, Any]  # of reports/audit.json
    truth: dict[str, Any]  # of reports/truth.json
    use: dict[str, Any]  # of reports/use.json
    strangers: dict[str, Any]  # of reports/strangers.json
    reliability: list[dict[str, float]]  # rows of reports/reliability.csv
    suspects: list[dict[str, Any]]  # rows of reports/suspects.csv
    # {protocol: {"metrics", "training": content of these .json, "predictions", "roc", "pr" and, but for the
    # cross-validation, "history": data frames of the tables, "sha256": of predictions.csv}}, the one to believe first
    results: dict[str, dict[str, Any]]


def context(run: Run, shown: int, min_cells: int) -> dict[str, Any]:
    """Return everything that the templates say.

    Args:
        run: what is reported on.
        shown: how many mistakes are shown per protocol; 0 for no picture of a cell.
        min_cells: a recall of a class is not estimable from fewer scored cells.
    """
    classes, unit = sorted(run.fetch["classes"]), comparison.unit_of(run.audit)
    return {
        "label": sentences.SYNTHETIC if run.fetch["synthetic"] else "",
        "fetch": run.fetch,
        "features": run.features,
        "audit": run.audit,
        "use": run.use,
        "reliability": run.reliability,
        "suspects": run.suspects[:shown],
        "suspects_count": len(run.suspects),
        "suspect_sentences": sentences.suspect_sentences(run.results["crossval"]["metrics"], unit),
        "classes": classes,
        "protocols": comparison.titles(run.audit),
        "unit": unit,
        "figures": {kind: (title, text.format(unit=unit)) for kind, (title, text) in FIGURES.items()},
        "metric_titles": {name: metric.title for name, metric in PER_CLASS.items()},
        "metrics_shown": AVERAGED,
        "listed": LISTED,
        "shown": shown,
        "reliability_alt": "; ".join(
            f"of {percent(entry['weight'])} of the images, named with {number(entry['confidence'])} in the mean, "
            f"{percent(entry['accuracy'])} are right"
            for entry in run.reliability
        ),
        "risk_alt": "; ".join(
            f"of the surest {part} {percent(share)} are mistakes" for part, share in run.use["risk"].items()
        ),
        "for_use": run.results["crossval"]["training"],
        "units": listed(run.results["crossval"]["training"]["units"]),
        "use_sentences": [
            *sentences.use_sentences(run.use, unit),
            sentences.stranger_sentence(run.strangers),
        ],
        "trained": {protocol: run.results[protocol]["training"] for protocol in ("grouped", "image")},
        "results": {
            protocol: _result(result, classes, shown, min_cells, unit) for protocol, result in run.results.items()
        },
        **_headline(run, classes, min_cells),
        **_images(run),
    }


def _headline(run: Run, classes: list[str], min_cells: int) -> dict[str, Any]:
    """Return the score to believe, beside the others, and what their differences mean."""
    metrics = {protocol: result["metrics"] for protocol, result in run.results.items()}
    unit = comparison.unit_of(run.audit)
    level = f"{100 * metrics['crossval']['intervals']['confidence_level']:.4g} %"
    recalls = comparison.recalls(metrics, classes, run.fetch, min_cells, comparison.titles(run.audit), unit)
    scores = comparison.table(metrics, classes, min_cells, unit)
    first = scores[0][1]
    units = [result["training"]["units"] for result in run.results.values()]
    return {
        "level": level,
        "level_sentence": sentences.level_sentence(run.audit),
        "believe": _believe(run.results["crossval"], len(classes)),
        "by_file": {
            "score": estimate(metrics["image"], "cells", "balanced_accuracy"),
            "accuracy": estimate(metrics["image"], "accuracy"),
        },
        "copies": sentences.copies_in_training(run.truth, run.audit, unit),
        "copies_limit": sentences.copies_limit(run.truth, run.audit),
        "gap": comparison.gap(metrics, run.audit["leak"], unit, are_alike=len({*map(tuple, units)}) == 1),
        "verdicts": comparison.against_baselines(metrics["crossval"], unit),
        "rule": comparison.RULE,
        "scores": scores,
        "first_scores": first if len(first) <= FIRST_ROWS else first[: len(comparison.EACH_CELL)],
        "reading": sentences.reading(metrics, level, unit),
        "few": comparison.too_few(metrics, classes, min_cells),
        "few_reason": f"Fewer than {min_cells} {unit}s of the class were scored, too few for a recall: a single {unit} "
        f"named otherwise would move it by {1 / (min_cells - 1):.2f} or more. The averages over the classes do include "
        "them, for what they are worth.",
        "common": sentences.common_sentence(metrics["crossval"], unit),
        "original": ORIGINAL["per_class"],
        "first_published": comparison.published(classes),
        "original_images": sum(row["support"] for row in ORIGINAL["per_class"].values()),
        "is_original": same_classes(classes),
        "comparable": COMPARABLE[whose(run.fetch)],
        "recalls": recalls,
        "recalls_alt": "Recall of each class: "
        + "; ".join(
            f"{name}: " + ", ".join(f"{label} {recall}" for label, recall in series.items())
            for name, series in recalls.items()
        ),
    }


def _images(run: Run) -> dict[str, Any]:
    """Return what the images are, and what the audit says of them."""
    audit, unit = run.audit, comparison.unit_of(run.audit)
    return {
        "parts": parts(run.splits),
        "totals": {name: [int((run.splits[name] == part).sum()) for part in PARTS] for name in ("image", "grouped")},
        "statements": [*audit["missing"], *audit["uneven"]],
        "notes": [
            *given_sentences(audit["given"]),
            *shared_sentences(audit["without_own_group"]),
            *withheld_sentences(audit["withheld"]),
            *sentences.crop_warnings(audit, run.features),
            *sentences.relabelled_sentences(run.fetch["relabelled"]),
        ],
        "composition_alt": ", ".join(
            f"{name}: {facts['images']:,} images of {facts['groups']:,} {unit}s"
            for name, facts in audit["classes"].items()
        ),
    }


def _believe(result: dict[str, Any], classes: int) -> dict[str, Any]:
    """Return the first screen: what was scored, and the number to believe."""
    metrics, predictions = result["metrics"], result["predictions"]
    baseline = metrics["baseline"]
    return {
        "score": estimate(metrics, "cells", "balanced_accuracy"),
        "accuracy": estimate(metrics, "cells", "accuracy"),
        "cells": predictions["group"].nunique(),
        "classes": classes,
        "folds": metrics["folds"],
        "bars": [
            ("this classifier", metrics["cells"]["balanced_accuracy"]),
            ("logistic regression", baseline["logistic_regression"]["cells"]["balanced_accuracy"]),
            ("color histogram", baseline["color_histogram"]["cells"]["balanced_accuracy"]),
            ("commonest class", baseline["majority"]["cells"]["balanced_accuracy"]),
        ],
    }


def _result(result: dict[str, Any], classes: Sequence[str], shown: int, min_cells: int, unit: str) -> dict[str, Any]:
    """Return what the report says about one protocol."""
    predictions, metrics = result["predictions"], result["metrics"]
    mistakes = wrong(predictions)
    each_cell = one_per_group(predictions)
    total, right = len(predictions), len(predictions) - len(mistakes)
    pairs = mistakes.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    worst = "".join(f"; most often wrong: {true} called {called} ({n})" for (true, called), n in pairs.head(1).items())
    areas = ", ".join(f"{name} {number(lookup(metrics, 'per_class', name, 'auc'))}" for name in classes)
    training = result["training"]
    precision = {name: average_precision(result["pr"], name) for name in classes}
    per_class: dict[str, dict[str, Any]] = {
        name: {
            **{key: estimate(metrics, "per_class", name, key, min_cells=min_cells, unit=unit) for key in PER_CLASS},
            "average_precision": precision[name],
            "images": lookup(metrics, "per_class", name, "support") or 0,
            "cells": comparison.cells(metrics, name),
        }
        for name in classes
    }
    return {
        "total": total,
        "cells": predictions["group"].nunique(),
        "per_class": per_class,
        "sha256": result["sha256"],
        "confusion": confusion_squares(predictions, classes, pictures=shown > 0),
        "mistakes": each_cell.head(shown).to_dict("records"),
        "wrong": len(mistakes),
        "undefined": any(row[key].text == "–" for row in per_class.values() for key in PER_CLASS),
        "alt": {
            "confusion": f"{right} of {total} images are on the diagonal{worst}.",
            "history": "history" in result
            and f"Accuracy and loss over {training['epochs']} epochs; "
            f"the weights of epoch {training['best_epoch']} were kept.",
            "roc": f"Area under the curve of each class: {areas}.",
            "pr": "Average precision of each class: "
            + ", ".join(f"{name} {number(value)}" for name, value in precision.items())
            + ".",
            "mistakes": f"Thumbnails of {min(shown, len(each_cell))} of {len(each_cell)} {unit}s of which an image "
            "was classified wrongly.",
        },
    }


def average_precision(curves: pd.DataFrame, name: str) -> float | None:
    """Return the average precision of a class: the mean precision, weighted by how much recall each step adds.

    Args:
        curves: data frame of pr.csv: class, recall (falling) and precision.
        name: the class; without a curve it has none.
    """
    curve = curves[curves["class"] == name]
    if not len(curve):
        return None
    return float(-np.sum(np.diff(curve["recall"]) * curve["precision"].to_numpy()[:-1]))
