"""Predictions and scores in a few lines for a terminal."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wbc.predict.adaptation import Adapted, fewest
from wbc.predict.predictions import Prediction

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3  # unreadable files that are named
SCORES = (("balanced accuracy", "balanced_accuracy"), ("accuracy", "accuracy"))  # names and keys


def of_predictions(predictions: Sequence[Prediction], classes: Sequence[str]) -> list[str]:
    """Return class counts, mean confidence, abstentions with their reasons, and conversions.

    Args:
        predictions: at least one.
        classes: class names in the order in which they are listed.
    """
    read = [prediction for prediction in predictions if not prediction.error]
    width = max(len(name) for name in ["class", *classes])
    lines = [f"{'class':{width}} {'images':>8} {'abstains':>9} {'mean confidence':>16}"]
    for name in classes:
        if own := [prediction for prediction in read if prediction.label == name]:
            lines.append(_row(name, own, width))
    if len(read) != 1:
        lines.append(_row("all", read, width))
    if reasons := Counter(prediction.reason for prediction in read if prediction.abstains):
        lines += ["", f"Abstains from {reasons.total():,}: {_counted(reasons)}."]
    if converted := Counter(note for prediction in read for note in prediction.converted):
        lines.append(f"Converted when read: {_counted(converted)}.")
    if bad := [prediction for prediction in predictions if prediction.error]:
        named = "; ".join(f"{prediction.path}: {prediction.error}" for prediction in bad[:EXAMPLES])
        more = f"; and {len(bad) - EXAMPLES:,} more" if len(bad) > EXAMPLES else ""
        lines.append(f"Not readable: {len(bad):,} ({named}{more}).")
    return lines


def _row(name: str, predictions: Sequence[Prediction], width: int) -> str:
    confidence = f"{np.mean([one.confidence for one in predictions]):.2f}" if predictions else "-"
    return f"{name:{width}} {len(predictions):8,} {sum(one.abstains for one in predictions):9,} {confidence:>16}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{what} ({count:,})" for what, count in counts.most_common())


def of_scores(scored: dict[str, Any], asked: float) -> list[str]:
    """Return scores as lines.

    Args:
        scored: result of `wbc.predict.external.score`.
        asked: coverage that the prediction sets should have.
    """
    use, facts = scored["deployed"], {}
    for name, key in SCORES:
        facts[name] = _with_interval(scored["known"], scored["intervals"], key)
    facts["expected calibration error"] = f"{use['ece']:.3f}"
    facts[f"coverage of the prediction sets, {asked:.0%} asked"] = f"{use['coverage']:.1%}"
    facts["classes in a set, mean"] = f"{use['set_size']:.2f}"
    facts["out of distribution"] = f"{use['ood']:.1%}"
    facts["abstains"] = f"{1 - use['answered']:.1%}"
    if use["answered"]:
        facts["accuracy where it doesn't abstain"] = f"{use['accuracy_answered']:.3f}"
    lines = [f"{scored['images']:,} images, {scored['groups']:,} groups; intervals by {scored['level']}"]
    lines += [f"{name:42} {fact}" for name, fact in facts.items()]
    if found := scored["overlap"]:
        lines += [
            "",
            f"{found['images']:,} images show cells that the backbone was trained on; the others are {found['rest']:,}",
        ]
        for name, key in SCORES if found["rest"] else ():
            lines.append(f"{name + ', other images':42} {_with_interval(found, found['intervals'], key)}")
    lines += ["", f"{'class':30} {'images':>7} {'recall':>7} {'precision':>9}"]
    for name, row in scored["known"]["per_class"].items():
        if row["support"]:
            scores = (f"{row[key]:.3f}" if row.get(key) is not None else "-" for key in ("recall", "precision"))
            lines.append("{:30} {:7,} {:>7} {:>9}".format(name, row["support"], *scores))
    for name, row in scored["unknown"].items():
        lines.append(
            f"{name:30} {row['images']:7,} not a class of the classifier; abstains from {row['abstained']:.0%}"
        )
    return lines


def _with_interval(scores: dict[str, Any], intervals: dict[str, Any], key: str) -> str:
    return f"{scores[key]:.3f} ({intervals[key]['low']:.3f}-{intervals[key]['high']:.3f})"


def of_adapting(curve: "pd.DataFrame", adapted: Adapted, count: int) -> list[str]:
    """Return the learning curve with its spread, and whether the adapted heads are kept.

    Args:
        curve: table with the columns `wbc.predict.adaptation.COLUMNS`.
        adapted: result of the adaptation.
        count: of labelled cells.
    """
    lines = ["cells per class   balanced accuracy on the other cells: mean (range of the draws)"]
    for shot, found in curve.groupby("cells_per_class")["balanced_accuracy"]:
        spread = f" ({found.min():.3f} to {found.max():.3f})" if shot else " (unadapted)"
        lines.append(f"{shot:15}   {found.mean():.3f}{spread}")
    lines += ["", f"All {count:,} cells, cross-validated: {adapted.after:.3f} adapted, {adapted.before:.3f} unadapted."]
    if curve["cells_per_class"].max() == 0:
        lines.append("One cell per class leaves none to compare on: the unadapted weights are kept. Label more.")
    elif adapted.is_better:
        lines.append("The adapted classifier is better and is kept, adapted with all of the cells.")
    else:
        lines.append("The unadapted classifier is as good or better: its weights are kept.")
    if count < fewest(adapted.decision):
        few = f"{count:,} cells are too few, {fewest(adapted.decision):,} are needed"
        lines.append(f"Temperature, prediction sets and OOD threshold stay as they were: {few} to refit them.")
    else:
        lines.append("Temperature, prediction sets and OOD threshold are refitted on these cells, each held out.")
    return lines
