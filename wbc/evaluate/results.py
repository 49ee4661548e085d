"""The results of the stage `evaluate`, as files that later stages read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from wbc.common.files import read_json, replacing, write_csv, write_json
from wbc.common.tables import read_csv
from wbc.evaluate.curves import pr_curves, roc_curves
from wbc.evaluate.metrics import DIGITS, rounded


class Result(NamedTuple):
    """The scores of one scheme: a folder with metrics.json, predictions.csv, roc.csv and pr.csv."""

    metrics: dict[str, Any]  # what `scoring.describe` returns, and counts; an undefined metric is absent
    predictions: pd.DataFrame  # path, label, group, (fold,) predicted, and p_<class> for each class
    roc: pd.DataFrame  # class, fpr, tpr
    pr: pd.DataFrame  # class, recall, precision

    @classmethod
    def of(
        cls, metrics: dict[str, Any], images: pd.DataFrame, y_true: np.ndarray, y_prob: np.ndarray, names: Sequence[str]
    ) -> Self:
        """Return the result of some predictions.

        Args:
            metrics: nested dicts of numbers.
            images: a row per scored image, with the columns that predictions.csv starts with.
            y_true: class number of each image.
            y_prob: float array (images, classes).
            names: class names in the order of the columns.
        """
        columns = pd.DataFrame(y_prob.round(DIGITS), columns=[f"p_{name}" for name in names])
        predicted = np.array(names)[y_prob.argmax(axis=1)]
        predictions = pd.concat([images.reset_index(drop=True).assign(predicted=predicted), columns], axis=1)
        return cls(rounded(metrics), predictions, roc_curves(y_true, y_prob, names), pr_curves(y_true, y_prob, names))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the four files of a folder."""
        tables = (read_csv(folder / f"{name}.csv") for name in ("predictions", "roc", "pr"))
        return cls(read_json(folder / "metrics.json"), *tables)

    def save(self, folder: Path) -> None:
        """Write the four files; the folder appears whole."""
        with replacing(folder) as partial:
            partial.mkdir()
            write_json(partial / "metrics.json", self.metrics)
            for name in ("predictions", "roc", "pr"):
                write_csv(partial / f"{name}.csv", getattr(self, name))


class Details(NamedTuple):
    """Facts about the images that the report shows: reports/details.json."""

    split: dict[str, Any]  # content of data/split.json, see `wbc.split.audit`
    truth: dict[str, Any]  # {"known": False}, or "known": True and what `truth.score_against_truth` returns

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read reports/details.json."""
        return cls(**read_json(file))

    def save(self, file: Path) -> None:
        """Write reports/details.json."""
        write_json(file, self._asdict())
