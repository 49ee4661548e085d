"""train: all heads on the ready features: one per protocol, and some per fold of the cross-validation.

    python -m stages.train

Reads data/features/, data/splits.csv. Writes

    models/<protocol>/head.npz         float32 weights, from features to class probabilities
    models/<protocol>/classes.json     the class names, in the order of the probabilities
    models/crossval/fold_<fold>_<number>.npz  the heads that together score this fold; they were trained without it
    reports/<protocol>/history.csv     loss and accuracy per epoch
    reports/<protocol>/training.json   epochs, best epoch, units, numbers of parameters of backbone and head together
    reports/crossval/training.json     heads of a fold, least and most epochs, units, numbers of parameters of backbone
                                       and all heads together

The heads of the protocols are the study's. Those of the cross-validation, which become the classifier for use, are
smaller and several, each of them stopped on another half of another fold; their mean is better than one large head:
docs/results/head-selection.md.

No TensorFlow has a part in it. The arithmetic is exact (wbc/train/exact.py): the heads are the same bytes on every
CPU.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
from wbc.split.rounds import cv_rounds

from wbc.common import params
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import read_json, replacing, write_csv, write_json
from wbc.common.progress import track
from wbc.common.tables import open_features, read_splits
from wbc.split.schemes import CROSSVAL, HOLDOUTS
from wbc.train.fitting import Fit, TrainParams
from wbc.train.head import Head, Units, count_parameters, save_head
from wbc.train.side_by_side import Job, fit_side_by_side

FEATURES = Path("data/features/features.npy")


class CrossvalParams(params.Section):
    """The heads of each fold of the cross-validation."""

    heads: int = pydantic.Field(ge=1, le=20)
    units: Units


class StageParams(TrainParams):
    """Section `train` of params.yaml."""

    crossval: CrossvalParams


@exit_on_user_error
def main() -> None:
    """Train the heads of both protocols and of the cross-validation."""
    settings = params.load("params.yaml", "train", StageParams)
    splits, labels, classes = read_splits("data/splits.csv")
    open_features(FEATURES, len(splits))  # checks that they are of these images
    with advise("Raise `split.folds` in params.yaml, then type `dvc repro`."):
        of_protocols, of_folds = protocol_jobs(splits, settings), crossval_jobs(splits, settings)
    if not all(len(job.valid) for job in of_protocols.values()):
        print("note: there are no validation images, so every epoch runs and the last one's weights stay")

    jobs = [*of_protocols.values(), *of_folds.values()]
    fitting = fit_side_by_side(FEATURES, labels, len(classes), jobs)
    fits = list(track(fitting, "train", total=len(jobs), unit="heads"))
    for protocol, fit in zip(of_protocols, fits, strict=False):  # theirs are the first
        write_head(protocol, fit, classes)
        write_training(protocol, [fit.head], settings.head.units, epochs=len(fit.history), best_epoch=fit.best_epoch)
    folds = fits[len(of_protocols) :]
    with replacing(Path("models", CROSSVAL)) as folder:
        folder.mkdir()
        for (number, head), fit in zip(of_folds, folds, strict=True):
            save_head(fit.head, folder / f"fold_{number}_{head}.npz")
    epochs = [len(fit.history) for fit in folds]
    write_training(
        CROSSVAL,
        [fit.head for fit in folds],
        settings.crossval.units,
        heads_of_a_fold=settings.crossval.heads,
        epochs=[min(epochs), max(epochs)],
    )


def protocol_jobs(splits: pd.DataFrame, settings: StageParams) -> dict[str, Job]:
    """Return {protocol: the head to fit}."""
    jobs = {}
    for protocol in HOLDOUTS:
        train, valid = (np.flatnonzero(splits[protocol] == part) for part in ("train", "valid"))
        jobs[protocol] = Job(train, valid, settings)
    return jobs


def crossval_jobs(splits: pd.DataFrame, settings: StageParams) -> dict[tuple[int, int], Job]:
    """Return {(fold, number from 1): a head that is to score this fold}, each with a seed of its own.

    Each stops on a half of another fold; when every fold has had its turn, on the other halves.

    Raises:
        UserError: there is only one fold.
    """
    jobs = {}
    smaller = settings.head.model_copy(update={"units": settings.crossval.units})
    others = splits["fold"].nunique() - 1
    for turn in range(settings.crossval.heads):
        seed = int(np.random.SeedSequence([settings.seed, turn]).generate_state(1)[0])
        own = settings.model_copy(update={"head": smaller, "seed": seed})
        validates = splits["validates"] == 1 - turn // max(others, 1) % 2
        for train, valid, test in cv_rounds(splits["fold"], splits["withheld"], validates, turn):
            jobs[int(splits["fold"].iloc[test[0]]), turn + 1] = Job(train, valid, own)
    return jobs


def write_head(protocol: str, fit: Fit, classes: list[str]) -> None:
    """Write the head of one protocol, and how it came about."""
    with replacing(Path("models", protocol, "head.npz")) as partial:
        save_head(fit.head, partial)
    write_json(Path("models", protocol, "classes.json"), classes)
    write_csv(Path("reports", protocol, "history.csv"), pd.DataFrame(fit.history).round(6))


def write_training(scheme: str, heads: list[Head], units: list[int], **facts: Any) -> None:
    """Write what came of training the heads of a protocol or of the cross-validation."""
    counts = [count_parameters(head) for head in heads]
    backbone = read_json("data/features/features.json")["parameters"]
    parameters = {
        "total": backbone + sum(total for total, _ in counts),
        "trainable": sum(trainable for _, trainable in counts),
    }
    write_json(Path("reports", scheme, "training.json"), {**facts, "units": units, "parameters": parameters})


if __name__ == "__main__":
    main()
