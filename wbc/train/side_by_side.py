"""Fitting several heads at once, one per core: each is too small to keep all cores busy."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import joblib

from wbc.common.tables import open_features
from wbc.train.cross_validation import fit_head
from wbc.train.fitting import Fit, Labels, TrainParams

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Job(NamedTuple):
    """A head to fit."""

    train: Labels  # rows to learn from
    valid: Labels  # rows to stop on
    params: TrainParams  # settings of head and optimizer


def fit_side_by_side(features: Path, labels: Labels, classes: int, jobs: list[Job]) -> Iterator[Fit]:
    """Yield the fitted head of each job, in order.

    The arithmetic is exact, so a head is the same bits whether it is fitted alone or beside others.

    Args:
        features: the .npy file of the features, which each process maps into its memory.
        labels: class number of each image.
        classes: number of classes.
        jobs: what to fit.
    """
    workers = min(len(jobs), joblib.cpu_count())
    # Forked from a small server rather than spawned: a spawned one waits for its orders while Python starts, and shows
    # a traceback, an EOFError, if this process is killed meanwhile. The server starts within the environment.
    context = multiprocessing.get_context("forkserver")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
    with _environment(ONE_THREAD), pool:
        futures = [pool.submit(_fit, features, labels, classes, job) for job in jobs]
        for future in futures:
            yield future.result()


def _end_with_parent() -> None:
    """Have this process end when its parent does; of one that was killed, it would wait for more work for ever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _fit(features: Path, labels: Labels, classes: int, job: Job) -> Fit:
    return fit_head(open_features(features, len(labels)), labels, classes, *job)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables during the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
