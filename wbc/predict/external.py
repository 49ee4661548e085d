"""Scoring a classifier on labelled images of another laboratory."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.errors import UserError
from wbc.common.progress import track
from wbc.evaluate.metrics import rounded
from wbc.evaluate.params import IntervalParams
from wbc.evaluate.scoring import describe, without_overlap
from wbc.export.appraisal import abstention, appraise
from wbc.export.decision import Answers
from wbc.predict import labelled
from wbc.predict.answers import safe_table
from wbc.predict.classifier import Classifier
from wbc.predict.params import SiteParams
from wbc.predict.predictions import Prediction, Predictions
from wbc.split.given import level_of, read_groups, united


class Site(NamedTuple):
    """Usable labelled images of another laboratory, with their predictions."""

    labels: list[str]  # class of each image, by the classifier's name if it knows the class
    predictions: Predictions  # of each image
    groups: npt.NDArray[np.integer]  # group number of each image
    level: str  # kind of the groups; "image" where none are given
    bad: list[tuple[str, str]]  # (path, reason) of every unusable file
    note: str  # on matched class names, or ""


def predict_site(classifier: Classifier, site: SiteParams) -> Site:
    """Unpack a dataset into a temporary folder, and predict its images.

    Args:
        classifier: with the site's crop.
        site: the dataset; its `groups` is a pattern or the path of a CSV.

    Raises:
        UserError: the archive, `labels` or `groups` can't be used, or no image can be read.
    """
    with labelled.unpacked(site.archive) as images:
        known, note = labelled.translation(images.classes, classifier.classes, site.labels)
        stream = track(classifier.predict_sources(images.sources), "predict", total=len(images.sources))
        predicted = [one._replace(path=source.name) for one, source in zip(stream, images.sources, strict=True)]
    bad = sorted([*images.bad, *((one.path, one.error) for one in predicted if one.error)])
    named = [known.get(label, label) for label in images.labels]
    usable = [(label, one) for label, one in zip(named, predicted, strict=True) if not one.error]
    if not usable:
        raise UserError(f"{site.archive} holds no image that can be read. The first: {bad[0][0]} ({bad[0][1]}).")
    predictions = Predictions([one for _, one in usable], classifier.classes)
    groups, level = _groups_of(site, predictions)
    return Site([label for label, _ in usable], predictions, groups, level, bad, note)


def _groups_of(site: SiteParams, predictions: Sequence[Prediction]) -> tuple[npt.NDArray[np.integer], str]:
    """Return the group of each image and the kind of the groups; without given groups, each image is one."""
    alone = np.arange(len(predictions))
    if site.groups is None:
        return alone, "image"
    given = read_groups(site.groups, [prediction.path for prediction in predictions])
    return united(alone, given.table), level_of(list(given.table))


def score(site: Site, intervals: IntervalParams) -> dict[str, Any]:
    """Return the scores of a site as nested dicts for JSON; the intervals are by group.

    Raises:
        UserError: no image is of a class that the classifier knows.
    """
    classes = site.predictions.classes
    is_known = np.array([label in classes for label in site.labels])
    if not is_known.any():
        raise UserError(
            f"No image is of a class that the classifier knows ({', '.join(classes)}); there are images of "
            f"{', '.join(sorted(set(site.labels)))}. `labels` translates names (`--labels THEIRS=OURS`)."
        )
    numbers = np.array([classes.index(label) for label, known in zip(site.labels, is_known, strict=True) if known])
    answers = answers_of([one for one, known in zip(site.predictions, is_known, strict=True) if known], classes)
    of_images = (numbers, answers.probabilities, site.groups[is_known], classes)
    scored = describe(*of_images, {}, intervals)
    overlap = np.array([one.overlap for one, known in zip(site.predictions, is_known, strict=True) if known])
    scores = rounded(
        {
            "images": len(numbers),
            "groups": len(np.unique(site.groups[is_known])),
            "known": {name: scored[name] for name in ("accuracy", "balanced_accuracy", "macro", "per_class")},
            "intervals": scored["intervals"],
            "deployed": appraise(answers, numbers, np.ones(len(numbers))),
            "overlap": without_overlap(*of_images, overlap, intervals, each_group=False) if overlap.any() else None,
            "unknown": {
                label: abstention(
                    [one.reason for one, of in zip(site.predictions, site.labels, strict=True) if of == label]
                )
                for label in sorted(set(site.labels) - set(classes))
            },
        }
    )
    return scores | {"level": site.level}


def answers_of(predictions: Sequence[Prediction], classes: list[str]) -> Answers:
    """Return predictions as arrays."""
    return Answers(
        np.array([prediction.probabilities for prediction in predictions]),
        np.array([[name in prediction.prediction_set for name in classes] for prediction in predictions]),
        np.array([prediction.distance for prediction in predictions]),
        [prediction.reason for prediction in predictions],
    )


def table(site: Site) -> pd.DataFrame:
    """Return a table with a row per image, its class and its prediction; safe to open in a spreadsheet."""
    rows = [
        {
            "path": prediction.path,
            "label": label,
            "predicted": prediction.label,
            **{
                f"p_{name}": value
                for name, value in zip(site.predictions.classes, prediction.probabilities, strict=True)
            },
            "prediction_set": " | ".join(prediction.prediction_set),
            "reason": prediction.reason,
            "distance": prediction.distance,
            "overlap": "yes" if prediction.overlap else "no",
        }
        for label, prediction in zip(site.labels, site.predictions, strict=True)
    ]
    return safe_table(pd.DataFrame(rows))
