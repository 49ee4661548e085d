"""Heads that the stage `train` fits: one per split, and several per fold of the cross-validation."""

import numpy as np

from wbc.split.schemes import HOLDOUTS
from wbc.split.table import Splits
from wbc.train.params import TrainParams
from wbc.train.side_by_side import Job


def holdout_jobs(splits: Splits, params: TrainParams) -> dict[str, Job]:
    """Return {scheme: the head to fit} of the splits by file and by group."""
    return {scheme: Job(splits.rows(scheme, "train"), splits.rows(scheme, "valid"), params) for scheme in HOLDOUTS}


def crossval_jobs(splits: Splits, params: TrainParams) -> dict[tuple[int, int], Job]:
    """Return {(fold, number from 1): a head that scores this fold}.

    Each fold has several heads, smaller than the study's head. Each has its own seed and stops on another half of
    another fold. Their mean did better than one large head: docs/decisions/0005-small-heads.md.
    """
    jobs = {}
    smaller = params.head.model_copy(update={"units": params.crossval.units})
    for number in range(1, params.crossval.heads + 1):
        seed = int(np.random.SeedSequence([params.seed, number - 1]).generate_state(1)[0])
        own = params.model_copy(update={"head": smaller, "seed": seed})
        for one in splits.rounds():
            jobs[one.fold, number] = Job(*one.for_head(number), own)
    return jobs
