import os

import numpy as np

from wbc.training.cross_validation import fit_head
from wbc.training.fitting import TrainParams
from wbc.training.side_by_side import Job, fit_side_by_side

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
    jobs = [Job(np.arange(start, 40), np.arange(40, 60)) for start in (0, 5, 10)]
    environment = dict(os.environ)
    fits = list(fit_side_by_side(tmp_path / "features.npy", labels, 3, jobs, params))
    assert dict(os.environ) == environment
    for fitted, job in zip(fits, jobs, strict=True):
        alone = fit_head(features, labels, 3, job.train, job.valid, params)
        assert fitted.history == alone.history
        assert (fitted.head.blocks[0].kernel == alone.head.blocks[0].kernel).all()
