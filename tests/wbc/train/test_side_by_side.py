import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from wbc.train.cross_validation import fit_head
from wbc.train.fitting import TrainParams
from wbc.train.side_by_side import Job, fit_side_by_side

OPTIMIZER = {
    "epochs": 5, "batch_size": 8, "learning_rate": 0.01, "label_smoothing": 0.0, "class_weights": "none",
    "reduce_factor": 0.5, "reduce_patience": 2, "stop_patience": 3,
}  # fmt: skip


def test_heads_fitted_side_by_side_are_those_fitted_alone(tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(3, size=60)
    features = random.normal(size=(60, 2, 20)).astype(np.float16)
    np.save(tmp_path / "features.npy", features)
    params = TrainParams(
        seed=1, head={"units": [16], "dropout": 0.1, "l2": 0.0, "standardize": False}, optimizer=OPTIMIZER
    )
    jobs = [Job(np.arange(start, 40), np.arange(40, 60), params) for start in (0, 5, 10)]
    environment = dict(os.environ)
    fits = list(fit_side_by_side(tmp_path / "features.npy", labels, 3, jobs))
    assert dict(os.environ) == environment
    for fitted, job in zip(fits, jobs, strict=True):
        alone = fit_head(features, labels, 3, *job)
        assert fitted.history == alone.history
        assert (fitted.head.blocks[0].kernel == alone.head.blocks[0].kernel).all()


KILLED = """
import json, sys
from pathlib import Path
import numpy as np
from wbc.train.fitting import TrainParams
from wbc.train.side_by_side import Job, fit_side_by_side

if __name__ == "__main__":
    folder, optimizer = sys.argv[1:]
    np.save(folder + "/features.npy", np.random.default_rng(0).normal(size=(60, 2, 20)).astype(np.float16))
    params = TrainParams(
        seed=1,
        head={"units": [16], "dropout": 0.1, "l2": 0.0, "standardize": False},
        optimizer=json.loads(optimizer),
    )
    jobs = [Job(np.arange(40), np.arange(40, 60), params)] * 2
    for number, _ in enumerate(fit_side_by_side(Path(folder, "features.npy"), np.arange(60) % 3, 3, jobs)):
        if number == 1:
            print("fitted", flush=True)
            input()
"""


@pytest.fixture
def fitting(tmp_path):
    """A process that has fitted two heads and waits, with those that it started."""
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, tmp_path / "killed.py", tmp_path, json.dumps(OPTIMIZER)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as parent:
        assert parent.stdout.readline() == "fitted\n"
        yield parent
        parent.kill()


@pytest.fixture
def one_core():
    """One core alone is allotted to this process and those that it starts."""
    allotted = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allotted)})
    yield
    os.sched_setaffinity(0, allotted)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux allots cores")
def test_no_more_processes_are_started_than_cores_are_allotted(one_core, fitting):
    below = psutil.Process(fitting.pid).children(recursive=True)
    assert len(below) == 3, "one that fits, the server it is forked from, and Python's resource tracker"


def test_the_processes_end_when_their_parent_is_killed(fitting):
    below = psutil.Process(fitting.pid).children(recursive=True)
    assert len(below) >= 4, "two processes that fit, the server they are forked from, and Python's resource tracker"
    fitting.kill()
    left = [process for process in psutil.wait_procs(below, timeout=30)[1] if process.status() != psutil.STATUS_ZOMBIE]
    assert not left, "they outlived their parent"
