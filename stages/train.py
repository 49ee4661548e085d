"""train: all heads on the ready features: one per protocol, and one per fold of the cross-validation.

    python -m stages.train

Reads data/features/, data/splits.csv. Writes

    models/<protocol>/head.npz         float32 weights, from features to class probabilities
    models/<protocol>/classes.json     the class names, in the order of the probabilities
    models/crossval/fold_<number>.npz  the head that scores this fold and was trained without it
    reports/<protocol>/history.csv     loss and accuracy per epoch
    reports/<protocol>/training.json   epochs, best epoch, numbers of parameters of backbone and head together

No TensorFlow has a part in it. The arithmetic is exact (wbc/core/exact.py): the heads are the same bytes on every
CPU.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.core import params
from wbc.core.errors import advise, exit_on_user_error
from wbc.core.files import read_json, replacing, write_csv, write_json
from wbc.core.progress import track
from wbc.core.protocols import CROSSVAL, PROTOCOLS
from wbc.core.tables import open_features, read_splits
from wbc.models.head import count_parameters, save_head
from wbc.splitting.rounds import cv_rounds
from wbc.training.fitting import Fit, TrainParams
from wbc.training.side_by_side import Job, fit_side_by_side

FEATURES = Path("data/features/features.npy")


@exit_on_user_error
def main() -> None:
    """Train the heads of both protocols and of the cross-validation."""
    settings = params.load("params.yaml", "train", TrainParams)
    splits, labels, classes = read_splits("data/splits.csv")
    open_features(FEATURES, len(splits))  # stops where they are of other images
    with advise("Raise `split.folds` in params.yaml, then type `dvc repro`."):
        rounds = {
            int(splits["fold"].iloc[test[0]]): Job(*parts)
            for *parts, test in cv_rounds(splits["fold"], splits["withheld"], splits["validates"] == 1)
        }
    parts = {protocol: Job(*parts_of(splits[protocol])) for protocol in PROTOCOLS}
    if not all(len(valid) for _, valid in parts.values()):
        print("note: there are no validation images, so every epoch runs and the last one's weights stay")

    jobs: dict[str | int, Job] = dict([*parts.items(), *rounds.items()])
    heads = fit_side_by_side(FEATURES, labels, len(classes), list(jobs.values()), settings)
    fits = dict(zip(jobs, track(heads, "train", total=len(jobs), unit="heads"), strict=True))
    for protocol in PROTOCOLS:
        write_head(protocol, fits[protocol], classes)
    with replacing(Path("models", CROSSVAL)) as folder:
        folder.mkdir()
        for number in rounds:
            save_head(fits[number].head, folder / f"fold_{number}.npz")


def parts_of(assigned: pd.Series) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows for training and for validation."""
    return np.flatnonzero(assigned == "train"), np.flatnonzero(assigned == "valid")


def write_head(protocol: str, fit: Fit, classes: list[str]) -> None:
    """Write the head of one protocol, and how it came about."""
    with replacing(Path("models", protocol, "head.npz")) as partial:
        save_head(fit.head, partial)
    write_json(Path("models", protocol, "classes.json"), classes)
    reports = Path("reports", protocol)
    write_csv(reports / "history.csv", pd.DataFrame(fit.history).round(6))
    total, trainable = count_parameters(fit.head)
    backbone = read_json("data/features/features.json")["parameters"]
    write_json(
        reports / "training.json",
        {
            "epochs": len(fit.history),
            "best_epoch": fit.best_epoch,
            "parameters": {"total": backbone + total, "trainable": trainable},
        },
    )


if __name__ == "__main__":
    main()
