"""The classifier's answer to an image: calibrated probabilities, prediction set, abstention."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wbc.common.files import reading, write_npz
from wbc.export import calibration
from wbc.export import ood as novelty
from wbc.export import prediction_sets as conformal
from wbc.export.params import ExportParams
from wbc.train import exact

DIGITS = 6  # of the thresholds
OOD = "out of distribution"  # a reason to abstain


class Decision(NamedTuple):
    """Calibration and thresholds that turn probabilities into answers; fitted on out-of-fold predictions."""

    classes: list[str]
    temperature: float
    set_threshold: float  # a class with at least this calibrated probability is in the set
    distance_threshold: float  # an image at a larger distance is out of distribution
    neighbors: int
    coverage: float
    known: float


class Answers(NamedTuple):
    """Calibrated probabilities, prediction sets and abstentions of some images."""

    probabilities: exact.Floats  # (images, classes), calibrated
    members: npt.NDArray[np.bool_]  # (images, classes), true for the classes in the prediction set
    distances: exact.Floats  # (images,), from the known images
    reasons: list[str]  # reason to abstain from each image; "" for an answer


def fit(
    features: npt.NDArray,
    out_of_fold: exact.Floats,
    labels: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
    classes: list[str],
    sample_weight: exact.Floats,
    params: ExportParams,
) -> tuple[Decision, exact.Floats]:
    """Fit a `Decision` on out-of-fold predictions.

    Args:
        features: array (images, zooms, n), of each image at each zoom in training; the first zoom is scored.
        out_of_fold: float array (images, classes) of probabilities.
        labels, groups, folds: class, group and fold number of each image.
        classes: class names in the order of their numbers.
        sample_weight: of each image; every group weighs the same.
        params: section `export` of params.yaml.

    Returns:
        the decision, and the distance of each image at the first zoom from the other folds' images at all zooms.
    """
    distances = np.empty(len(labels))
    for fold in np.unique(folds):
        known = novelty.reference(features[folds != fold])
        distances[folds == fold] = known.distances(features[folds == fold, 0], params.neighbors)
    return fit_apart(out_of_fold, distances, labels, groups, classes, sample_weight, params), distances


def fit_apart(
    probabilities: exact.Floats,
    distances: exact.Floats,
    labels: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer],
    classes: list[str],
    sample_weight: exact.Floats,
    asked: "ExportParams | Decision",
    temperature: float | None = None,
) -> Decision:
    """Fit a `Decision` on images that are neither training images of the heads nor among the known images.

    Args:
        probabilities: float array (images, classes), not yet calibrated.
        distances: of each image from the known ones.
        labels, groups: class and group number of each image.
        classes: class names in the order of their numbers.
        sample_weight: of each image; every group weighs the same.
        asked: coverage of the sets, share of known images that may not be out of distribution, and neighbors.
        temperature: a fitted one; None to fit it here.
    """
    if temperature is None:
        temperature = calibration.fit_temperature(labels, probabilities, sample_weight)
    calibrated = calibration.tempered(probabilities, temperature)
    return Decision(
        classes,
        temperature,
        round(conformal.set_threshold(labels, calibrated, groups, asked.coverage), DIGITS),
        round(novelty.distance_threshold(distances, groups, asked.known), DIGITS),
        asked.neighbors,
        asked.coverage,
        asked.known,
    )


def answer(decision: Decision, probabilities: exact.Floats, distances: exact.Floats) -> Answers:
    """Return the answers that follow from probabilities and distances.

    Args:
        probabilities: float array (images, classes), of the heads and not yet calibrated.
        distances: float array (images,).
    """
    calibrated = calibration.tempered(probabilities, decision.temperature)
    members = conformal.prediction_sets(calibrated, decision.set_threshold)
    reasons = []
    for row, distance in zip(members, distances, strict=True):
        inside = [name for name, is_in in zip(decision.classes, row, strict=True) if is_in]
        if distance > decision.distance_threshold:
            reasons.append(OOD)
        elif not inside:
            reasons.append("no class is likely enough")
        elif len(inside) > 1:
            reasons.append(f"can't tell {' from '.join(inside)}")
        else:
            reasons.append("")
    return Answers(calibrated, members, distances, reasons)


def to_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as plain values for JSON."""
    return decision._asdict()


def from_json(content: dict[str, Any]) -> Decision:
    """Return the decision that `to_json` wrote; other keys are ignored."""
    return Decision(**{name: content[name] for name in Decision._fields})


def save_reference(reference: novelty.Reference, path: Path) -> None:
    """Write the known images' features as an .npz file."""
    precisions = {"mean": np.float32, "deviation": np.float32, "directions": np.float16}
    write_npz(path, {name: getattr(reference, name).astype(precision) for name, precision in precisions.items()})


def load_reference(path: Path) -> novelty.Reference:
    """Return what `save_reference` wrote."""
    with reading(path), np.load(path, allow_pickle=False) as saved:
        return novelty.Reference(*(saved[name].astype(np.float64) for name in novelty.Reference._fields))
