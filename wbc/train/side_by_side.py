"""Parallel training of heads, one per core, since each is too small to keep all cores busy."""

import itertools
import math
import os
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import joblib
import numpy.typing as npt

from wbc.train.cross_validation import fit_head
from wbc.train.fitting import Fit, Labels
from wbc.train.params import FitParams

IDLE = 5  # seconds after which a worker process without work ends, also if this process was killed

K = TypeVar("K")


class Job(NamedTuple):
    """A head to fit."""

    train: Labels  # rows to train on
    valid: Labels  # validation rows; may be empty
    params: FitParams

    def work(self, inputs: int, classes: int) -> int:
        """Return the number of multiplications in an epoch's forward pass.

        Args:
            inputs, classes: numbers of features and of classes.
        """
        sizes = [inputs, *self.params.head.units, classes]
        return len(self.train) * sum(math.prod(pair) for pair in itertools.pairwise(sizes))


def fit_side_by_side(
    features: npt.NDArray, labels: Labels, classes: int, jobs: dict[K, Job]
) -> Iterator[tuple[K, Fit]]:
    """Yield (key, fitted head) of each job when it is done; jobs with the most work start first.

    The arithmetic is exact, so a head fitted here has the same bits as one fitted alone.

    Args:
        features: array (images, zooms + views, n). If it is memory-mapped, each process maps the same file.
        labels: class number of each image.
        classes: number of classes.
        jobs: heads to fit.
    """
    order = sorted(jobs, key=lambda key: jobs[key].work(features.shape[2], classes), reverse=True)
    processes = min(len(jobs), joblib.cpu_count())
    with joblib.parallel_config("loky", inner_max_num_threads=1, idle_worker_timeout=IDLE):
        fitting = joblib.Parallel(processes, return_as="generator_unordered")
        yield from fitting(
            joblib.delayed(_fit)(key, features, labels, classes, jobs[key], os.getpid()) for key in order
        )


def _fit(key: K, features: npt.NDArray, labels: Labels, classes: int, job: Job, parent: int) -> tuple[K, Fit]:
    def end_with_parent(_: dict[str, float]) -> None:
        if parent not in (os.getpid(), os.getppid()):
            os._exit(1)  # the parent was killed, and nobody receives the head

    return key, fit_head(features, labels, classes, *job, report=end_with_parent)
