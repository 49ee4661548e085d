"""Trained heads of all schemes, written by the stage `train` and read by later stages."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.files import read_json, write_csv, write_json
from wbc.common.tables import read_csv
from wbc.split.schemes import CROSSVAL
from wbc.train.exact import Floats
from wbc.train.fitting import Fit
from wbc.train.head import Head, count_parameters, load_head, mean_probabilities, save_head

HEAD, HISTORY, FACTS, CLASSES = "head.npz", "history.csv", "training.json", "classes.json"


class Heads(NamedTuple):
    """Heads in a folder, each read on access.

        image/head.npz, grouped/head.npz        the head of a split: float32 weights
        image/history.csv, grouped/history.csv  loss and accuracy per epoch
        crossval/fold_<fold>_<number>.npz       the heads that score this fold; they were trained without it
        training.json                           facts per scheme
        classes.json                            the class names, in the order of the probabilities

    >>> heads = Heads.load(Path("models/heads"))                                  # doctest: +SKIP
    >>> predict_proba(heads.head("grouped"), features.scored)                     # doctest: +SKIP
    """

    folder: Path
    classes: list[str]
    # {scheme: {epochs, best_epoch, units, parameters}} of image and grouped, and of crossval {heads_of_a_fold, epochs:
    # [fewest, most], units, parameters}; parameters: {total, trainable}, backbone included
    facts: dict[str, dict[str, Any]]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the heads in a folder that the stage `train` wrote."""
        return cls(folder, read_json(folder / CLASSES), read_json(folder / FACTS))

    @staticmethod
    def save(
        folder: Path,
        classes: list[str],
        holdouts: dict[str, Fit],
        folds: dict[tuple[int, int], Fit],
        backbone_parameters: int,
    ) -> None:
        """Write all heads into a folder.

        Args:
            folder: folder to write, which need not exist.
            classes: names in the order of their numbers.
            holdouts: {scheme: fitted head}.
            folds: {(fold, number from 1): fitted head}.
            backbone_parameters: number of the backbone's weights, which training.json adds to the heads' weights.
        """
        facts: dict[str, dict[str, Any]] = {}
        for scheme, fit in holdouts.items():
            (folder / scheme).mkdir(parents=True)
            save_head(fit.head, folder / scheme / HEAD)
            write_csv(folder / scheme / HISTORY, pd.DataFrame(fit.history).round(6))
            epochs = {"epochs": len(fit.history), "best_epoch": fit.best_epoch}
            facts[scheme] = epochs | _size([fit.head], backbone_parameters)
        (folder / CROSSVAL).mkdir(parents=True)
        for (fold, number), fit in folds.items():
            save_head(fit.head, folder / CROSSVAL / f"fold_{fold}_{number}.npz")
        lengths = [len(fit.history) for fit in folds.values()]
        facts[CROSSVAL] = {
            "heads_of_a_fold": max(number for _, number in folds),
            "epochs": [min(lengths), max(lengths)],
            **_size([fit.head for fit in folds.values()], backbone_parameters),
        }
        write_json(folder / FACTS, facts)
        write_json(folder / CLASSES, classes)

    def head(self, scheme: str) -> Head:
        """Return the head of a split: image or grouped."""
        return load_head(self.folder / scheme / HEAD)

    def history(self, scheme: str) -> pd.DataFrame:
        """Return a row per epoch of a split's head: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate."""
        return read_csv(self.folder / scheme / HISTORY)

    @property
    def fold_files(self) -> list[Path]:
        """The files of the cross-validated heads, by fold and number."""
        files = (self.folder / CROSSVAL).glob("fold_*.npz")
        return sorted(files, key=lambda file: [int(number) for number in file.stem.split("_")[1:]])

    @property
    def ensemble(self) -> list[Head]:
        """All cross-validated heads, by fold and number: the deployed classifier averages them."""
        return [load_head(file) for file in self.fold_files]

    def of_fold(self, fold: int) -> list[Head]:
        """Return the cross-validated heads that were trained without a fold."""
        return [load_head(file) for file in self.fold_files if file.stem.split("_")[1] == str(fold)]

    def out_of_fold(self, features: npt.NDArray, fold: npt.ArrayLike) -> Floats:
        """Return the probabilities of images, each by the mean of the heads that were trained without its fold.

        Args:
            features: array (images, n).
            fold: fold number of each image.

        Returns:
            float64 array (images, classes).
        """
        probabilities = np.empty((len(features), len(self.classes)))
        for number in np.unique(fold).tolist():
            rows = np.flatnonzero(np.equal(fold, number))
            probabilities[rows] = mean_probabilities(self.of_fold(number), features[rows])
        return probabilities


def _size(heads: list[Head], backbone_parameters: int) -> dict[str, Any]:
    counts = [count_parameters(head) for head in heads]
    return {
        "units": [norm.gamma.size for norm in heads[0].norms],
        "parameters": {
            "total": backbone_parameters + sum(total for total, _ in counts),
            "trainable": sum(trainable for _, trainable in counts),
        },
    }
