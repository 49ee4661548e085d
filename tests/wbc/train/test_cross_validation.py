import numpy as np
import pytest

from wbc.train.cross_validation import fit_predict
from wbc.train.params import FitParams

OPTIMIZER = {
    "epochs": 20, "batch_size": 8, "learning_rate": 0.01, "label_smoothing": 0.0, "class_weights": "none",
    "reduce_factor": 0.5, "reduce_patience": 2, "stop_patience": 3,
}  # fmt: skip


def test_a_head_tells_what_it_was_trained_on_and_does_not_depend_on_the_one_before():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=90)
    features = (random.normal(size=(90, 2, 20)) + 4 * np.eye(20)[labels][:, None]).astype(np.float16)
    params = FitParams(seed=1, head={"units": [], "dropout": 0.0, "l2": 0.0, "standardize": False}, optimizer=OPTIMIZER)
    train, valid, test = np.arange(50), np.arange(50, 70), np.arange(70, 90)
    first = fit_predict(features, labels, 3, train, valid, test, params)
    assert first.shape == (20, 3)
    assert first.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (first.argmax(axis=1) == labels[test]).mean() > 0.9
    other = fit_predict(features, labels, 3, train[:30], valid, test, params)
    assert (other != first).any()
    assert (fit_predict(features, labels, 3, train, valid, test, params) == first).all()
