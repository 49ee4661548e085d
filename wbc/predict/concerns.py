"""Reasons to distrust a classifier at a laboratory, found in its predictions: a line each."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from wbc.export.decision import OOD
from wbc.export.framing import framing_note
from wbc.predict.classifier import Classifier
from wbc.predict.predictions import Prediction

OUT = 0.1  # share of images out of distribution from which it is said
FEWEST = 3  # images, or errors, that are a share and no chance
LEVEL = 0.05  # of the tests


def of_predictions(classifier: Classifier, predictions: Sequence[Prediction]) -> list[str]:
    """Return the reasons in the predictions alone: overlap, images out of distribution, cells of another size.

    Args:
        classifier: that predicted them.
        predictions: those of images that can't be read are passed over.
    """
    read = [prediction for prediction in predictions if not prediction.error]
    lines = []
    if overlap := sum(prediction.overlap for prediction in read):
        lines.append(
            f"{overlap:,} of {len(read):,} images show cells that the backbone was trained on. Predictions of them say "
            "little about other images."
        )
    out = sum(prediction.reason == OOD for prediction in read)
    if out >= FEWEST and out > OUT * len(read):
        lines.append(
            f"{out:,} of {len(read):,} images ({out / len(read):.0%}) are out of distribution; "
            f"{1 - classifier.decision.known:.0%} were expected. The classifier may be unreliable on images like these."
        )
    if note := framing_note([prediction.foreground for prediction in read], classifier.foreground, classifier.crop):
        lines.append(note)
    return lines


def of_scores(classifier: Classifier, labels: Sequence[str], predictions: Sequence[Prediction]) -> list[str]:
    """Return what labelled images give reason for: sets that hold too few true classes, and one class's errors.

    Args:
        classifier: that predicted them.
        labels: true class of each; images of classes that it doesn't know are passed over.
        predictions: of each, all readable.
    """
    pairs = [(label, one) for label, one in zip(labels, predictions, strict=True) if label in classifier.classes]
    count, asked, lines = len(pairs), classifier.decision.coverage, []
    covered = sum(label in one.prediction_set for label, one in pairs)
    if count and binomtest(covered, count, asked, alternative="less").pvalue < LEVEL:
        lines.append(
            f"The prediction sets hold the true class of {covered / count:.0%} of the images; {asked:.0%} were asked. "
            "`wbc adapt` refits them."
        )
    answered = [label == one.label for label, one in pairs if not one.abstains]
    if (
        len(answered) >= FEWEST
        and np.mean(answered) < asked
        and binomtest(sum(answered), len(answered), asked, alternative="less").pvalue < LEVEL
    ):
        lines.append(f"Where it doesn't abstain, {np.mean(answered):.0%} of the images are classified correctly.")
    return lines + _dominant(pairs)


def _dominant(pairs: Sequence[tuple[str, Prediction]]) -> list[str]:
    """Return a line of the class to which more errors belong than to all others together, beyond its share."""
    errors = Counter(label for label, one in pairs if label != one.label)
    if len({label for label, _ in pairs}) < 2 or errors.total() < FEWEST:
        return []
    label, most = errors.most_common(1)[0]
    share = sum(of == label for of, _ in pairs) / len(pairs)
    if most <= errors.total() / 2 or binomtest(most, errors.total(), share, alternative="greater").pvalue >= LEVEL:
        return []
    taken_for, times = Counter(one.label for of, one in pairs if of == label != one.label).most_common(1)[0]
    return [
        f"{label} dominates the errors: {most:,} of {errors.total():,} misclassified images, {times:,} of them "
        f"predicted as {taken_for}."
    ]
