"""Training the head on features that lie ready."""

from typing import Literal

import numpy as np
import pydantic

from stages.lib.deterministic import keras
from stages.lib.head import HeadParams
from stages.lib.params import Section


class OptimiserParams(Section):
    """How the head is fitted."""

    epochs: pydantic.PositiveInt
    batch_size: int = pydantic.Field(ge=2)  # batch normalisation needs more than one row
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
    optimiser: OptimiserParams


class ViewBatches(keras.utils.PyDataset):
    """Batches of (features, one-hot labels, weights): every image once an epoch, each by a view drawn anew.

    Args:
        features: array (all images, 1 + views, n), in memory or memory-mapped; only the rows of a batch are read.
        rows: indices of the training images in it.
        labels: class number of each of `rows`.
        class_weight: weight of each class.
        batch_size: rows a batch. A last batch of one row, which batch normalisation can't use, joins the batch before
            it.
        seed: seeds order and views.
    """

    def __init__(self, features, rows, labels, class_weight, batch_size, seed):
        super().__init__()
        self.features, self.rows, self.batch_size = features, np.asarray(rows), batch_size
        self.one_hot = np.eye(len(class_weight), dtype=np.float32)[labels]
        self.weights = np.asarray(class_weight, np.float32)[labels]
        self.random = np.random.default_rng(seed)
        self.on_epoch_begin()

    def on_epoch_begin(self):
        """Draw the order of the images and the view of each."""
        self.order = self.random.permutation(len(self.rows))
        self.view = self.random.integers(self.features.shape[1], size=len(self.rows))

    def __len__(self):
        return max(1, (len(self.rows) + self.batch_size - 2) // self.batch_size)

    def __getitem__(self, batch):
        last = batch == len(self) - 1
        chosen = self.order[batch * self.batch_size : None if last else (batch + 1) * self.batch_size]
        features = self.features[self.rows[chosen], self.view[chosen]].astype(np.float32)
        return features, self.one_hot[chosen], self.weights[chosen]


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
        params: an `OptimiserParams`.
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
    validation = None
    if len(valid[0]):
        validation = (features[valid[0], 0].astype(np.float32), np.eye(classes, dtype=np.float32)[valid[1]])

    # Compiled as another model of the same layers, so that the optimiser's state doesn't go into the head's file.
    model = keras.Model(head.inputs, head.outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(params.learning_rate),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=params.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        steps_per_execution=len(batches),  # an epoch is one call into TensorFlow: a third less time than a call a step
    )
    stop = keras.callbacks.EarlyStopping("val_loss", patience=params.stop_patience, restore_best_weights=True)
    reduce = keras.callbacks.ReduceLROnPlateau("val_loss", factor=params.reduce_factor, patience=params.reduce_patience)
    callbacks = [stop, reduce] if validation else []
    if report:
        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: report(epoch + 1, logs)))
    log = model.fit(
        batches,
        validation_data=validation,
        validation_batch_size=1024,
        epochs=params.epochs,
        shuffle=False,  # `ViewBatches` shuffles
        callbacks=callbacks,
        verbose=0,
    ).history
    epochs = len(log["loss"])
    if not validation:
        log["learning_rate"] = [params.learning_rate] * epochs
    history = [{"epoch": epoch + 1} | {name: values[epoch] for name, values in log.items()} for epoch in range(epochs)]
    best = 1 + int(np.argmin(log["val_loss"])) if validation else epochs
    return history, best
