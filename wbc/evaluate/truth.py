"""Comparison of the detected groups with the known cells, and the true leak of each scheme."""

from typing import Any

import numpy as np
import pandas as pd

from wbc.common.errors import UserError
from wbc.split.schemes import CROSSVAL, HOLDOUTS
from wbc.split.table import Splits

DIGITS = 4


def compare_with_truth(splits: Splits, truth: pd.DataFrame) -> dict[str, Any]:
    """Return {"known": False}, or "known": True and `score_against_truth` where the cells are known.

    Args:
        splits: of all images. Cells that the user gave are the known cells where `truth` is empty.
        truth: data/truth.csv, path and cell; empty where the source doesn't tell the cells.

    Raises:
        UserError: `truth` lacks an image.
    """
    if truth.empty:
        if "given_cell" not in splits.table:
            return {"known": False}
        truth = splits.table.loc[splits.table["given_cell"] != "", ["path", "given_cell"]]
        truth = truth.rename(columns={"given_cell": "cell"})
        splits = splits.only(truth["path"])
    cells = splits.table["path"].map(truth.set_index("path")["cell"])
    if cells.isna().any():
        raise UserError(f"data/truth.csv has no line for {splits.table['path'][cells.isna()].iloc[0]}.")
    return {"known": True, **score_against_truth(splits, cells)}


def score_against_truth(splits: Splits, cells: pd.Series) -> dict[str, Any]:
    """Return recall and precision of the search for near-duplicates, and the true leak of each scheme.

    A pair is two images. Recall is the share of the pairs of one cell that were recognized. Precision is the share of
    the recognized pairs that are of one cell. An image leaks if a head that scores it was trained on an image of its
    cell.

    Args:
        splits: of all images.
        cells: the true cell of each image, in the same order.

    Returns:
        {"cells", "photo_ids", "groups": number of each, "photo_id", "group": {"pair_recall", "pair_precision"},
        "leak": {"image", "grouped": share of the test images that leak, or None without any, "crossval": share of all
        images}, "crossval_rounds": the share in each round}.
    """
    numbers, _ = pd.factorize(cells)
    leaks = [_leaks(numbers, fold.train, fold.test) for fold in splits.rounds()]
    parts = {name: [splits.rows(name, part) for part in ("train", "test")] for name in HOLDOUTS}
    leak = {name: _share(_leaks(numbers, train, test)) for name, (train, test) in parts.items()}
    table = splits.table
    return {
        "cells": len(np.unique(numbers)),
        "photo_ids": table["photo_id"].nunique(),
        "groups": table["group"].nunique(),
        "photo_id": pair_scores(table["photo_id"].to_numpy(), numbers),
        "group": pair_scores(table["group"].to_numpy(), numbers),
        "leak": leak | {CROSSVAL: _share(np.concatenate(leaks))},
        "crossval_rounds": [_share(leak) for leak in leaks],
    }


def pair_scores(sets: np.ndarray, cells: np.ndarray) -> dict[str, float | None]:
    """Return recall and precision of the pairs of images in one set, None where there is no pair.

    Args:
        sets: number of each image's set.
        cells: number of each image's cell.
    """
    both, of_cell, of_set = (_pairs(columns) for columns in ([sets, cells], [cells], [sets]))
    return {
        "pair_recall": round(both / of_cell, DIGITS) if of_cell else None,
        "pair_precision": round(both / of_set, DIGITS) if of_set else None,
    }


def _pairs(columns: list[np.ndarray]) -> int:
    """Return the number of pairs of images that agree in all columns."""
    _, sizes = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    return int((sizes * (sizes - 1) // 2).sum())


def _leaks(cells: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return which of the rows `test` show a cell that a row of `train` shows too."""
    return np.isin(cells[test], cells[train])


def _share(leaks: np.ndarray) -> float | None:
    return round(float(leaks.mean()), DIGITS) if len(leaks) else None
