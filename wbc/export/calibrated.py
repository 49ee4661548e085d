"""The calibration of the deployed ensemble, fitted and measured on out-of-fold predictions.

The ensemble is the mean of the cross-validation's heads. Most of them were trained on any given image; here only the
others score it.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from wbc.common.files import write_csv, write_json
from wbc.common.images import resize
from wbc.embed import openvino_engine
from wbc.embed.features import Features
from wbc.embed.views import mean_feature, tta_images
from wbc.evaluate.metrics import cell_weights, rounded
from wbc.export import calibration, decision, ood
from wbc.export.appraisal import abstention, appraise
from wbc.export.decision import Decision
from wbc.export.negatives import negatives
from wbc.export.params import ExportParams
from wbc.plot.model_card import Abstention, Change, Deployed
from wbc.split.table import Splits
from wbc.train.head import mean_probabilities
from wbc.train.heads import Heads


class Calibrated(NamedTuple):
    """The fitted decision of the ensemble, and its measures on out-of-fold predictions."""

    decision: Decision
    reference: ood.Reference
    # appraisal.appraise's numbers, each group counting once; "ece" and "log_loss" as {"before", "after"} calibration;
    # temperature, set_threshold, distance_threshold, coverage_asked; and "negatives": {kind: appraisal.abstention}
    numbers: dict[str, Any]
    reliability: pd.DataFrame  # bins of the reliability diagram, calibrated

    @classmethod
    def fit(cls, splits: Splits, features: Features, heads: Heads, params: ExportParams) -> Self:
        """Fit temperature, prediction sets and OOD threshold, and measure them."""
        uncalibrated = heads.out_of_fold(features.scored, splits.fold)
        labels, weights = splits.labels, cell_weights(splits.groups)
        fitted, distances = decision.fit(
            features.zooms, uncalibrated, labels, splits.groups, splits.fold, splits.classes, weights, params
        )
        answers = decision.answer(fitted, uncalibrated, distances)
        measured = appraise(answers, labels, weights)
        before = calibration.reliability(labels, uncalibrated, weights)
        uncalibrated_numbers = {
            "ece": calibration.expected_calibration_error(before),
            "log_loss": calibration.log_loss(labels, uncalibrated, weights),
        }
        reference = ood.reference(features.zooms)
        numbers = rounded(
            {
                "temperature": fitted.temperature,
                "set_threshold": fitted.set_threshold,
                "distance_threshold": fitted.distance_threshold,
                "coverage_asked": fitted.coverage,
                **measured,
                **{name: {"before": value, "after": measured[name]} for name, value in uncalibrated_numbers.items()},
            }
        )
        numbers["negatives"] = _score_negatives(fitted, ood.stored(reference), heads, features)
        bins = calibration.reliability(labels, answers.probabilities, weights)
        return cls(fitted, reference, numbers, pd.DataFrame(map(rounded, bins)))

    def save(self, folder: Path) -> None:
        """Write calibration.json and reliability.csv into a folder of reports."""
        write_json(folder / "calibration.json", self.numbers)
        write_csv(folder / "reliability.csv", self.reliability)

    def summary(self) -> str:
        """Return the result in two lines for the terminal."""
        numbers = self.numbers
        return (
            f"expected calibration error {numbers['ece']['after']:.3f}, uncalibrated {numbers['ece']['before']:.3f}\n"
            f"answers {numbers['answered']:.1%} of the images; sets contain the true class of {numbers['coverage']:.1%}"
        )

    def for_card(self) -> Deployed:
        """Return the numbers as the model card takes them."""
        numbers = {name: self.numbers[name] for name in Deployed._fields if name in self.numbers}
        numbers |= {name: Change(**self.numbers[name]) for name in ("ece", "log_loss")}
        numbers["risk"] = {float(share): risk for share, risk in self.numbers["risk"].items()}
        numbers["reliability"] = self.reliability.to_dict("records")
        numbers["negatives"] = {kind: Abstention(**found) for kind, found in self.numbers["negatives"].items()}
        return Deployed(**numbers)


def _score_negatives(
    fitted: Decision, reference: ood.Reference, heads: Heads, features: Features
) -> dict[str, dict[str, float]]:
    """Return the deployed classifier's abstentions on pictures without a white blood cell."""
    forward = openvino_engine.load(features.graph, features.image_size)
    tta_views = features.facts["tta_views"]

    def features_of(pictures: list[np.ndarray]) -> np.ndarray:
        views = (view for picture in pictures for view in tta_images(resize(picture, features.image_size), tta_views))
        rows = np.concatenate([*forward(views)]).reshape(len(pictures), tta_views, -1)
        return np.stack([mean_feature([*row]) for row in rows]).astype(np.float16)

    scores = {}
    for kind, pictures in negatives().items():
        found = features_of(pictures)
        distances = reference.distances(found, fitted.neighbors)
        scores[kind] = abstention(decision.answer(fitted, mean_probabilities(heads.ensemble, found), distances).reasons)
    return scores
