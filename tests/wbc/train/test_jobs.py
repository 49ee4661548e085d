import numpy as np
import pandas as pd
import pytest
import yaml

from tests.imports import ROOT
from wbc.split.folds import roles
from wbc.split.table import Splits
from wbc.train.jobs import crossval_jobs, holdout_jobs
from wbc.train.params import TrainParams

FOLD = np.repeat([0, 1, 2, 3], 2)


@pytest.fixture
def params():
    """The project's own parameters with four heads of a fold."""
    section = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["train"]
    return TrainParams.model_validate(section | {"crossval": {"heads": 4, "units": [7]}})


@pytest.fixture
def splits():
    """Two images a fold, the first of which is in its first half; image 1 is excluded for fold 2."""
    paths = [f"a/{number}.png" for number in range(8)]
    parts = ["train", "valid", "test", "train"] * 2
    table = pd.DataFrame({"path": paths, "label": "a", "image": parts, "grouped": parts[::-1], "fold": FOLD})
    return Splits(table, roles(paths, FOLD, [set(), {2}, *[set()] * 6], [True, False] * 4))


def test_heads_of_a_fold_stop_on_different_folds_and_none_was_trained_on_it(splits, params):
    jobs = crossval_jobs(splits, params)
    assert sorted(jobs) == [(fold, number) for fold in range(4) for number in (1, 2, 3, 4)]
    for fold in range(4):
        own = [jobs[fold, number] for number in (1, 2, 3, 4)]
        assert not any(fold in FOLD[np.concatenate([job.train, job.valid])] for job in own)
        assert {FOLD[row] for job in own for row in job.valid} == {0, 1, 2, 3} - {fold}
        assert len({job.params.seed for job in own}) == 4
        assert all(job.params.head == params.head.model_copy(update={"units": [7]}) for job in own)
        assert FOLD[own[3].valid] == FOLD[own[0].valid] and own[3].valid != own[0].valid  # the other half
    assert 1 in jobs[1, 1].train and not any(1 in job.train for (fold, _), job in jobs.items() if fold in (0, 2))


def test_the_head_of_a_split_is_trained_on_its_training_part(splits, params):
    jobs = holdout_jobs(splits, params)
    assert jobs["image"].train.tolist() == [0, 3, 4, 7] and jobs["image"].valid.tolist() == [1, 5]
    assert jobs["grouped"].valid.tolist() == [2, 6] and jobs["grouped"].params is params


def test_work_is_multiplications_of_an_epoch(splits, params):
    job = crossval_jobs(splits, params)[0, 1]
    assert len(job.train) == 5
    assert job.work(inputs=10, classes=3) == 5 * (10 * 7 + 7 * 3)
