import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest

from wbc.train.cross_validation import fit_head
from wbc.train.params import FitParams
from wbc.train.side_by_side import Job, fit_side_by_side

HEAD = {"units": [16], "dropout": 0.1, "l2": 0.0, "standardize": False}
OPTIMIZER = {
    "epochs": 5, "batch_size": 8, "learning_rate": 0.01, "label_smoothing": 0.0, "class_weights": "none",
    "reduce_factor": 0.5, "reduce_patience": 2, "stop_patience": 3,
}  # fmt: skip


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)


def test_heads_fitted_side_by_side_are_those_fitted_alone(tmp_path, two_cores):
    random = np.random.default_rng(0)
    labels = random.integers(3, size=60)
    np.save(tmp_path / "features.npy", random.normal(size=(60, 2, 20)).astype(np.float16))
    features = np.load(tmp_path / "features.npy", mmap_mode="r")
    params = FitParams(seed=1, head=HEAD, optimizer=OPTIMIZER)
    jobs = {start: Job(np.arange(start, 40), np.arange(40, 60), params) for start in (0, 5, 10)}
    environment = dict(os.environ)
    fits = dict(fit_side_by_side(features, labels, 3, jobs))
    assert dict(os.environ) == environment
    assert set(fits) == set(jobs)
    for key, job in jobs.items():
        alone = fit_head(features, labels, 3, *job)
        assert fits[key].history == alone.history
        assert (fits[key].head.dense[0].kernel == alone.head.dense[0].kernel).all()


def test_heads_with_most_work_start_first(monkeypatch):
    started = []
    monkeypatch.setattr("wbc.train.side_by_side.fit_head", lambda *given, report: started.append(len(given[3])))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)  # then in this process
    params = FitParams(seed=1, head=HEAD, optimizer=OPTIMIZER)
    jobs = {size: Job(np.arange(size), np.arange(0), params) for size in (10, 40, 20)}
    assert [key for key, _ in fit_side_by_side(np.zeros((60, 2, 20)), np.zeros(60, int), 3, jobs)] == [40, 20, 10]
    assert started == [40, 20, 10]


SCRIPT = """
import sys
import joblib
import numpy as np
from tests.wbc.train.test_side_by_side import HEAD, OPTIMIZER
from wbc.train.params import FitParams
from wbc.train.side_by_side import Job, fit_side_by_side

if __name__ == "__main__":
    joblib.cpu_count = lambda: 2
    features, labels = np.random.default_rng(0).normal(size=(60, 2, 20)).astype(np.float16), np.arange(60) % 3
    jobs = {}
    for key, epochs in (("short", 5), ("long", 10**6), ("longer", 10**6)):
        optimizer = OPTIMIZER | {"epochs": epochs}
        rows = np.arange(60 if key == "short" else 50)  # without validation images, every epoch runs
        jobs[key] = Job(rows, np.arange(0), FitParams(seed=1, head=HEAD, optimizer=optimizer))
    for key, _ in fit_side_by_side(features, labels, 3, jobs):
        print(key, flush=True)
"""


@pytest.fixture
def fitting(tmp_path):
    """A process that has fitted one head of three, and fits two that take hours."""
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, tmp_path / "script.py"], text=True, env=environment, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout.readline() == "short\n"
        yield parent
        parent.kill()


def test_the_processes_end_when_their_parent_is_killed(fitting):
    below = psutil.Process(fitting.pid).children(recursive=True)
    assert len(below) >= 2, "two processes that fit"
    fitting.kill()
    left = [process for process in psutil.wait_procs(below, timeout=60)[1] if process.status() != psutil.STATUS_ZOMBIE]
    assert not left, "they outlived their parent"
