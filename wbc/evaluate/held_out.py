"""Predictions for held-out images: of a test part, or of every image by cross-validation."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from wbc.common.errors import UserError
from wbc.embed.features import Features
from wbc.evaluate.label_errors import LabelError, label_errors
from wbc.evaluate.metrics import cell_weights, rounded, score
from wbc.evaluate.scoring import source_counts
from wbc.split.schemes import CROSSVAL, PARTS
from wbc.split.table import Rows, Splits
from wbc.train.exact import Floats
from wbc.train.head import predict_proba
from wbc.train.heads import Heads


class HeldOut(NamedTuple):
    """Held-out images of a scheme, with the probabilities of heads that were not trained on them."""

    rows: Rows
    probabilities: Floats  # (rows, classes)
    counts: dict[str, Any]  # images and groups, by part or of all


def held_out(scheme: str, heads: Heads, features: Features, splits: Splits) -> HeldOut:
    """Return the held-out predictions of one scheme.

    Raises:
        UserError: the classes of the heads and of the splits differ.
    """
    if heads.classes != splits.classes:
        raise UserError(
            f"The heads in {heads.folder}/ are of the classes {', '.join(heads.classes)}, but the splits are of "
            f"{', '.join(splits.classes)}: they were made from different images. Type `dvc repro`."
        )
    if scheme == CROSSVAL:
        counts = {
            "folds": len(np.unique(splits.fold)),
            "images": {"all": len(splits.table)},
            "sources": {"all": source_counts(splits.table["label"], splits.groups, splits.classes)},
        }
        probabilities = heads.out_of_fold(features.scored, splits.fold)
        return HeldOut(np.arange(len(splits.table)), probabilities, counts)
    rows = {part: splits.rows(scheme, part) for part in PARTS}
    members = {part: splits.table.iloc[numbers] for part, numbers in rows.items()}
    counts = {
        "images": {part: len(table) for part, table in members.items()},
        "sources": {
            part: source_counts(table["label"], table["group"], splits.classes) for part, table in members.items()
        },
    }
    return HeldOut(rows["test"], predict_proba(heads.head(scheme), features.scored[rows["test"]]), counts)


def find_label_errors(splits: Splits, probabilities: Floats) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the table of labels that the cross-validation contradicts, and the scores without them.

    The scores are too high, because they leave out every contradicted group, even where the classifier is wrong.

    Returns:
        (a row per group: path of its first image with that label, images, group, label, suggested, p_label,
        p_suggested; {"groups": number, "accuracy", "balanced_accuracy": of the other groups, each counting once})
    """
    labels, groups = splits.labels, splits.groups
    found = label_errors(labels, probabilities, groups)
    contradicted = {(error.group, error.label) for error in found}
    kept = np.array([pair not in contradicted for pair in zip(groups.tolist(), labels.tolist(), strict=True)])
    scores = score(labels[kept], probabilities[kept].argmax(axis=1), cell_weights(groups[kept])) if kept.any() else {}
    columns = ["path", "images", "group", "label", "suggested", "p_label", "p_suggested"]
    return pd.DataFrame([_row(error, splits) for error in found], columns=columns), {"groups": len(found), **scores}


def _row(error: LabelError, splits: Splits) -> dict[str, Any]:
    label = splits.classes[error.label]
    images = splits.table[(splits.groups == error.group) & (splits.table["label"] == label)]
    return {
        "path": images["path"].iloc[0],
        "images": len(images),
        "group": error.group,
        "label": label,
        "suggested": splits.classes[error.suggested],
        "p_label": rounded(error.p_label),
        "p_suggested": rounded(error.p_suggested),
    }
