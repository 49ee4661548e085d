"""evaluate: the heads on the images that they have not learned from, by both protocols and by cross-validation.

    python -m stages.evaluate

Reads the features, the splits, the heads, the baselines, and what audit and fetch wrote. No TensorFlow has a part in
it: a head's probabilities follow from the stored features and weights in exact arithmetic, the same on every CPU, and
`export` checks that the shipped classifiers say the same of the image files. Writes

    reports/metrics.json               the headline, about ten numbers: the only file that `dvc metrics` lists
    reports/<scheme>/metrics.json      details, nested; an undefined one (recall of a class without test images) is left
                                       out
    reports/<scheme>/predictions.csv   path, label, group, (fold,) predicted, and p_<class> for each class
    reports/<scheme>/roc.csv, pr.csv   points of the one-vs-rest curves
    reports/suspects.csv               labels that the cross-validation doubts, the most doubtful first: for a person to
                                       look at. Nothing is changed because of it

where <scheme> is image, grouped or crossval. A test part holds one cell of a class of four; pooled over the folds of
the cross-validation, all four are scored.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common import params
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import read_json, write_csv, write_json
from wbc.common.progress import track
from wbc.common.tables import open_features, read_baseline_predictions, read_splits
from wbc.evaluate.headline import headline
from wbc.evaluate.intervals import IntervalParams
from wbc.evaluate.label_errors import Suspect, suspect_labels
from wbc.evaluate.metrics import cell_weights, rounded, score
from wbc.evaluate.scoring import describe, save, source_counts
from wbc.split.schemes import CROSSVAL, PARTS, SCHEMES
from wbc.train.exact import Floats
from wbc.train.head import load_head, out_of_fold, predict_proba

Features = npt.NDArray[np.float16]


@exit_on_user_error
def main() -> None:
    """Score every head on the images that it has not learned from."""
    settings = params.load("params.yaml", "intervals", IntervalParams)
    splits, labels, classes = read_splits("data/splits.csv")
    features = open_features(Path("data/features/features.npy"), len(splits))
    synthetic = int(read_json("data/fetch.json")["synthetic"])

    metrics = {}
    for scheme in track(SCHEMES, "evaluate", unit="schemes"):
        if scheme == CROSSVAL:
            rows, probabilities, facts = _cross_validated(features, splits, classes)
        else:
            rows, probabilities, facts = _test_part(scheme, features, splits, classes)
        scored = splits.iloc[rows]
        with advise("It was made from another split: type `dvc repro`."):
            baselines = read_baseline_predictions(Path("data/baselines", f"{scheme}.csv"), scored["path"], classes)
        groups = scored["group"].to_numpy()
        described = describe(labels[rows], probabilities, groups, classes, baselines, settings)
        if scheme == CROSSVAL:
            suspects = suspect_labels(labels, probabilities, groups)
            facts["suspects"] = without_suspects(suspects, labels, probabilities, groups)
            write_csv(Path("reports/suspects.csv"), table_of(suspects, splits, classes))
        metrics[scheme] = rounded({"synthetic": synthetic} | described | facts)
        columns = ["path", "label", "group", *(["fold"] if scheme == CROSSVAL else [])]
        save(Path("reports", scheme), metrics[scheme], scored[columns], labels[rows], probabilities, classes)
    write_json(
        "reports/metrics.json", headline(metrics, read_json("reports/audit.json"), read_json("reports/truth.json"))
    )


def table_of(suspects: list[Suspect], splits: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Return a row for each suspect group: its first image with that label, how many there are, and what is doubted."""
    rows = []
    for suspect in suspects:
        label = classes[suspect.label]
        images = splits[(splits["group"] == suspect.group) & (splits["label"] == label)]
        rows.append(
            {
                "path": images["path"].iloc[0],
                "images": len(images),
                "group": suspect.group,
                "label": label,
                "suggested": classes[suspect.suggested],
                "p_label": rounded(suspect.p_label),
                "p_suggested": rounded(suspect.p_suggested),
            }
        )
    return pd.DataFrame(rows, columns=["path", "images", "group", "label", "suggested", "p_label", "p_suggested"])


def without_suspects(
    suspects: list[Suspect], labels: npt.NDArray[np.integer], probabilities: Floats, groups: npt.NDArray[np.integer]
) -> dict:
    """Return how many groups are suspect, and the scores of the others, each group counting once.

    They are too good: left out is what the classifier contradicts, whoever of the two is wrong.
    """
    doubted = {(suspect.group, suspect.label) for suspect in suspects}
    kept = np.array([pair not in doubted for pair in zip(groups.tolist(), labels.tolist(), strict=True)])
    scores = score(labels[kept], probabilities[kept].argmax(axis=1), cell_weights(groups[kept])) if kept.any() else {}
    return {"groups": len(suspects), **scores}


def _test_part(
    protocol: str, features: Features, splits: pd.DataFrame, classes: list[str]
) -> tuple[np.ndarray, Floats, dict]:
    """Return the rows of a protocol's test part, their probabilities, and what is counted of its parts."""
    rows = {part: np.flatnonzero(splits[protocol] == part) for part in PARTS}
    probabilities = predict_proba(load_head(Path("models", protocol, "head.npz")), features[rows["test"], 0])
    members = {part: splits.iloc[numbers] for part, numbers in rows.items()}
    facts = {
        "images": {part: len(table) for part, table in members.items()},
        "sources": {part: source_counts(table["label"], table["group"], classes) for part, table in members.items()},
    }
    return rows["test"], probabilities, facts


def _cross_validated(features: Features, splits: pd.DataFrame, classes: list[str]) -> tuple[np.ndarray, Floats, dict]:
    """Return all rows, the probabilities that each fold's head gives, and what is counted."""
    probabilities = out_of_fold(Path("models", CROSSVAL), features[:, 0], splits["fold"], len(classes))
    facts = {
        "folds": splits["fold"].nunique(),
        "images": {"all": len(splits)},
        "sources": {"all": source_counts(splits["label"], splits["group"], classes)},
    }
    return np.arange(len(splits)), probabilities, facts


if __name__ == "__main__":
    main()
