"""Training the head on features that lie ready."""

from typing import Literal

import numpy as np
import pydantic

from wbc.core.params import Section
from wbc.models.head import HeadParams
from wbc.models.tensorflow_setup import keras, tf
from wbc.training.adam import FusedAdam

CHECKED = 1024  # rows a batch where nothing is learnt


class OptimizerParams(Section):
    """How the head is fitted."""

    epochs: pydantic.PositiveInt
    batch_size: int = pydantic.Field(ge=2)  # batch normalization needs more than one row
    learning_rate: float = pydantic.Field(gt=0, le=1)  # of Adam, at the start
    label_smoothing: float = pydantic.Field(ge=0, lt=1)
    class_weights: Literal["none", "balanced"]  # balanced: every class weighs the same, however many images it has
    reduce_factor: float = pydantic.Field(gt=0, lt=1)  # ReduceLROnPlateau: the learning rate is multiplied by it ...
    reduce_patience: pydantic.PositiveInt  # ... after this many epochs without a better validation loss
    stop_patience: pydantic.PositiveInt  # EarlyStopping: epochs without a better validation loss


class TrainParams(Section):
    """How a head is made: what the section `train` of params.yaml holds."""

    seed: int = pydantic.Field(ge=0, lt=2**32)
    head: HeadParams
    optimizer: OptimizerParams


class ViewBatches:
    """Batches of (features, one-hot labels, weights): every image once an epoch, each by a view drawn anew.

    Args:
        features: array (all images, 1 + views, n), in memory or memory-mapped; only the rows of a batch are read.
        rows: indices of the training images in it.
        labels: class number of each of `rows`.
        class_weight: weight of each class.
        batch_size: rows a batch. A last batch of one row, which batch normalization can't use, joins the batch before
            it.
        seed: seeds order and views.
    """

    def __init__(self, features, rows, labels, class_weight, batch_size, seed):
        self.features, self.rows, self.batch_size = features, np.asarray(rows), batch_size
        self.one_hot = np.eye(len(class_weight), dtype=np.float32)[labels]
        self.weights = np.asarray(class_weight, np.float32)[labels]
        self.random = np.random.default_rng(seed)

    def epoch(self):
        """Yield an epoch's batches: float32 arrays (rows, n), (rows, classes), (rows,)."""
        order = self.random.permutation(len(self.rows))
        view = self.random.integers(self.features.shape[1], size=len(self.rows))
        starts = range(0, max(1, len(order) - 1), self.batch_size)
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            chosen = order[start:end]
            features = self.features[self.rows[chosen], view[chosen]].astype(np.float32)
            yield features, self.one_hot[chosen], self.weights[chosen]


def balanced_weights(labels, classes):
    """Return a weight for each class so that all classes weigh the same and an image weighs 1 on average.

    A class without images gets 0.
    King and Zeng, Logistic Regression in Rare Events Data, 2001; as in scikit-learn's `class_weight="balanced"`.
    """
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return np.divide(len(labels), present * counts, out=np.zeros(classes), where=counts > 0)


def fit(head, features, train, valid, params, seed, report=None):
    """Train `head` in place and leave in it the weights of the epoch with the lowest validation loss.

    Without validation images there is nothing to stop on: all epochs run, and the last weights stay.

    Args:
        head: Keras model from (n,) features to class probabilities, see `head.build_head`.
        features: array (all images, 1 + views, n).
        train, valid: (rows, labels): indices into `features` and class numbers. Validation uses view 0 alone.
        params: an `OptimizerParams`.
        seed: seeds order and views.
        report: called as report(epoch, logs) after each epoch.

    Returns:
        (history, best_epoch): a list of dicts an epoch with keys epoch (from 1), loss, accuracy, val_loss,
        val_accuracy and learning_rate, and the epoch whose weights stay.
    """
    classes = head.output_shape[1]
    rows, labels = train
    weights = balanced_weights(labels, classes) if params.class_weights == "balanced" else np.ones(classes)
    batches = ViewBatches(features, rows, labels, weights, params.batch_size, seed)

    # Compiled as another model of the same layers, so that the optimizer's state doesn't go into the head's file.
    model = keras.Model(head.inputs, head.outputs)
    model.compile(optimizer=FusedAdam(params.learning_rate))
    model.optimizer.build(model.trainable_weights)  # variables made within a graph would have it built twice
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=params.label_smoothing)
    step, check = _functions(model, loss)
    callbacks = []
    if len(valid[0]):
        callbacks = [
            keras.callbacks.EarlyStopping("val_loss", patience=params.stop_patience, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=params.reduce_factor, patience=params.reduce_patience),
        ]
    callbacks = keras.callbacks.CallbackList(callbacks, model=model)
    callbacks.on_train_begin()
    model.stop_training = False
    history = []
    while len(history) < params.epochs and not model.stop_training:
        logs = dict(zip(("loss", "accuracy"), _mean(step, batches.epoch()), strict=True))
        if len(valid[0]):
            found = _mean(check, _as_they_are(features, *valid, classes))
            logs |= zip(("val_loss", "val_accuracy"), found, strict=True)
        logs["learning_rate"] = float(model.optimizer.learning_rate)
        history.append({"epoch": len(history) + 1, **logs})
        callbacks.on_epoch_end(len(history) - 1, dict(logs))
        if report:
            report(len(history), logs)
    callbacks.on_train_end()
    best = min(history, key=lambda epoch: epoch["val_loss"])["epoch"] if len(valid[0]) else len(history)
    return history, best


# Two functions of TensorFlow in place of Keras' own `fit`: building its graphs takes five seconds, as long as ten
# epochs on a few thousand images, and an epoch takes half as long again.


def _functions(model, loss):
    """Return (step, check), from a batch (features, one-hot labels, weights) to (loss, number right); `step` learns."""
    shapes = (model.input_shape, model.output_shape, (None,))
    # Of any number of rows, so that a last batch with fewer doesn't build the graph again.
    signature = [tf.TensorSpec(shape) for shape in shapes]

    def score(features, one_hot, weights, training):
        probabilities = model(features, training=training)
        value = tf.add_n([loss(one_hot, probabilities, sample_weight=weights), *model.losses])
        return value, tf.math.count_nonzero(tf.argmax(one_hot, axis=1) == tf.argmax(probabilities, axis=1))

    @tf.function(input_signature=signature, autograph=False)
    def step(features, one_hot, weights):
        with tf.GradientTape() as tape:
            value, right = score(features, one_hot, weights, training=True)
        gradients = tape.gradient(value, [weight.value for weight in model.trainable_weights])
        model.optimizer.apply(gradients, model.trainable_weights)
        return value, right

    @tf.function(input_signature=signature, autograph=False)
    def check(features, one_hot, weights):
        return score(features, one_hot, weights, training=False)

    return step, check


def _as_they_are(features, rows, labels, classes):
    """Yield batches of rows without views, each row weighing 1."""
    for start in range(0, len(rows), CHECKED):
        part = slice(start, start + CHECKED)
        one_hot = np.eye(classes, dtype=np.float32)[labels[part]]
        yield features[rows[part], 0].astype(np.float32), one_hot, np.ones(len(one_hot), np.float32)


def _mean(function, batches):
    """Return the loss and the accuracy, each the mean of all rows, of a function that says them batch by batch."""
    results = [(len(batch[0]), *function(*batch)) for batch in batches]
    counts, losses, right = (np.array(column, dtype=float) for column in zip(*results, strict=True))
    return float(np.average(losses, weights=counts)), float(right.sum() / counts.sum())
