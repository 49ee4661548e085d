"""Training of a head on precomputed features, in exact arithmetic: the same head on every CPU."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wbc.train import exact
from wbc.train.adam import LARGEST_STEP, Adam
from wbc.train.class_weights import class_weight
from wbc.train.exact import Floats
from wbc.train.head import Head, changed, predict_proba, softmax, with_dropout
from wbc.train.layers import Layer, Mode, Standardize
from wbc.train.params import FitParams, HeadParams, OptimizerParams

MOST_ROWS = 10_000  # limit on the images whose views give the statistics for standardizing
MIN_DELTA = 1e-4  # least decrease of the validation loss that counts for the learning rate, as in Keras

Labels = npt.NDArray[np.integer]


class Batch(NamedTuple):
    """Rows of one training step."""

    features: Floats  # (rows, n)
    one_hot: Floats  # (rows, classes)
    weights: Floats  # (rows,), weight in the loss


class ViewBatches:
    """Batches that hold every image once per epoch, each by a randomly drawn view.

    Args:
        features: array (all images, zooms + views, n), in memory or memory-mapped; only the rows of a batch are read.
        rows: indices of the training images in `features`.
        labels: class number of each of `rows`.
        class_weight: weight of each class.
        batch_size: rows per batch. A last batch of one row, which batch normalization can't use, joins the batch before
            it.
        seed: seeds order and views.
    """

    def __init__(
        self,
        features: npt.NDArray,
        rows: Labels,
        labels: Labels,
        class_weight: Floats,
        batch_size: int,
        seed: int,
    ) -> None:
        self.features, self.rows, self.batch_size = np.asarray(features), np.asarray(rows), batch_size
        self.one_hot = np.eye(len(class_weight))[labels]
        self.weights = np.asarray(class_weight, float)[labels]
        self.random = np.random.default_rng(seed)

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        order = self.random.permutation(len(self.rows))
        view = self.random.integers(self.features.shape[1], size=len(self.rows))
        starts = range(0, max(1, len(order) - 1), self.batch_size)
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            chosen = order[start:end]
            features = self.features[self.rows[chosen], view[chosen]].astype(np.float64)
            yield Batch(features, self.one_hot[chosen], self.weights[chosen])


class Fit(NamedTuple):
    """Fitted head, and the history of its training."""

    head: Head  # with the weights of the epoch with the lowest validation loss
    history: list[dict[str, float]]  # per epoch: epoch (from 1), loss, accuracy, val_loss, val_accuracy, learning_rate
    best_epoch: int  # whose weights are kept


def fit(
    head: Head,
    features: npt.NDArray,
    train: tuple[Labels, Labels],
    valid: tuple[Labels, Labels],
    params: FitParams,
    report: Callable[[dict[str, float]], None] | None = None,
    threads: int = 1,
) -> Fit:
    """Train a head and keep the weights of the epoch with the lowest validation loss.

    The learning rate falls on a plateau of the validation loss, as in Keras' ReduceLROnPlateau. Training stops when the
    loss has not improved for some epochs, as in EarlyStopping. Without validation images, all epochs run, and the last
    weights are kept.

    Args:
        head: the untrained weights; they are not changed.
        features: array (all images, zooms + views, n).
        train, valid: (rows, labels): indices into `features` and class numbers. Validation uses view 0 alone.
        params: head and optimizer settings; its seed seeds order, views and dropout.
        report: called with each epoch's row of the history.
        threads: number of threads of the optimizer, which does not affect the head.
    """
    optimizer = params.optimizer
    rows, labels = train
    weights = class_weight(optimizer.class_weights, labels, head.classes)
    if params.head.standardize:
        some = rows if len(rows) <= MOST_ROWS else rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(int)]
        standardize = Standardize.fit(features[some].reshape(-1, features.shape[2]))
        head = Head([standardize, *head.layers[1:]])
    batches = ViewBatches(features, rows, labels, weights, optimizer.batch_size, params.seed)
    trainer = Trainer(head, params.head, optimizer.label_smoothing, params.seed, threads)
    schedule = _Schedule(optimizer)
    history: list[dict[str, float]] = []
    best = head
    while len(history) < optimizer.epochs and not schedule.stop:
        rate = schedule.learning_rate
        row = {"epoch": len(history) + 1, **trainer.epoch(batches, rate)}
        if len(valid[0]):
            row |= trainer.validate(features[valid[0], 0], valid[1])
        row["learning_rate"] = rate
        history.append(row)
        if schedule.after_epoch(row) or not len(valid[0]):
            best = changed(trainer.head, np.copy)
        if report:
            report(row)
    return Fit(best, history, schedule.best_epoch if len(valid[0]) else len(history))


class _Schedule:
    """Learning rate and end of training, controlled by the validation loss."""

    def __init__(self, params: OptimizerParams) -> None:
        self.params, self.learning_rate = params, params.learning_rate
        self.lowest = self.plateau = np.inf
        self.best_epoch, self.waited, self.stop = 0, 0, False

    def after_epoch(self, row: dict[str, float]) -> bool:
        """Record an epoch; return whether its validation loss is the lowest so far."""
        if "val_loss" not in row:
            return False
        loss, epoch = row["val_loss"], int(row["epoch"])
        if is_best := loss < self.lowest:
            self.lowest, self.best_epoch = loss, epoch
        self.stop = epoch - self.best_epoch >= self.params.stop_patience
        if loss < self.plateau - MIN_DELTA:
            self.plateau, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited >= self.params.reduce_patience:
            self.learning_rate, self.waited = self.learning_rate * self.params.reduce_factor, 0
        return is_best


class Trainer:
    """Head in training, with its weights in one flat array that the optimizer updates in one pass.

    Args:
        head: the weights to start from; they are not changed.
        params: dropout and weight decay.
        label_smoothing: share of a target that is spread over all classes.
        seed: seeds dropout.
        threads: number of threads of the optimizer.
    """

    def __init__(self, head: Head, params: HeadParams, label_smoothing: float, seed: int, threads: int = 1) -> None:
        head = with_dropout(head, params.dropout, np.random.default_rng([seed, 1]))
        self.l2, self.smoothing = params.l2, label_smoothing
        flat = np.concatenate([array.ravel() for layer in head.layers for array in layer.trained])
        self.gradient = np.zeros_like(flat)
        self.head = Head(_in_flat(head.layers, flat))
        self.gradients = _in_flat(head.layers, self.gradient)
        self.adam = Adam(flat, threads)
        self.set_grids(0.0)

    def set_grids(self, reach: float) -> None:
        """Choose a grid for each kernel that is valid until a weight has moved by more than `reach`."""
        constants = {}
        for dense in self.head.dense:
            largest = float(np.abs(dense.kernel).max()) + reach
            constants[id(dense.kernel)] = exact.rounding_constant(largest, exact.product_bits(max(dense.kernel.shape)))
        # The rows of a batch share a grid: their gradients are summed.
        self.mode = Mode(
            exact.on_grid, lambda kernel, bits: exact.rounded(kernel, constants[id(kernel)]), is_training=True
        )

    def epoch(self, batches: ViewBatches, learning_rate: float) -> dict[str, float]:
        """Train on every image once; return the loss and the accuracy, each the mean over the images."""
        losses, hits, count = 0.0, 0, 0
        steps = -(-len(batches.rows) // batches.batch_size)
        self.set_grids(LARGEST_STEP * learning_rate * steps)
        for batch in batches.epoch():
            loss, correct = self.step(batch, learning_rate)
            losses += loss * len(batch.features)
            hits, count = hits + correct, count + len(batch.features)
        return {"loss": losses / count, "accuracy": hits / count}

    def step(self, batch: Batch, learning_rate: float) -> tuple[float, int]:
        """Take one step; return the loss of the batch and the number of correctly classified images."""
        logits, caches = self.head.forward(batch.features, self.mode)
        probabilities, target = softmax(logits), self._target(batch.one_hot)
        self.head.backward((probabilities - target) * (batch.weights / len(target))[:, None], caches, self.gradients)
        if self.l2:
            for dense, gradient in zip(self.head.dense, Head(self.gradients).dense, strict=True):
                gradient.kernel[:] += dense.kernel * (2 * self.l2)
        self.adam.step(self.gradient, learning_rate)
        correct = int((probabilities.argmax(axis=1) == batch.one_hot.argmax(axis=1)).sum())
        return _cross_entropy(probabilities, target, batch.weights) + self._penalty(), correct

    def validate(self, features: npt.NDArray, labels: Labels) -> dict[str, float]:
        """Return loss and accuracy on the features (images, n) of validation images."""
        probabilities, target = predict_proba(self.head, features), self._target(np.eye(self.head.classes)[labels])
        return {
            "val_loss": _cross_entropy(probabilities, target, np.ones(len(target))) + self._penalty(),
            "val_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
        }

    def _target(self, one_hot: Floats) -> Floats:
        return one_hot * (1 - self.smoothing) + self.smoothing / self.head.classes

    def _penalty(self) -> float:
        if not self.l2:
            return 0.0
        return self.l2 * sum(float(exact.total(dense.kernel * dense.kernel)) for dense in self.head.dense)


def _in_flat(layers: list[Layer], flat: Floats) -> list[Layer]:
    """Return layers whose trained arrays are consecutive parts of a flat array, without a copy."""
    windows: list[Layer] = []
    place = 0
    for layer in layers:
        if not layer.TRAINED:
            windows.append(layer)
            continue
        arrays = []
        for array in layer.trained:
            arrays.append(flat[place : place + array.size].reshape(array.shape))
            place += array.size
        windows.append(type(layer)(*arrays, *(array.copy() for array in layer.arrays[layer.TRAINED :])))
    return windows


def _cross_entropy(probabilities: Floats, target: Floats, weights: Floats) -> float:
    """Return the weighted mean cross-entropy over the images, with probabilities clipped at 1e-7 as in Keras."""
    logarithms = exact.log(np.clip(probabilities, 1e-7, 1 - 1e-7))
    return -float(exact.total(target * logarithms * weights[:, None])) / len(target)
