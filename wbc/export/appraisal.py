"""Measures of a classifier's answers to images of known class: calibration, coverage, abstention."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wbc.export import calibration
from wbc.export.decision import OOD, Answers
from wbc.train import exact

RISK = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # shares of the images that are answered, the most confident first


def appraise(answers: Answers, labels: npt.NDArray[np.integer], sample_weight: exact.Floats) -> dict[str, Any]:
    """Return measures of the answers, weighted by `sample_weight`.

    Args:
        answers: to images of classes that the classifier knows.
        labels: class number of each image.
        sample_weight: float array (images,).

    Returns:
        {"ece": expected calibration error, "log_loss", "coverage": share whose true class is in the prediction set,
         "set_size": mean number of classes in it, "ood": share found out of distribution, "accuracy",
         "answered": share without abstention, "accuracy_answered": accuracy among them, or None without any,
         "risk": {"0.5": share of mistakes among the most confident half, ...}}.
    """

    def share(is_so: npt.NDArray) -> float:
        return float(exact.total(is_so * sample_weight)) / float(exact.total(sample_weight))

    is_right = answers.probabilities.argmax(axis=1) == labels
    answered = np.array([not reason for reason in answers.reasons])
    return {
        "ece": calibration.expected_calibration_error(
            calibration.reliability(labels, answers.probabilities, sample_weight)
        ),
        "log_loss": calibration.log_loss(labels, answers.probabilities, sample_weight),
        "coverage": share(answers.members[np.arange(len(labels)), labels]),
        "set_size": share(answers.members.sum(axis=1)),
        "ood": share(np.array([reason == OOD for reason in answers.reasons])),
        "accuracy": share(is_right),
        "answered": share(answered),
        "accuracy_answered": share(is_right & answered) / share(answered) if answered.any() else None,
        "risk": risk(answers.probabilities, is_right, sample_weight),
    }


def abstention(reasons: Sequence[str]) -> dict[str, float]:
    """Return the abstentions on images of a class that the classifier doesn't know; to abstain is right.

    Args:
        reasons: reason to abstain from each image, of at least one; "" for an answer.

    Returns:
        {"images": number, "abstained": share with abstention, "ood": share found out of distribution}.
    """
    said: npt.NDArray = np.array(reasons)
    return {
        "images": len(said),
        "abstained": float((said != "").mean()),
        "ood": float((said == OOD).mean()),
    }


def risk(probabilities: exact.Floats, is_right: npt.NDArray[np.bool_], sample_weight: exact.Floats) -> dict[str, float]:
    """Return the share of mistakes among the most confident images, for each share of `RISK`.

    Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017, arXiv:1705.08500.
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    taken = np.cumsum(sample_weight[order])
    risks = {}
    for part in RISK:
        surest = order[: int(np.searchsorted(taken, part * taken[-1] - 1e-9)) + 1]
        right = float(exact.total((is_right * sample_weight)[surest])) / float(exact.total(sample_weight[surest]))
        risks[f"{part:g}"] = 1 - right
    return risks
