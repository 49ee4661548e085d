"""How near groups that were found come to the cells that are really there, and what that does to a split."""

from typing import Any

import numpy as np
import pandas as pd

from wbc.core.protocols import CROSSVAL, PROTOCOLS
from wbc.splitting.rounds import cv_rounds

DIGITS = 4


def score_against_truth(splits: pd.DataFrame, cells: pd.Series) -> dict[str, Any]:
    """Return how well the search recognized copies, and the true leak of each way of scoring.

    A pair is two images. Recall is the share of the pairs of one cell that were recognized, precision the share of the
    recognized pairs that are of one cell. An image leaks where a head that scores it was trained on a copy of its cell.

    Args:
        splits: table of splits.csv: photo_id, group, image, grouped, fold, withheld.
        cells: the cell that each of its images really shows, in the same order.

    Returns:
        {"cells", "photo_ids", "groups": how many there are, "photo_id", "group": {"pair_recall", "pair_precision"},
        "leak": {"image", "grouped": share of the test images that leak, or None without any, "crossval": share of all
        images}, "crossval_rounds": that share in each round}.
    """
    numbers, _ = pd.factorize(cells)
    # What one head of a fold stops on, another learns from.
    leaks = [
        _leaks(numbers, np.concatenate([train, valid]), test)
        for train, valid, test in cv_rounds(splits["fold"], splits["withheld"])
    ]
    parts = {name: [np.flatnonzero(splits[name] == part) for part in ("train", "test")] for name in PROTOCOLS}
    leak = {name: _share(_leaks(numbers, train, test)) for name, (train, test) in parts.items()}
    return {
        "cells": len(np.unique(numbers)),
        "photo_ids": splits["photo_id"].nunique(),
        "groups": splits["group"].nunique(),
        "photo_id": pair_scores(splits["photo_id"].to_numpy(), numbers),
        "group": pair_scores(splits["group"].to_numpy(), numbers),
        "leak": leak | {CROSSVAL: _share(np.concatenate(leaks))},
        "crossval_rounds": [_share(leak) for leak in leaks],
    }


def pair_scores(sets: np.ndarray, cells: np.ndarray) -> dict[str, float | None]:
    """Return recall and precision of the pairs of images that were put together, None where there is no pair.

    Args:
        sets: number of the set that each image was put into.
        cells: number of the cell that it shows.
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
