import numpy as np
import pytest

from wbc.models.head import HeadParams, build_head
from wbc.models.tensorflow_setup import start
from wbc.training.fitting import OptimizerParams, ViewBatches, balanced_weights, fit

PARAMS = {
    "epochs": 12, "batch_size": 8, "learning_rate": 0.01, "label_smoothing": 0.0, "class_weights": "none",
    "reduce_factor": 0.5, "reduce_patience": 2, "stop_patience": 3,
}  # fmt: skip


@pytest.fixture
def data():
    """Three classes that 20 numbers tell apart, three views an image."""
    random = np.random.default_rng(0)
    labels = random.integers(3, size=120)
    features = random.normal(size=(120, 3, 20)) + 4 * np.eye(20)[labels][:, None]
    return features.astype(np.float16), labels


def train(data, **changes):
    features, labels = data
    start(1)
    head = build_head(20, 3, HeadParams(units=[16], dropout=0.1, l2=0.0))
    rows = np.arange(120)
    parts = [(rows[:80], labels[:80]), (rows[80:], labels[80:])]
    return head, *fit(head, features, *parts, OptimizerParams(**PARAMS | changes), seed=1)


def test_it_learns_and_is_the_same_twice(data):
    head, history, best = train(data)
    again, history_again, best_again = train(data)
    assert history[best - 1]["val_accuracy"] > 0.8
    assert (history, best) == (history_again, best_again)
    assert all((a == b).all() for a, b in zip(head.get_weights(), again.get_weights(), strict=True))


def test_the_weights_of_the_best_epoch_stay(data):
    features, labels = data
    head, history, best = train(data, learning_rate=0.3, epochs=20)
    losses = [epoch["val_loss"] for epoch in history]
    assert best == 1 + int(np.argmin(losses))
    assert best < len(history)  # it did get worse afterwards
    predicted = head.predict(features[80:, 0].astype(np.float32), verbose=0)
    loss = -np.log(predicted[np.arange(40), labels[80:]] + 1e-7).mean()
    assert loss == pytest.approx(losses[best - 1], rel=1e-3)


def test_it_stops_early_and_lowers_the_learning_rate(data):
    _, history, best = train(data, learning_rate=0.3, epochs=60)
    assert len(history) == best + 3
    rates = [epoch["learning_rate"] for epoch in history]
    assert rates[0] == pytest.approx(0.3)
    assert rates[-1] < 0.3


def test_without_validation_images_every_epoch_runs(data):
    features, labels = data
    start(1)
    head = build_head(20, 3, HeadParams(units=[], dropout=0.0, l2=0.0))
    none = np.array([], dtype=int)
    history, best = fit(head, features, (np.arange(120), labels), (none, none), OptimizerParams(**PARAMS), seed=1)
    assert (len(history), best) == (12, 12)
    assert set(history[0]) == {"epoch", "loss", "accuracy", "learning_rate"}


def test_the_head_carries_no_optimizer(data):
    head, *_ = train(data)
    assert not head.compiled


def test_every_image_once_an_epoch_each_time_by_a_view_drawn_anew():
    # Each feature holds its image's and view's number, so that what was drawn can be read off.
    features = np.stack(np.broadcast_arrays(np.arange(50)[:, None], np.arange(4)), axis=2)
    batches = ViewBatches(features, np.arange(10, 50), np.zeros(40, dtype=int), np.ones(2), 16, seed=1)
    epochs = []
    for _ in range(20):
        drawn = np.concatenate([rows for rows, *_ in batches.epoch()])
        assert sorted(drawn[:, 0]) == list(range(10, 50))
        epochs.append(drawn)
    assert (epochs[0] != epochs[1]).any()
    views = np.bincount(np.concatenate(epochs)[:, 1].astype(int), minlength=4) / 800
    assert views == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize(("images", "sizes"), [(40, [16, 16, 8]), (33, [16, 17]), (3, [3]), (1, [1]), (32, [16, 16])])
def test_no_batch_is_a_single_image_unless_there_is_but_one(images, sizes):
    batches = ViewBatches(np.zeros((images, 1, 2)), np.arange(images), np.zeros(images, int), np.ones(2), 16, seed=1)
    assert [len(rows) for rows, *_ in batches.epoch()] == sizes


def test_balanced_weights_make_classes_weigh_the_same():
    labels = np.array([0] * 6 + [1] * 3 + [3] * 1)
    weights = balanced_weights(labels, 4)
    assert weights[labels].mean() == pytest.approx(1)
    totals = np.bincount(labels, weights[labels], minlength=4)
    assert totals == pytest.approx([10 / 3, 10 / 3, 0, 10 / 3])


def test_class_weights_reach_the_loss(data):
    features, labels = data
    plain, balanced = (train((features, labels), class_weights=kind)[1] for kind in ("none", "balanced"))
    assert plain[0]["loss"] != balanced[0]["loss"]
