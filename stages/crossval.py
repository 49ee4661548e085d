"""crossval: the head cross-validated by group, so that every cell is scored once, by a head that never saw it.

A test part holds one cell of a class of four; pooled over the folds, all four are scored. Reads data/features/,
data/splits.csv, data/baselines/, data/fetch.json. The heads get the features of the images as they are, and no model is
kept: what is scored is the recipe, not the shipped classifier. Writes to reports/crossval/ what `evaluate` writes:

    metrics.json      numbers, nested, of all images together; an undefined one is left out
    predictions.csv   path, label, photo_id, fold, predicted, and p_<class> for each class
    roc.csv, pr.csv   points of the one-vs-rest curves
"""

from pathlib import Path

import numpy as np

from wbc.core import params
from wbc.core.errors import exit_on_user_error
from wbc.core.files import read_json
from wbc.core.progress import track
from wbc.core.tables import open_features, read_baseline_predictions, read_splits
from wbc.evaluation.intervals import IntervalParams
from wbc.evaluation.scoring import describe, save, source_counts
from wbc.splitting.folds import cv_rounds
from wbc.training.cross_validation import fit_predict
from wbc.training.fitting import TrainParams


@exit_on_user_error
def main():
    settings = params.load("params.yaml", "train", TrainParams)
    intervals = params.load("params.yaml", "intervals", IntervalParams)

    splits, labels, classes = read_splits("data/splits.csv")
    features = open_features(Path("data/features/features.npy"), len(splits))
    folds = cv_rounds(splits["fold"])
    baseline_predictions = read_baseline_predictions(Path("data/baselines/crossval.csv"), splits["path"], classes)

    probabilities = np.empty((len(splits), len(classes)), np.float32)
    for train, valid, test in track(folds, "cross-validate", unit="folds"):
        probabilities[test] = fit_predict(features, labels, len(classes), train, valid, test, settings)

    groups = splits["photo_id"].to_numpy()
    metrics = {
        "synthetic": int(read_json("data/fetch.json")["synthetic"]),
        "folds": len(folds),
        **describe(labels, probabilities, groups, classes, baseline_predictions, intervals),
        "images": {"all": len(splits)},
        "sources": {"all": source_counts(splits["label"], groups, classes)},
    }
    images = splits[["path", "label", "photo_id", "fold"]]
    save(Path("reports/crossval"), metrics, images, labels, probabilities, classes)


if __name__ == "__main__":
    main()
