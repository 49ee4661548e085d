"""Reasons to distrust a classifier at a laboratory, found in its predictions, one line each."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from wbc.export.decision import OOD
from wbc.export.framing import framing_note
from wbc.predict.classifier import Classifier
from wbc.predict.predictions import Prediction

OUT = 0.1  # a larger share of images out of distribution is reported
FEWEST = 3  # images or errors; fewer are not reported
LEVEL = 0.05  # significance level of the tests


def of_predictions(classifier: Classifier, predictions: Sequence[Prediction]) -> list[str]:
    """Return the concerns from predictions alone: overlap, images out of distribution, cells of another size.

    Args:
        classifier: that predicted them.
        predictions: images that can't be read are ignored.
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
    """Return the concerns from labelled images: low coverage, low accuracy, and one class that dominates the errors.

    Args:
        classifier: that predicted them.
        labels: true class of each image; classes that the classifier doesn't know are ignored.
        predictions: of each image, all readable.
    """
    pairs = [(label, one) for label, one in zip(labels, predictions, strict=True) if label in classifier.classes]
    count, asked, lines = len(pairs), classifier.decision.coverage, []
    covered = sum(label in one.prediction_set for label, one in pairs)
    if count and _is_beyond_chance(covered, count, asked, "less"):
        lines.append(
            f"The prediction sets hold the true class of {covered / count:.0%} of the images; {asked:.0%} were asked. "
            "`wbc adapt` refits them."
        )
    answered = [label == one.label for label, one in pairs if not one.abstains]
    if (
        len(answered) >= FEWEST
        and np.mean(answered) < asked
        and _is_beyond_chance(sum(answered), len(answered), asked, "less")
    ):
        lines.append(f"Where it doesn't abstain, {np.mean(answered):.0%} of the images are classified correctly.")
    return lines + _dominant(pairs)


def _dominant(pairs: Sequence[tuple[str, Prediction]]) -> list[str]:
    """Return a line on a class with most of the errors, if that exceeds its share of the images."""
    errors = Counter(label for label, one in pairs if label != one.label)
    if len({label for label, _ in pairs}) < 2 or errors.total() < FEWEST:
        return []
    label, most = errors.most_common(1)[0]
    share = sum(of == label for of, _ in pairs) / len(pairs)
    if most <= errors.total() / 2 or not _is_beyond_chance(most, errors.total(), share, "greater"):
        return []
    taken_for, times = Counter(one.label for of, one in pairs if of == label != one.label).most_common(1)[0]
    return [
        f"{label} dominates the errors: {most:,} of {errors.total():,} misclassified images, {times:,} of them "
        f"predicted as {taken_for}."
    ]


def _is_beyond_chance(successes: int, trials: int, share: float, direction: str) -> bool:
    """Return whether a binomial test finds the share of successes "less" or "greater" than `share`."""
    from scipy.stats import binomtest  # takes half a second to import, which predictions alone don't need

    return bool(binomtest(successes, trials, share, alternative=direction).pvalue < LEVEL)
