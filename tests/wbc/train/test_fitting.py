import dataclasses

import numpy as np
import pytest

from wbc.train.class_weights import class_weight
from wbc.train.fitting import Batch, Trainer, ViewBatches, fit
from wbc.train.head import Head, build_head, predict_proba
from wbc.train.params import FitParams, HeadParams

OPTIMIZER = {
    "epochs": 12, "batch_size": 8, "learning_rate": 0.01, "label_smoothing": 0.0, "class_weights": "none",
    "reduce_factor": 0.5, "reduce_patience": 2, "stop_patience": 3,
}  # fmt: skip


@pytest.fixture
def data():
    """Three classes that 20 numbers tell apart, three views per image."""
    random = np.random.default_rng(0)
    labels = random.integers(3, size=120)
    features = random.normal(size=(120, 3, 20)) + 4 * np.eye(20)[labels][:, None]
    return features.astype(np.float16), labels


def train(data, head=None, order=None, **changes):
    """Fit a head to 80 images, validated on 40; `order` permutes the features and the first kernel's rows alike."""
    features, labels = data
    shape = {"units": [16, 8], "dropout": 0.1, "l2": 0.0, "standardize": False} | (head or {})
    params = FitParams(seed=1, head=shape, optimizer=OPTIMIZER | changes)
    untrained = build_head(20, 3, params.head, params.seed)
    if order is not None:
        features = features[..., order]
        standardize, first, *rest = untrained.layers
        untrained = Head([standardize, dataclasses.replace(first, kernel=first.kernel[order]), *rest])
    rows = np.arange(120)
    return fit(untrained, features, (rows[:80], labels[:80]), (rows[80:], labels[80:]), params)


def arrays_of(head):
    return [array for layer in head.layers[1:] for array in layer.arrays]


def test_features_are_standardized_by_the_training_rows_alone(data):
    features, labels = data
    head = train((features * np.float16(8) + np.float16(3), labels), {"standardize": True}).head
    rows = (features[:80] * np.float16(8) + np.float16(3)).reshape(-1, 20).astype(float)
    assert head.standardize.center == pytest.approx(rows.mean(axis=0), abs=1e-3)
    assert head.standardize.scale == pytest.approx(rows.std(axis=0), rel=1e-3)
    assert head.standardize.forward(rows)[0].std() == pytest.approx(1, rel=1e-3)


def test_it_learns_and_is_the_same_twice(data):
    first, second = train(data), train(data)
    assert first.history[first.best_epoch - 1]["val_accuracy"] > 0.8
    assert (first.history, first.best_epoch) == (second.history, second.best_epoch)
    assert all((a == b).all() for a, b in zip(arrays_of(first.head), arrays_of(second.head), strict=True))


@pytest.mark.parametrize("head", [{}, {"dropout": 0.0, "l2": 0.01}, {"dropout": 0.5}, {"standardize": True}])
def test_the_order_of_summation_changes_no_bit(data, head):
    """What differs between CPUs is the order in which sums are taken; here it is changed by permuting the features."""
    order = np.random.default_rng(1).permutation(20)
    plain, permuted = train(data, head), train(data, head, order)
    assert plain.history == permuted.history
    first, *rest = arrays_of(plain.head)
    permuted_first, *permuted_rest = arrays_of(permuted.head)
    assert (first[order] == permuted_first).all()
    assert all((a == b).all() for a, b in zip(rest, permuted_rest, strict=True))


@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_gradients_are_tensorflows(l2):
    from wbc.embed.tensorflow_setup import keras, tf
    from wbc.export.keras_classifier import keras_head

    random = np.random.default_rng(2)
    params = HeadParams(units=[24, 12], dropout=0.0, l2=l2, standardize=False)
    head = build_head(20, 3, params, seed=3)
    features = random.normal(size=(40, 20))
    one_hot, weights = np.eye(3)[random.integers(3, size=40)], random.uniform(0.5, 2, 40)
    trainer = Trainer(head, params, label_smoothing=0.1, seed=1)
    measured, _ = trainer.step(Batch(features, one_hot, weights), learning_rate=0.0)

    model = keras_head(head)
    with tf.GradientTape() as tape:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)(
            one_hot, model(features.astype(np.float32), training=True), sample_weight=weights
        )
        loss += l2 * sum(tf.reduce_sum(layer.kernel.value**2) for layer in model.layers if "kernel" in dir(layer))
    expected = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    ours = [array for layer in trainer.gradients for array in layer.trained]
    for gradient, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(gradient, theirs.numpy(), atol=2e-5)
    assert measured == pytest.approx(float(loss), abs=1e-4)
    for norm, theirs in zip(trainer.head.norms, (model.get_layer(f"norm_{number}") for number in (1, 2)), strict=True):
        np.testing.assert_allclose(norm.mean, theirs.moving_mean.numpy(), atol=1e-5)
        np.testing.assert_allclose(norm.variance, theirs.moving_variance.numpy(), atol=1e-5)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_step_is_adams_of_keras(threads):
    from wbc.embed.tensorflow_setup import keras
    from wbc.train.adam import Adam

    random = np.random.default_rng(0)
    start, gradients = random.normal(size=100_000), random.normal(size=(5, 100_000))
    weights, variable = start.copy(), keras.Variable(start.astype(np.float32))
    ours, theirs = Adam(weights, threads), keras.optimizers.Adam(0.01)
    theirs.build([variable])
    for gradient in gradients:
        ours.step(gradient, 0.01)
        theirs.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [variable])
    assert np.abs(weights - start).max() > 0.02
    np.testing.assert_allclose(weights, variable.numpy(), atol=2e-5)


def test_the_number_of_threads_changes_no_bit():
    from wbc.train.adam import CHUNK, Adam

    random = np.random.default_rng(0)
    start, gradients = random.normal(size=2 * CHUNK + 7), random.normal(size=(3, 2 * CHUNK + 7))
    results = []
    for threads in (1, 2, 5):
        adam = Adam(start.copy(), threads)
        for gradient in gradients:
            adam.step(gradient, 0.01)
        results.append(adam.weights)
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()


def test_the_weights_of_the_best_epoch_stay(data):
    features, labels = data
    fitted = train(data, learning_rate=0.3, epochs=20)
    losses = [epoch["val_loss"] for epoch in fitted.history]
    assert fitted.best_epoch == 1 + int(np.argmin(losses)) < len(losses)  # it did get worse afterwards
    probabilities = predict_proba(fitted.head, features[80:, 0])
    loss = -np.log(probabilities[np.arange(40), labels[80:]] + 1e-7).mean()
    assert loss == pytest.approx(losses[fitted.best_epoch - 1], rel=1e-3)


def test_it_stops_early_and_lowers_the_learning_rate(data):
    fitted = train(data, learning_rate=0.3, epochs=60)
    assert len(fitted.history) == fitted.best_epoch + 3
    rates = [epoch["learning_rate"] for epoch in fitted.history]
    assert rates[0] == 0.3 and rates[-1] < 0.3


def test_every_epoch_runs_when_there_are_no_validation_images(data):
    features, labels = data
    params = FitParams(seed=1, head={"units": [], "dropout": 0.0, "l2": 0.0, "standardize": False}, optimizer=OPTIMIZER)
    nothing = np.array([], dtype=int)
    untrained = build_head(20, 3, params.head, 1)
    fitted = fit(untrained, features, (np.arange(120), labels), (nothing, nothing), params)
    assert (len(fitted.history), fitted.best_epoch) == (12, 12)
    assert set(fitted.history[0]) == {"epoch", "loss", "accuracy", "learning_rate"}
    assert (predict_proba(fitted.head, features[:, 0]).argmax(axis=1) == labels).mean() > 0.8


def test_every_image_once_an_epoch_each_time_by_a_view_drawn_anew():
    # Each feature holds its image's and view's number, so that what was drawn can be read off.
    features = np.stack(np.broadcast_arrays(np.arange(50)[:, None], np.arange(4)), axis=2)
    batches = ViewBatches(features, np.arange(10, 50), np.zeros(40, dtype=int), np.ones(2), 16, seed=1)
    epochs = []
    for _ in range(20):
        drawn = np.concatenate([batch.features for batch in batches.epoch()])
        assert sorted(drawn[:, 0]) == list(range(10, 50))
        epochs.append(drawn)
    assert (epochs[0] != epochs[1]).any()
    views = np.bincount(np.concatenate(epochs)[:, 1].astype(int), minlength=4) / 800
    assert views == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize(("images", "sizes"), [(40, [16, 16, 8]), (33, [16, 17]), (3, [3]), (1, [1]), (32, [16, 16])])
def test_no_batch_is_a_single_image_unless_there_is_but_one(images, sizes):
    batches = ViewBatches(np.zeros((images, 1, 2)), np.arange(images), np.zeros(images, int), np.ones(2), 16, seed=1)
    assert [len(batch.features) for batch in batches.epoch()] == sizes


def test_balanced_weights_make_classes_weigh_the_same():
    labels = np.array([0] * 6 + [1] * 3 + [3] * 1)
    weights = class_weight("balanced", labels, 4)
    assert weights[labels].mean() == pytest.approx(1)
    totals = np.bincount(labels, weights[labels], minlength=4)
    assert totals == pytest.approx([10 / 3, 10 / 3, 0, 10 / 3])


def test_weights_by_the_root_stand_between():
    labels = np.array([0] * 16 + [1] * 4 + [3] * 1)
    weights = class_weight("sqrt", labels, 4)
    assert weights[labels].mean() == pytest.approx(1)
    totals = np.bincount(labels, weights[labels], minlength=4)
    assert totals / totals[3] == pytest.approx([4, 2, 0, 1])
    assert class_weight("none", labels, 4).tolist() == [1, 1, 0, 1]


def test_class_weights_reach_the_loss(data):
    plain, balanced = (train(data, class_weights=kind).history for kind in ("none", "balanced"))
    assert plain[0]["loss"] != balanced[0]["loss"]
